//! How far the preparation of a corpus has come.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Downloading what is not on disk yet.
    Fetch,
    /// First pass: reading, normalising and hashing documents.
    Scan,
    /// Training a tokenizer on the training split.
    TrainTokenizer,
    /// The same, once its text is read. How far it has come is not known.
    CountMerges,
    /// Second pass: encoding documents and writing token files.
    Tokenize,
    /// Compressing text, for [`assess`](crate::assess) only.
    Compress,
}

impl Stage {
    /// A word or two for a progress bar.
    pub fn label(self) -> &'static str {
        match self {
            Stage::Fetch => "fetching crates with `cargo fetch --locked`",
            Stage::Scan => "reading",
            Stage::TrainTokenizer => "training the tokenizer",
            Stage::CountMerges => "training the tokenizer: counting merges",
            Stage::Tokenize => "tokenising",
            Stage::Compress => "compressing",
        }
    }
}

/// One report of progress. Called a few times per second at most on real text; cheap to ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Bytes of text done so far in this stage.
    pub done_bytes: u64,
    /// Bytes of text in all, where that is known (compressed files hide it during the scan).
    pub total_bytes: Option<u64>,
}

/// What receives [`Progress`]; `&mut |_| {}` ignores it.
pub type ProgressSink<'a> = &'a mut dyn FnMut(Progress);
