//! Errors as people read them, and what the process returns.

use std::process::ExitCode;

use isoflop::StudyError;
use isoflop_data::DataError;
use isoflop_fit::FitError;
use isoflop_plan::ConfigErrors;
use isoflop_tables::TableError;

use crate::print;

/// The work was begun and failed.
pub const FAILED: u8 = 1;
/// The command, the configuration, the folder or the table cannot be what was meant.
const MISUSED: u8 = 2;

/// A command line that cannot be what was meant: what is wrong, and a hint on its last line.
#[derive(Debug)]
pub struct Misuse(pub String);

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// Ends a function in a [`Misuse`] of this text.
macro_rules! misuse {
    ($($text:tt)*) => {
        return Err($crate::failure::Misuse(format!($($text)*)).into())
    };
}
pub(crate) use misuse;

/// Prints an error with its causes and hints, and says what the process returns.
pub fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let told = Told::new(error);
    if json {
        let line = serde_json::json!({
            "event": "error",
            "text": told.message(),
            "hints": told.hints,
        });
        print::say(&line.to_string());
    } else {
        print::say(&told.text());
    }
    ExitCode::from(code(error))
}

/// As [`report`], of a command line that was not understood.
pub fn misused(misuse: Misuse, json: bool) -> u8 {
    report(&misuse.into(), json);
    MISUSED
}

fn code(error: &anyhow::Error) -> u8 {
    let misused = error.chain().any(|cause| {
        cause.is::<ConfigErrors>()
            || cause.is::<Misuse>()
            || cause.is::<isoflop_device::DeviceError>()
            || cause.is::<TableError>()
            || cause.downcast_ref().is_some_and(DataError::is_misuse)
            || cause.downcast_ref().is_some_and(StudyError::is_misuse)
            || cause.downcast_ref().is_some_and(FitError::is_misuse)
    });
    if misused { MISUSED } else { FAILED }
}

/// Its text shows lines of the file, each with its own hint.
fn is_of_a_configuration(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<ConfigErrors>() || matches!(cause.downcast_ref(), Some(StudyError::Config(_)))
}

/// Most characters of one cause or hint: names and cells that stand in a message may be of any length.
const MOST_CHARACTERS: usize = 800;

fn cut(text: String) -> String {
    isoflop_text::cut(&text, MOST_CHARACTERS).into_owned()
}

fn is_of_a_size_limit(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::FileTooLarge
}

/// An error taken apart: library errors carry their hint on their last lines.
struct Told {
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Told {
    fn new(error: &anyhow::Error) -> Self {
        let mut told = Self { causes: Vec::new(), hints: Vec::new() };
        for cause in error.chain() {
            let text = cause.to_string();
            // Errors of a configuration show lines of the file, each with its own hint: they stay as they are.
            if is_of_a_configuration(cause) {
                told.causes.push(text);
                continue;
            }
            let (message, hint) = match text.rsplit_once("\nhint: ") {
                Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
                None => (text, None),
            };
            let (message, hint) = (cut(message), hint.map(cut));
            // Some errors repeat their source in their own words.
            if !told.causes.iter().any(|known| known.contains(&message)) {
                told.causes.push(message);
            }
            told.hints.extend(hint.filter(|hint| !told.hints.contains(hint)));
            if cause.downcast_ref().is_some_and(is_of_a_size_limit) {
                told.hints.push(
                    "a limit on the size of files is set: `ulimit -f` shows and raises it".into(),
                );
            }
        }
        told
    }

    fn message(&self) -> String {
        self.causes.join(": ")
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for (index, cause) in self.causes.iter().enumerate() {
            lines.push(match index {
                _ if cause.starts_with("error: ") => cause.clone(),
                0 => format!("error: {cause}"),
                _ => format!("  caused by: {cause}"),
            });
        }
        lines.extend(self.hints.iter().map(|hint| format!("hint: {hint}")));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_chain_comes_first_and_the_hints_last() {
        let source = std::io::Error::other("disk full");
        let path = "runs/a/ledger.jsonl".into();
        let error = isoflop_durable::FileError { action: "append to", path, source };
        let error = isoflop_ledger::LedgerError::from(error);
        let error = Err::<(), _>(error).context("cannot keep the result of cell ab").unwrap_err();
        let text = Told::new(&error).text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "error: cannot keep the result of cell ab");
        assert_eq!(lines[1], "  caused by: cannot append to runs/a/ledger.jsonl");
        assert_eq!(lines[2], "  caused by: disk full");
        assert!(lines[3].starts_with("hint: check that the folder exists"), "{text}");
        assert_eq!(lines.len(), 4);
        assert_eq!(code(&error), FAILED);
    }

    #[test]
    fn errors_of_a_configuration_keep_their_lines() {
        let errors = isoflop_plan::Config::parse("[grid]\nbudgits = 1\n", "a.toml").unwrap_err();
        let error = anyhow::Error::from(errors);
        let text = Told::new(&error).text();
        assert!(text.starts_with("error: ") && !text.starts_with("error: error"), "{text}");
        assert!(text.contains("a.toml:2"), "{text}");
        assert_eq!(code(&error), MISUSED);
    }

    #[test]
    fn what_a_study_is_refused_for_is_told_once() {
        let refused =
            || isoflop_plan::Config::parse("[grid]\nbudgits = 1\n", "a.toml").unwrap_err();
        let bare = Told::new(&anyhow::Error::from(refused())).text();
        let error = anyhow::Error::from(StudyError::from(refused()));
        assert_eq!(Told::new(&error).text(), bare);
        assert_eq!(code(&error), MISUSED);
        let source = std::io::Error::other("disk full");
        let error = isoflop_durable::FileError { action: "append to", path: "l".into(), source };
        let ledger = isoflop_ledger::LedgerError::from(error);
        let told = Told::new(&anyhow::Error::from(StudyError::from(ledger)));
        assert_eq!(told.causes, ["cannot append to l", "disk full"]);
        assert_eq!(told.hints.len(), 1);
    }

    #[test]
    fn a_source_already_told_is_not_told_twice() {
        let error = anyhow::anyhow!("disk full").context("cannot write: disk full");
        assert_eq!(Told::new(&error).text(), "error: cannot write: disk full");
    }
}
