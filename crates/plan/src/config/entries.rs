//! A resolved configuration as a list of keys and values.

use super::range::plain;

/// Key and value pairs of one section, in the order in which they are printed.
pub(crate) struct Entries {
    pub(crate) section: &'static str,
    pub(crate) list: Vec<(&'static str, String)>,
}

impl Entries {
    pub(crate) fn new(section: &'static str) -> Self {
        Self { section, list: Vec::new() }
    }

    pub(crate) fn put(&mut self, key: &'static str, value: impl Into<String>) {
        self.list.push((key, value.into()));
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        self.put(key, quoted(value));
    }

    pub(crate) fn number(&mut self, key: &'static str, value: f64) {
        self.put(key, number(value));
    }

    /// `value`, or the word that stands for none.
    pub(crate) fn whole_or<T: std::fmt::Display>(
        &mut self,
        key: &'static str,
        value: Option<T>,
        word: &str,
    ) {
        self.put(key, value.map_or_else(|| quoted(word), |x| x.to_string()));
    }

    /// `value`, or the word that stands for none.
    pub(crate) fn number_or(&mut self, key: &'static str, value: Option<f64>, word: &str) {
        self.put(key, value.map_or_else(|| quoted(word), number));
    }
}

/// A TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// A TOML number that reads back as exactly `x`.
pub(crate) fn number(x: f64) -> String {
    let text = plain(x);
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// A TOML list.
pub(crate) fn list<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(one).collect();
    format!("[{}]", items.join(", "))
}
