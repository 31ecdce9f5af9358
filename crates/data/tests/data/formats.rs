//! Plain, JSONL, gzip and zstd files; what is reported instead of dropped; errors.

use std::fs;
use std::path::Path;

use crate::fixture::{prepare, text, text_config, write_text};
use crate::packed::{gzip, zstd};
use isoflop_plan::{DataConfig, DataSource, TextConfig, TokenizerConfig};

fn config_of(folder: &Path, paths: &[&str], field: &str) -> DataConfig {
    let paths = paths.iter().map(|p| folder.join(p).to_string_lossy().into_owned()).collect();
    let source = DataSource::Text(TextConfig { field: field.into(), ..TextConfig::new(paths) });
    DataConfig { source, ..text_config(folder, TokenizerConfig::Bytes) }
}

fn json_lines(files: usize) -> Vec<u8> {
    let line = |file| serde_json::json!({ "id": file, "content": text(file) }).to_string() + "\n";
    (0..files).map(line).collect::<String>().into_bytes()
}

fn csv(files: usize) -> String {
    let row = |file| format!("{file},\"{}\"\n", text(file));
    "id,content\n".to_owned() + &(0..files).map(row).collect::<String>()
}

#[test]
fn all_forms_of_the_same_text_are_the_same_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_text(folder.path(), 30);
    // The order of reading is part of the data, so all forms list the files alike.
    fs::create_dir_all(at("flat")).unwrap();
    fs::create_dir_all(at("packed")).unwrap();
    for file in 0..30 {
        fs::write(at(&format!("flat/{file:03}.txt")), text(file)).unwrap();
        let (end, packed) = if file % 2 == 0 {
            ("gz", gzip(text(file).as_bytes()))
        } else {
            ("zst", zstd(text(file).as_bytes()))
        };
        fs::write(at(&format!("packed/{file:03}.txt.{end}")), packed).unwrap();
    }
    fs::write(at("all.jsonl"), json_lines(30)).unwrap();
    fs::write(at("all.jsonl.gz"), gzip(&json_lines(30))).unwrap();
    fs::write(at("all.ndjson.zst"), zstd(&json_lines(30))).unwrap();
    fs::write(at("all.json"), json_lines(30)).unwrap();
    fs::write(at("all.json.gz"), gzip(&json_lines(30))).unwrap();
    fs::write(at("all.json.zst"), zstd(&json_lines(30))).unwrap();
    let array = String::from_utf8(json_lines(30)).unwrap();
    fs::write(at("array.json"), format!("[{}]", array.trim().replace('\n', ",\n"))).unwrap();
    fs::write(at("array.jsonl"), format!("[{}]", array.trim().replace('\n', ","))).unwrap();
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    fs::write(at("marked.jsonl"), marked(&json_lines(30))).unwrap();
    fs::write(at("marked.csv"), marked(csv(30).as_bytes())).unwrap();
    fs::write(at("all.csv.gz"), gzip(csv(30).as_bytes())).unwrap();
    fs::write(at("padded.jsonl.gz"), [gzip(&json_lines(30)), vec![0; 512]].concat()).unwrap();
    fs::write(at("packed.jsonl"), gzip(&json_lines(30))).unwrap();
    fs::write(at("packed.json"), zstd(&json_lines(30))).unwrap();
    fs::write(at("packed.csv"), gzip(csv(30).as_bytes())).unwrap();
    fs::write(at("unnamed"), gzip(&json_lines(30))).unwrap();
    let sha256 = |paths: &[&str]| {
        prepare(&config_of(folder.path(), paths, "content")).unwrap().sha256().to_owned()
    };
    let flat = sha256(&["flat"]);
    assert_eq!(sha256(&["flat/*.txt"]), flat, "a glob");
    assert_eq!(sha256(&["**/0[0-9][0-9].txt"]).len(), 64);
    assert_eq!(sha256(&["flat", "flat/001.txt"]), flat, "a file matched twice is read once");
    assert_eq!(sha256(&["packed"]), flat, "gzip and zstd");
    assert_eq!(sha256(&["all.jsonl"]), flat, "JSONL");
    assert_eq!(sha256(&["all.jsonl.gz"]), flat, "JSONL in gzip");
    assert_eq!(sha256(&["all.ndjson.zst"]), flat, "JSONL in zstd");
    for form in [
        "all.json",
        "all.json.gz",
        "all.json.zst",
        "array.json",
        "array.jsonl",
        "marked.jsonl",
        "marked.csv",
        "all.csv.gz",
        "padded.jsonl.gz",
        "packed.jsonl",
        "packed.json",
        "packed.csv",
        "unnamed",
    ] {
        assert_eq!(sha256(&[form]), flat, "{form}");
    }
}

#[test]
fn invalid_utf8_and_binary_files_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 30);
    fs::write(folder.path().join("text/latin1.txt"), b"caf\xe9 cr\xe8me\n").unwrap();
    fs::write(folder.path().join("text/image.png"), b"\x89PNG\0\0\0\0").unwrap();
    fs::write(folder.path().join("text/empty.txt"), b"").unwrap();
    fs::write(folder.path().join("text/.hidden"), b"not read").unwrap();
    let corpus = prepare(&text_config(folder.path(), TokenizerConfig::Bytes)).unwrap();
    let summary = corpus.summary().unwrap();
    assert_eq!(summary.documents, 31);
    assert_eq!(summary.invalid_utf8_sequences, 2);
    assert_eq!(summary.left_out.binary_files, 1);
    let notes = corpus.notes().join("\n");
    assert!(notes.contains("2 invalid UTF-8") && notes.contains("latin1.txt"), "{notes}");
    assert!(notes.contains("1 binary file") && notes.contains("image.png"), "{notes}");
}

#[test]
fn files_that_are_no_text_are_named_where_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("e")).unwrap();
    fs::write(at("e/a.txt"), b"M\0Z\0").unwrap();
    let told =
        |paths: &[&str]| prepare(&config_of(folder.path(), paths, "text")).unwrap_err().to_string();
    let alone = told(&["e/a.txt"]);
    assert!(alone.starts_with("too little data: 0 different documents of 0 bytes in all in "));
    assert!(alone.contains("1 binary file was not read (") && alone.contains("a.txt)"), "{alone}");
    assert!(alone.contains("\nhint: ") && alone.contains("UTF-16"), "{alone}");
    fs::write(at("e/b.txt"), b"caf\xe9\n").unwrap();
    fs::write(at("e/c.txt"), b"\0\x01\x02").unwrap();
    let many = told(&["e"]);
    assert!(
        many.contains("1 different document of 7 bytes in all in 3 files, the first of them "),
        "{many}"
    );
    assert!(many.contains("2 binary files were not read (") && many.contains("a.txt and 1 more)"));
    assert!(many.contains("1 invalid UTF-8 sequence in 1 document") && many.contains("b.txt)"));
}

#[test]
fn errors_name_the_place_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("broken.jsonl"), "{\"text\": \"fine\"}\n\n{\"text\": \n").unwrap();
    fs::write(at("other.jsonl"), "{\"body\": \"x\", \"id\": 3}\n").unwrap();
    fs::write(at("number.jsonl"), "{\"text\": 3}\n").unwrap();
    fs::write(at("array.jsonl"), "[1]\n").unwrap();
    fs::write(at("table.parquet"), "PAR1").unwrap();
    fs::write(at("torn.txt.gz"), &gzip(text(0).repeat(50).as_bytes())[..60]).unwrap();
    fs::write(at("torn.txt.zst"), &zstd(text(0).repeat(50).as_bytes())[..60]).unwrap();
    fs::write(at("table.csv"), "id,body\n1,x\n").unwrap();
    fs::write(at("one.json"), "{\n \"body\": \"x\"\n}\n").unwrap();
    fs::write(at("torn.json"), "[{\"text\": \"a\"},\n{\"text\": \"b\n").unwrap();
    fs::write(at("tail.txt.gz"), [gzip(b"text"), b"<html>".to_vec()].concat()).unwrap();
    let mut flipped = zstd(text(0).repeat(50).as_bytes());
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(at("flipped.txt.zst"), [zstd(b"sound "), flipped].concat()).unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    fs::write(at("pointer.txt"), pointer).unwrap();
    fs::create_dir_all(at("card")).unwrap();
    fs::write(at("card/README.md"), "about").unwrap();
    let cases: [(&str, &[&str]); 16] = [
        ("broken.jsonl", &["broken.jsonl:3", "not valid JSON"]),
        ("other.jsonl", &["other.jsonl:1", "no field \"text\"", "\"body\", \"id\""]),
        ("number.jsonl", &["number.jsonl:1", "not a string"]),
        ("array.jsonl", &["array.jsonl:1", "not a JSON object"]),
        ("table.parquet", &["table.parquet", "Parquet", "JSONL"]),
        ("torn.txt.gz", &["cannot read", "torn.txt.gz"]),
        ("torn.txt.zst", &["cannot read", "torn.txt.zst"]),
        (
            "flipped.txt.zst",
            &["flipped.txt.zst", "match the checksum of its zstd frame", "zstd -t"],
        ),
        ("missing/*.txt", &["missing/*.txt", "matches no file"]),
        ("a/***", &["a/***", "glob"]),
        ("table.csv", &["table.csv", "no column", "\"body\""]),
        ("one.json", &["one.json", "field \"text\"", "data.field"]),
        ("torn.json", &["torn.json:2", "ends inside"]),
        ("tail.txt.gz", &["tail.txt.gz", "garbage", "gzip -dc"]),
        ("pointer.txt", &["pointer.txt", "Git LFS", "git lfs pull"]),
        ("card", &["card", "no file of text", "data.files"]),
    ];
    for (path, parts) in cases {
        let error = prepare(&config_of(folder.path(), &[path], "text")).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{path}: {part:?} is not in: {error}");
        }
        assert!(error.contains("\nhint: "), "{error}");
    }
}
