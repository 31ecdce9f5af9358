//! `[study]`: what the study is called and where it is kept.

use std::path::PathBuf;

use super::entries::Entries;
use super::error::ErrorKind;
use super::section::Section;

/// Resolved `[study]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyConfig {
    /// Name of the study.
    pub name: String,
    /// Folder of its results, relative to the working directory.
    pub results: PathBuf,
}

impl StudyConfig {
    pub(crate) fn read(s: Section<'_>, file_stem: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let named = s.text("name");
        if let Some(name) = named.as_ref().filter(|n| !n.chars().all(plain) || n.starts_with('.')) {
            let safe: String = name.chars().map(|c| if plain(c) { c } else { '-' }).collect();
            s.fault(
                ErrorKind::OutOfRange,
                "name",
                "a name of letters, digits, `-`, `_` and `.`, which begins with no dot",
                format!("{name:?}"),
                format!("write `name = \"{}\"`", safe.trim_start_matches('.')),
            );
        }
        let name = named.unwrap_or_else(|| {
            let stem: String = file_stem.chars().map(|c| if plain(c) { c } else { '-' }).collect();
            let stem = stem.trim_start_matches('.');
            if stem.is_empty() { "study".into() } else { stem.into() }
        });
        let results =
            s.text("results").map_or_else(|| PathBuf::from("runs").join(&name), PathBuf::from);
        s.finish();
        Self { name, results }
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("study");
        e.text("name", &self.name);
        e.text("results", &self.results.to_string_lossy());
        e
    }
}
