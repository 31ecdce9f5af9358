//! The text of a configuration and where every key stands in it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use isoflop_text::{cut, one_line};

use super::error::{ConfigError, ErrorKind, Place};

/// Characters of a line that are shown, and of them in front of what is meant.
const SHOWN: usize = 160;
const BEFORE: usize = 60;
/// Characters of a key, and of what was expected, found and advised.
const KEY: usize = 120;
const WORDS: usize = 600;

/// The file that a configuration came from. All are equal: where a value was written is
/// no part of what it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceFile {
    file: String,
    text: String,
    spans: BTreeMap<String, Range<usize>>,
    /// Keys that options set in the place of the file, the last ones last, with the option as typed.
    options: Vec<(String, String)>,
}

impl PartialEq for SourceFile {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl SourceFile {
    /// A file of which no key is known yet.
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Self { file: file.into(), text: text.into(), spans: BTreeMap::new(), options: Vec::new() }
    }

    /// Remembers the place of every value under `table`, the root.
    pub(crate) fn index(&mut self, table: &DeTable<'_>) {
        self.index_table("", table);
    }

    /// Remembers that an option sets `key`.
    pub(crate) fn overrule(&mut self, key: &str, option: &str) {
        self.spans.retain(|known, _| !is_within(known, key));
        self.options.push((key.into(), option.into()));
    }

    /// The error that a key is at fault for. The place is the key's own, else that of the nearest
    /// thing around it that the file has.
    pub(crate) fn error(
        &self,
        kind: ErrorKind,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> ConfigError {
        self.error_at(self.span_around(key), kind, key, expected, found, hint)
    }

    /// As [`SourceFile::error`], at a given place.
    pub(crate) fn error_at(
        &self,
        span: Option<Range<usize>>,
        kind: ErrorKind,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> ConfigError {
        let option = self.option_of(key);
        ConfigError {
            kind,
            place: span.filter(|_| option.is_none()).map(|s| self.place(s)),
            file: in_words(option.unwrap_or(&self.file), WORDS),
            key: in_words(key, KEY),
            expected: in_words(&expected.into(), WORDS),
            found: in_words(&found.into(), WORDS),
            hint: in_words(&hint.into(), WORDS),
        }
    }

    /// `file:line:column` of the value of a key that the file has, or the option that sets it.
    pub(crate) fn place_of(&self, key: &str) -> Option<String> {
        if let Some(option) = self.option_of(key) {
            return Some(option.to_owned());
        }
        let place = self.place(self.spans.get(key)?.clone());
        Some(format!("{}:{}:{}", self.file, place.line, place.column))
    }

    /// The option that sets a key, the key that it lies within, or something in a section that the file does not have.
    fn option_of(&self, key: &str) -> Option<&str> {
        let of = |(set, _): &&(String, String)| {
            is_within(key, set) || (is_within(set, key) && !self.spans.contains_key(key))
        };
        let (_, option) = self.options.iter().rev().find(of)?;
        Some(option).filter(|_| !key.is_empty()).map(String::as_str)
    }

    /// `grid.params[2]` -> its span, else that of `grid.params`, else that of `grid`.
    fn span_around(&self, key: &str) -> Option<Range<usize>> {
        let mut key = key;
        loop {
            if let Some(span) = self.spans.get(key) {
                return Some(span.clone());
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let line_start = self.text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |i| start + i);
        let line_text = self.text[line_start..line_end].trim_end();
        let end = self.text.floor_char_boundary(
            span.end.clamp(start, line_start + line_text.len().max(start - line_start)),
        );
        let before = &self.text[line_start..start];
        let column = before.chars().count() + 1;
        // Of a long line, the stretch around what is meant.
        let long = line_text.char_indices().nth(SHOWN).is_some();
        let from = match long && column > SHOWN - BEFORE {
            true => before.char_indices().nth_back(BEFORE - 1).map_or(0, |(at, _)| at),
            false => 0,
        };
        let stretch = &line_text[from.min(line_text.len())..];
        let to = stretch.char_indices().nth(SHOWN).map_or(stretch.len(), |(at, _)| at);
        let dots = |cut: bool| if cut { "..." } else { "" };
        let (left, right) = (dots(from > 0), dots(to < stretch.len()));
        // One character each, so that the marks below stand where they should.
        let shown = stretch[..to].replace('\t', " ");
        let shown =
            shown.replace(|c: char| one_line(c.encode_utf8(&mut [0; 4])).len() > 4, "\u{fffd}");
        let indent = left.len() + before[from.min(before.len())..].chars().count();
        let room = (left.len() + shown.chars().count()).saturating_sub(indent);
        Place {
            line: self.text[..line_start].matches('\n').count() + 1,
            column,
            length: self.text[start..end].chars().take(SHOWN).count().min(room).max(1),
            text: format!("{left}{shown}{right}"),
            indent,
        }
    }

    fn index_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            let span = if matches!(value.get_ref(), DeValue::Table(_)) {
                key.span()
            } else {
                value.span()
            };
            self.index_value(path, span, value);
        }
    }

    fn index_value(&mut self, path: String, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.index_table(&path, table),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.index_value(format!("{path}[{i}]"), item.span(), item);
                }
            }
            _ => {}
        }
        self.spans.insert(path, span);
    }
}

/// `grid.params[2]` is within `grid.params` and `grid`, and so is `grid`.
fn is_within(key: &str, outer: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What others wrote, as it may stand in a message.
fn in_words(text: &str, most: usize) -> String {
    cut(&one_line(text), most).into_owned()
}
