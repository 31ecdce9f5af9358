//! Files of text that are broken or hostile: each is refused with its name and place, or read as it is meant.

mod records;

use std::path::Path;
use std::time::{Duration, Instant};

use isoflop_data::source::read_bytes;
use isoflop_plan::TextConfig;

use crate::packed::{gzip, zstd};

/// The documents of a file, or what is said of it.
fn read(name: &str, bytes: &[u8], config: &TextConfig) -> Result<Vec<String>, String> {
    let (mut out, began) = (Vec::new(), Instant::now());
    let done = read_bytes(Path::new(name), bytes, 256 << 20, config, &mut |raw| {
        out.push(String::from_utf8_lossy(&raw.bytes).into_owned());
        Ok(())
    });
    assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
    done.map(|_| out).map_err(|error| error.to_string())
}

fn config() -> TextConfig {
    TextConfig { max_line_bytes: 1 << 20, ..TextConfig::new(Vec::new()) }
}

fn flipped(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = bytes.len() - 1 - from_end;
    bytes[at] ^= 0x10;
    bytes
}

/// A zstd frame of one raw block, behind a descriptor and its window or size.
fn frame(head: &[u8], block: u32, body: &[u8]) -> Vec<u8> {
    let magic = 0xfd2f_b528_u32.to_le_bytes();
    [&magic[..], head, &block.to_le_bytes()[..3], body].concat()
}

/// Each is refused with its name, a hint and these words.
fn check_refused(cases: Vec<(&str, Vec<u8>, &str)>) {
    assert!(cases.len() >= 20, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, bytes, part) in cases {
        match read(name, &bytes, &config()) {
            Err(told)
                if told.contains(name)
                    && told.contains("\nhint: ")
                    && told.contains(part)
                    && told.len() < 2500 => {}
            Err(told) => wrong.push(format!("{name}: told {told:.600}")),
            Ok(texts) => wrong.push(format!("{name}: read, {} documents", texts.len())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn packed_files_that_are_broken_are_refused() {
    check_refused(vec![
        ("no.txt.gz", b"text".to_vec(), "no gzip file"),
        ("page.jsonl.gz", b"<html>404</html>".to_vec(), "no gzip file"),
        ("torn.txt.gz", gzip(b"some text, some more")[..20].to_vec(), "cannot read torn.txt.gz"),
        ("head.txt.gz", gzip(b"text")[..5].to_vec(), "cannot read head.txt.gz"),
        ("crc.txt.gz", flipped(gzip(b"some text"), 7), "cannot read crc.txt.gz"),
        ("length.txt.gz", flipped(gzip(b"some text"), 0), "cannot read length.txt.gz"),
        (
            "second.txt.gz",
            [gzip(b"some text"), flipped(gzip(b"other text"), 7)].concat(),
            "cannot read second.txt.gz",
        ),
        ("garbage.txt.gz", [gzip(b"text"), b"<html>".to_vec()].concat(), "garbage follows"),
        ("body.txt.gz", flipped(gzip(&b"some text".repeat(20)), 12), "cannot read body.txt.gz"),
        (
            "bomb.jsonl.gz",
            gzip(format!("{{\"text\": \"{}\"}}\n", "a".repeat(64 << 20)).as_bytes()),
            "bomb.jsonl.gz:1: longer than 1,048,576 bytes",
        ),
        ("bomb.txt.gz", gzip(&vec![b'a'; 300 << 20]), "unpacks to more bytes than are read"),
        ("no.txt.zst", b"text".to_vec(), "cannot read no.txt.zst"),
        (
            "torn.txt.zst",
            zstd(b"some text, some more")[..12].to_vec(),
            "it ends inside of a zstd frame",
        ),
        (
            "sum.txt.zst",
            flipped(zstd(b"some text"), 0),
            "does not match the checksum of its zstd frame",
        ),
        (
            "second.txt.zst",
            [zstd(b"some text"), flipped(zstd(b"other text"), 1)].concat(),
            "does not match the checksum",
        ),
        (
            "garbage.txt.zst",
            [zstd(b"text"), b"<html>".to_vec()].concat(),
            "cannot read garbage.txt.zst",
        ),
        (
            "size.txt.zst",
            frame(&[0x20, 9], 1 | 5 << 3, b"hello"),
            "not as long as its zstd frame says",
        ),
        (
            "block.txt.zst",
            frame(&[0x20, 5], 1 | 3 << 1 | 5 << 3, b"hello"),
            "cannot read block.txt.zst",
        ),
        (
            "window.txt.zst",
            frame(&[0x00, 31 << 3], 1 | 5 << 3, b"hello"),
            "cannot read window.txt.zst",
        ),
        (
            "dictionary.txt.zst",
            frame(&[0x21, 7, 5], 1 | 5 << 3, b"hello"),
            "cannot read dictionary.txt.zst",
        ),
        (
            "skip.txt.zst",
            [&0x184d_2a50_u32.to_le_bytes()[..], &9_u32.to_le_bytes(), b"???"].concat(),
            "it ends inside of a skippable zstd frame",
        ),
        (
            "literals.txt.zst",
            frame(&[0x20, 5], 1 | 2 << 1 | 5 << 3, b"\xff\xff\xff\xff\xff"),
            "cannot read literals.txt.zst",
        ),
    ]);
}

#[test]
fn what_is_odd_and_sound_is_read() {
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a.jsonl", b"".to_vec(), &[]),
        ("a.jsonl", b"\n \n\r\n".to_vec(), &[]),
        ("a.jsonl", b"\xef\xbb\xbf{\"text\": \"a\"}".to_vec(), &["a"]),
        ("a.jsonl", b"{\"text\": \"a\"}\r\n{\"text\": \"b\"}\r\n".to_vec(), &["a", "b"]),
        ("a.jsonl", b"{\"text\": \"a\"}{\"text\": \"b\"}\n".to_vec(), &["a", "b"]),
        ("a.jsonl", b"{\"id\": 1, \"id\": 2, \"text\": \"a\"}".to_vec(), &["a"]),
        ("a.jsonl", b"{\"n\": NaN, \"text\": \"a\", \"m\": -Infinity}".to_vec(), &["a"]),
        ("a.jsonl", b"{\"text\": \"\\ud83e\\udd80\\u0000\"}".to_vec(), &["\u{1f980}\0"]),
        ("a.jsonl", b"{\"\\u0074ext\": \"a\"}".to_vec(), &["a"]),
        ("a.jsonl", b"{\"text\": \"\"}".to_vec(), &[""]),
        ("a.json", b"{\"text\": \"a\"} {\"text\": \"b\"}".to_vec(), &["a", "b"]),
        ("a.json", b"[{\"text\": \"a\"},,{\"text\": \"b\"},]".to_vec(), &["a", "b"]),
        ("a.csv", b"text\r\na\r\n\"b\r\n\"\"c\"\"\"\r\n".to_vec(), &["a", "b\r\n\"c\""]),
        ("a.csv", b"text;id\na,b;1\n".to_vec(), &["a,b"]),
        ("a.csv", b"text\n".to_vec(), &[]),
        ("a.tsv", b"id\ttext\n1\ta \"b\"\n".to_vec(), &["a \"b\""]),
        ("a.txt", b"\0\0".to_vec(), &[]),
        ("a.txt", b"caf\xe9".to_vec(), &["caf\u{fffd}"]),
        ("a.txt.gz", b"".to_vec(), &[]),
        ("a.txt.gz", [gzip(b"a"), vec![0; 512], gzip(b"b")].concat(), &["ab"]),
        ("a.txt.gz", gzip(b""), &[]),
        ("a.txt.zst", b"".to_vec(), &[]),
        ("a.txt.zst", [zstd(b"a"), zstd(b""), zstd(b"b")].concat(), &["ab"]),
        ("a.txt.zst", frame(&[0x20, 5], 1 | 5 << 3, b"hello"), &["hello"]),
        ("a.txt", gzip(b"packed all the same"), &["packed all the same"]),
    ];
    for (name, bytes, texts) in cases {
        let read = read(name, &bytes, &config());
        assert_eq!(
            read.as_deref(),
            Ok(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..]),
            "{name} {bytes:?}"
        );
    }
}

#[test]
fn the_limit_of_a_line_is_its_users() {
    let line = format!("{{\"text\": \"{}\"}}\n", "x".repeat(1 << 20));
    let limit = |max_line_bytes| TextConfig { max_line_bytes, ..config() };
    let of = line.len() as u64;
    assert_eq!(read("a.jsonl", line.as_bytes(), &limit(of)).unwrap().len(), 1);
    let told = read("a.jsonl", line.as_bytes(), &limit(of - 1)).unwrap_err();
    assert!(told.contains(&format!("data.max_line_bytes = {}", 4 * (of - 1))), "{told}");
}

#[test]
fn names_of_files_colour_no_terminal() {
    let told = read("a\u{1b}[31m\n.jsonl", b"{\"text\": 1}\n", &config()).unwrap_err();
    assert!(told.starts_with("a\\u001b[31m\\n.jsonl:1: field"), "{told:?}");
    let long = format!("{}.jsonl", "d/".repeat(2000));
    let told = read(&long, b"{\"text\": 1}\n", &config()).unwrap_err();
    assert!(
        told.len() < 700 && told.contains("d.jsonl:1: ") | told.contains("/.jsonl:1: "),
        "{told}"
    );
}
