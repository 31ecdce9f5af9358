//! Lines and objects of JSON and rows of CSV.

use super::check_refused;

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let sound = "{\"text\": \"one\"}\n";
    let line = |line: &str| format!("{sound}{line}\n{sound}").into_bytes();
    let utf_16: Vec<u8> = sound.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = "x".repeat(3 << 20);
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    check_refused(vec![
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
    ]);
}
