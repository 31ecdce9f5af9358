//! Tables that are broken or hostile: each is refused with what is wrong and where, or read as it is meant.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use isoflop_tables::{Form, TableOptions, read_bytes};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// How many rows a table has, or all that is said of it, one cause after the other.
fn read(bytes: &[u8], form: Form) -> Result<usize, String> {
    let began = Instant::now();
    let read = read_bytes(bytes, form, &TableOptions::default());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    read.map(|read| read.table.rows().len()).map_err(|error| {
        let causes = std::iter::successors(Some(&error as &dyn Error), |&cause| cause.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })
}

const ROW: &str = "a,1e8,2e9,1.2e18,3.1\n";

fn csv(rows: &str) -> Vec<u8> {
    format!("run,params,tokens,flops,loss\n{ROW}{rows}").into_bytes()
}

const OBJECT: &str =
    "{\"run\": \"a\", \"params\": 1e8, \"tokens\": 2e9, \"flops\": 1.2e18, \"loss\": 3.1}";

fn lines(second: &str) -> Vec<u8> {
    format!("{OBJECT}\n{second}\n{OBJECT}\n").into_bytes()
}

fn flipped(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = bytes.len() - 1 - from_end;
    bytes[at] ^= 0x10;
    bytes
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let long = "x".repeat(17 << 20);
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let whole = format!("[{}{OBJECT}]", format!("{OBJECT},\n").repeat(950_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", b"".to_vec(), ""),
        ("blanks", b" \n\n".to_vec(), ""),
        ("a header alone", b"run,params,tokens,loss\n".to_vec(), ""),
        ("no header", b"1,2,3\n4,5,6\n".to_vec(), "there is no column"),
        ("words", b"Dear reader,\nthis is a letter.\n".to_vec(), ""),
        ("a page", b"<html><body>404</body></html>\n".to_vec(), ""),
        ("comments alone", b"# a\n# b\n".to_vec(), "it has no header"),
        ("few cells", csv("b,2e8\n"), "line 3 has 2 cells, and the header has 5"),
        ("many cells", csv("b,2e8,4e9,4.8e18,2.9,7\n"), "line 3 has 6 cells"),
        (
            "an open quote",
            csv("\"b,2e8,4e9,4.8e18,2.9\nc,2e8,4e9,4.8e18,2.9\n"),
            "line 3 has 1 cells",
        ),
        ("a separator of nothing", b"sep=\nrun,params\n".to_vec(), "names no separator"),
        ("a separator of a letter", b"sep=x\nrun,params\n".to_vec(), "names no separator"),
        ("no loss", b"params,tokens\n1e8,2e9\n".to_vec(), "there is no column `loss`"),
        ("no params", b"tokens,loss\n2e9,3.1\n".to_vec(), "params"),
        (
            "two of a name",
            b"params,params,tokens,loss\n1e8,2e8,2e9,3.1\n".to_vec(),
            "columns 1 and 2 are both named `params`",
        ),
        (
            "not UTF-8",
            [&csv("")[..], b"m\xfcller,2e8,4e9,4.8e18,2.9\n"].concat(),
            "it is not UTF-8 text (byte 52)",
        ),
        ("NULs", vec![0; 4000], ""),
        ("torn UTF-16", [b"\xff\xfe", &utf_16("run,loss\n")[..15]].concat(), "begins as UTF-16"),
        (
            "half a pair in UTF-16",
            [b"\xff\xfe", &utf_16("run,loss\n")[..], b"\x00\xd8"].concat(),
            "begins as UTF-16",
        ),
        ("UTF-16 without a mark", utf_16("run,params,tokens,loss\na,1e8,2e9,3\n"), ""),
        ("a long line", csv(&format!("{long}\n")), "line 3 is longer than 16 MiB"),
        ("a long header", format!("{long}\n1\n").into_bytes(), "line 1 is longer than 16 MiB"),
        (
            "many columns",
            format!("params,tokens,loss{}\n", ",c".repeat(70_000)).into_bytes(),
            "more than 65,536 columns",
        ),
        ("commas alone", ",".repeat(1_000_000).into_bytes(), "more than 65,536 columns"),
        ("quotes alone", "\"".repeat(1_000_001).into_bytes(), ""),
        ("Parquet", b"PAR1\x15\0".to_vec(), "Parquet"),
        ("Excel", b"PK\x03\x04\x14".to_vec(), "Excel"),
        ("old Excel", b"\xd0\xcf\x11\xe0\xa1".to_vec(), "old Excel"),
        ("Arrow", b"ARROW1\0\0".to_vec(), "Arrow"),
        ("torn gzip", gzip(&csv(""))[..30].to_vec(), "not whole gzip"),
        ("gzip of another checksum", flipped(gzip(&csv("")), 7), "not whole gzip"),
        ("gzip of another length", flipped(gzip(&csv("")), 0), "not whole gzip"),
        ("gzip and garbage", [gzip(&csv("")), b"<html>".to_vec()].concat(), "garbage follows"),
        ("gzip of no line", gzip(&vec![b'a'; 400 << 20]), "line 1 is longer than 16 MiB"),
        (
            "gzip of one line of JSON",
            gzip(&[b"[", &vec![b' '; 400 << 20][..]].concat()),
            "line 1 is longer than 64 MiB",
        ),
        ("gzip of nothing", gzip(b""), ""),
        ("torn zstd", zstd(&csv(""))[..30].to_vec(), "not whole zstd"),
        ("zstd of another checksum", flipped(zstd(&csv("")), 0), "the checksum of its zstd frame"),
        ("a skippable frame that is torn", b"\x50\x2a\x4d\x18\xff\0\0\0??".to_vec(), "skippable"),
        ("JSON that is torn", OBJECT.as_bytes()[..40].to_vec(), "it is not JSON"),
        ("a line that is torn", lines("{\"run\": \"b\", \"par"), "line 2 is not a JSON object"),
        ("a line of a number", lines("7"), "line 2 is not a JSON object"),
        ("a line of a list", lines("[1, 2]"), "line 2 is not a JSON object"),
        ("a line of words", lines("done"), "line 2 is not a JSON object"),
        ("a line in single quotes", lines("{'run': 'b'}"), "line 2 is not a JSON object"),
        (
            "a key twice",
            lines(
                "{\"run\": \"b\", \"params\": 1e8, \"params\": 2e8, \"tokens\": 4e9, \"loss\": 3}",
            ),
            "line 2 has the key `params` twice",
        ),
        (
            "a key twice in the first line",
            format!("{}\n{OBJECT}\n", OBJECT.replace("\"flops\"", "\"params\"")).into_bytes(),
            "line 1 has the key `params` twice",
        ),
        (
            "a key twice in a list",
            format!("[{OBJECT}, {}]", OBJECT.replace("\"flops\"", "\"tokens\"")).into_bytes(),
            "has the key `tokens` twice",
        ),
        (
            "a key twice within",
            lines("{\"config\": {\"lr\": 1, \"lr\": 2}}"),
            "line 2 has the key `lr` twice",
        ),
        (
            "a long key twice",
            lines(&format!("{{\"{0}\": 1, \"{0}\": 2}}", "k".repeat(1 << 20))),
            "line 2 has the key `kkk",
        ),
        ("an escape in a key", lines("{\"\\u001b[31m\": 1, \"\\u001b[31m\": 2}"), "twice"),
        (
            "a long name",
            lines(&format!("{{\"{}\": 1}}", "k".repeat(5000))),
            "the name of a column has 5000 characters",
        ),
        (
            "a long name of names",
            lines(&format!("{}1{}", "{\"abcdefghijklmnop\":".repeat(100), "}".repeat(100))),
            "the name of a column has",
        ),
        ("lists within lists", format!("[{}]", deep("[", "]")).into_bytes(), "it is not JSON"),
        ("objects within objects", deep("{\"a\":", "}").into_bytes(), ""),
        ("deep in a line", lines(&deep("{\"a\":", "}")), "line 2 is not a JSON object"),
        ("open brackets", "[".repeat(1_000_000).into_bytes(), "it is not JSON"),
        ("open braces", "{".repeat(1_000_000).into_bytes(), "it is not JSON"),
        ("a list of numbers", b"[1, 2, 3]".to_vec(), "entry 1 is not a JSON object"),
        (
            "a list and a number",
            format!("[{OBJECT}, 3]").into_bytes(),
            "entry 2 is not a JSON object",
        ),
        (
            "columns of other lengths",
            b"{\"params\": [1e8, 2e8], \"tokens\": [2e9], \"loss\": [3, 2]}".to_vec(),
            "column `tokens` has 1 entries, and `loss` has 2",
        ),
        (
            "split by another length",
            b"{\"columns\": [\"params\", \"loss\"], \"data\": [[1]]}".to_vec(),
            "`data` has rows of another length",
        ),
        ("a number too large", lines("{\"params\": 1e999}"), "line 2 is not a JSON object"),
        ("JSON in UTF-16 without a mark", utf_16(OBJECT), ""),
        ("JSON in one long piece", whole.into_bytes(), "MiB of JSON in one piece"),
        (
            "many keys",
            format!(
                "{{{}}}",
                (0..70_000).map(|k| format!("\"k{k}\": 1")).collect::<Vec<_>>().join(",")
            )
            .into_bytes(),
            "more than 65,536 columns",
        ),
        (
            "C in another unit",
            csv("b,2e8,4e9,4.8e9,2.9\n").replace_all(b"1.2e18", b"1.2e9"),
            "C / 6ND",
        ),
        ("N in another unit", csv("b,200,4e9,4.8e18,2.9\n").replace_all(b",1e8,", b",100,"), ""),
    ];
    assert!(cases.len() >= 65, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, bytes, part) in cases {
        match read(&bytes, Form::Any) {
            Err(told) if told.contains("hint: ") && told.contains(part) && told.len() < 2500 => {}
            Err(told) => wrong.push(format!("{name}: told {told:.600}")),
            Ok(rows) => wrong.push(format!("{name}: read, {rows} rows")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_odd_and_sound_is_read() {
    let more = "b,2e8,4e9,4.8e18,2.9\n";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a mark", [b"\xef\xbb\xbf", &csv(more)[..]].concat()),
        ("blank lines", csv(&format!("\n{more}\n\n"))),
        // Time grows as they do, and no faster.
        ("a million blank lines above", [&b"\n".repeat(1_000_000)[..], &csv(more)].concat()),
        ("a million blank lines behind", csv(&"\n".repeat(1_000_000))),
        ("comments above", [b"# runs\n", &csv(more)[..]].concat()),
        ("ends of lines of Windows", csv(more).replace_all(b"\n", b"\r\n")),
        ("an end of line in quotes", csv("\"b\nb\",2e8,4e9,4.8e18,2.9\n")),
        ("gzip in two members", [gzip(&csv("")), gzip(more.as_bytes())].concat()),
        ("zstd in two frames", [zstd(&csv("")), zstd(more.as_bytes())].concat()),
        (
            "one line of JSON",
            format!("[{OBJECT}, {}]", OBJECT.replace("\"a\"", "\"b\"").replace("3.1", "3.2"))
                .into_bytes(),
        ),
        (
            "a key of the same name elsewhere",
            lines(
                "{\"run\": \"b\", \"params\": 2e8, \"tokens\": 4e9, \"flops\": 4.8e18, \"loss\": 2.9, \"config\": {\"params\": 3}}",
            ),
        ),
        (
            "bare NaN",
            lines(
                "{\"run\": \"b\", \"params\": 2e8, \"tokens\": 4e9, \"flops\": 4.8e18, \"loss\": 2.9, \"x\": NaN}",
            ),
        ),
        // Such a row is named and left out.
        ("a word for a number", csv("b,many,4e9,4.8e18,2.9\n")),
        ("a date for a number", csv("b,2026-01-01,4e9,4.8e18,2.9\n")),
        ("a long word for a number", csv(&format!("b,{},4e9,4.8e18,2.9\n", "y".repeat(1 << 20)))),
        ("an escape in a cell", csv("b,\u{1b}[31m,4e9,4.8e18,2.9\n")),
        (
            "a long quoted cell",
            csv(&format!("\"{}\n\",2e8,4e9,4.8e18,2.9\n", "line\n".repeat(100))),
        ),
        ("one row", csv("")),
    ];
    for (name, bytes) in cases {
        let read = read(&bytes, Form::Any);
        assert!(read.as_ref().is_ok_and(|rows| *rows >= 1), "{name}: {read:?}");
    }
}

/// Every occurrence of one sequence of bytes by another.
trait ReplaceAll {
    fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl ReplaceAll for Vec<u8> {
    fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        text(self).replace(&text(from), &text(to)).into_bytes()
    }
}
