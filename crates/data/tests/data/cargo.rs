//! The embedded source.

use std::fs;
use std::path::Path;

use isoflop_data::source::{CargoSource, Manifest, Source};

fn lock() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_manifest_is_that_of_cargo_lock() {
    let source = CargoSource::embedded().unwrap();
    let lock = lock();
    let manifest = source.manifest();
    let mut names: Vec<_> = manifest.crates.iter().map(|c| &c.name).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), manifest.crates.len());
    for entry in &manifest.crates {
        let line = format!("name = \"{}\"\nversion = \"{}\"\n", entry.name, entry.version);
        assert!(
            lock.contains(&line),
            "{} {} is not in Cargo.lock: run `cargo run --release -p isoflop-data --example manifest`",
            entry.name,
            entry.version
        );
    }
}

#[test]
fn every_crate_is_on_disk_and_unchanged() {
    let source = CargoSource::embedded().unwrap();
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
    assert!(documents > 3000 && bytes > 30_000_000, "{documents} files, {bytes} bytes");
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
    let manifest = Manifest::measure("test".into(), folder.path(), &list).unwrap();
    let mut origins = Vec::new();
    let source = CargoSource::at(manifest, folder.path().into());
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
