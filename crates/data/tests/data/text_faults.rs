//! Files of text that are broken or hostile: each is refused with its name and place, or read as it is meant.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use isoflop_data::source::read_bytes;
use isoflop_plan::TextConfig;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

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

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let sound = "{\"text\": \"one\"}\n";
    let line = |line: &str| format!("{sound}{line}\n{sound}").into_bytes();
    let utf_16: Vec<u8> = sound.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = "x".repeat(3 << 20);
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("torn.jsonl", line("{\"text\": \"tw"), "torn.jsonl:2: not valid JSON"),
        ("bare.jsonl", line("two"), "bare.jsonl:2: not valid JSON"),
        ("single.jsonl", line("{'text': 'two'}"), "single.jsonl:2: not valid JSON"),
        ("unquoted.jsonl", line("{text: \"two\"}"), "unquoted.jsonl:2: not valid JSON"),
        ("comment.jsonl", line("// two"), "comment.jsonl:2: not valid JSON"),
        ("comma.jsonl", line("{\"text\": \"two\",}"), "comma.jsonl:2: not valid JSON"),
        ("colon.jsonl", line("{\"text\" \"two\"}"), "colon.jsonl:2: not valid JSON"),
        ("tail.jsonl", line("{\"text\": \"two\"} tail"), "tail.jsonl:2: not valid JSON"),
        ("python.jsonl", line("{\"text\": None}"), "python.jsonl:2: not valid JSON"),
        ("surrogate.jsonl", line("{\"text\": \"\\ud800\"}"), "surrogate.jsonl:2: not valid JSON"),
        (
            "surrogates.jsonl",
            line("{\"text\": \"\\ud800\\ud800\"}"),
            "surrogates.jsonl:2: not valid JSON",
        ),
        ("escape.jsonl", line("{\"text\": \"\\x41\"}"), "escape.jsonl:2: not valid JSON"),
        ("control.jsonl", line("{\"text\": \"a\u{1}\"}"), "control.jsonl:2: not valid JSON"),
        ("nul.jsonl", line("\0\0\0\0"), "nul.jsonl:2: not valid JSON"),
        ("large.jsonl", line("{\"text\": \"a\", \"n\": 1e999}"), "large.jsonl:2: not valid JSON"),
        (
            "latin1.jsonl",
            [sound.as_bytes(), b"{\"text\": \"caf\xe9\"}\n"].concat(),
            "latin1.jsonl:2: not valid JSON",
        ),
        (
            "overlong.jsonl",
            [sound.as_bytes(), b"{\"text\": \"\xc0\xaf\"}\n"].concat(),
            "overlong.jsonl:2: not valid JSON",
        ),
        ("utf16.jsonl", [b"\xff\xfe", &utf_16[..]].concat(), "utf16.jsonl:1: not valid JSON"),
        ("utf16-bare.jsonl", utf_16.clone(), "utf16-bare.jsonl:1: not valid JSON"),
        ("number.jsonl", line("{\"text\": 2}"), "number.jsonl:2: field \"text\" is not a string"),
        ("null.jsonl", line("{\"text\": null}"), "null.jsonl:2: field \"text\" is null"),
        (
            "list.jsonl",
            line("{\"text\": [\"two\"]}"),
            "list.jsonl:2: field \"text\" is not a string",
        ),
        (
            "object.jsonl",
            line("{\"text\": {\"text\": \"two\"}}"),
            "object.jsonl:2: field \"text\" is not a string",
        ),
        ("bool.jsonl", line("{\"text\": true}"), "bool.jsonl:2: field \"text\" is not a string"),
        ("none.jsonl", line("{\"body\": \"two\"}"), "none.jsonl:2: no field \"text\""),
        ("empty-object.jsonl", line("{}"), "empty-object.jsonl:2: no field \"text\""),
        ("case.jsonl", line("{\"Text\": \"two\"}"), "\"Text\""),
        ("array.jsonl", line("[\"two\"]"), "array.jsonl:2: not a JSON object"),
        ("string.jsonl", line("\"two\""), "string.jsonl:2: not a JSON object"),
        ("digit.jsonl", line("7"), "digit.jsonl:2: not a JSON object"),
        (
            "twice.jsonl",
            line("{\"text\": \"two\", \"text\": \"three\"}"),
            "twice.jsonl:2: field \"text\" stands there twice",
        ),
        ("twice-alike.jsonl", line("{\"text\": \"two\", \"text\": \"two\"}"), "stands there twice"),
        (
            "escaped-twice.jsonl",
            line("{\"text\": \"two\", \"\\u0074ext\": \"three\"}"),
            "stands there twice",
        ),
        (
            "deep.jsonl",
            line(&format!("{{\"text\": {}}}", deep("[", "]"))),
            "deep.jsonl:2: not valid JSON: recursion limit",
        ),
        (
            "deep-beside.jsonl",
            line(&format!("{{\"text\": \"a\", \"b\": {}}}", deep("{\"a\":", "}"))),
            "recursion limit",
        ),
        ("open.jsonl", line(&"{".repeat(100_000)), "open.jsonl:2: not valid JSON"),
        ("closed.jsonl", line(&"}".repeat(100_000)), "closed.jsonl:2: not valid JSON"),
        (
            "long.jsonl",
            line(&format!("{{\"text\": \"{long}\"}}")),
            "long.jsonl:2: longer than 1,048,576 bytes (`data.max_line_bytes`)",
        ),
        ("long-bare.jsonl", line(&long), "long-bare.jsonl:2: longer than 1,048,576 bytes"),
        ("names.jsonl", line(&format!("{{\"{}\": 1}}", "n".repeat(900_000))), "no field \"text\""),
        (
            "many-names.jsonl",
            line(&format!(
                "{{{}}}",
                (0..50_000).map(|k| format!("\"n{k}\": 1")).collect::<Vec<_>>().join(",")
            )),
            "no field \"text\"",
        ),
        (
            "torn.json",
            b"[{\"text\": \"a\"},\n{\"text\": \"b".to_vec(),
            "torn.json:2: the file ends inside",
        ),
        (
            "torn-pretty.json",
            b"[\n{\n\"text\": \"a\"\n},\n{\n".to_vec(),
            "torn-pretty.json:5: the file ends inside",
        ),
        ("quote.json", b"[{\"text\": \"a},\n{\"text\": \"b\"}]".to_vec(), ""),
        ("numbers.json", b"[1, 2]".to_vec(), "JSON without a field \"text\""),
        ("scalar.json", b"3".to_vec(), "JSON without a field \"text\""),
        ("other.json", b"[{\"body\": \"a\"}]".to_vec(), "JSON without a field \"text\""),
        ("mixed.json", b"[{\"text\": \"a\"}, 7]".to_vec(), "mixed.json:1: not a JSON object"),
        ("inner.json", b"[{\"text\": \"a\"}, {\"text\": [}]}]".to_vec(), "inner.json:1"),
        (
            "long.json",
            format!("[{{\"text\": \"a\"}},\n{{\"text\": \"{long}\"}}]").into_bytes(),
            "long.json:2: longer than 1,048,576 bytes",
        ),
        (
            "deep.json",
            format!("[{{\"text\": \"a\"}}, {{\"b\": {}}}]", deep("[", "]")).into_bytes(),
            "recursion limit",
        ),
        ("none.csv", b"id,body\n1,a\n".to_vec(), "a table with no column \"text\""),
        ("blank.csv", b"id, ,\n1,a,\n".to_vec(), "a table with no column \"text\""),
        (
            "twice.csv",
            b"text,id,text\na,1,b\n".to_vec(),
            "twice.csv:1: columns 1 and 3 are both named \"text\"",
        ),
        (
            "open.csv",
            b"id,text\n1,a\n2,\"b\n3,c\n".to_vec(),
            "open.csv:3: the file ends inside of quotes",
        ),
        ("few.csv", b"id,text\n1\n".to_vec(), "few.csv:2: 1 fields, where the header has 2"),
        ("many.csv", b"id,text\n1,a,b\n".to_vec(), "many.csv:2: 3 fields, where the header has 2"),
        (
            "commas.csv",
            format!("id,text\n{}\n", ",".repeat(1_000_000)).into_bytes(),
            "commas.csv:2: 1000001 fields",
        ),
        (
            "wide.csv",
            format!("text{}\n", ",a".repeat(70_000)).into_bytes(),
            "a header of 70,001 columns",
        ),
        (
            "long.csv",
            format!("id,text\n1,a\n2,{long}\n").into_bytes(),
            "long.csv:3: a row of more than 1,048,576 bytes (`data.max_line_bytes`)",
        ),
        (
            "long-quoted.csv",
            format!("id,text\n1,\"{}\"\n", "a\n".repeat(1 << 20)).into_bytes(),
            "long-quoted.csv:2: a row of more than",
        ),
        (
            "long-header.csv",
            format!("text,{long}\n1,a\n").into_bytes(),
            "long-header.csv:1: a row of more than",
        ),
        (
            "utf16.csv",
            "\u{feff}id,text\n1,a\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "a table with no column \"text\"",
        ),
        ("spaces.tsv", b"id   text\n1   a\n".to_vec(), "a table with no column \"text\""),
        ("table.parquet", b"PAR1\0\0".to_vec(), "Parquet"),
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
    ];
    assert!(cases.len() >= 85, "{}", cases.len());
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
