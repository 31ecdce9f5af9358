//! Tells the program which commit it is built from, for the passport. Without git, or outside a
//! checkout, it knows none.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ISOFLOP_COMMIT");
    let given = std::env::var("ISOFLOP_COMMIT").ok().filter(|commit| !commit.is_empty());
    if let Some(commit) = given.or_else(commit) {
        println!("cargo::rustc-env=ISOFLOP_COMMIT={commit}");
    }
}

/// The commit of the checkout, marked where sources differ from it.
fn commit() -> Option<String> {
    let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR")?).join("../..");
    if !root.join(".git").exists() {
        return None;
    }
    // A commit adds a line to the log; an edit changes a source.
    let watched = [".git/logs/HEAD", "Cargo.lock"].map(|path| root.join(path));
    let sources =
        std::fs::read_dir(root.join("crates")).ok()?.flatten().map(|e| e.path().join("src"));
    for path in watched.into_iter().chain(sources).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&root).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", "crates/*/src", "Cargo.lock"])?;
    Some(if changed.is_empty() { hash } else { format!("{hash}-modified") })
}
