//! `[data]`: what is trained on and how it is cut into tokens.

use std::path::PathBuf;

use super::key::{
    Effect::{Cells, Data, Nothing},
    Key, key,
};
use super::takes::{List, above_to, from_to, number, text, whole, whole_from, words};
use super::value::{Field, Plain, Refused, Value};
use super::words::{nearest, words};

/// Resolved `[data]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
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
    Text(TextConfig),
    /// An endless seeded language whose next-token distribution is known.
    Synthetic(SyntheticConfig),
}

/// Files, folders and glob patterns, relative to the working directory.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Paths or patterns, in the order of the file.
    pub paths: Vec<String>,
    /// The field of JSON, or the column of CSV, that holds the text.
    pub field: String,
    /// Share of the lines of JSON or CSV that may be without text.
    pub bad_lines: f64,
    /// Most bytes of a line or an object of JSON, or of a row of CSV.
    pub max_line_bytes: u64,
    pub files: FileChoice,
}

/// The longest books and files of code have some ten MiB; reading a line takes a few times its bytes in memory.
const MOST_LINE_BYTES: u64 = 64 << 20;

/// Which files of folders and globs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChoice {
    /// Those that look like text.
    Text,
    All,
}

words!(FileChoice: "text" = Self::Text, "all" = Self::All);

impl FileChoice {
    pub fn is_all(self) -> bool {
        self == Self::All
    }
}

impl TextConfig {
    /// The defaults, for these paths.
    pub fn new(paths: Vec<String>) -> Self {
        Self {
            paths,
            field: "text".into(),
            bad_lines: 0.01,
            max_line_bytes: MOST_LINE_BYTES,
            files: FileChoice::Text,
        }
    }
}

/// How text becomes tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenizerConfig {
    /// One token per byte; a vocabulary of 256.
    Bytes,
    /// Byte-level BPE trained on the training split.
    Bpe { vocab: usize },
    /// A `tokenizer.json`, its path relative to the working directory.
    File { path: PathBuf },
}

/// Parameters of the synthetic language.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticConfig {
    pub vocab: usize,
    /// Probability that a word ends after any letter, inside (0, 1).
    pub word_end: f64,
    /// Zipf exponent of the letters that may follow one prefix of a word.
    pub exponent: f64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: DataSource::Cargo,
            tokenizer: Some(TokenizerConfig::Bytes),
            valid_fraction: 0.05,
            valid_tokens: 131_072,
            max_bytes: None,
            seed: 0,
            cache: "runs/cache".into(),
        }
    }
}

const TEXT: &[&str] = &["source = \"text\""];
const SYNTHETIC: &[&str] = &["source = \"synthetic\""];
const NOT_SYNTHETIC: &[&str] = &["source = \"cargo\"", "source = \"text\""];

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("source", words(&["cargo", "text", "synthetic"]), "\"text\"",
        "where the data comes from", Cells, |c| Some(&mut c.data)),
    key("paths", text("a file, folder or glob").listed(List::Ordered), "[\"corpus/**/*.txt\"]",
        "the text to train on, relative to the working directory", Data,
        |c| Some(&mut c.data.text()?.paths))
        .with(TEXT).required(),
    key("field", text("text"), "\"text\"",
        "the field of JSON (`a.b` for a field of a field) or column of CSV that holds the text", Data,
        |c| Some(&mut c.data.text()?.field)).with(TEXT),
    key("files", words(&["text", "all"]), "\"all\"",
        "which files of folders and globs are read: those that look like text, or all", Data,
        |c| Some(&mut c.data.text()?.files)).with(TEXT),
    key("bad_lines", number(from_to(0.0, 0.5), ""), "0.001",
        "share of the lines of JSON or CSV that may be without text: they are skipped and counted", Nothing,
        |c| Some(&mut c.data.text()?.bad_lines)).with(TEXT),
    key("max_line_bytes", whole(1, 1_000_000_000_000, "bytes"), "268435456",
        "most that a line of JSON or a row of CSV may have, unpacked: a longer one is refused", Nothing,
        |c| Some(&mut c.data.text()?.max_line_bytes)).with(TEXT),
    key("vocab", whole(3, 65_536, "tokens"), "64",
        "vocabulary of the synthetic language", Cells,
        |c| Some(&mut c.data.synthetic()?.vocab)).with(SYNTHETIC),
    key("word_end", number(from_to(0.001, 0.999), ""), "0.3",
        "probability that a word ends after any letter", Cells,
        |c| Some(&mut c.data.synthetic()?.word_end)).with(SYNTHETIC),
    key("exponent", number(from_to(0.0, 4.0), ""), "3.0",
        "Zipf exponent of the letters that may follow a prefix", Cells,
        |c| Some(&mut c.data.synthetic()?.exponent)).with(SYNTHETIC),
    key("tokenizer", text("the path of a `tokenizer.json`").or(&["bytes", "bpe"]), "\"bpe\"",
        "how text becomes tokens", Cells,
        |c| Some(c.data.tokenizer.as_mut()?)).with(NOT_SYNTHETIC),
    key("vocab", whole(257, 1_000_000, "tokens"), "4096",
        "vocabulary of the BPE that is trained", Cells,
        |c| match &mut c.data.tokenizer { Some(TokenizerConfig::Bpe { vocab }) => Some(vocab), _ => None })
        .with(&["tokenizer = \"bpe\""]),
    key("valid_fraction", number(above_to(0.0, 0.5), ""), "0.05",
        "share of the documents that is held out", Cells,
        |c| { c.data.tokenizer.as_ref()?; Some(&mut c.data.valid_fraction) }).with(NOT_SYNTHETIC),
    key("max_bytes", whole_from(1, "bytes").or(&["all"]), "1e9",
        "text to read at most", Cells,
        |c| { c.data.tokenizer.as_ref()?; Some(&mut c.data.max_bytes) }).with(NOT_SYNTHETIC),
    key("valid_tokens", whole(1, 1_000_000_000, "tokens"), "131072",
        "held-out tokens that every evaluation runs over", Cells, |c| Some(&mut c.data.valid_tokens)),
    key("seed", whole_from(0, ""), "0",
        "seed of the split and of the synthetic language", Cells, |c| Some(&mut c.data.seed)),
    key("cache", text("a folder"), "\"runs/cache\"",
        "folder for token shards, shared by studies", Nothing, |c| Some(&mut c.data.cache)),
];

impl DataConfig {
    fn text(&mut self) -> Option<&mut TextConfig> {
        match &mut self.source {
            DataSource::Text(text) => Some(text),
            _ => None,
        }
    }

    fn synthetic(&mut self) -> Option<&mut SyntheticConfig> {
        match &mut self.source {
            DataSource::Synthetic(language) => Some(language),
            _ => None,
        }
    }
}

/// The source, which decides what else there is to say.
impl Field for DataConfig {
    fn set(&mut self, value: Value) -> Result<(), Refused> {
        self.source = match String::from_value(value).as_deref() {
            Some("text") => DataSource::Text(TextConfig::new(Vec::new())),
            Some("synthetic") => {
                // An endless language that writes its own tokens.
                (self.tokenizer, self.valid_fraction, self.max_bytes) = (None, 0.0, None);
                let (vocab, word_end, exponent) = (64, 0.3, 3.0);
                DataSource::Synthetic(SyntheticConfig { vocab, word_end, exponent })
            }
            _ => DataSource::Cargo,
        };
        Ok(())
    }

    fn get(&self) -> Value {
        let word = match self.source {
            DataSource::Cargo => "cargo",
            DataSource::Text(_) => "text",
            DataSource::Synthetic(_) => "synthetic",
        };
        Value::Text(word.into())
    }
}

impl Field for TokenizerConfig {
    fn set(&mut self, value: Value) -> Result<(), Refused> {
        let Value::Text(name) = value else { return Ok(()) };
        *self = match name.as_str() {
            "bytes" => Self::Bytes,
            "bpe" => Self::Bpe { vocab: 4096 },
            path if path.ends_with(".json") => Self::File { path: path.into() },
            other => {
                let expected = "\"bytes\" or \"bpe\" or the path of a `tokenizer.json`".into();
                let hint = match nearest(other, &["bytes", "bpe"]) {
                    Some(word) => format!("did you mean \"{word}\"?"),
                    None => "the path of a tokenizer ends in `.json`".into(),
                };
                return Err(Refused { expected, hint });
            }
        };
        Ok(())
    }

    fn get(&self) -> Value {
        match self {
            Self::Bytes => Value::Text("bytes".into()),
            Self::Bpe { .. } => Value::Text("bpe".into()),
            Self::File { path } => path.to_value(),
        }
    }
}
