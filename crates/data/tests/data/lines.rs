//! Bad lines are skipped and counted, up to a share.

use std::fs;
use std::path::Path;

use crate::fixture::{prepare, text, text_config};
use isoflop_data::{Corpus, DataError};
use isoflop_plan::{DataConfig, DataSource, TextConfig, TokenizerConfig};

/// Eighty lines, the 42nd of them `odd`.
fn with_line(folder: &Path, odd: &str, bad_lines: f64) -> Result<Corpus, DataError> {
    let line = |n| serde_json::json!({ "id": n, "text": text(n) }).to_string();
    let lines: Vec<String> =
        (1..=80).map(|n| if n == 42 { odd.to_owned() } else { line(n) }).collect();
    fs::write(folder.join("a.jsonl"), lines.join("\n")).unwrap();
    let paths = vec![folder.join("a.jsonl").to_string_lossy().into_owned()];
    let source = DataSource::Text(TextConfig { bad_lines, ..TextConfig::new(paths) });
    prepare(&DataConfig { source, ..text_config(folder, TokenizerConfig::Bytes) })
}

#[test]
fn one_bad_line_is_skipped_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = [
        ("{\"text\": null}", "field \"text\" is null"),
        ("{\"id\": 42}", "no field \"text\""),
        ("{\"text\": \"\\ud83d\"}", "not valid JSON"),
        ("{\"text\": \"to", "not valid JSON"),
        ("{\"text\": \"to{\"text\": \"x\"}", "not valid JSON"),
        ("{\"text\": 3}", "not a string"),
        ("[\"a\"]", "not a JSON object"),
        ("42", "not a JSON object"),
        ("{\"text\": \"a\u{0}\"}", "not valid JSON"),
    ];
    for (line, problem) in bad {
        let corpus = with_line(folder.path(), line, 0.01).unwrap();
        assert_eq!(corpus.summary().unwrap().documents, 79, "{line}");
        let notes = corpus.notes().join("\n");
        assert!(notes.contains("1 of 80 lines was skipped"), "{notes}");
        assert!(notes.contains("a.jsonl:42: ") && notes.contains(problem), "{notes}");
        let error = with_line(folder.path(), line, 0.0).unwrap_err().to_string();
        assert!(error.contains("a.jsonl:42: ") && error.contains(problem), "{error}");
    }
}

#[test]
fn lines_that_only_look_bad_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let documents = |line: &str| {
        let corpus = with_line(folder.path(), line, 0.0).unwrap();
        assert!(!corpus.notes().join("").contains("skipped"), "{:?}", corpus.notes());
        corpus.summary().unwrap().documents
    };
    assert_eq!(documents("{\"score\": NaN, \"text\": \"sound\"}"), 80);
    assert_eq!(documents("{\"text\": \"a\"}{\"text\": \"b\"}"), 81);
    assert_eq!(documents("{\"text\": \"a\"}, {\"text\": \"b\"},"), 81);
    assert_eq!(documents("\u{feff}{\"text\": \"a\"}\r"), 80);
    assert_eq!(documents("  "), 79);
    assert_eq!(documents("{\"text\": \"\"}"), 80);
}

#[test]
fn separators_in_the_text_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("stories.txt");
    let stories: Vec<String> = (0..40).map(text).collect();
    fs::write(&at, stories.join("<|endoftext|>\n")).unwrap();
    let source = DataSource::Text(TextConfig::new(vec![at.to_string_lossy().into_owned()]));
    let config = DataConfig { source, ..text_config(folder.path(), TokenizerConfig::Bytes) };
    let notes = prepare(&config).unwrap().notes().join("\n");
    assert!(notes.contains("`<|endoftext|>` stands in the text 39 times"), "{notes}");
}
