//! Files of tokenizers that are broken or hostile: each is refused by name, or read as it is meant; none takes long.

mod ids;
mod steps;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{prepare, text_config, write_text};
use isoflop_plan::TokenizerConfig;

/// A byte-level BPE of the bytes alone, as the library writes it.
fn base() -> Value {
    let mut vocab = serde_json::Map::new();
    vocab.insert("<|endoftext|>".into(), json!(0));
    // The printable stand-ins of the bytes, in the library's order.
    let plain = (b'!'..=b'~').chain(0xa1..=0xac).chain(0xae..=0xff).map(u32::from);
    let chars = plain.chain(256..256 + 68).map(|c| char::from_u32(c).unwrap());
    for (k, c) in chars.enumerate() {
        vocab.insert(c.to_string(), json!(k + 1));
    }
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [added(0, "<|endoftext|>")],
        "normalizer": null,
        "pre_tokenizer": byte_level(),
        "post_processor": null,
        "decoder": null,
        "model": { "type": "BPE", "vocab": vocab, "merges": [] },
    })
}

fn added(id: u64, content: &str) -> Value {
    json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true })
}

fn byte_level() -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true })
}

fn replace(pattern: Value, content: &str) -> Value {
    json!({ "type": "Replace", "pattern": pattern, "content": content })
}

/// The base with a value put in place of another.
fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut file = base();
    *file.pointer_mut(pointer).unwrap() = value;
    file.to_string().into_bytes()
}

fn with_model(model: Value) -> Vec<u8> {
    with("/model", model)
}

/// Ids by a rule, over the base's tokens.
fn with_ids(id: impl Fn(u64) -> Value) -> Vec<u8> {
    let mut file = base();
    let vocab = file.pointer_mut("/model/vocab").unwrap().as_object_mut().unwrap();
    vocab.values_mut().for_each(|old| *old = id(old.as_u64().unwrap()));
    file.to_string().into_bytes()
}

fn read(folder: &Path, file: &[u8]) -> Result<usize, String> {
    let path = folder.join("odd.json");
    fs::write(&path, file).unwrap();
    let began = Instant::now();
    let read = prepare(&text_config(folder, TokenizerConfig::File { path }));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    read.map(|corpus| corpus.vocab()).map_err(|error| error.to_string())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_text(folder.path(), 20);
    let odd = "é日本\u{1f980} \u{0}\u{7f}\u{fdfa}  \n\n\ta<|endoftext|>\u{202e}".repeat(100);
    fs::write(folder.path().join("text/odd.txt"), format!("begin {odd}")).unwrap();
    let one = "aaaaaaaaaa".repeat(1600);
    fs::write(folder.path().join("text/one.txt"), one).unwrap();
    folder
}

/// Each is refused by the name of its file, with a hint and these words; without words, it may be read as well.
fn check_refused(cases: Vec<(&str, Vec<u8>, &str)>) {
    let folder = folder();
    assert!(cases.len() >= 30, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, file, part) in cases {
        match read(folder.path(), &file) {
            Err(told)
                if told.contains("odd.json")
                    && told.contains("\nhint: ")
                    && told.contains(part)
                    && told.len() < 2000 => {}
            Err(told) => wrong.push(format!("{name}: told {told:.600}")),
            Ok(_) if part.is_empty() => {}
            Ok(vocab) => wrong.push(format!("{name}: read, {vocab} tokens")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_odd_and_sound_is_read() {
    let folder = folder();
    let sequence =
        |of: Value, count: usize| json!({ "type": "Sequence", "normalizers": vec![of; count] });
    let regex = |text: &str, content: &str| replace(json!({ "Regex": text }), content);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a mark of an editor", [&b"\xef\xbb\xbf"[..], base().to_string().as_bytes()].concat()),
        ("an expression that backtracks", with("/normalizer", regex("(a+)+$", "b"))),
        (
            "an expression that looks back and backtracks",
            with("/normalizer", regex("(a|aa)+(?!a)c", "b")),
        ),
        ("an expression that matches nothing", with("/normalizer", regex("x*", ""))),
        ("a boundary", with("/normalizer", regex("\\b", ""))),
        (
            "an expression that splits and backtracks",
            with(
                "/pre_tokenizer",
                json!({ "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": "(?:(a+)+b|(?=x))" }, "behavior": "Isolated", "invert": true }, byte_level()] }),
            ),
        ),
        ("steps of nothing", with("/normalizer", sequence(json!({ "type": "NFC" }), 0))),
        ("many steps", with("/normalizer", sequence(json!({ "type": "NFKC" }), 30))),
        ("ids with holes", with_ids(|id| json!(2 * id))),
        ("the separator is elsewhere", with("/added_tokens/0/id", json!(99))),
        (
            "a token twice",
            with("/added_tokens", json!([added(0, "<|endoftext|>"), added(0, "<|endoftext|>")])),
        ),
        ("an unknown key", with("/padding", json!(null))),
    ];
    for (name, file) in cases {
        let read = read(folder.path(), &file);
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}
