//! What a key takes: one description that checks values, and that errors and the reference print.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::cells::CellSpec;
use super::error::ErrorKind::{OutOfRange, WrongType};
use super::law::{LawOf, LawSpec};
use super::table::{At, Table};
use super::value::Value;
use super::words::{TOO_LARGE, as_number, as_whole, nearest, one_of, plain, too_large};

/// The values that a key accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Takes {
    /// The kind of a value, or of one item of a list.
    pub kind: Kind,
    pub list: List,
    pub range: Range,
    /// Whole numbers have to be multiples of this.
    pub multiple_of: u64,
    /// Unit of numbers, or what a text stands for.
    pub of: &'static str,
    /// Words that are accepted: all there is, or instead of a number or a text. The first one of an
    /// optional number stands for none.
    pub words: &'static [&'static str],
    /// Whether a table of a law's keys is accepted as well.
    pub law: Option<LawOf>,
}

/// What a list has had.
#[derive(PartialEq, Eq, Hash)]
enum Met<'a> {
    Whole(u64),
    /// Its bits.
    Number(u64),
    Word(&'a str),
}

/// Kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    /// A whole number; `1e6` is one too.
    Whole,
    /// Text that is not empty.
    Text,
    /// A cell as a table.
    Cell,
}

/// Kinds of lists. None may be empty, and no number may be in one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    No,
    /// A list in which the order has a meaning.
    Ordered,
    /// A list that is sorted, since equal sets are equal configurations.
    Set,
    /// Such a list, or a list of such lists.
    Sets,
    /// A word, or a list of words.
    Words,
}

/// Numbers from `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub low: f64,
    /// Whether `low` itself is left out.
    pub above: bool,
    pub high: f64,
    /// Whether `high` itself is left out.
    pub below: bool,
}

pub(crate) const fn from_to(low: f64, high: f64) -> Range {
    Range { low, above: false, high, below: false }
}

pub(crate) const fn above_to(low: f64, high: f64) -> Range {
    Range { low, above: true, high, below: false }
}

pub(crate) const fn from_below(low: f64, high: f64) -> Range {
    Range { low, above: false, high, below: true }
}

const fn takes(kind: Kind, range: Range, of: &'static str) -> Takes {
    Takes { kind, list: List::No, range, multiple_of: 1, of, words: &[], law: None }
}

pub(crate) const fn number(range: Range, unit: &'static str) -> Takes {
    takes(Kind::Number, range, unit)
}

pub(crate) const fn whole(low: u64, high: u64, unit: &'static str) -> Takes {
    takes(Kind::Whole, from_to(low as f64, high as f64), unit)
}

pub(crate) const fn whole_from(low: u64, unit: &'static str) -> Takes {
    takes(Kind::Whole, from_to(low as f64, f64::INFINITY), unit)
}

pub(crate) const fn words(words: &'static [&'static str]) -> Takes {
    takes(Kind::Word, from_to(0.0, 0.0), "").or(words)
}

pub(crate) const fn text(of: &'static str) -> Takes {
    takes(Kind::Text, from_to(0.0, 0.0), of)
}

pub(crate) const fn cell() -> Takes {
    takes(Kind::Cell, from_to(0.0, 0.0), "")
}

impl Takes {
    pub(crate) const fn or(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    pub(crate) const fn or_law(self, law: LawOf) -> Self {
        Self { law: Some(law), ..self }
    }

    pub(crate) const fn multiple_of(self, multiple_of: u64) -> Self {
        Self { multiple_of, ..self }
    }

    pub(crate) const fn listed(self, list: List) -> Self {
        Self { list, ..self }
    }

    /// `value`, if it is one of these; else why not is logged.
    pub(super) fn read(&self, value: &Spanned<DeValue<'_>>, at: &At<'_>) -> Option<Value> {
        match self.list {
            List::No => self.read_one(value, at),
            List::Ordered | List::Set => self.read_list(value, at),
            List::Sets if nested(value.get_ref()) => {
                self.read_items(value, at, |item, at| self.read_list(item, at)).map(Value::List)
            }
            List::Sets => Some(Value::List(vec![self.read_list(value, at)?])),
            List::Words if matches!(value.get_ref(), DeValue::Array(_)) => {
                self.read_list(value, at)
            }
            List::Words => Some(Value::List(vec![self.read_one(value, at)?])),
        }
    }

    fn read_list(&self, value: &Spanned<DeValue<'_>>, at: &At<'_>) -> Option<Value> {
        let mut list = self.read_items(value, at, |item, at| self.read_one(item, at))?;
        let mut met = HashSet::new();
        for (i, item) in list.iter().enumerate() {
            let twice = match item {
                Value::Text(word) if self.list == List::Words => !met.insert(Met::Word(word)),
                Value::Whole(n) => !met.insert(Met::Whole(*n)),
                Value::Number(x) => !met.insert(Met::Number(x.to_bits())),
                _ => false,
            };
            if !twice {
                continue;
            }
            let at = at.item(i);
            match item {
                Value::Text(word) => {
                    let found = format!("\"{word}\" a second time");
                    at.refuse(OutOfRange, "words that differ", found, "remove the second one");
                }
                item => {
                    let x = item.number().unwrap_or(f64::NAN);
                    let (found, hint) =
                        (format!("{x} a second time"), format!("remove the second {x}"));
                    at.refuse(OutOfRange, "values that differ", found, hint);
                }
            }
            return None;
        }
        if self.list != List::Ordered {
            list.sort_by(|a, b| a.number().partial_cmp(&b.number()).unwrap_or(Ordering::Equal));
        }
        Some(Value::List(list))
    }

    /// All of them are read, so that all mistakes are told.
    fn read_items(
        &self,
        value: &Spanned<DeValue<'_>>,
        at: &At<'_>,
        read: impl Fn(&Spanned<DeValue<'_>>, &At<'_>) -> Option<Value>,
    ) -> Option<Vec<Value>> {
        let expected = format!("{self}; at least one");
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => at.no(OutOfRange, expected, value),
            DeValue::Array(items) => {
                let read = items.iter().enumerate().map(|(i, item)| read(item, &at.item(i)));
                let told = read.take_while(|_| !at.log.is_full());
                let read: Vec<Option<Value>> = told.collect();
                (read.len() == items.len()).then_some(())?;
                read.into_iter().collect()
            }
            _ => at.no(WrongType, expected, value),
        }
    }

    fn read_one(&self, value: &Spanned<DeValue<'_>>, at: &At<'_>) -> Option<Value> {
        let expected = self.listed(List::No).to_string();
        match (self.kind, value.get_ref()) {
            (Kind::Cell, DeValue::Table(table)) => {
                let table = Table::new(at.log, at.path.clone(), "grid.cells", Some(table));
                Some(Value::Cell(Box::new(CellSpec::read(&table))))
            }
            (_, DeValue::Table(table)) if self.law.is_some() => {
                let (of, path) = (self.law?, at.path.clone());
                let table = Table::new(at.log, path, of.key(), Some(table));
                Some(Value::Law(Box::new(LawSpec::read(&table, of))))
            }
            (Kind::Text, DeValue::String(text)) if text.trim().is_empty() => {
                at.no(OutOfRange, "text that is not empty", value)
            }
            (Kind::Text, DeValue::String(text)) => Some(Value::Text(text.to_string())),
            (Kind::Text, _) => at.no(WrongType, format!("{expected} in quotes"), value),
            (_, DeValue::String(text)) if self.words.contains(&text.as_ref()) => {
                Some(Value::Text(text.to_string()))
            }
            (_, DeValue::String(text)) if !self.words.is_empty() => {
                let hint =
                    nearest(text, self.words).map(|word| format!("did you mean \"{word}\"?"));
                at.with_hint(hint).no(OutOfRange, expected, value)
            }
            (Kind::Number, DeValue::Integer(_) | DeValue::Float(_)) => {
                match as_number(value.get_ref()).filter(|x| self.range.contains(*x)) {
                    Some(x) => Some(Value::Number(x)),
                    None => at.no(OutOfRange, expected, value),
                }
            }
            (Kind::Whole, DeValue::Integer(_) | DeValue::Float(_)) => {
                match as_whole(value.get_ref()).filter(|n| self.range.contains(*n as f64)) {
                    Some(n) if n.is_multiple_of(self.multiple_of) => Some(Value::Whole(n)),
                    Some(n) => {
                        let hint = format!("write {}", n.next_multiple_of(self.multiple_of));
                        at.with_hint(Some(hint)).no(OutOfRange, expected, value)
                    }
                    None => {
                        let unbounded = self.range.high.is_infinite();
                        let hint =
                            (unbounded && too_large(value.get_ref())).then(|| TOO_LARGE.to_owned());
                        at.with_hint(hint).no(OutOfRange, expected, value)
                    }
                }
            }
            _ => at.no(WrongType, expected, value),
        }
    }
}

/// Whether it is a list that has lists in it.
pub(super) fn nested(value: &DeValue<'_>) -> bool {
    let is_list = |item: &Spanned<DeValue<'_>>| matches!(item.get_ref(), DeValue::Array(_));
    matches!(value, DeValue::Array(items) if items.iter().any(is_list))
}

impl Range {
    /// Whether `x` is one of them; not-a-number never is.
    pub fn contains(&self, x: f64) -> bool {
        let low = if self.above { x > self.low } else { x >= self.low };
        let high = if self.below { x < self.high } else { x <= self.high };
        low && high
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (plain(self.low), plain(self.high));
        match (self.above, self.below) {
            (false, _) if self.high.is_infinite() => write!(f, "from {low}"),
            (false, false) => write!(f, "from {low} to {high}"),
            (true, false) => write!(f, "above {low} and at most {high}"),
            (false, true) => write!(f, "from {low} to below {high}"),
            (true, true) => write!(f, "above {low} and below {high}"),
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.list, List::No | List::Words) {
            write!(f, "a list, each ")?;
        }
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", self.of) };
        match (self.kind, self.multiple_of) {
            (Kind::Word | Kind::Text, _) if !self.words.is_empty() => {
                let or = if self.of.is_empty() { "" } else { " or " };
                let list = if self.list == List::Words { ", or a list of these" } else { "" };
                return write!(f, "{}{or}{}{list}", one_of(self.words), self.of);
            }
            (Kind::Word, _) => Ok(()),
            (Kind::Text, _) => write!(f, "{}", self.of),
            (Kind::Cell, _) => write!(f, "a table of a cell's keys"),
            (Kind::Number, _) => write!(f, "a number{of} {}", self.range),
            (Kind::Whole, 1) => write!(f, "a whole number{of} {}", self.range),
            (Kind::Whole, step) => write!(f, "a multiple of {step} {}", self.range),
        }?;
        if !self.words.is_empty() {
            write!(f, " or {}", one_of(self.words))?;
        }
        if self.law.is_some() {
            write!(f, " or a law `{{ .. }}`")?;
        }
        if self.list == List::Sets { write!(f, ", or such a list per budget") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_what_they_say() {
        assert!(from_to(0.0, 1.0).contains(0.0) && from_to(0.0, 1.0).contains(1.0));
        assert!(!above_to(0.0, 1.0).contains(0.0) && above_to(0.0, 1.0).contains(1.0));
        assert!(from_below(0.0, 1.0).contains(0.0) && !from_below(0.0, 1.0).contains(1.0));
        assert!(!from_to(0.0, 1.0).contains(f64::NAN));
        assert_eq!(above_to(0.0, 0.5).to_string(), "above 0 and at most 0.5");
        assert_eq!(from_below(0.0, 1.0).to_string(), "from 0 to below 1");
        assert_eq!(from_to(1e6, 1e26).to_string(), "from 1e6 to 1e26");
    }
}
