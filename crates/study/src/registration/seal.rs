//! The hash of a registration, by which an edit shows.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

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

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 over compact JSON with keys in order, so that neither layout nor order of keys takes part.
pub(super) fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256(text.as_bytes())
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
