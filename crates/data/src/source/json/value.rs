//! The text of one JSON object.

use std::borrow::Cow;

use super::found::{self, Found, Kind};

/// The name of the field that holds the text: `text`, or `data.text` for a field of a field.
#[derive(Debug, Clone)]
pub(in crate::source) struct Field(pub String);

impl Field {
    /// The text of an object. The error is the problem and what to do about it.
    pub(super) fn text_of(&self, bytes: &[u8]) -> Result<Vec<u8>, (String, String)> {
        let found = find(bytes, &self.0).map_err(|problem| {
            let hint = "a line of JSON text is one object in UTF-8".to_owned();
            (format!("not valid JSON: {problem}"), hint)
        })?;
        let Some(found) = found else { return Err(not_an_object()) };
        let name = &self.0;
        if found.twice {
            let hint = "which of them is the text? leave the other out, or give it another name";
            return Err((format!("field {name:?} stands there twice"), hint.into()));
        }
        let other = |what: &str| {
            let hint = format!(
                "data.field names the field that holds the text; {name:?} here holds something else"
            );
            Err((format!("field {name:?} is {what}"), hint))
        };
        match found.value {
            Some(Kind::Text(text)) => Ok(text.into_bytes()),
            Some(Kind::Null) => other("null"),
            Some(Kind::Other) => other("not a string"),
            None => {
                let names = found::names(&without_nan(bytes));
                let hint = format!("set data.field to one of {}", names.join(", "));
                Err((format!("no field {name:?}"), hint))
            }
        }
    }
}

/// Whether the first object of a file has the field; `None` where it is no object.
pub(in crate::source) fn has_field(bytes: &[u8], field: &Field) -> Option<bool> {
    find(bytes, &field.0).ok().flatten().map(|found| found.value.is_some())
}

pub(super) fn not_an_object() -> (String, String) {
    ("not a JSON object".into(), "a line of JSON text is one object, such as {\"text\": ..}".into())
}

/// JSON, and `NaN` and `Infinity` as Python writes them, which become null.
fn find(bytes: &[u8], name: &str) -> Result<Option<Found>, String> {
    found::find(bytes, name).or_else(|error| match without_nan(bytes) {
        Cow::Borrowed(_) => Err(error.to_string()),
        Cow::Owned(bytes) => found::find(&bytes, name).map_err(|_| error.to_string()),
    })
}

fn without_nan(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let (mut kept, mut at, mut in_string) = (0, 0, false);
    while at < bytes.len() {
        let odd = [&b"NaN"[..], b"-Infinity", b"Infinity"];
        let odd = odd.iter().find(|word| !in_string && bytes[at..].starts_with(word));
        match (bytes[at], odd) {
            (_, Some(word)) => {
                out.extend_from_slice(&bytes[kept..at]);
                out.extend_from_slice(b"null");
                at += word.len();
                kept = at;
                continue;
            }
            (b'\\', _) => at += 1,
            (b'"', _) => in_string = !in_string,
            _ => {}
        }
        at += 1;
    }
    if kept == 0 {
        return Cow::Borrowed(bytes);
    }
    out.extend_from_slice(&bytes[kept..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(field: &str, json: &str) -> Result<String, String> {
        let text = Field(field.into()).text_of(json.as_bytes());
        text.map(|t| String::from_utf8(t).unwrap())
            .map_err(|(problem, hint)| problem + "; " + &hint)
    }

    #[test]
    fn numbers_that_json_does_not_have() {
        let json = r#"{"a": NaN, "b": [-Infinity, Infinity], "text": "NaN \" Infinity"}"#;
        assert_eq!(text("text", json).unwrap(), "NaN \" Infinity");
        assert!(text("a", json).unwrap_err().starts_with("field \"a\" is null"));
    }

    #[test]
    fn fields_of_fields() {
        let json = r#"{"data": {"text": "inner"}, "data.id": "outer", "n": 1}"#;
        assert_eq!(text("data.text", json).unwrap(), "inner");
        assert_eq!(text("data.id", json).unwrap(), "outer");
        let told = text("text", json).unwrap_err();
        assert_eq!(
            told,
            "no field \"text\"; set data.field to one of \"data.id\", \"data.text\", \"n\""
        );
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert!(text("text", r#"{"text": "\ud83d"}"#).unwrap_err().starts_with("not valid JSON"));
    }
}
