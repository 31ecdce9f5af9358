//! Words for values, ranges and near misses in error messages.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::keys;
use super::range::plain;

/// The hint for a key that does not exist.
pub(crate) fn unknown_hint(name: &str, section: &str, known: &[&str]) -> String {
    if let Some(near) = nearest(name, known) {
        return format!("did you mean `{near}`?");
    }
    if let Some(other) = keys::KEYS.iter().find(|k| k.name == name && k.section != section) {
        return format!("`{name}` is a key of [{}]", other.section);
    }
    format!("[{section}] has {}", known.join(", "))
}

/// The word most like `word`, if one is like it at all.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let lower = word.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.replace('-', "_")), *k))
        .filter(|(distance, k)| *distance <= (k.len().max(3) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

pub(crate) fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix()).ok().map(|i| i as f64),
        DeValue::Float(x) => x.as_str().parse().ok(),
        _ => None,
    }
}

pub(crate) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", text.as_ref()),
        DeValue::Integer(i) => i.to_string(),
        DeValue::Float(x) => x.to_string(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => format!("the date {d}"),
        DeValue::Array(items) => match items.len() {
            0 => "an empty list".into(),
            n => format!("a list of {n}"),
        },
        DeValue::Table(_) => "a table".into(),
    }
}

pub(crate) fn describe_whole(range: &RangeInclusive<u64>) -> String {
    let end = *range.end();
    if end == i64::MAX as u64 {
        return format!("a whole number from {}", range.start());
    }
    let end = if end >= 1_000_000 { plain(end as f64) } else { end.to_string() };
    format!("a whole number from {} to {end}", range.start())
}

pub(crate) fn or_words<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(w, _)| format!(" or \"{w}\"")).collect()
}

pub(crate) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    quoted.join(" or ")
}
