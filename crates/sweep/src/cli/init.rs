//! Options of `sweep init`.

use std::path::{Path, PathBuf};

use clap::Args;
use isoflop::StarterWishes;
use isoflop_plan::{DeviceName, StarterSource};

use crate::cli::OutputArgs;
use crate::failure::misuse;

/// Hours of training where nothing is said.
const HOURS: f64 = 0.15;
/// Most hours: a year.
const MOST_HOURS: f64 = 8766.0;

/// Options of `sweep init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The file to write, which must not exist [default: NAME.toml]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Text to train on: files, folders and globs; without it Rust sources that come with the program
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub text: Vec<String>,
    /// Hours that the training may take on this device
    #[arg(long, value_name = "HOURS", default_value_t = HOURS)]
    pub hours: f64,
    /// Name of the study [default: that of the file, else of the text, else study]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Device to train on: auto, cpu, gpu, or part of an adapter's name (see `sweep devices`)
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl InitArgs {
    /// What is wished for, and the file it is written to.
    pub fn resolve(&self) -> anyhow::Result<(StarterWishes, PathBuf)> {
        if !(self.hours > 0.0 && self.hours <= MOST_HOURS) {
            misuse!(
                "--hours {} is not between 0 and {MOST_HOURS}\nhint: 0.15 are nine minutes",
                self.hours
            );
        }
        let of_file = self
            .file
            .as_deref()
            .and_then(Path::file_stem)
            .map(|stem| plain(&stem.to_string_lossy()));
        let of_text = self.text.first().and_then(|path| name_of(path));
        let name = match &self.name {
            Some(name) if *name != plain(name) || name.is_empty() => misuse!(
                "--name {name:?} is not a name of letters, digits, `-`, `_` and `.`, which begins with no dot\nhint: try `--name {}`",
                or_study(plain(name))
            ),
            Some(name) => name.clone(),
            None => or_study(of_file.or(of_text).unwrap_or_default()),
        };
        let file = self.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.toml")));
        let source = match &self.text[..] {
            [] => StarterSource::Cargo,
            paths => StarterSource::Text(paths.to_vec()),
        };
        let wishes = StarterWishes {
            name,
            file: file.display().to_string(),
            source,
            seconds: 3600.0 * self.hours,
            device: self.device.as_deref().map_or(DeviceName::Auto, DeviceName::of),
        };
        Ok((wishes, file))
    }
}

/// `books` of `data/books/**/*.txt`, `wiki` of `wiki.jsonl.zst`.
fn name_of(path: &str) -> Option<String> {
    let parts = path.split(['/', '\\']).rev();
    let mut names = parts
        .filter(|part| !part.contains(['*', '?', '[', ']']))
        .map(|part| plain(part.trim_start_matches('.').split('.').next().unwrap_or_default()));
    names.find(|name| !name.is_empty())
}

fn plain(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    name.chars().map(kept).collect::<String>().trim_start_matches('.').into()
}

fn or_study(name: String) -> String {
    if name.is_empty() { "study".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_is_called_after_its_text() {
        for (path, name) in [
            ("books/", Some("books")),
            ("data/books/**/*.txt", Some("books")),
            ("wiki.jsonl.zst", Some("wiki")),
            ("../my text", Some("my-text")),
            ("*.txt", None),
            (".", None),
        ] {
            assert_eq!(name_of(path).as_deref(), name, "{path}");
        }
    }
}
