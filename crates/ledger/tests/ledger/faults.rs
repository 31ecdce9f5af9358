//! Lines and passports that no version wrote: each is refused with its place and what is wrong.

use std::path::Path;

use isoflop_ledger::{Contents, read_bytes};
use serde_json::{Value, json};

use crate::samples::{failed, finished, passport};

fn read(ledger: &[u8], passports: Option<&[u8]>) -> Result<Contents, String> {
    read_bytes(Path::new("here"), ledger, passports).map_err(|error| error.to_string())
}

/// A record in which one value is another; `null` where it takes the value away.
fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut record = serde_json::to_value(finished(0)).unwrap();
    *record.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    format!("{record}\n").into_bytes()
}

/// A record without a key.
fn without(parent: &str, key: &str) -> Vec<u8> {
    let mut record = serde_json::to_value(finished(0)).unwrap();
    let object = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    object.remove(key).unwrap_or_else(|| panic!("{parent}/{key}"));
    format!("{record}\n").into_bytes()
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

#[test]
fn lines_that_are_no_records_are_refused() {
    let good = serde_json::to_string(&finished(0)).unwrap();
    let deep = "[".repeat(100_000);
    let twice = good.replacen('{', "{\"result\":null,", 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("an empty line", line(""), "not a record"),
        ("blanks", line("   "), "not a record"),
        ("null", line("null"), "not a record"),
        ("a number", line("1"), "not a record"),
        ("a text", line("\"record\""), "not a record"),
        ("an array", line("[]"), "not a record"),
        ("an empty object", line("{}"), "not a record"),
        ("an array of records", line(&format!("[{good}]")), "not a record"),
        ("two records", line(&format!("{good}{good}")), "not a record"),
        ("two records and a comma", line(&format!("{good},{good}")), "not a record"),
        ("a comment", line("// a run"), "not a record"),
        ("a header", line("run,params,tokens,loss"), "not a record"),
        ("half a record", line(&good[..good.len() / 2]), "not a record"),
        ("the other half", line(&good[good.len() / 2..]), "not a record"),
        ("zeros", b"\0\0\0\0\0\0\0\0\n".to_vec(), "not a record"),
        ("zeros before a record", line(&format!("\0\0{good}")), "not a record"),
        ("a byte order mark", line(&format!("\u{feff}{good}")), "not a record"),
        (
            "UTF-16",
            good.encode_utf16().flat_map(u16::to_le_bytes).chain(*b"\n").collect(),
            "not a record",
        ),
        ("bytes that are no text", b"{\"schema\":1,\"\xff\xfe\":0}\n".to_vec(), "not a record"),
        ("a lone surrogate", line(r#"{"schema":1,"a":"\ud800"}"#), "not a record"),
        ("NaN", line(r#"{"schema":NaN}"#), "not a record"),
        ("brackets", line(&deep), "not a record"),
        ("a conflict of git's", line("<<<<<<< HEAD"), "not a record"),
        ("a key twice", line(&twice), "not a record"),
        ("no schema", without("", "schema"), "not a record"),
        ("no result", without("", "result"), "not a record"),
        ("no cell", without("/result", "cell"), "not a record"),
        ("no status", without("/result", "status"), "not a record"),
        ("no id", without("/result/cell", "id"), "not a record"),
        ("no width", without("/result/cell/shape", "width"), "not a record"),
        ("a schema of tomorrow", with("/schema", json!(99)), "99"),
        ("a schema of none", with("/schema", json!(0)), "0"),
        ("a schema in words", with("/schema", json!("1")), "not a record"),
        ("a schema below zero", with("/schema", json!(-1)), "not a record"),
        ("a result that is a list", with("/result", json!([1])), "not a record"),
        ("a status of no kind", with("/result/status", json!("perhaps")), "not a record"),
        ("a width in words", with("/result/cell/shape/width", json!("64")), "not a record"),
        ("a width below zero", with("/result/cell/shape/width", json!(-64)), "not a record"),
        ("a width with a point", with("/result/cell/shape/width", json!(64.5)), "not a record"),
        (
            "a width of none",
            with("/result/cell/shape/width", json!(0)),
            "the settings that its id names",
        ),
        (
            "a huge width",
            with("/result/cell/shape/width", json!(u64::MAX)),
            "the settings that its id names",
        ),
        (
            "another depth",
            with("/result/cell/shape/depth", json!(3)),
            "the settings that its id names",
        ),
        ("no heads", with("/result/cell/shape/heads", json!(0)), "the settings that its id names"),
        ("no steps", with("/result/cell/steps", json!(0)), "the settings that its id names"),
        (
            "all steps there are",
            with("/result/cell/steps", json!(u64::MAX)),
            "the settings that its id names",
        ),
        ("another seed", with("/result/cell/seed", json!(7)), "the settings that its id names"),
        (
            "another id",
            with("/result/cell/id", json!("0000000000000000")),
            "the settings that its id names",
        ),
        (
            "an id like a path",
            with("/result/cell/id", json!("../../etc/passwd")),
            "the settings that its id names",
        ),
        (
            "other data",
            with("/result/data_sha256", json!("beef")),
            "the settings that its id names",
        ),
        (
            "another rate",
            with("/result/cell/hyper/learning_rate", json!(0.5)),
            "the settings that its id names",
        ),
        (
            "a rate that is none",
            with("/result/cell/hyper/learning_rate", Value::Null),
            "not a record",
        ),
        ("fewer tokens", with("/result/tokens", json!(1)), "the tokens of cell"),
        ("finished without a loss", with("/result/valid", Value::Null), "without a held-out loss"),
        (
            "finished at NaN",
            with("/result/valid/loss_nats", json!("NaN")),
            "without a held-out loss",
        ),
        (
            "finished at infinity",
            with("/result/valid/loss_nats", json!("inf")),
            "without a held-out loss",
        ),
        ("a loss in words", with("/result/valid/loss_nats", json!("two")), "not a record"),
        ("a curve backwards", with("/result/curve/1/step", json!(1)), "steps that it cannot have"),
        (
            "a curve beyond the end",
            with("/result/curve/3/step", json!(101)),
            "steps that it cannot have",
        ),
        (
            "tokens beside the steps",
            with("/result/curve/0/tokens", json!(1)),
            "steps that it cannot have",
        ),
        (
            "held-out losses beyond the end",
            with("/result/valid_curve/0/step", json!(101)),
            "steps that it cannot have",
        ),
    ];
    let second = serde_json::to_string(&failed(1)).unwrap();
    for (name, bytes, part) in cases {
        // The line has its number, whatever stands before it and after it.
        let all = [line(&second), bytes, line(&second)].concat();
        let told = read(&all, None).expect_err(name);
        assert!(told.contains(part), "{name}: {told}");
        assert!(told.contains("ledger.jsonl") && told.contains('2'), "{name}: {told}");
        assert!(told.contains("\nhint: ") && told.len() < 2000, "{name}: {told}");
    }
}

#[test]
fn passports_that_are_none_are_refused() {
    let hash = passport().hash();
    let value = || serde_json::to_value(passport()).unwrap();
    let file = |key: &str, value: Value| json!({ key: value }).to_string().into_bytes();
    let with = |pointer: &str, new: Value| {
        let mut value = value();
        *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = new;
        file(&hash, value)
    };
    let without = |key: &str| {
        let mut value = value();
        value.as_object_mut().unwrap().remove(key).unwrap();
        file(&hash, value)
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("blanks", b"  \n".to_vec(), "not a list of passports"),
        ("null", b"null".to_vec(), "not a list of passports"),
        ("an array", b"[]".to_vec(), "not a list of passports"),
        ("half a file", file(&hash, value())[..100].to_vec(), "not a list of passports"),
        ("zeros", vec![0; 64], "not a list of passports"),
        (
            "two files",
            [file(&hash, value()), file(&hash, value())].concat(),
            "not a list of passports",
        ),
        ("another name", file("0000000000000000", value()), "the content that its name stands for"),
        ("no name", file("", value()), "the content that its name stands for"),
        ("an empty passport", file(&hash, json!({})), "not a list of passports"),
        ("a passport that is null", file(&hash, Value::Null), "not a list of passports"),
        ("no device", without("device"), "not a list of passports"),
        ("no versions", without("versions"), "not a list of passports"),
        (
            "another adapter",
            with("/device/adapter", json!("H100")),
            "the content that its name stands for",
        ),
        (
            "an adapter that is a number",
            with("/device/adapter", json!(100)),
            "not a list of passports",
        ),
        (
            "another version",
            with("/versions/isoflop", json!("9.9.9")),
            "the content that its name stands for",
        ),
        ("numerics below zero", with("/versions/numerics", json!(-1)), "not a list of passports"),
        ("peaks in words", with("/peaks", json!("fast")), "not a list of passports"),
        ("a key of nobody's", with("/device", json!({ "name": "gpu" })), "not a list of passports"),
        ("brackets", "[".repeat(100_000).into_bytes(), "not a list of passports"),
        (
            "a checksum of another file",
            format!("{{\"{hash}\":{},\"checksum\":\"{}\"}}", value(), "0".repeat(64)).into_bytes(),
            "does not match its checksum",
        ),
    ];
    for (name, bytes, part) in cases {
        let told = read(b"", Some(&bytes)).expect_err(name);
        assert!(told.contains(part), "{name}: {told}");
        assert!(told.contains("passport.json") && told.contains("\nhint: "), "{name}: {told}");
        assert!(told.len() < 2000, "{name}: {told}");
    }
}
