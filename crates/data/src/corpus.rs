//! The tokenised data of a study, as training sees it.

mod summary;

pub use summary::{Part, Summary};

use isoflop_plan::{DataConfig, DataSource};

use crate::dataset::Windows;
use crate::error::DataError;
use crate::hash::{hex, sha256};
use crate::order::Order;
use crate::prepare::{self, CacheEntry};
use crate::progress::ProgressSink;
use crate::store::TokenFile;
use crate::synthetic::{Language, LanguageOptions, Stream};
use crate::tokenizer::Tokenizer;

/// Tokenised training and held-out data, or a language that writes them as they are needed.
///
/// `Send + Sync`; share it by reference.
pub struct Corpus {
    kind: Kind,
    sha256: String,
    vocab: usize,
    valid_tokens: u64,
    notes: Vec<String>,
}

enum Kind {
    Stored(Box<Stored>),
    Endless(Box<Language>),
}

struct Stored {
    summary: Summary,
    train: TokenFile,
    valid: TokenFile,
    valid_bytes: TokenFile,
    tokenizer: Box<dyn Tokenizer>,
}

impl Corpus {
    /// Prepares the data of a configuration: reads, splits and tokenises it, or opens the token
    /// files of an earlier run after checking that the source is still the same.
    ///
    /// # Errors
    ///
    /// Any [`DataError`]: sources that are missing or damaged, tokenizers, the cache folder.
    pub fn prepare(config: &DataConfig, progress: ProgressSink) -> Result<Self, DataError> {
        match &config.source {
            DataSource::Synthetic(_) => {
                let options = LanguageOptions::from_config(config)?;
                Ok(Self::synthetic(options, config.valid_tokens))
            }
            DataSource::Cargo | DataSource::Text(_) => prepare::prepare(config, progress),
        }
    }

    /// A synthetic language with `valid_tokens` held-out tokens.
    pub fn synthetic(options: LanguageOptions, valid_tokens: u64) -> Self {
        let language = Language::new(options);
        let json = serde_json::to_string(&options).expect("options are plain data");
        let name = format!("isoflop synthetic 1\n{json}\n{valid_tokens}\n");
        Self {
            sha256: hex(&sha256(name.as_bytes())),
            vocab: options.vocab,
            kind: Kind::Endless(Box::new(language)),
            valid_tokens,
            notes: Vec::new(),
        }
    }

    pub(crate) fn stored(opened: CacheEntry, valid_tokens: u64, mut notes: Vec<String>) -> Self {
        let CacheEntry { summary, train, valid, valid_bytes, tokenizer } = opened;
        let there = valid.count().saturating_sub(1).min(valid_tokens);
        notes.extend(summary.notes(there, valid_tokens));
        Self {
            sha256: summary.sha256.clone(),
            vocab: summary.vocab,
            valid_tokens: there,
            kind: Kind::Stored(Box::new(Stored { summary, train, valid, valid_bytes, tokenizer })),
            notes,
        }
    }

    /// The tokenizer's vocabulary size; every id is smaller.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Names the training tokens, the held-out tokens and the tokenizer; 64 hex digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of training tokens; `None`: endless.
    pub fn train_tokens(&self) -> Option<u64> {
        match &self.kind {
            Kind::Stored(stored) => Some(stored.train.count()),
            Kind::Endless(_) => None,
        }
    }

    /// Number of held-out tokens that may be targets; windows round it down.
    pub fn valid_tokens(&self) -> u64 {
        self.valid_tokens
    }

    /// What was read and how it was split; `None` for the synthetic language.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.kind {
            Kind::Stored(stored) => Some(&stored.summary),
            Kind::Endless(_) => None,
        }
    }

    /// The language, if the data is synthetic.
    pub fn language(&self) -> Option<&Language> {
        match &self.kind {
            Kind::Stored(_) => None,
            Kind::Endless(language) => Some(language),
        }
    }

    /// The tokenizer; `None` for the synthetic language, which has no text.
    pub fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        match &self.kind {
            Kind::Stored(stored) => Some(&*stored.tokenizer),
            Kind::Endless(_) => None,
        }
    }

    /// What a reader of the results should know about the data: text replaced, left out, or fewer
    /// held-out tokens than asked for. One sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The windows of both sides as datasets.
    ///
    /// # Errors
    ///
    /// [`DataError::TooSmall`] as [`check_context`](Self::check_context) has it.
    pub fn windows(&self, context: usize) -> Result<Windows<'_>, DataError> {
        Windows::new(self, context)
    }

    /// Whether there is at least one training and one held-out window of this context.
    ///
    /// # Errors
    ///
    /// [`DataError::TooSmall`] otherwise.
    pub fn check_context(&self, context: usize) -> Result<(), DataError> {
        let too_small = |what, there: u64| DataError::TooSmall {
            problem: format!("{there} {what} tokens do not hold one window of context {context}"),
            hint: "use more text, a larger data.valid_tokens or data.valid_fraction, or a smaller model.context",
        };
        if let Some(there) = self.train_tokens()
            && Order::new(there, context).is_none()
        {
            return Err(too_small("training", there));
        }
        if self.valid_sequences(context) == 0 {
            return Err(too_small("held-out", self.valid_tokens));
        }
        Ok(())
    }

    /// Training windows of one epoch; `None`: endless.
    pub fn train_windows(&self, context: usize) -> Option<u64> {
        Some(Order::new(self.train_tokens()?, context).map_or(0, |order| order.windows()))
    }

    /// Writes the `index`-th training window of the order seeded by `seed`: `context + 1` ids,
    /// inputs `..context`, targets `1..`. A function of (seed, index, context) alone, so a run
    /// resumes at any step. Each epoch is a fresh permutation of all windows with fresh
    /// boundaries; a synthetic language never repeats.
    ///
    /// # Panics
    ///
    /// If `out` is not `context + 1` long, or [`check_context`](Self::check_context) fails.
    pub fn train_sequence(&self, seed: u64, index: u64, context: usize, out: &mut [i32]) {
        assert_eq!(out.len(), context + 1, "a window is context + 1 ids");
        match &self.kind {
            Kind::Endless(language) => {
                language.window(Stream::Train { seed }, index, out);
            }
            Kind::Stored(stored) => {
                let order = Order::new(stored.train.count(), context)
                    .expect("check_context was asked before training");
                stored.train.copy(order.start(seed, index), out);
            }
        }
    }

    /// Number of held-out windows: fixed, disjoint targets, the same for every cell; 0 where
    /// none fits or the context is 0.
    pub fn valid_sequences(&self, context: usize) -> usize {
        if context == 0 { 0 } else { (self.valid_tokens / context as u64) as usize }
    }

    /// Writes the `index`-th held-out window, `context + 1` ids.
    ///
    /// # Panics
    ///
    /// If `out` is not `context + 1` long or `index` is not below
    /// [`valid_sequences`](Self::valid_sequences).
    pub fn valid_sequence(&self, index: usize, context: usize, out: &mut [i32]) {
        assert_eq!(out.len(), context + 1, "a window is context + 1 ids");
        assert!(index < self.valid_sequences(context), "there is no held-out window {index}");
        match &self.kind {
            Kind::Endless(language) => {
                language.window(Stream::Valid, index as u64, out);
            }
            Kind::Stored(stored) => stored.valid.copy((index * context) as u64, out),
        }
    }

    /// Bytes of text that all targets of the held-out windows stand for, for bits per byte. A
    /// token of the synthetic language counts as one byte, a document separator as none.
    pub fn valid_bytes(&self, context: usize) -> f64 {
        let targets = self.valid_sequences(context) * context;
        match &self.kind {
            Kind::Endless(_) => targets as f64,
            Kind::Stored(stored) => {
                stored.valid_bytes.ids(1).take(targets).map(u64::from).sum::<u64>() as f64
            }
        }
    }

    /// Mean nats per token of the true distribution on exactly the held-out targets, given the
    /// tokens of the window before them; `None` for text, whose distribution nobody knows.
    pub fn valid_true_nats(&self, context: usize) -> Option<f64> {
        let language = self.language()?;
        let windows = self.valid_sequences(context);
        let mut window = vec![0; context + 1];
        let sum: f64 = (0..windows)
            .map(|index| language.window(Stream::Valid, index as u64, &mut window))
            .sum();
        (windows > 0).then(|| sum / (windows * context) as f64)
    }

    pub(crate) fn train_ids(&self) -> Option<impl Iterator<Item = u32>> {
        match &self.kind {
            Kind::Stored(stored) => Some(stored.train.ids(0)),
            Kind::Endless(_) => None,
        }
    }
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus")
            .field("sha256", &self.sha256)
            .field("vocab", &self.vocab)
            .field("train_tokens", &self.train_tokens())
            .field("valid_tokens", &self.valid_tokens)
            .finish_non_exhaustive()
    }
}
