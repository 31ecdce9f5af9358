//! Rewrites `crates/data/corpus/checksums.json` after `Cargo.toml` and `Cargo.lock` beside it
//! changed:
//!
//! ```text
//! cargo fetch --manifest-path crates/data/corpus/Cargo.toml
//! cargo run --release -p isoflop-data --example checksums
//! ```

use std::path::Path;

use isoflop_data::source::{Checksums, direct_dependencies};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let path = corpus.join("checksums.json");
    let about = Checksums::parse(&std::fs::read_to_string(&path)?)?.about;
    let crates = direct_dependencies(&std::fs::read_to_string(corpus.join("Cargo.lock"))?)?;
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).ok_or("no home")?;
    let new = Checksums::measure(about, &home.join("registry/src"), &crates)?;
    let bytes: u64 = new.crates.iter().map(|c| c.bytes).sum();
    let files: u64 = new.crates.iter().map(|c| c.files).sum();
    let temporary = path.with_extension("json.tmp");
    std::fs::write(&temporary, serde_json::to_string_pretty(&new)? + "\n")?;
    std::fs::rename(&temporary, &path)?;
    println!("{} crates, {files} files, {bytes} bytes", new.crates.len());
    Ok(())
}
