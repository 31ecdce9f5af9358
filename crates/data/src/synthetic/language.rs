//! The language itself.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use isoflop_plan::{DataConfig, DataSource, SyntheticConfig};

use super::alias::Alias;
use crate::error::DataError;
use crate::hash::mix64;

/// What fixes a [`Language`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LanguageOptions {
    /// Number of tokens: one word end, and letters.
    pub vocab: usize,
    /// Probability that a word ends after any letter.
    pub word_end: f64,
    /// Zipf exponent of the letters after one prefix.
    pub exponent: f64,
    /// Which language of this kind.
    pub seed: u64,
}

impl LanguageOptions {
    /// The language of a configuration.
    pub(crate) fn from_config(config: &DataConfig) -> Result<Self, DataError> {
        let DataSource::Synthetic(language) = &config.source else {
            unreachable!("only asked of synthetic data")
        };
        let SyntheticConfig { vocab, word_end, exponent } = *language;
        let option =
            |key, problem, hint: &str| DataError::Option { key, problem, hint: hint.into() };
        if vocab < 3 {
            let hint = "a word end and at least two letters";
            return Err(option("vocab", format!("{vocab} tokens are too few"), hint));
        }
        if !(word_end > 0.0 && word_end < 1.0) {
            let hint = "a probability between 0 and 1, neither of them included";
            return Err(option("word_end", format!("{word_end} is out of range"), hint));
        }
        if !(exponent.is_finite() && exponent >= 0.0) {
            let hint = "a number from 0 (all letters alike) to about 4 (one letter far ahead)";
            return Err(option("exponent", format!("{exponent} is out of range"), hint));
        }
        Ok(Self { vocab, word_end, exponent, seed: config.seed })
    }
}

/// An endless random lexicon.
///
/// Text is a sequence of words; token 0 ends a word. After the letters of the current word so far
/// (its *prefix*), the word ends with probability `word_end`; otherwise the next letter is drawn
/// from a Zipf law over a ranking of all letters that a hash of the prefix shuffles. So every
/// prefix is a rule of its own, to be learned by heart, and prefixes occur with frequencies that
/// follow a power law: Miller's monkey at an uneven typewriter (Conrad & Mitzenmacher 2004), whose
/// exponent is known. With letter probabilities `p_l` (`sum p_l = 1 - word_end`), and `beta` the
/// root of `sum p_l^beta = 1`, the `i`-th most frequent prefix has frequency about `i^-(1/beta)`.
/// A learner that knows the `n` most frequent prefixes has an excess loss of about
/// `n^-(1/beta - 1)`, and one that estimates each from its occurrences among `D` tokens
/// `D^-(1 - beta)`: the two power laws of the quantisation hypothesis (Michaud et al. 2023,
/// section 2; Hutter 2021), by construction and without end.
///
/// Every window starts at the beginning of a word, so the next-token distribution is a function
/// of the tokens in the window, known exactly, and what a model that sees the window can reach.
#[derive(Debug, Clone)]
pub struct Language {
    options: LanguageOptions,
    outcomes: Alias,
    nats: Vec<f64>,
    root: u64,
    letters: u64,
    bits: u32,
}

/// Which stream of windows: training and held-out windows share nothing but the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Train { seed: u64 },
    Valid,
}

impl Language {
    /// The language of these options. `vocab` is at least 3, `word_end` inside (0, 1).
    pub fn new(options: LanguageOptions) -> Self {
        let letters = options.vocab - 1;
        let zipf: Vec<f64> = (1..=letters).map(|r| (r as f64).powf(-options.exponent)).collect();
        let sum: f64 = zipf.iter().sum();
        let mut weights = vec![options.word_end];
        weights.extend(zipf.iter().map(|w| (1.0 - options.word_end) * w / sum));
        let outcomes = Alias::new(&weights);
        let nats = outcomes.probabilities().iter().map(|p| -p.ln()).collect();
        let root = mix64(options.seed.wrapping_add(0x6c65_7869_636f_6e00));
        let bits = (u64::BITS - (letters as u64 - 1).leading_zeros()).max(2);
        Self { options, outcomes, nats, root, letters: letters as u64, bits }
    }

    pub fn options(&self) -> LanguageOptions {
        self.options
    }

    /// Mean loss of the true distribution, in nats per token: the irreducible loss E.
    pub fn entropy_nats(&self) -> f64 {
        // A letter too rare for the sampler's resolution has probability 0 and never occurs.
        let all = self.outcomes.probabilities().iter().zip(&self.nats);
        all.filter(|(p, _)| **p > 0.0).map(|(p, n)| p * n).sum()
    }

    /// `beta`, the root of `sum p_l^beta = 1` over the letters; see [`Language`].
    pub fn beta(&self) -> f64 {
        let letters = &self.outcomes.probabilities()[1..];
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            let sum: f64 = letters.iter().map(|p| p.powf(middle)).sum();
            if sum > 1.0 { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// Loss of a model that knows how often words end and nothing about letters, in nats per token.
    pub fn ignorant_nats(&self) -> f64 {
        let end = self.outcomes.probabilities()[0];
        -end * end.ln() - (1.0 - end) * ((1.0 - end) / self.letters as f64).ln()
    }

    /// `1/beta - 1`: how the excess loss falls with the number of prefixes known.
    pub fn rules_exponent(&self) -> f64 {
        1.0 / self.beta() - 1.0
    }

    /// `1 - beta`: how the excess loss of an ideal learner falls with the number of tokens seen.
    pub fn tokens_exponent(&self) -> f64 {
        1.0 - self.beta()
    }

    /// Exact probabilities of the next token after the tokens of a window so far. Indexed by token.
    pub fn probabilities(&self, window: &[i32]) -> Vec<f64> {
        let word = window.iter().rposition(|&t| t == 0).map_or(0, |at| at + 1);
        let prefix = window[word..].iter().fold(self.root, |p, &t| self.extend(p, t as u64));
        let mut out = vec![0.0; self.options.vocab];
        for (rank, &p) in self.outcomes.probabilities().iter().enumerate() {
            out[self.token(prefix, rank as u32) as usize] = p;
        }
        out
    }

    /// Writes the `index`-th window of a stream and returns the nats of the true distribution on
    /// all tokens but the first.
    pub(crate) fn window(&self, stream: Stream, index: u64, out: &mut [i32]) -> f64 {
        let (domain, seed) = match stream {
            Stream::Train { seed } => (1, seed),
            Stream::Valid => (2, 0),
        };
        let mut key = [0; 32];
        for (part, word) in key.chunks_exact_mut(8).zip([self.root, domain, seed, index]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        let mut random = ChaCha8Rng::from_seed(key);
        let mut prefix = self.root;
        let mut nats = 0.0;
        for (at, to) in out.iter_mut().enumerate() {
            let rank = self.outcomes.sample(random.next_u64());
            let token = self.token(prefix, rank);
            prefix = if token == 0 { self.root } else { self.extend(prefix, token) };
            *to = token as i32;
            if at > 0 {
                nats += self.nats[rank as usize];
            }
        }
        nats
    }

    /// The prefix one letter longer.
    #[inline]
    fn extend(&self, prefix: u64, token: u64) -> u64 {
        mix64(prefix ^ token.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The token of a rank after a prefix: rank 0 ends the word, the others are letters shuffled
    /// by a keyed bijection of `bits`-bit words, walked until it falls among the letters.
    #[inline]
    fn token(&self, prefix: u64, rank: u32) -> u64 {
        if rank == 0 {
            return 0;
        }
        let mask = (1_u64 << self.bits) - 1;
        let half = self.bits / 2;
        let mut x = u64::from(rank - 1);
        loop {
            let mut key = prefix;
            for _ in 0..4 {
                x = (x ^ key).wrapping_mul((key >> 16) | 1) & mask;
                x ^= x >> half;
                x = x.wrapping_add(key >> 32) & mask;
                key = key.rotate_right(13);
            }
            if x < self.letters {
                return x + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_prefix_ranks_every_letter_once(vocab in 3_usize..300, seed: u64, prefix: u64) {
            let options = LanguageOptions { vocab, word_end: 0.3, exponent: 1.0, seed };
            let language = Language::new(options);
            let mut seen = vec![false; vocab];
            for rank in 0..vocab as u32 {
                let token = language.token(prefix, rank) as usize;
                prop_assert!(!std::mem::replace(&mut seen[token], true));
            }
        }
    }

    /// Over many prefixes the two likeliest letters are any two letters: chi-square over the
    /// ordered pairs, mean 20 * 19 - 1 = 379, standard deviation 27.5.
    #[test]
    fn rankings_are_unrelated() {
        let options = LanguageOptions { vocab: 21, word_end: 0.3, exponent: 1.0, seed: 5 };
        let language = Language::new(options);
        let mut counts = [[0_u32; 21]; 21];
        let samples = 100_000;
        for i in 0..samples {
            let prefix = mix64(i);
            counts[language.token(prefix, 1) as usize][language.token(prefix, 2) as usize] += 1;
        }
        let expected = samples as f64 / 380.0;
        let chi_square: f64 = (1..21)
            .flat_map(|a| (1..21).filter(move |&b| b != a).map(move |b| (a, b)))
            .map(|(a, b)| (f64::from(counts[a][b]) - expected).powi(2) / expected)
            .sum();
        assert!(chi_square < 379.0 + 6.0 * 27.5, "{chi_square}");
    }

    #[test]
    fn letters_too_rare_to_occur_leave_the_entropy_finite() {
        let options = LanguageOptions { vocab: 60_000, word_end: 0.3, exponent: 4.0, seed: 0 };
        let language = Language::new(options);
        assert!(language.entropy_nats().is_finite());
        assert!((0.0..1.0).contains(&language.beta()));
    }
}
