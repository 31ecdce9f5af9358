//! JSON lines: each line an object, one field of which is a document.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::DocumentSink;
use crate::document::RawDocument;
use crate::error::DataError;

/// Reads every line's `field`. Blank lines are allowed.
pub(super) fn read(
    path: &Path,
    mut reader: Box<dyn BufRead>,
    field: &str,
    sink: DocumentSink<'_>,
) -> Result<(), DataError> {
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let count = reader.read_until(b'\n', &mut bytes).map_err(|e| DataError::read(path, e))?;
        if count == 0 {
            break;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = text_of(&bytes, field).map_err(|(problem, hint)| DataError::Jsonl {
            path: path.into(),
            line,
            problem,
            hint,
        })?;
        sink(RawDocument { origin: format!("{}:{line}", path.display()), bytes: text })?;
    }
    Ok(())
}

fn text_of(line: &[u8], field: &str) -> Result<Vec<u8>, (String, String)> {
    let value: Value = serde_json::from_slice(line).map_err(|e| {
        let hint = "every line of a .jsonl file is one JSON object in UTF-8".to_owned();
        (format!("not valid JSON: {e}"), hint)
    })?;
    let Value::Object(mut object) = value else {
        let hint = "every line of a .jsonl file is one JSON object".to_owned();
        return Err(("not a JSON object".into(), hint));
    };
    match object.remove(field) {
        Some(Value::String(text)) => Ok(text.into_bytes()),
        Some(_) => {
            let hint = format!(
                "data.field names the field that holds the text; {field:?} here holds something else"
            );
            Err((format!("field {field:?} is not a string"), hint))
        }
        None => {
            let mut names: Vec<_> = object.keys().map(|k| format!("{k:?}")).collect();
            names.sort();
            let hint = format!("set data.field to one of {}", names.join(", "));
            Err((format!("no field {field:?}"), hint))
        }
    }
}
