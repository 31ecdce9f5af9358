//! What can be wrong with a configuration, and where it stands in the file.

use std::fmt;

/// Everything that is wrong with a configuration, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    pub errors: Vec<ConfigError>,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub kind: ErrorKind,
    /// The file, as it was named by the caller.
    pub file: String,
    /// Where in the file; `None` where the culprit is a default or the file itself.
    pub place: Option<Place>,
    /// The key, such as `grid.budgets[2]`, a section, or empty for the whole file.
    pub key: String,
    pub expected: String,
    pub found: String,
    pub hint: String,
}

/// A stretch of one line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters that are meant, at least 1.
    pub length: usize,
    /// The line, or the stretch of a long one around what is meant.
    pub text: String,
    /// Characters of `text` before what is meant.
    pub indent: usize,
}

/// No more are looked for: each takes a walk over the text to find its place.
pub(crate) const MOST_ERRORS: usize = 100;
/// So many mistakes are shown, and the others counted.
const SHOWN: usize = 20;

/// The sorts of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Unreadable,
    /// It is not the text that its checksum is of.
    Checksum,
    /// It is not TOML.
    Syntax,
    /// A key or section that does not exist.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type than expected.
    WrongType,
    /// A value of the right type that cannot be.
    OutOfRange,
    /// Keys that exclude each other.
    Contradiction,
    /// The grid that the keys describe cannot be built.
    ImpossibleGrid,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: ")?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        writeln!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.place {
            Some(Place { line, column, length, text, indent }) => {
                let gutter = line.to_string().len();
                writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", self.file)?;
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{line} | {text}")?;
                writeln!(f, "{:gutter$} | {}{}", "", " ".repeat(*indent), "^".repeat(*length))?;
            }
            None => writeln!(f, " --> {}", self.file)?,
        }
        write!(f, "hint: {}", self.hint)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().take(SHOWN).enumerate() {
            if i > 0 {
                write!(f, "\n\n")?;
            }
            write!(f, "{error}")?;
        }
        match self.errors.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more if self.errors.len() >= MOST_ERRORS => {
                write!(
                    f,
                    "\n\nand {more} more mistakes or above\nhint: mend those that are shown first"
                )
            }
            more => {
                write!(f, "\n\nand {more} more mistakes\nhint: mend those that are shown first")
            }
        }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for ConfigErrors {}
