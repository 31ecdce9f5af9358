//! Reads one table of the file by its keys; mistakes are collected, never returned one by one.

use std::cell::RefCell;
use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ErrorKind, MOST_ERRORS};
use super::keys::{self, Key, Needs};
use super::source_file::SourceFile;
use super::value::Refused;
use super::words::{alternatives, describe, nearest};

/// Where mistakes go.
pub(crate) struct Log {
    pub(crate) file: SourceFile,
    pub(crate) errors: RefCell<Vec<ConfigError>>,
}

/// The value that is being read, and the hint for where it is wrong.
pub(crate) struct At<'a> {
    pub(crate) log: &'a Log,
    /// Such as `grid.budgets[2]`.
    pub(crate) path: String,
    pub(crate) hint: String,
}

/// One table of the file.
pub(crate) struct Table<'a> {
    log: &'a Log,
    /// `grid` or `grid.cells[0]`.
    path: String,
    /// `grid` or `grid.cells`.
    section: &'static str,
    /// `None` where the file does not have it.
    table: Option<&'a DeTable<'a>>,
}

impl Log {
    pub(crate) fn push(&self, error: ConfigError) {
        self.errors.borrow_mut().push(error);
    }

    /// Whether there are so many mistakes that no more are looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.borrow().len() >= MOST_ERRORS
    }
}

impl At<'_> {
    pub(crate) fn item(&self, i: usize) -> Self {
        Self { log: self.log, path: format!("{}[{i}]", self.path), hint: self.hint.clone() }
    }

    pub(crate) fn with_hint(&self, hint: Option<String>) -> Self {
        let hint = hint.unwrap_or_else(|| self.hint.clone());
        Self { log: self.log, path: self.path.clone(), hint }
    }

    /// Logs that `value` is not what was expected.
    pub(crate) fn no<T>(
        &self,
        kind: ErrorKind,
        expected: impl Into<String>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        self.refuse(kind, expected, describe(value.get_ref()), self.hint.clone());
        None
    }

    fn missing(&self, expected: &str, found: &str) {
        self.refuse(ErrorKind::MissingKey, expected, found, self.hint.clone());
    }

    pub(crate) fn refuse(
        &self,
        kind: ErrorKind,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.log.push(self.log.file.error(kind, &self.path, expected, found, hint));
    }
}

impl<'a> Table<'a> {
    pub(crate) fn new(
        log: &'a Log,
        path: String,
        section: &'static str,
        table: Option<&'a DeTable<'a>>,
    ) -> Self {
        Self { log, path, section, table }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.and_then(|t| t.get(key)).map(|value| value.get_ref())
    }

    /// Reads every key that the table has into its place in `root`, in the order of `keys`, where a
    /// key that decides which others there are stands before them. A value that is refused leaves
    /// its place as it is.
    pub(crate) fn read<Root>(&self, root: &mut Root, keys: &[Key<Root>]) {
        let (mut taken, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            let Some(value) = self.table.and_then(|t| t.get(key.name)) else {
                if key.required && (key.place)(root).is_some() {
                    self.miss(key, keys);
                }
                continue;
            };
            if (key.place)(root).is_none() {
                continue;
            }
            taken.insert(key.name);
            let at = self.at(key.name, key.hint());
            let field = (key.place)(root);
            let set = field.zip(key.takes.read(value, &at)).map(|(field, value)| field.set(value));
            if let Some(Err(Refused { expected, hint })) = &set {
                at.with_hint(Some(hint.clone())).no::<()>(ErrorKind::OutOfRange, expected, value);
            }
            if !matches!(set, Some(Ok(()))) {
                refused.insert(key.name);
            }
        }
        for (name, _) in self.table.into_iter().flatten() {
            if self.log.is_full() {
                break;
            }
            let span = Some(name.span());
            let name = name.get_ref().as_ref();
            match keys.iter().find(|key| key.name == name) {
                Some(key) if !taken.contains(name) => self.contradict(key, root, keys, &refused),
                Some(_) => {}
                None => {
                    let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
                    self.log.push(self.log.file.error_at(
                        span,
                        ErrorKind::UnknownKey,
                        &format!("{}.{name}", self.path),
                        format!("a key of [{}]", self.section),
                        format!("`{name}`"),
                        unknown_hint(name, self.section, &known),
                    ));
                }
            }
        }
    }

    /// Logs that the value of `key` does not go with others.
    pub(crate) fn fault(
        &self,
        kind: ErrorKind,
        key: &str,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let found = self.get(key).map_or_else(|| "nothing".into(), describe);
        self.at(key, String::new()).refuse(kind, expected, found, hint);
    }

    /// Logs that `key`, with what stands beside it, asks for what cannot be.
    pub(crate) fn refuse(
        &self,
        kind: ErrorKind,
        key: &str,
        expected: String,
        found: String,
        hint: String,
    ) {
        self.at(key, String::new()).refuse(kind, expected, found, hint);
    }

    fn at(&self, key: &str, hint: String) -> At<'a> {
        At { log: self.log, path: format!("{}.{key}", self.path), hint }
    }

    /// A key must be there, or one of those that it excludes.
    fn miss<Root>(&self, key: &Key<Root>, keys: &[Key<Root>]) {
        let mut any = vec![key];
        if let Needs::No(others) = key.needs {
            any.extend(keys.iter().filter(|k| k.required && others.contains(&k.name)));
        }
        let lines: Vec<String> =
            any.iter().map(|key| format!("{} = {}", key.name, key.example)).collect();
        let hint = format!("add {} to [{}]", alternatives(&lines), self.section);
        let names: Vec<&str> = any.iter().map(|key| key.name).collect();
        match names.as_slice() {
            [one] => self.at(one, hint).missing(key.about, "nothing"),
            _ => {
                let at = At { log: self.log, path: self.path.clone(), hint };
                at.missing(&alternatives(&names), "none of them");
            }
        }
    }

    /// A key that the file has means nothing beside what else it has.
    fn contradict<Root>(
        &self,
        key: &Key<Root>,
        root: &mut Root,
        keys: &[Key<Root>],
        refused: &BTreeSet<&str>,
    ) {
        let name = key.name;
        let (with, hint) = match key.needs {
            Needs::Nothing => return,
            Needs::No(others) => {
                let other = others.iter().find(|other| self.has(other)).unwrap_or(&"the others");
                (format!("`{other}`"), format!("leave out `{name}` or `{other}`"))
            }
            Needs::One(_) => {
                let lines = keys.iter().filter(|k| k.name == name).flat_map(|k| k.needs.lines());
                let lines: Vec<&str> = lines.copied().collect();
                let Some((other, _)) = lines.last().and_then(|line| line.split_once(" = ")) else {
                    return;
                };
                // What the other key should have been is not known.
                let keys_of = lines.iter().filter_map(|line| line.split_once(" = "));
                if keys_of.into_iter().any(|(key, _)| refused.contains(key)) {
                    return;
                }
                let value = keys.iter().filter(|k| k.name == other).find_map(|k| k.value(root));
                let hint = format!("leave out `{name}`, or write {}", alternatives(&lines));
                let Some(value) = value else {
                    let others = lines.iter().filter_map(|line| line.split_once(" = "));
                    let others: Vec<&str> = others.map(|(other, _)| other).collect();
                    let expected = format!("no `{name}` without {}", alternatives(&others));
                    return self.fault(ErrorKind::Contradiction, name, expected, hint);
                };
                (format!("`{other} = {value}`"), hint)
            }
        };
        self.fault(ErrorKind::Contradiction, name, format!("no `{name}` with {with}"), hint);
    }
}

fn unknown_hint(name: &str, section: &str, known: &[&str]) -> String {
    if let Some(near) = nearest(name, known) {
        return format!("did you mean `{near}`?");
    }
    if name == "seed" && section != "data" {
        return "`grid.seeds` sets the seeds of initial weights and of the order of the data; `data.seed` changes the split, and with it every result".into();
    }
    if let Some(other) = keys::section_of(name).filter(|other| *other != section) {
        return format!("`{name}` is a key of [{other}]");
    }
    format!("[{section}] has {}", known.join(", "))
}
