//! Keys that a command line sets in the place of the file's.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrors, ErrorKind};
use super::keys::{self, SECTIONS};
use super::takes::Kind;
use super::value::quoted;
use super::words::nearest;

/// One `key=value`, where the key is dotted: `train.learning_rate=2e-3`. What is no TOML counts as text, so that words need no
/// quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The dotted key.
    pub(crate) key: String,
    /// As it was typed, with the option before it.
    pub(crate) option: String,
    /// `key = value`.
    toml: String,
}

impl Override {
    /// Reads what stands behind `--set`.
    ///
    /// # Errors
    ///
    /// Where it has no key, a key without its section, or a list or table that is none.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let option = format!("--set {text}");
        let refuse = |kind, expected: &str, found: &str, hint: String| {
            let (file, found) = (option.clone(), found.to_owned());
            let (key, expected) = (String::new(), expected.to_owned());
            Err(ConfigError { kind, file, place: None, key, expected, found, hint }.into())
        };
        let example = || "write it as in `--set train.learning_rate=2e-3`".to_owned();
        let Some((key, value)) = text.split_once('=') else {
            return refuse(ErrorKind::Syntax, "`section.key=value`", "no `=`", example());
        };
        let (key, value) = (key.trim(), value.trim());
        let bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !key.split('.').all(|part| !part.is_empty() && part.chars().all(bare)) {
            return refuse(
                ErrorKind::Syntax,
                "the key of a section",
                &format!("`{key}`"),
                example(),
            );
        }
        let Some((section, name)) = key.split_once('.') else {
            let found = format!("`{key}` alone");
            return refuse(
                ErrorKind::UnknownKey,
                "a key with its section",
                &found,
                section_hint(key, value),
            );
        };
        let as_text = takes_text(section, name) && !value.starts_with(['"', '\'', '[', '{']);
        let toml = match is_value(value) {
            true if !as_text => format!("{key} = {value}"),
            false if value.starts_with(['"', '\'', '[', '{']) => {
                let found = format!("`{value}`");
                return refuse(ErrorKind::Syntax, "a value in TOML", &found, "is a bracket or a quote missing, or taken by the shell? put the whole of it in single quotes".into());
            }
            _ => format!("{key} = {}", quoted(value)),
        };
        Ok(Self { key: key.to_owned(), option, toml })
    }

    /// Puts the value in its place in a file.
    pub(super) fn put<'a>(&'a self, root: &mut DeTable<'a>) {
        let mut own = DeTable::parse(&self.toml).expect("a key and a value that were read before");
        let table = std::mem::take(own.get_mut());
        merge(root, table, self.key.split('.').count());
    }
}

/// Values of `from` in the place of those of `into`; down to `depth` keys, tables keep their other keys.
fn merge<'a>(into: &mut DeTable<'a>, from: DeTable<'a>, depth: usize) {
    for (key, value) in from {
        let known = into.get_mut(key.get_ref().as_ref()).map(|known| known.get_mut());
        match (known, value.into_inner()) {
            (Some(DeValue::Table(known)), DeValue::Table(inner)) if depth > 1 => {
                merge(known, inner, depth - 1);
            }
            (_, value) => {
                into.insert(key, Spanned::new(0..0, value));
            }
        }
    }
}

/// Whether it is one value and nothing else.
fn is_value(text: &str) -> bool {
    let one = |table: &DeTable<'_>| {
        table.len() == 1
            && table.values().all(|value| !matches!(value.get_ref(), DeValue::Datetime(_)))
    };
    DeTable::parse(&format!("x = {text}")).is_ok_and(|table| one(table.get_ref()))
}

/// Whether all values of a key are texts: `study.name=2026` needs no quotes.
fn takes_text(section: &str, name: &str) -> bool {
    let section = SECTIONS.iter().filter(|known| known.name == section);
    let mut keys =
        section.flat_map(|section| section.keys).filter(|key| key.name == name).peekable();
    keys.peek().is_some() && keys.all(|key| key.takes.kind == Kind::Text)
}

fn section_hint(key: &str, value: &str) -> String {
    if let Some(section) = keys::section_of(key) {
        return format!("write `--set {section}.{key}={value}`");
    }
    let all: Vec<&str> = SECTIONS.iter().flat_map(|s| s.keys).map(|key| key.name).collect();
    match nearest(key, &all).and_then(|near| Some((keys::section_of(near)?, near))) {
        Some((section, near)) => format!("did you mean `--set {section}.{near}={value}`?"),
        None => "write it as in `--set train.learning_rate=2e-3`".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Setting};

    const FILE: &str = "[grid]\nbudgets = [1e10]\nwidths = [16]\n[train]\nbatch_tokens = 256\n";

    fn with(options: &[&str]) -> Result<Config, ConfigErrors> {
        let sets =
            options.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Config::parse_with(FILE, "a.toml", &sets)
    }

    #[test]
    fn values_take_the_place_of_those_of_the_file() {
        let config = with(&[
            "train.learning_rate=2e-3",
            "grid.budgets=[1e9, 2e9]",
            "study.name=2026",
            "device.name = cpu",
            "train.clip_norm=off",
            "train.batch_tokens={from=\"runs/x\"}",
            "data.source=text",
            "data.paths=['a b.txt']",
        ])
        .unwrap();
        assert_eq!(config.train.learning_rate, Setting::Value(2e-3));
        assert_eq!((config.study.name.as_str(), config.train.clip_norm), ("2026", None));
        assert_eq!(config.study.results, std::path::Path::new("runs/2026"));
        let file = "[study]\nname = \"2026\"\n[grid]\nbudgets = [1e9, 2e9]\nwidths = [16]\n[device]\nname = \"cpu\"\n\
            [train]\nlearning_rate = 2e-3\nclip_norm = \"off\"\nbatch_tokens = { from = \"runs/x\" }\n\
            [data]\nsource = \"text\"\npaths = [\"a b.txt\"]\n";
        assert_eq!(config, Config::parse(file, "a.toml").unwrap());
    }

    #[test]
    fn the_last_of_a_key_counts_and_the_rest_of_the_file_stands() {
        let config = with(&["grid.widths=[8]", "grid.widths=[8, 12]"]).unwrap();
        let file = FILE.replace("[16]", "[8, 12]");
        assert_eq!(config, Config::parse(&file, "a.toml").unwrap());
        assert_eq!(config.place("grid.widths").unwrap(), "--set grid.widths=[8, 12]");
        assert_eq!(config.place("grid.budgets").unwrap(), "a.toml:2:11");
    }

    #[test]
    fn mistakes_name_the_option() {
        for (option, hint) in [
            ("train.learning_rat=1", "did you mean `learning_rate`?"),
            ("trian.learning_rate=1", "did you mean `[train]`?"),
            ("learning_rate=1", "write `--set train.learning_rate=1`"),
            ("learning_rat=1", "did you mean `--set train.learning_rate=1`?"),
            ("train.learning_rate", "write it as in"),
            ("=1", "write it as in"),
            ("grid.budgets=[1e9", "is a bracket"),
            ("train.precision=bf61", "did you mean \"bf16\"?"),
            ("train.stack=100000000", ""),
            ("grid.budgets=1e9", ""),
        ] {
            let error = with(&[option]).unwrap_err().to_string();
            assert!(error.contains(&format!("--> --set {option}")), "{option}: {error}");
            assert!(error.contains(hint), "{option}: {error}");
        }
    }

    #[test]
    fn nothing_but_the_key_is_set() {
        let error = Override::parse("study.name=\"a\"\n[device]").unwrap_err().to_string();
        assert!(error.contains("a value in TOML"), "{error}");
    }
}
