//! The windows of a corpus as burn's [`Dataset`].

use burn_dataset::{Dataset, DatasetError};

use crate::corpus::Corpus;
use crate::error::DataError;

/// One window: `context + 1` ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub tokens: Vec<i32>,
}

impl Window {
    /// `[context]`: what a model reads.
    pub fn inputs(&self) -> &[i32] {
        &self.tokens[..self.tokens.len() - 1]
    }

    /// `[context]`: what it has to predict at each place.
    pub fn targets(&self) -> &[i32] {
        &self.tokens[1..]
    }
}

/// A corpus with a context of which each side holds at least one window; from
/// [`Corpus::windows`].
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    corpus: &'a Corpus,
    context: usize,
}

impl<'a> Windows<'a> {
    /// # Errors
    ///
    /// [`DataError::TooSmall`] where a side does not hold one.
    pub(crate) fn new(corpus: &'a Corpus, context: usize) -> Result<Self, DataError> {
        corpus.check_context(context)?;
        Ok(Self { corpus, context })
    }

    pub fn corpus(self) -> &'a Corpus {
        self.corpus
    }

    pub fn context(self) -> usize {
        self.context
    }

    /// The first `len` training windows in the order in which a run of this seed sees them: epoch
    /// after epoch, each in a permutation of its own (see [`Corpus::train_sequence`]).
    pub fn train(self, seed: u64, len: usize) -> WindowDataset<'a> {
        WindowDataset { windows: self, split: Split::Train { seed }, len }
    }

    /// All held-out windows, in the order of the text.
    pub fn valid(self) -> WindowDataset<'a> {
        let len = self.corpus.valid_sequences(self.context);
        WindowDataset { windows: self, split: Split::Valid, len }
    }
}

/// The windows of one side of a corpus. Getting one never fails.
#[derive(Debug, Clone, Copy)]
pub struct WindowDataset<'a> {
    windows: Windows<'a>,
    split: Split,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    Train { seed: u64 },
    Valid,
}

impl Dataset<Window> for WindowDataset<'_> {
    fn get(&self, index: usize) -> Result<Window, DatasetError> {
        assert!(index < self.len, "index {index} of a dataset of {}", self.len);
        let Windows { corpus, context } = self.windows;
        let mut tokens = vec![0; context + 1];
        match self.split {
            Split::Train { seed } => {
                corpus.train_sequence(seed, index as u64, context, &mut tokens);
            }
            Split::Valid => corpus.valid_sequence(index, context, &mut tokens),
        }
        Ok(Window { tokens })
    }

    fn len(&self) -> usize {
        self.len
    }
}
