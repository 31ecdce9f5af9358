//! `[data]`: what is trained on and how it is cut into tokens.

use std::path::PathBuf;

use super::entries::{Entries, list, quoted};
use super::error::ErrorKind;
use super::range::{above_to, from_to};
use super::section::Section;
use super::words::nearest;

/// Resolved `[data]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// Where the bytes or tokens come from.
    pub source: DataSource,
    /// How text becomes tokens; `None` exactly for the synthetic source, which writes token ids.
    pub tokenizer: Option<TokenizerConfig>,
    /// Share of the documents (by content hash) held out; unused by the synthetic source.
    pub valid_fraction: f64,
    /// Held-out tokens that every evaluation runs over, rounded down to whole windows.
    pub valid_tokens: u64,
    /// Text is read up to this many bytes, in a fixed order; `None` reads all.
    pub max_bytes: Option<u64>,
    /// Seed of the split and of the synthetic language.
    pub seed: u64,
    /// Folder of the token cache, relative to the working directory.
    pub cache: PathBuf,
}

/// Where the training data comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum DataSource {
    /// The Rust sources of a fixed list of this project's own pinned dependencies.
    Cargo,
    /// Files, folders and glob patterns, relative to the working directory.
    Text {
        /// Paths or patterns, in the order of the file.
        paths: Vec<String>,
        /// The JSON field that holds the text of a JSONL line.
        field: String,
    },
    /// An endless seeded language whose next-token distribution is known.
    Synthetic(SyntheticConfig),
}

/// How text becomes tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenizerConfig {
    /// One token per byte; a vocabulary of 256.
    Bytes,
    /// Byte-level BPE trained on the training split.
    Bpe {
        /// Vocabulary size.
        vocab: usize,
    },
    /// A `tokenizer.json`.
    File {
        /// Its path, relative to the working directory.
        path: PathBuf,
    },
}

/// Parameters of the synthetic language.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticConfig {
    /// Vocabulary size.
    pub vocab: usize,
    /// Probability that a word ends after any letter, inside (0, 1).
    pub word_end: f64,
    /// Zipf exponent of the letters that may follow one prefix of a word.
    pub exponent: f64,
}

#[derive(Clone, Copy)]
enum SourceWord {
    Cargo,
    Text,
    Synthetic,
}

const SYNTHETIC_KEYS: [&str; 2] = ["word_end", "exponent"];

impl DataConfig {
    pub(crate) fn read(s: Section<'_>) -> Self {
        let words = [
            ("cargo", SourceWord::Cargo),
            ("text", SourceWord::Text),
            ("synthetic", SourceWord::Synthetic),
        ];
        let source = match s.choice("source", &words).unwrap_or(SourceWord::Cargo) {
            SourceWord::Cargo => {
                let hint = "write `source = \"text\"` to train on your own files";
                s.forbid("paths", "`source = \"cargo\"`", hint);
                s.forbid("field", "`source = \"cargo\"`", hint);
                DataSource::Cargo
            }
            SourceWord::Text => {
                if !s.has("paths") {
                    s.fault(
                        ErrorKind::MissingKey,
                        "paths",
                        "the files to train on",
                        "nothing",
                        "add `paths = [\"corpus/**/*.txt\"]` to [data]",
                    );
                }
                DataSource::Text {
                    paths: s.texts("paths").unwrap_or_default(),
                    field: s.text("field").unwrap_or_else(|| "text".into()),
                }
            }
            SourceWord::Synthetic => DataSource::Synthetic(SyntheticConfig::read(&s)),
        };
        let synthetic = matches!(source, DataSource::Synthetic(_));
        if !synthetic {
            for key in SYNTHETIC_KEYS {
                s.forbid(key, "text data", "write `source = \"synthetic\"`, or leave the key out");
            }
        }
        let config = Self {
            tokenizer: if synthetic { None } else { Some(read_tokenizer(&s)) },
            valid_fraction: if synthetic {
                0.0
            } else {
                s.number("valid_fraction", above_to(0.0, 0.5)).unwrap_or(0.05)
            },
            valid_tokens: s.whole("valid_tokens", 1..=1_000_000_000).unwrap_or(131_072),
            max_bytes: if synthetic {
                None
            } else {
                s.whole_or("max_bytes", 1..=i64::MAX as u64, "all").flatten()
            },
            seed: s.whole("seed", 0..=i64::MAX as u64).unwrap_or(0),
            cache: s.text("cache").map_or_else(|| PathBuf::from("runs/cache"), PathBuf::from),
            source,
        };
        s.finish();
        config
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("data");
        match &self.source {
            DataSource::Cargo => e.text("source", "cargo"),
            DataSource::Text { paths, field } => {
                e.text("source", "text");
                e.put("paths", list(paths, |p| quoted(p)));
                e.text("field", field);
            }
            DataSource::Synthetic(language) => {
                e.text("source", "synthetic");
                e.put("vocab", language.vocab.to_string());
                e.number("word_end", language.word_end);
                e.number("exponent", language.exponent);
            }
        }
        match &self.tokenizer {
            None => {}
            Some(TokenizerConfig::Bytes) => e.text("tokenizer", "bytes"),
            Some(TokenizerConfig::Bpe { vocab }) => {
                e.text("tokenizer", "bpe");
                e.put("vocab", vocab.to_string());
            }
            Some(TokenizerConfig::File { path }) => e.text("tokenizer", &path.to_string_lossy()),
        }
        if self.tokenizer.is_some() {
            e.number("valid_fraction", self.valid_fraction);
            e.whole_or("max_bytes", self.max_bytes, "all");
        }
        e.put("valid_tokens", self.valid_tokens.to_string());
        e.put("seed", self.seed.to_string());
        e.text("cache", &self.cache.to_string_lossy());
        e
    }
}

impl SyntheticConfig {
    fn read(s: &Section<'_>) -> Self {
        for key in ["paths", "field", "tokenizer", "valid_fraction", "max_bytes"] {
            let hint =
                "a synthetic language is endless and writes its own tokens: leave the key out";
            s.forbid(key, "`source = \"synthetic\"`", hint);
        }
        Self {
            vocab: s.whole("vocab", 3..=65_536).unwrap_or(64) as usize,
            word_end: s.number("word_end", from_to(0.001, 0.999)).unwrap_or(0.3),
            exponent: s.number("exponent", from_to(0.0, 4.0)).unwrap_or(3.0),
        }
    }
}

fn read_tokenizer(s: &Section<'_>) -> TokenizerConfig {
    let name = s.text("tokenizer");
    if name.as_deref() == Some("bpe") {
        let vocab = s.whole("vocab", 257..=1_000_000).unwrap_or(4096) as usize;
        return TokenizerConfig::Bpe { vocab };
    }
    let hint = "only `tokenizer = \"bpe\"` and the synthetic language have a size of your choice";
    s.forbid("vocab", "this tokenizer", hint);
    match name.as_deref() {
        None | Some("bytes") => TokenizerConfig::Bytes,
        Some(path) if path.ends_with(".json") => TokenizerConfig::File { path: path.into() },
        Some(other) => {
            s.fault(
                ErrorKind::OutOfRange,
                "tokenizer",
                "\"bytes\" or \"bpe\" or the path of a `tokenizer.json`",
                format!("{other:?}"),
                match nearest(other, &["bytes", "bpe"]) {
                    Some(word) => format!("did you mean \"{word}\"?"),
                    None => "the path of a tokenizer ends in `.json`".into(),
                },
            );
            TokenizerConfig::Bytes
        }
    }
}
