//! What a data set is worth before anything is trained on it.

mod compress;
mod table;

use isoflop_plan::{DataConfig, DataSource};
use serde::Serialize;

use crate::corpus::{Corpus, Summary};
use crate::error::DataError;
use crate::prepare;
use crate::progress::ProgressSink;
use crate::source;

/// Facts about a data set; `Display` prints them as a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// Names the tokens and the tokenizer.
    pub sha256: String,
    pub vocab: usize,
    /// Tokens to train on; `None`: endless.
    pub train_tokens: Option<u64>,
    pub valid_tokens: u64,
    /// Entropy of the distribution of single tokens, in nats: what a model without context loses.
    /// Over the training tokens; over the held-out windows where training never ends.
    pub unigram_nats: f64,
    pub text: Option<TextFacts>,
    pub language: Option<LanguageFacts>,
    /// Sentences of warning.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextFacts {
    pub summary: Summary,
    pub bytes_per_token: f64,
    /// The unigram entropy in bits per byte of text.
    pub unigram_bits_per_byte: f64,
    pub gzip: Gzip,
}

/// The training text under `gzip -9`, all of it or the first 64 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gzip {
    pub bytes: u64,
    pub compressed_bytes: u64,
    /// Bits after per byte before, to compare a model's bits per byte with.
    pub bits_per_byte: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LanguageFacts {
    /// The irreducible loss E, in nats per token.
    pub entropy_nats: f64,
    /// Loss of a model that knows nothing but how often words end, in nats per token.
    pub ignorant_nats: f64,
    /// Exponent that the excess loss has in the number of rules known.
    pub rules_exponent: f64,
    /// Exponent that the excess loss of an ideal learner has in the number of training tokens.
    pub tokens_exponent: f64,
}

/// Prepares the data of a configuration and measures it.
///
/// # Errors
///
/// Those of [`Corpus::prepare`].
pub fn assess(
    config: &DataConfig,
    progress: ProgressSink,
) -> Result<(Corpus, Assessment), DataError> {
    match &config.source {
        DataSource::Synthetic(_) => {
            let corpus = Corpus::prepare(config, progress)?;
            let language = corpus.language().map(|language| LanguageFacts {
                entropy_nats: language.entropy_nats(),
                ignorant_nats: language.ignorant_nats(),
                rules_exponent: language.rules_exponent(),
                tokens_exponent: language.tokens_exponent(),
            });
            let assessment = facts(&corpus, unigram_nats(held_out(&corpus)), None, language);
            Ok((corpus, assessment))
        }
        DataSource::Cargo | DataSource::Text(_) => {
            let source = source::open(config)?.expect("text has a source");
            let spec = prepare::tokenizer_spec(config)?;
            let scanned = prepare::scan(&*source, progress)?;
            let split = prepare::split_of(config, &spec, &scanned);
            let corpus =
                prepare::prepare_scanned(config, &*source, &scanned, spec, &split, progress)?;
            let gzip = compress::gzip(&*source, &scanned, &split, progress)?;
            let nats = unigram_nats(corpus.train_ids().into_iter().flatten());
            let text = corpus.summary().map(|summary| {
                let bytes_per_token = summary.train.bytes as f64 / summary.train.tokens as f64;
                TextFacts {
                    summary: summary.clone(),
                    bytes_per_token,
                    unigram_bits_per_byte: nats / std::f64::consts::LN_2 / bytes_per_token,
                    gzip,
                }
            });
            let assessment = facts(&corpus, nats, text, None);
            Ok((corpus, assessment))
        }
    }
}

fn facts(
    corpus: &Corpus,
    unigram_nats: f64,
    text: Option<TextFacts>,
    language: Option<LanguageFacts>,
) -> Assessment {
    Assessment {
        sha256: corpus.sha256().to_owned(),
        vocab: corpus.vocab(),
        train_tokens: corpus.train_tokens(),
        valid_tokens: corpus.valid_tokens(),
        unigram_nats,
        text,
        language,
        notes: corpus.notes().to_vec(),
    }
}

/// The held-out tokens as windows of 128, or one of all where there are fewer.
fn held_out(corpus: &Corpus) -> impl Iterator<Item = u32> {
    let context = corpus.valid_tokens().min(128) as usize;
    (0..corpus.valid_sequences(context)).flat_map(move |index| {
        let mut window = vec![0; context + 1];
        corpus.valid_sequence(index, context, &mut window);
        window.into_iter().skip(1).map(|id| id as u32)
    })
}

fn unigram_nats(ids: impl Iterator<Item = u32>) -> f64 {
    let mut counts = Vec::<u64>::new();
    for id in ids {
        let id = id as usize;
        if id >= counts.len() {
            counts.resize(id + 1, 0);
        }
        counts[id] += 1;
    }
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / total).map(|p| -p * p.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_held_out_tokens_have_an_entropy_too() {
        let options = crate::LanguageOptions { vocab: 16, word_end: 0.3, exponent: 1.0, seed: 0 };
        let corpus = Corpus::synthetic(options, 100);
        assert_eq!(held_out(&corpus).count(), 100);
    }

    #[test]
    fn entropy_of_known_distributions() {
        assert_eq!(unigram_nats([3, 3, 3].into_iter()), 0.0);
        let four = unigram_nats((0..400).map(|i| i % 4));
        assert!((four - 4_f64.ln()).abs() < 1e-12);
    }
}
