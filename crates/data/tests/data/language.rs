//! The synthetic language: exact probabilities, and the power law of an ideal learner.

use std::collections::HashMap;

use isoflop_data::{Corpus, Language, LanguageOptions};

/// The language of the shipped configurations.
const SHIPPED: LanguageOptions =
    LanguageOptions { vocab: 64, word_end: 0.3, exponent: 3.0, seed: 0 };

fn train_window(corpus: &Corpus, index: u64, context: usize) -> Vec<i32> {
    let mut out = vec![0; context + 1];
    corpus.train_sequence(11, index, context, &mut out);
    out
}

fn valid_window(corpus: &Corpus, index: usize, context: usize) -> Vec<i32> {
    let mut out = vec![0; context + 1];
    corpus.valid_sequence(index, context, &mut out);
    out
}

#[test]
fn the_true_loss_is_that_of_the_stated_probabilities() {
    let corpus = Corpus::synthetic(SHIPPED, 2000);
    let language = corpus.language().unwrap();
    let context = 40;
    let mut nats = 0.0;
    for index in 0..corpus.valid_sequences(context) {
        let window = valid_window(&corpus, index, context);
        for at in 1..=context {
            let p = language.probabilities(&window[..at]);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            nats -= p[window[at] as usize].ln();
        }
    }
    let mean = nats / (corpus.valid_sequences(context) * context) as f64;
    let stated = corpus.valid_true_nats(context).unwrap();
    assert!((mean - stated).abs() < 1e-12, "{mean} {stated}");
    assert_eq!(corpus.valid_true_nats(3000), None);
}

/// Frequencies after three prefixes against their probabilities: chi-square, 63 degrees of
/// freedom at most, 99.99% quantile below 115.
#[test]
fn samples_follow_the_stated_probabilities() {
    let options = LanguageOptions { exponent: 1.2, ..SHIPPED };
    let corpus = Corpus::synthetic(options, 1000);
    let language = corpus.language().unwrap();
    let likely = |prefix: &[i32]| -> i32 {
        let p = language.probabilities(prefix);
        (1..64).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap() as i32
    };
    let first = likely(&[]);
    let second = likely(&[first]);
    for prefix in [vec![], vec![first], vec![first, second]] {
        let p = language.probabilities(&prefix);
        let mut counts = vec![0_u32; 64];
        for index in 0..20_000 {
            for word in train_window(&corpus, index, 64).split_inclusive(|&t| t == 0) {
                if let Some((next, _)) =
                    word.strip_prefix(&prefix[..]).and_then(|rest| rest.split_first())
                {
                    counts[*next as usize] += 1;
                }
            }
        }
        let total = f64::from(counts.iter().sum::<u32>());
        assert!(total > 4000.0);
        let chi_square: f64 = counts
            .iter()
            .zip(&p)
            .map(|(&c, &p)| (f64::from(c) - total * p).powi(2) / (total * p))
            .sum();
        assert!(chi_square < 115.0, "{prefix:?}: {chi_square}");
    }
}

#[test]
fn windows_are_prefixes_of_longer_ones_and_streams_differ() {
    let corpus = Corpus::synthetic(SHIPPED, 1000);
    let long = train_window(&corpus, 5, 100);
    assert_eq!(train_window(&corpus, 5, 30), long[..31]);
    assert_ne!(train_window(&corpus, 6, 100), long);
    assert_ne!(valid_window(&corpus, 5, 100), long);
    let other = Corpus::synthetic(LanguageOptions { seed: 1, ..SHIPPED }, 1000);
    assert_ne!(train_window(&other, 5, 100), long);
    assert_ne!(other.sha256(), corpus.sha256());
}

#[test]
fn the_entropy_is_the_mean_true_loss() {
    for options in [SHIPPED, LanguageOptions { vocab: 17, word_end: 0.2, exponent: 1.5, seed: 4 }] {
        let corpus = Corpus::synthetic(options, 1 << 20);
        let entropy = corpus.language().unwrap().entropy_nats();
        let mean = corpus.valid_true_nats(128).unwrap();
        assert!((mean - entropy).abs() < 0.01, "{options:?}: {mean} {entropy}");
    }
}

/// Counts the letters after every prefix and predicts with one pseudo-count of what it knows
/// from the start: how often words end, nothing about letters.
#[derive(Default)]
struct Learner {
    counts: HashMap<(u64, i32), u32>,
    totals: HashMap<u64, u32>,
}

impl Learner {
    /// Calls `visit(prefix, next token)` for all tokens but the first of a window.
    fn walk(window: &[i32], mut visit: impl FnMut(u64, i32)) {
        let mut prefix = 0_u64;
        for (at, &token) in window.iter().enumerate() {
            if at > 0 {
                visit(prefix, token);
            }
            // Exact for 10 letters; longer prefixes collide too rarely to matter.
            prefix = if token == 0 {
                0
            } else {
                (prefix.rotate_left(6) ^ token as u64).wrapping_add(u64::from(prefix >> 58 != 0))
            };
        }
    }

    fn learn(&mut self, window: &[i32]) {
        Self::walk(window, |prefix, token| {
            *self.counts.entry((prefix, token)).or_default() += 1;
            *self.totals.entry(prefix).or_default() += 1;
        });
    }

    fn nats(&self, window: &[i32], options: &LanguageOptions) -> f64 {
        let letters = (options.vocab - 1) as f64;
        let mut nats = 0.0;
        Self::walk(window, |prefix, token| {
            let known =
                if token == 0 { options.word_end } else { (1.0 - options.word_end) / letters };
            let count = f64::from(self.counts.get(&(prefix, token)).copied().unwrap_or(0));
            let total = f64::from(self.totals.get(&prefix).copied().unwrap_or(0));
            nats -= ((count + known) / (total + 1.0)).ln();
        });
        nats
    }
}

/// Excess loss of the learner after each number of tokens.
fn learning_curve(options: LanguageOptions, tokens: &[u64]) -> Vec<f64> {
    let context = 64;
    let corpus = Corpus::synthetic(options, 1 << 18);
    let truth = corpus.valid_true_nats(context).unwrap();
    let mut learner = Learner::default();
    let mut index = 0;
    tokens
        .iter()
        .map(|&tokens| {
            while index * (context as u64) < tokens {
                learner.learn(&train_window(&corpus, index, context));
                index += 1;
            }
            let windows = corpus.valid_sequences(context);
            let nats: f64 = (0..windows)
                .map(|i| learner.nats(&valid_window(&corpus, i, context), &options))
                .sum();
            nats / (windows * context) as f64 - truth
        })
        .collect()
}

/// The slope of the learning curve is the exponent that the language states, over the tokens of
/// budgets from 1e10 to 1e13 FLOPs and for more than one language.
#[test]
fn an_ideal_learner_follows_the_stated_power_law() {
    let tokens: Vec<u64> = (0..8).map(|i| (20_000.0 * 2.3_f64.powi(i)) as u64).collect();
    for options in [SHIPPED, LanguageOptions { vocab: 48, word_end: 0.4, exponent: 2.0, seed: 3 }] {
        let excess = learning_curve(options, &tokens);
        let stated = Language::new(options).tokens_exponent();
        let slopes: Vec<f64> = excess
            .iter()
            .zip(&tokens)
            .zip(excess.iter().zip(&tokens).skip(2))
            .map(|((e0, &d0), (e1, &d1))| -(e1 / e0).ln() / (d1 as f64 / d0 as f64).ln())
            .collect();
        let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
        println!("stated {stated:.4}, mean {mean:.4}, local {slopes:.3?}, excess {excess:.4?}");
        assert!((mean - stated).abs() < 0.03, "mean slope {mean}, stated {stated}");
        assert!(slopes.iter().all(|s| (s - stated).abs() < 0.05), "{slopes:?}, stated {stated}");
    }
}
