//! The hash of a registration, by which an edit shows.

use isoflop_durable::sha256_hex;
use serde::Serialize;
use serde_json::Value;

/// Whether a registration is as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Seal {
    Whole {
        sha256: String,
    },
    Broken {
        /// As the file gives it.
        sha256: String,
        /// Of what the file holds.
        found: String,
    },
}

/// SHA-256 over compact JSON with keys in order, so that neither layout nor order of keys takes part.
pub(super) fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256_hex(text.as_bytes())
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: std::collections::BTreeMap<_, _> = map.iter().collect();
            out.push('{');
            for (key, value) in sorted {
                *out += &format!("{}:", Value::from(key.as_str()));
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(all) => {
            out.push('[');
            for value in all {
                canonical(value, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => *out += &plain.to_string(),
    }
}
