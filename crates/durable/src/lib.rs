//! Files that are old or new and never half, that outlive a crash or a power cut, and that show when they were changed.
//!
//! ```
//! use isoflop_durable::{seal_json, unseal_json, write_atomic};
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("facts.json");
//! write_atomic(&path, seal_json(r#"{"vocab": 256}"#).as_bytes())?;
//!
//! let mut bytes = std::fs::read(&path)?;
//! assert_eq!(*unseal_json(&bytes).unwrap().body, *br#"{"vocab": 256}"#);
//! bytes[11] ^= 1;
//! assert!(unseal_json(&bytes).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod document;
mod error;
mod seal;

pub use atomic::{create_folder, remove_leftovers, sync_folder, write_atomic};
pub use document::{parse_sealed, read_if_there, seal_json_file, write_sealed};
pub use error::FileError;
pub use same_file::Handle;
pub use seal::{Broken, Unsealed, hex, seal_json, seal_toml, sha256_hex, unseal_json, unseal_toml};
