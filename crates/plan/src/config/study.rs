//! `[study]`: what the study is called and where it is kept.

use std::path::{Path, PathBuf};

use super::key::{Effect::Nothing, Key, key};
use super::takes::text;
use super::value::{Field, Refused, Value};

/// Resolved `[study]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyConfig {
    /// Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Folder of its results, relative to the working directory.
    pub results: PathBuf,
}

/// File systems take names of 255 bytes.
const LONGEST_NAME: usize = 200;

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("name", text("letters, digits, `-`, `_`, `.`"), "\"quickstart\"",
        "the study's name", Nothing, |c| Some(&mut c.study)),
    key("results", text("a folder"), "\"runs/quickstart\"",
        "the folder that results are kept in", Nothing, |c| Some(&mut c.study.results)),
];

impl StudyConfig {
    /// The study of a file, named after it.
    pub(super) fn of_file(file: &str) -> Self {
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        match safe(&stem) {
            name if name.is_empty() => Self::named("study".into()),
            name => Self::named(name),
        }
    }

    pub(super) fn named(name: String) -> Self {
        Self { results: PathBuf::from("runs").join(&name), name }
    }
}

/// The name, which the folder of results follows.
impl Field for StudyConfig {
    fn set(&mut self, value: Value) -> Result<(), Refused> {
        let Value::Text(name) = value else { return Ok(()) };
        let safe = safe(&name);
        if name.len() > LONGEST_NAME {
            let expected = format!("a name of at most {LONGEST_NAME} characters");
            let hint = "it is also that of a folder: take a shorter one".into();
            return Err(Refused { expected, hint });
        }
        if name != safe {
            let instead = match safe.is_empty() {
                true => "quickstart",
                false => &safe,
            };
            let folder = match name.contains(['/', '\\']) || safe.is_empty() {
                true => "; `results` names the folder that results are kept in",
                false => "",
            };
            return Err(Refused {
                expected: "a name of letters, digits, `-`, `_` and `.`, which begins with no dot"
                    .into(),
                hint: format!("write `name = \"{instead}\"`{folder}"),
            });
        }
        *self = Self::named(name);
        Ok(())
    }

    fn get(&self) -> Value {
        Value::Text(self.name.clone())
    }
}

fn safe(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    name.trim_start_matches('.').into()
}
