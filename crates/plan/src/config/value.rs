//! Values between the file and the fields of a configuration.

use std::path::PathBuf;

use super::cells::CellSpec;
use super::law::LawSpec;
use super::takes::{List, Takes};
use super::words::plain;

/// A value that has been checked, or that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing: written as the first of the key's words, or not at all.
    None,
    Number(f64),
    Whole(u64),
    Text(String),
    List(Vec<Value>),
    Cell(Box<CellSpec>),
    Law(Box<LawSpec>),
}

/// Why a field does not take a value that its key lets through.
pub(crate) struct Refused {
    pub(crate) expected: String,
    pub(crate) hint: String,
}

/// A place in a configuration that one key reads into and is written from.
pub(crate) trait Field {
    fn set(&mut self, value: Value) -> Result<(), Refused>;
    fn get(&self) -> Value;
}

/// Types that stand for values one to one.
pub(crate) trait Plain: Sized {
    /// `None` where the value is of another type than the key lets through.
    fn from_value(value: Value) -> Option<Self>;
    fn to_value(&self) -> Value;
}

/// Types that stand for words, declared with [`words!`](super::words::words).
pub(crate) trait Word: Copy + PartialEq + 'static {
    const NAMES: &'static [&'static str];
    /// In the order of [`Word::NAMES`].
    const VALUES: &'static [Self];
}

impl<T: Plain> Field for T {
    fn set(&mut self, value: Value) -> Result<(), Refused> {
        let other_type = || Refused { expected: "another type".into(), hint: String::new() };
        *self = T::from_value(value).ok_or_else(other_type)?;
        Ok(())
    }

    fn get(&self) -> Value {
        self.to_value()
    }
}

impl<T: Word> Plain for T {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Text(word) = value else { return None };
        T::NAMES.iter().zip(T::VALUES).find(|(name, _)| **name == word).map(|(_, value)| *value)
    }

    fn to_value(&self) -> Value {
        let name = T::NAMES.iter().zip(T::VALUES).find(|(_, value)| *value == self);
        name.map_or(Value::None, |(name, _)| Value::Text((*name).into()))
    }
}

/// A number, or the word for none.
impl<T: Plain> Plain for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(_) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::None, T::to_value)
    }
}

impl<T: Plain> Plain for Vec<T> {
    fn from_value(value: Value) -> Option<Self> {
        let Value::List(items) = value else { return None };
        items.into_iter().map(T::from_value).collect()
    }

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
}

macro_rules! plain {
    ($($type:ty: $pattern:pat => $read:expr, |$x:ident| $write:expr;)+) => {$(
        impl Plain for $type {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $pattern => Some($read),
                    _ => None,
                }
            }

            fn to_value(&self) -> Value {
                let $x = self;
                $write
            }
        }
    )+};
}

plain! {
    f64: Value::Number(x) => x, |x| Value::Number(*x);
    u64: Value::Whole(n) => n, |n| Value::Whole(*n);
    usize: Value::Whole(n) => usize::try_from(n).ok()?, |n| Value::Whole(*n as u64);
    String: Value::Text(text) => text, |text| Value::Text(text.clone());
    PathBuf: Value::Text(text) => text.into(), |path| Value::Text(path.to_string_lossy().into());
    CellSpec: Value::Cell(cell) => *cell, |cell| Value::Cell(Box::new(cell.clone()));
}

impl Value {
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(x) => Some(*x),
            Value::Whole(n) => Some(*n as f64),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As TOML that reads back as exactly this; `None` where the key has nothing to say.
    pub(crate) fn toml(&self, takes: &Takes) -> Option<String> {
        match self {
            Value::None => takes.words.first().map(|word| quoted(word)),
            Value::Number(x) => Some(number(*x)),
            Value::Whole(n) => Some(n.to_string()),
            Value::Text(text) => Some(quoted(text)),
            Value::List(items) => match items.as_slice() {
                [one] if matches!(takes.list, List::Sets | List::Words) => {
                    one.toml(&takes.listed(List::Set))
                }
                many => {
                    let inner = takes.listed(List::Set);
                    let items: Vec<String> = many.iter().filter_map(|v| v.toml(&inner)).collect();
                    Some(format!("[{}]", items.join(", ")))
                }
            },
            Value::Cell(cell) => Some(cell.toml()),
            Value::Law(law) => Some(law.toml()),
        }
    }
}

pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn number(x: f64) -> String {
    let text = plain(x);
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}
