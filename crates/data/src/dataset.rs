//! The windows of a corpus as a [`Dataset`], for burn's own data loaders.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use crate::corpus::Corpus;

/// One window: `context + 1` ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The ids.
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

/// Which windows a [`WindowDataset`] serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    /// Windows `0..len` of the order of this seed.
    Train {
        seed: u64,
    },
    Valid,
}

/// The windows of one side of a corpus.
///
/// Training windows come in the seeded order that the project itself trains in; wrap it in
/// burn's `ShuffledDataset`, or not.
#[derive(Debug, Clone)]
pub struct WindowDataset {
    corpus: Arc<Corpus>,
    split: Split,
    context: usize,
    len: usize,
}

impl WindowDataset {
    /// The first `len` training windows of the order of `seed`.
    pub fn train(corpus: Arc<Corpus>, context: usize, seed: u64, len: usize) -> Self {
        let len = if corpus.check_context(context).is_ok() { len } else { 0 };
        Self { corpus, split: Split::Train { seed }, context, len }
    }

    /// All held-out windows.
    pub fn valid(corpus: Arc<Corpus>, context: usize) -> Self {
        let len = corpus.valid_sequences(context);
        Self { corpus, split: Split::Valid, context, len }
    }
}

impl Dataset<Window> for WindowDataset {
    fn get(&self, index: usize) -> Result<Window, DatasetError> {
        assert!(index < self.len, "index {index} of a dataset of {}", self.len);
        let mut tokens = vec![0; self.context + 1];
        match self.split {
            Split::Train { seed } => {
                self.corpus.train_sequence(seed, index as u64, self.context, &mut tokens);
            }
            Split::Valid => self.corpus.valid_sequence(index, self.context, &mut tokens),
        }
        Ok(Window { tokens })
    }

    fn len(&self) -> usize {
        self.len
    }
}
