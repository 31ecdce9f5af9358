//! Values of JSON as people and Python write them. A key that stands twice is told: `serde_json` keeps the last of two.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value, and the first key that an object within it has twice.
pub struct Told {
    pub value: Value,
    pub twice: Option<String>,
}

impl From<Value> for Told {
    fn from(value: Value) -> Self {
        Self { value, twice: None }
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfValue)
    }
}

struct OfValue;

impl<'de> Visitor<'de> for OfValue {
    type Value = Told;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Told, E> {
        Ok(Value::Null.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_string<E>(self, value: String) -> Result<Told, E> {
        Ok(Value::from(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Told, A::Error> {
        let (mut values, mut twice) = (Vec::new(), None);
        while let Some(told) = seq.next_element::<Told>()? {
            twice = twice.or(told.twice);
            values.push(told.value);
        }
        Ok(Told { value: Value::Array(values), twice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
        let (mut object, mut twice) = (Map::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            let told = map.next_value::<Told>()?;
            twice = twice.or(told.twice);
            if twice.is_none() && object.contains_key(&key) {
                twice = Some(key.clone());
            }
            object.insert(key, told.value);
        }
        Ok(Told { value: Value::Object(object), twice })
    }
}

/// Python writes NaN and Infinity as bare words, which JSON does not know: in quotes they are cells that are no numbers.
pub fn quote_non_numbers(line: &str) -> Cow<'_, str> {
    if !(line.contains("NaN") || line.contains("Infinity")) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let (mut inside, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].iter().find(|w| !inside && rest.starts_with(**w));
        if let Some(word) = word {
            out += &format!("\"{word}\"");
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = inside && c == '\\';
        inside ^= c == '"';
        let next = if escaped {
            rest.char_indices().nth(2).map_or(rest.len(), |n| n.0)
        } else {
            c.len_utf8()
        };
        out += &rest[..next];
        rest = &rest[next..];
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Told {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn values_are_those_of_the_library() {
        let text = r#"{"a": [1, -2, 3.5, 1e300, null, true, "x\n"], "b": {"c": {}}, "n": 18446744073709551615}"#;
        let Told { value, twice } = read(text);
        assert_eq!((value, twice), (serde_json::from_str::<Value>(text).unwrap(), None));
    }

    #[test]
    fn a_key_that_stands_twice_is_told() {
        assert_eq!(read(r#"{"a": 1, "b": 2, "a": 1}"#).twice.as_deref(), Some("a"));
        assert_eq!(read(r#"[{"x": [{"b": 1, "b": 2}]}]"#).twice.as_deref(), Some("b"));
        assert_eq!(read(r#"[{"a": 1}, {"a": 2}]"#).twice, None);
    }
}
