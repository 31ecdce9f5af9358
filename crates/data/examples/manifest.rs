//! Rewrites `crates/data/manifest.json` after `Cargo.lock` changed:
//!
//! ```text
//! cargo run --release -p isoflop-data --example manifest
//! ```
//!
//! The names stay (edit them in the file), versions come from `Cargo.lock` (the highest where
//! there are several), counts and checksums from the unpacked crates.

use std::path::Path;

use isoflop_data::source::Manifest;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("manifest.json");
    let old = Manifest::parse(&std::fs::read_to_string(&path)?)?;
    let lock = std::fs::read_to_string(here.join("../../Cargo.lock"))?;
    let mut crates = Vec::new();
    for entry in &old.crates {
        let version = highest_version(&lock, &entry.name)
            .ok_or_else(|| format!("{} is not in Cargo.lock: take it off the list", entry.name))?;
        crates.push((entry.name.clone(), version));
    }
    crates.sort();
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).ok_or("no home")?;
    let new = Manifest::measure(old.about, &home.join("registry/src"), &crates)?;
    let bytes: u64 = new.crates.iter().map(|c| c.bytes).sum();
    let files: u64 = new.crates.iter().map(|c| c.files).sum();
    let temporary = path.with_extension("json.tmp");
    std::fs::write(&temporary, serde_json::to_string_pretty(&new)? + "\n")?;
    std::fs::rename(&temporary, &path)?;
    println!("{} crates, {files} files, {bytes} bytes", new.crates.len());
    Ok(())
}

fn highest_version(lock: &str, name: &str) -> Option<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut versions = Vec::new();
    while let Some(line) = lines.next() {
        if line == wanted {
            let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
            versions.push(version.to_owned());
        }
    }
    let key = |v: &String| -> Vec<u64> {
        v.split(['.', '+', '-']).filter_map(|part| part.parse().ok()).collect()
    };
    versions.into_iter().max_by_key(key)
}
