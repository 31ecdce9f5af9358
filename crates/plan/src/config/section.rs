//! Reads one table of the file key by key; mistakes are collected, never returned one by one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ErrorKind};
use super::keys;
use super::origin::Origin;
use super::range::Span;
use super::train::Setting;
use super::words::{as_number, describe, describe_whole, nearest, one_of, or_words, unknown_hint};

/// Where mistakes go.
pub(crate) struct Log {
    /// Places of the keys.
    pub(crate) origin: Origin,
    /// The mistakes so far.
    pub(crate) errors: RefCell<Vec<ConfigError>>,
}

impl Log {
    pub(crate) fn push(&self, error: ConfigError) {
        self.errors.borrow_mut().push(error);
    }
}

/// One table of the file. Every getter gives `None` both where the key is absent and where its
/// value was refused (and the refusal logged), so that the caller goes on with the default.
pub(crate) struct Section<'a> {
    log: &'a Log,
    /// `grid` or `grid.cells[0]`.
    path: String,
    /// The name under which [`keys`] lists this table's keys.
    name: &'static str,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    /// The section `name`; `table` is `None` where the file does not have it.
    pub(crate) fn new(log: &'a Log, name: &'static str, table: Option<&'a DeTable<'a>>) -> Self {
        Self { log, path: name.into(), name, table, asked: RefCell::default() }
    }

    /// Whether the file has the key.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().insert(key);
        self.raw(key).is_some()
    }

    /// A whole number; `1e6` is one too.
    pub(crate) fn whole(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        self.whole_of(key, &self.full(key), value, &range, "")
    }

    /// A number.
    pub(crate) fn number(&self, key: &'static str, range: Span) -> Option<f64> {
        let value = self.get(key)?;
        self.number_of(key, &self.full(key), value, range, "")
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let value = self.get(key)?;
        self.word_of(key, value, words, "")
    }

    /// A number, or one of some words.
    pub(crate) fn number_or<T: Copy>(
        &self,
        key: &'static str,
        range: Span,
        words: &[(&str, T)],
    ) -> Option<Setting<T>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(_) => {
                self.word_of(key, value, words, &format!("a number {range} or ")).map(Setting::Rule)
            }
            _ => self
                .number_of(key, &self.full(key), value, range, &or_words(words))
                .map(Setting::Value),
        }
    }

    /// A whole number, or the word that stands for `None`.
    pub(crate) fn whole_or(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        word: &str,
    ) -> Option<Option<u64>> {
        let value = self.get(key)?;
        let words = [(word, ())];
        match value.get_ref() {
            DeValue::String(_) => {
                let also = format!("{} or ", describe_whole(&range));
                self.word_of(key, value, &words, &also).map(|()| None)
            }
            _ => self.whole_of(key, &self.full(key), value, &range, &or_words(&words)).map(Some),
        }
    }

    /// Text that is not empty.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        self.text_of(key, &self.full(key), value)
    }

    /// A list of texts, not empty.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.list(key, "texts", |path, item| self.text_of(key, path, item))
    }

    /// A list of numbers, not empty, all different.
    pub(crate) fn numbers(&self, key: &'static str, range: Span) -> Option<Vec<f64>> {
        let list =
            self.list(key, "numbers", |path, item| self.number_of(key, path, item, range, ""))?;
        self.all_different(key, list)
    }

    /// A list of whole numbers, not empty, all different.
    pub(crate) fn wholes(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Vec<u64>> {
        let list = self
            .list(key, "whole numbers", |path, item| self.whole_of(key, path, item, &range, ""))?;
        self.all_different(key, list)
    }

    /// A list of whole numbers, or a list of such lists.
    pub(crate) fn wholes_nested(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Vec<Vec<u64>>> {
        if !self.is_nested(key) {
            return self.wholes(key, range).map(|list| vec![list]);
        }
        self.list(key, "lists of whole numbers", |path, item| {
            let list = self.items(key, path, item, "whole numbers", |path, item| {
                self.whole_of(key, path, item, &range, "")
            })?;
            self.all_different(key, list)
        })
    }

    /// Whether the value is a list that has lists in it.
    pub(crate) fn is_nested(&self, key: &str) -> bool {
        let is_list = |v: &Spanned<DeValue<'_>>| matches!(v.get_ref(), DeValue::Array(_));
        match self.raw(key).map(|v| v.get_ref()) {
            Some(DeValue::Array(items)) => items.iter().any(is_list),
            _ => false,
        }
    }

    /// A list of tables, not empty, each read as a section whose keys are listed under `name`.
    pub(crate) fn tables(&self, key: &'static str, name: &'static str) -> Option<Vec<Section<'a>>> {
        self.list(key, "tables", |path, item| match item.get_ref() {
            DeValue::Table(table) => Some(Section {
                log: self.log,
                path: path.into(),
                name,
                table: Some(table),
                asked: RefCell::default(),
            }),
            _ => self.wrong_type(key, path, "a table", item),
        })
    }

    /// Logs a contradiction if the file has the key.
    pub(crate) fn forbid(&self, key: &'static str, with: &str, hint: &str) {
        if self.has(key) {
            let expected = format!("no `{key}` with {with}");
            self.fault(ErrorKind::Contradiction, key, expected, self.found(key), hint);
        }
    }

    /// Logs a mistake about a key of this section.
    pub(crate) fn fault(
        &self,
        kind: ErrorKind,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let path = if key.is_empty() { self.path.clone() } else { self.full(key) };
        self.log.push(self.log.origin.error(kind, &path, expected, found, hint));
    }

    /// Logs every key that was never asked for. Call it last.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if asked.contains(name.as_ref()) {
                continue;
            }
            let known: Vec<&str> = keys::of_section(self.name).map(|k| k.name).collect();
            let path = self.full(name);
            self.log.push(self.log.origin.error_at(
                Some(key.span()),
                ErrorKind::UnknownKey,
                &path,
                format!("a key of [{}]", self.name),
                format!("`{name}`"),
                unknown_hint(name, self.name, &known),
            ));
        }
    }

    /// The value of a key as the file has it, for messages.
    pub(crate) fn found(&self, key: &str) -> String {
        self.raw(key).map_or_else(|| "nothing".into(), |v| describe(v.get_ref()))
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn raw(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.and_then(|t| t.get(key))
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        debug_assert!(keys::find(self.name, key).is_some(), "{}.{key} is not listed", self.name);
        self.asked.borrow_mut().insert(key);
        self.raw(key)
    }

    fn hint(&self, key: &str) -> String {
        keys::find(self.name, key).map_or_else(String::new, keys::Key::hint)
    }

    fn wrong_type<T>(
        &self,
        key: &str,
        path: &str,
        expected: impl Into<String>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        let found = describe(value.get_ref());
        let hint = self.hint(key);
        self.log.push(self.log.origin.error(ErrorKind::WrongType, path, expected, found, hint));
        None
    }

    fn out_of_range<T>(
        &self,
        key: &str,
        path: &str,
        expected: String,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        let found = describe(value.get_ref());
        let hint = self.hint(key);
        self.log.push(self.log.origin.error(ErrorKind::OutOfRange, path, expected, found, hint));
        None
    }

    fn number_of(
        &self,
        key: &str,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        range: Span,
        also: &str,
    ) -> Option<f64> {
        let expected = format!("a number {range}{also}");
        match as_number(value.get_ref()) {
            None => self.wrong_type(key, path, expected, value),
            Some(x) if !range.contains(x) => self.out_of_range(key, path, expected, value),
            Some(x) => Some(x),
        }
    }

    fn whole_of(
        &self,
        key: &str,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        also: &str,
    ) -> Option<u64> {
        let expected = format!("{}{also}", describe_whole(range));
        // Whole numbers written as integers are exact; those written as floats are below 2^53.
        let exact = match value.get_ref() {
            DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix()).ok(),
            DeValue::Float(_) => as_number(value.get_ref())
                .filter(|x| x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0)
                .map(|x| x as i128),
            _ => return self.wrong_type(key, path, expected, value),
        };
        match exact.and_then(|i| u64::try_from(i).ok()).filter(|i| range.contains(i)) {
            Some(i) => Some(i),
            None => self.out_of_range(key, path, expected, value),
        }
    }

    fn word_of<T: Copy>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        words: &[(&str, T)],
        also: &str,
    ) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        let expected = format!("{also}{}", one_of(&names));
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(key, &self.full(key), expected, value);
        };
        if let Some((_, x)) = words.iter().find(|(w, _)| w == text) {
            return Some(*x);
        }
        let hint = match nearest(text, &names) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => self.hint(key),
        };
        self.fault(ErrorKind::OutOfRange, key, expected, describe(value.get_ref()), hint);
        None
    }

    fn text_of(&self, key: &str, path: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => {
                self.out_of_range(key, path, "text that is not empty".into(), value)
            }
            DeValue::String(text) => Some(text.to_string()),
            _ => self.wrong_type(key, path, "text in quotes", value),
        }
    }

    fn list<T>(
        &self,
        key: &'static str,
        of: &str,
        read: impl Fn(&str, &'a Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.get(key)?;
        self.items(key, &self.full(key), value, of, read)
    }

    fn items<T>(
        &self,
        key: &str,
        path: &str,
        value: &'a Spanned<DeValue<'a>>,
        of: &str,
        read: impl Fn(&str, &'a Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let expected = format!("a list of {of}, at least one");
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                self.out_of_range(key, path, expected, value)
            }
            DeValue::Array(items) => {
                let read: Vec<Option<T>> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| read(&format!("{path}[{i}]"), item))
                    .collect();
                read.into_iter().collect()
            }
            _ => self.wrong_type(key, path, expected, value),
        }
    }

    fn all_different<T: PartialOrd + Copy + std::fmt::Display>(
        &self,
        key: &str,
        list: Vec<T>,
    ) -> Option<Vec<T>> {
        for (i, x) in list.iter().enumerate() {
            if list[..i].contains(x) {
                let hint = format!("remove the second {x}");
                self.fault(
                    ErrorKind::OutOfRange,
                    &format!("{key}[{i}]"),
                    "values that differ",
                    format!("{x} a second time"),
                    hint,
                );
                return None;
            }
        }
        Some(list)
    }
}
