//! Which files of folders and globs are text, and what is said of the others.

use std::fs;
use std::path::Path;

use crate::fixture::{prepare, text, text_config, write_text};
use isoflop_data::Corpus;
use isoflop_plan::{DataConfig, DataSource, FileChoice, TextConfig, TokenizerConfig};

fn corpus(folder: &Path, path: &str, files: FileChoice) -> Corpus {
    let path = folder.join(path).to_string_lossy().into_owned();
    let source = DataSource::Text(TextConfig { files, ..TextConfig::new(vec![path]) });
    prepare(&DataConfig { source, ..text_config(folder, TokenizerConfig::Bytes) }).unwrap()
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn what_lies_beside_text_is_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let clean = corpus(folder.path(), "text", FileChoice::Text);
    assert!(clean.notes().is_empty(), "{:?}", clean.notes());
    let beside = [
        "README.md",
        "sub/README",
        "LICENSE-MIT",
        "COPYING.txt",
        "SHA256SUMS",
        "000.txt.sha256",
        "tokenizer.json",
        "merges.txt",
        "dataset_infos.json",
        ".env",
        ".git/config",
        ".ipynb_checkpoints/a.txt",
        "000.txt~",
        "table.csv",
    ];
    for name in beside {
        put(folder.path(), &format!("text/{name}"), "{\n \"a\": 1\n}\n");
    }
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    put(folder.path(), "text/large.txt", pointer);
    put(folder.path(), "text/t.toml", "[study]\nname = \"t\"\n[data]\nsource = \"text\"\n");
    put(folder.path(), "text/runs/t/ledger.jsonl", "{\"run\": 1}\n");
    put(folder.path(), "text/runs/t/report.html", "<p>");
    put(folder.path(), "text/runs/cache/0a/meta.json", "{}");
    put(folder.path(), "text/runs/cache/0a/train.tokens", "1");
    for path in ["text", "text/**/*"] {
        let corpus = corpus(folder.path(), path, FileChoice::Text);
        assert_eq!(corpus.sha256(), clean.sha256(), "{path}");
        let notes = corpus.notes().join("\n");
        assert!(notes.contains("30 files read, 18 left out: "), "{notes}");
        for part in ["COPYING.txt", "LICENSE-MIT", "git lfs pull", "tokenizer", "data.files"] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
    }
    let all = corpus(folder.path(), "text", FileChoice::All);
    assert_eq!(all.summary().unwrap().documents, 30 + beside.len() as u64);
    // A file that is named itself is read, whatever it is called.
    put(folder.path(), "text/.hidden.txt", &(text(0) + &text(1).repeat(80)));
    for path in ["text/.hidden.txt", "text/.h*"] {
        assert!(corpus(folder.path(), path, FileChoice::Text).train_tokens() > Some(10_000));
    }
}

#[test]
fn text_that_is_named_like_something_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["readme_generator.rs", "Cargo.toml", "noticed.txt", "licenses.rs", "config.txt"];
    for (n, name) in names.into_iter().enumerate() {
        put(folder.path(), &format!("text/{name}"), &text(n));
    }
    let corpus = corpus(folder.path(), "text", FileChoice::Text);
    assert_eq!(corpus.summary().unwrap().documents, names.len() as u64);
}

#[cfg(unix)]
#[test]
fn linked_folders_are_read_once() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_text(folder.path(), 20);
    for n in 20..40 {
        put(folder.path(), &format!("elsewhere/{n:03}.txt"), &text(n));
    }
    symlink(at("elsewhere"), at("text/more")).unwrap();
    symlink(at("elsewhere"), at("text/sub/again")).unwrap();
    symlink(at("text"), at("elsewhere/ring")).unwrap();
    symlink(at("nowhere"), at("text/broken.txt")).unwrap();
    let walked = corpus(folder.path(), "text", FileChoice::Text);
    assert_eq!(walked.summary().unwrap().documents, 40);
    assert!(walked.notes().join("").contains("broken link"), "{:?}", walked.notes());
    for glob in ["text/**/*.txt", "t*/**/*"] {
        let globbed = corpus(folder.path(), glob, FileChoice::Text);
        assert_eq!(globbed.sha256(), walked.sha256(), "{glob}");
    }
}

#[test]
fn empty_files_are_alike_whatever_packs_them() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    let before = corpus(folder.path(), "text", FileChoice::Text);
    for name in ["b.jsonl", "b.jsonl.gz", "b.jsonl.zst", "b.json", "b.csv", "b.txt.gz"] {
        put(folder.path(), &format!("text/{name}"), "");
    }
    let after = corpus(folder.path(), "text", FileChoice::Text);
    assert_eq!(after.sha256(), before.sha256());
}
