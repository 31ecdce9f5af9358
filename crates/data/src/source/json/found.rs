//! One field of an object of JSON. All of the object is checked, and only the field is kept: what else stands there may be many
//! times as long.

use std::collections::BTreeSet;
use std::fmt;

use isoflop_text::clip;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::de::SliceRead;

/// Names that an error lists, and characters of each.
const NAMES: usize = 20;
const NAME: usize = 60;

/// What an object holds under a name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub value: Option<Kind>,
    /// Whether it stands there twice.
    pub twice: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Text(String),
    Null,
    Other,
}

/// The field of this very name, or, of `a.b`, the field of a field; `None` where the bytes are no object.
pub(super) fn find(bytes: &[u8], name: &str) -> serde_json::Result<Option<Found>> {
    let nested = name.split_once('.');
    let Some((own, within)) = whole(bytes, Object { name, nested })? else { return Ok(None) };
    Ok(Some(if own.value.is_some() { own } else { within }))
}

/// The first names to choose from, those of fields of fields behind their dots.
pub(super) fn names(bytes: &[u8]) -> Vec<String> {
    let mut out = BTreeSet::new();
    // What is no object has no names.
    let _ = whole(bytes, Names { prefix: "", out: &mut out });
    out.into_iter().collect()
}

fn whole<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::new(SliceRead::new(bytes));
    let value = seed.deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

/// The value of a seed that looks into objects, or into texts, and checks all else.
macro_rules! other_values {
    ($value:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element_seed(Checked)?.is_some() {}
            Ok($value)
        }
    };
}

/// Any value, of which nothing is kept.
struct Checked;

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    other_values!(());

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Checked)?.is_some() {
            map.next_value_seed(Checked)?;
        }
        Ok(())
    }
}

/// The value of the field.
struct OfField;

impl<'de> DeserializeSeed<'de> for OfField {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OfField {
    type Value = Kind;

    other_values!(Kind::Other);

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Kind, A::Error> {
        Checked.visit_map(map).map(|()| Kind::Other)
    }
}

/// The field `name` of an object, and `nested.1` of the one that its field `nested.0` holds.
struct Object<'a> {
    name: &'a str,
    nested: Option<(&'a str, &'a str)>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Option<(Found, Found)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Option<(Found, Found)>;

    other_values!(None);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut own, mut within) = (Found::default(), Found::default());
        let mut outer = false;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match self.nested {
                _ if key.is(self.name) => {
                    own.twice |= own.value.is_some();
                    own.value = Some(map.next_value_seed(OfField)?);
                }
                Some((first, name)) if key.is(first) => {
                    let object =
                        map.next_value_seed(Object { name, nested: name.split_once('.') })?;
                    let found = object.map(|(own, deeper)| match own.value {
                        Some(_) => own,
                        None => deeper,
                    });
                    let twice = outer;
                    outer = true;
                    within = found.unwrap_or_default();
                    within.twice |= twice;
                }
                _ => map.next_value_seed(Checked)?,
            }
        }
        Ok(Some((own, within)))
    }
}

/// Names of fields, those of fields of fields too.
struct Names<'a> {
    prefix: &'a str,
    out: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Whether it is an object.
impl<'de> Visitor<'de> for Names<'_> {
    type Value = bool;

    other_values!(false);

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let name = format!("{}{}", self.prefix, clip(&key, NAME));
            let is_object = match self.prefix.is_empty() {
                true => {
                    let prefix = format!("{name}.");
                    map.next_value_seed(Names { prefix: &prefix, out: &mut *self.out })?
                }
                false => map.next_value_seed(Checked).map(|()| false)?,
            };
            if !is_object {
                self.out.insert(format!("{name:?}"));
            }
            if self.out.len() > NAMES {
                self.out.pop_last();
            }
        }
        Ok(true)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

impl Key<'_> {
    fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Kind> {
        Some(Kind::Text(text.into()))
    }

    #[test]
    fn the_field_is_found_wherever_it_stands() {
        let json =
            br#"{"a": {"b": "in", "c": {"d": "deep"}}, "a.c": null, "n": [1, {"b": 2}], "t": "x"}"#;
        let of = |name| find(json, name).unwrap().unwrap();
        assert_eq!(of("t"), Found { value: text("x"), twice: false });
        assert_eq!(of("a.b").value, text("in"));
        assert_eq!(of("a.c").value, Some(Kind::Null), "the very name comes first");
        assert_eq!(of("a.c.d").value, text("deep"));
        assert_eq!(of("n").value, Some(Kind::Other));
        assert_eq!([of("b"), of("n.b"), of("t.b")].map(|found| found.value), [None, None, None]);
        assert_eq!(find(b"[1]", "a").unwrap(), None);
        assert_eq!(names(json), ["\"a.b\"", "\"a.c\"", "\"n\"", "\"t\""]);
    }

    #[test]
    fn names_that_stand_twice() {
        let twice = |json: &str, name| find(json.as_bytes(), name).unwrap().unwrap().twice;
        assert!(twice(r#"{"a": "x", "b": 1, "a": "y"}"#, "a"));
        assert!(twice(r#"{"a": {"b": "x", "b": "y"}}"#, "a.b"));
        assert!(twice(r#"{"a": {"b": "x"}, "a": {"b": "y"}}"#, "a.b"));
        assert!(!twice(r#"{"a": "x", "b": 1, "b": 2}"#, "a"));
    }

    #[test]
    fn all_of_it_is_checked_as_if_it_were_kept() {
        for json in [
            "",
            "{",
            "{\"a\": 1",
            "{\"a\" 1}",
            "{\"a\": 1} x",
            "{\"a\": 1e999}",
            "{\"a\": \"\\ud83d\"}",
            "{\"a\": [\"\\ud83d\"]}",
            "{\"\\ud83d\": 1}",
            "{\"a\": nul}",
            "{1: 2}",
            "{\"a\": \"\u{1}\"}",
        ] {
            let value = serde_json::from_slice::<serde_json::Value>(json.as_bytes()).unwrap_err();
            let found = find(json.as_bytes(), "t").unwrap_err();
            assert_eq!(found.to_string(), value.to_string(), "{json}");
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(find(deep.as_bytes(), "a").unwrap_err().to_string().contains("recursion limit"));
        assert!(find(b"{\"a\": \"\xff\"}", "t").is_err());
    }
}
