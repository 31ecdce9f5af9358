//! The embedded source.

use std::fs;
use std::path::Path;

use isoflop_data::source::{CargoSource, Checksums, Source, direct_dependencies};

/// What the workspace is built from has no say: its `Cargo.lock` is not even looked at.
#[test]
fn the_crates_are_those_of_the_corpus_lock() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/Cargo.lock");
    let listed = direct_dependencies(&fs::read_to_string(path).unwrap()).unwrap();
    let source = CargoSource::embedded().unwrap();
    let read: Vec<_> =
        source.checksums().crates.iter().map(|c| (c.name.clone(), c.version.clone())).collect();
    assert_eq!(
        read, listed,
        "run `cargo run --release -p isoflop-data --example checksums` after a change of the corpus"
    );
}

#[test]
fn every_crate_is_on_disk_and_unchanged() {
    let source = CargoSource::embedded().unwrap();
    source.fetch(&mut |_| {}).unwrap();
    let mut documents = 0;
    let mut bytes = 0;
    source
        .read(&mut |document| {
            documents += 1;
            bytes += document.bytes.len() as u64;
            Ok(())
        })
        .unwrap();
    assert_eq!(Some(bytes), source.total_bytes());
    assert!(documents == 4628 && bytes == 54_157_076, "{documents} files, {bytes} bytes");
}

#[test]
fn changed_and_missing_crates_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let crate_folder = folder.path().join("mirror-1/thing-1.0.0");
    fs::create_dir_all(crate_folder.join("src")).unwrap();
    fs::write(crate_folder.join(".cargo-ok"), "{}").unwrap();
    fs::write(crate_folder.join("Cargo.toml"), "not read").unwrap();
    fs::write(crate_folder.join("src/lib.rs"), "fn main() {}\n").unwrap();
    fs::write(crate_folder.join("build.rs"), "fn build() {}\n").unwrap();
    let list = [("thing".to_owned(), "1.0.0".to_owned())];
    let checksums = Checksums::measure("test".into(), folder.path(), &list).unwrap();
    let mut origins = Vec::new();
    let source = CargoSource::at(checksums, folder.path().into());
    let mut read = || {
        origins.clear();
        source
            .read(&mut |document| {
                origins.push(document.origin);
                Ok(())
            })
            .map(|_| origins.clone())
            .map_err(|e| e.to_string())
    };
    assert_eq!(read().unwrap(), ["thing-1.0.0/build.rs", "thing-1.0.0/src/lib.rs"]);
    fs::write(crate_folder.join("Cargo.toml"), "still not read").unwrap();
    assert!(read().is_ok());
    fs::write(crate_folder.join("src/lib.rs"), "fn mein() {}\n").unwrap();
    let error = read().unwrap_err();
    assert!(error.contains("thing-1.0.0") && error.contains("hint: "), "{error}");
    fs::remove_dir_all(&crate_folder).unwrap();
    let error = read().unwrap_err();
    assert!(error.contains("thing 1.0.0") && error.contains("cargo fetch --locked"), "{error}");
}
