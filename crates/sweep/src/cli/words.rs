//! What the first word of a command line means where it is no command.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use isoflop_ledger::CONFIG_FILE;

use super::Cli;
use crate::failure::Misuse;

/// Names the command `run` where only its options or its file are given.
///
/// # Errors
///
/// [`Misuse`] where the first word is a file or folder that is no configuration: it says what to do with it.
pub fn with_command(mut words: Vec<OsString>) -> Result<Vec<OsString>, Misuse> {
    let own = ["-h", "--help", "-V", "--version", "help"];
    let first = words.get(1).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if first.is_empty() || own.contains(&first.as_str()) || is_command(&first) {
        return Ok(words);
    }
    let path = Path::new(&first);
    if first.starts_with('-') || path.extension().is_some_and(|end| end == "toml") {
        words.insert(1, "run".into());
        return Ok(words);
    }
    match meant(path) {
        Some((what, hint)) => {
            Err(Misuse(format!("{first} is {what}, and no command\nhint: {hint}")))
        }
        None => Ok(words),
    }
}

fn is_command(word: &str) -> bool {
    Cli::command().get_subcommands().any(|command| command.get_name() == word)
}

/// What a path is, and what can be done with it; `None` where nothing is there.
fn meant(path: &Path) -> Option<(&'static str, String)> {
    let shown = path.display();
    if path.join(CONFIG_FILE).is_file() {
        return Some((
            "a results folder",
            format!(
                "`sweep report {shown}` makes its page anew, `sweep runs {shown}` lists its runs, `sweep fit {shown}` fits them"
            ),
        ));
    }
    if path.is_dir() {
        return Some((
            "a folder",
            format!(
                "to train on the text in it, `sweep init --text {shown}` writes a configuration, which `sweep FILE` runs"
            ),
        ));
    }
    if !path.is_file() {
        return None;
    }
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let table =
        ["csv", "tsv", "jsonl", "json"].iter().find(|end| name.contains(&format!(".{end}")));
    Some(match table {
        Some(end) => {
            let option = if end.starts_with("json") { "--jsonl" } else { "--csv" };
            (
                "a table",
                format!(
                    "`sweep fit {option} {shown}` fits a table of runs; `sweep init --text {shown}` writes a study that trains on its text"
                ),
            )
        }
        None => (
            "a file",
            format!(
                "`sweep init --text {shown}` writes a configuration that trains on its text; a configuration ends in .toml"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(first: &str) -> Result<Vec<String>, String> {
        let all = with_command(vec!["sweep".into(), first.into()]);
        let told = |words: Vec<OsString>| {
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
        };
        all.map(told).map_err(|misuse| misuse.0)
    }

    #[test]
    fn a_configuration_is_run_and_what_is_none_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(words("x.toml").unwrap(), ["sweep", "run", "x.toml"]);
        assert_eq!(words("--quiet").unwrap(), ["sweep", "run", "--quiet"]);
        for kept in ["plan", "help", "--version", "frobnicate", ""] {
            assert_eq!(words(kept).unwrap(), ["sweep", kept]);
        }
        std::fs::create_dir(at("books")).unwrap();
        assert!(
            words(&at("books"))
                .unwrap_err()
                .contains("hint: to train on the text in it, `sweep init")
        );
        std::fs::write(folder.path().join("books").join(CONFIG_FILE), "").unwrap();
        assert!(words(&at("books")).unwrap_err().contains("is a results folder"));
        for (name, hint) in [
            ("a.txt", "`sweep init --text"),
            ("runs.csv", "`sweep fit --csv"),
            ("runs.jsonl.gz", "`sweep fit --jsonl"),
        ] {
            std::fs::write(at(name), "").unwrap();
            let error = words(&at(name)).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
