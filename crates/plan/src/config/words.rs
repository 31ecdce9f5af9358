//! Words for values and near misses in error messages.

use isoflop_text::clip;
use toml::de::DeValue;

/// Characters of a value that a message repeats.
const SHOWN: usize = 80;
/// No key or word is as long, nor like one that is.
const LONGEST_WORD: usize = 64;

/// Ties the variants of a type to the words of the file. Where two words stand for one, the first is
/// written.
macro_rules! words {
    ($type:ty: $($name:literal = $value:expr),+ $(,)?) => {
        impl $crate::config::value::Word for $type {
            const NAMES: &'static [&'static str] = &[$($name),+];
            const VALUES: &'static [Self] = &[$($value),+];
        }
    };
}
pub(crate) use words;

/// The word most like `word`, if one is like it at all.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
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

/// TOML's integers have 63 bits and a sign; a float is a whole number below 2^53.
pub(crate) fn as_whole(value: &DeValue<'_>) -> Option<u64> {
    let whole = match value {
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok()?,
        _ => {
            as_number(value).filter(|x| x.fract() == 0.0 && x.abs() <= (1u64 << 53) as f64)? as i64
        }
    };
    u64::try_from(whole).ok()
}

/// What is said of a number that [`too_large`] is.
pub(crate) const TOO_LARGE: &str = "the largest whole number in TOML is 9223372036854775807, and 9007199254740992 where it is written with a point or an exponent";

/// Whether it is beyond what [`as_whole`] can read.
pub(crate) fn too_large(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Integer(i) => {
            i64::from_str_radix(i.as_str(), i.radix()).is_err() && !i.as_str().starts_with('-')
        }
        _ => as_number(value).is_some_and(|x| x > (1u64 << 53) as f64),
    }
}

pub(crate) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", clip(text, SHOWN)),
        DeValue::Integer(i) => clip(&i.to_string(), SHOWN).into_owned(),
        DeValue::Float(x) => clip(&x.to_string(), SHOWN).into_owned(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => format!("the date {d}"),
        DeValue::Array(items) => match items.len() {
            0 => "an empty list".into(),
            n => format!("a list of {n}"),
        },
        DeValue::Table(_) => "a table".into(),
    }
}

/// A number as one would type it: `65536`, `1e26`, `0.5`.
pub(crate) fn plain(x: f64) -> String {
    if x != 0.0 && (x.abs() >= 1e6 || x.abs() < 1e-3) { format!("{x:e}") } else { format!("{x}") }
}

pub(crate) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    quoted.join(" or ")
}

/// `a, b or c`, each in backticks.
pub(crate) fn alternatives(names: &[impl std::fmt::Display]) -> String {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
