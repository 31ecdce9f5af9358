use isoflop_durable::sha256_hex;
use isoflop_fit::score::Question;
use isoflop_fit::{Estimate, Interval};

use super::*;

fn registration() -> Registration {
    let interval = Some(Interval { lo: 1.5, hi: 1.7, level: 0.95 });
    let loss = Estimate { point: 1.6, standard_error: Some(0.05), interval };
    let claim = Claim {
        question: Question::Budget { flops: 8e11 },
        loss_nats: loss,
        new_run_nats: loss,
        params: None,
        tokens: None,
    };
    let law = Law { title: "a law".into(), choice: None, fit: Value::Null, forecast: Value::Null };
    let rows = vec![
        Observation::new("one", 1e5, 1e6, 6e11, 2.0),
        Observation::new("two", 2e5, 1e6, 1.2e12, 1.9),
        Observation::new("three", 4e5, 5e5, 1.2e12, 1.95),
    ];
    let (budgets, runs) = used(&Table::new(rows).unwrap());
    assert_eq!(budgets.iter().map(|b| b.runs).collect::<Vec<_>>(), [1, 2]);
    let source = Source {
        kind: SourceKind::Csv,
        path: "runs.csv".into(),
        sha256: sha256_hex(b"runs"),
        study: None,
        convention: "as-given".into(),
        up_to_flops: Some(4e11),
        budgets,
        runs,
    };
    Registration::new(vec![claim], law, source)
}

#[test]
fn a_registration_is_read_as_it_was_written_and_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let written = registration();
    let sha256 = written.write(&path).unwrap();
    assert_eq!(Registration::read(&path).unwrap(), (written.clone(), Seal::Whole { sha256 }));
    let error = written.write(&path).unwrap_err();
    assert!(error.is_misuse() && error.to_string().contains("hint: "), "{error}");
}

#[test]
fn edits_are_told_and_layout_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    registration().write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let seal = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Registration::read(&path).map(|(_, seal)| seal)
    };
    // Every number and every text, of however deep a level.
    let edits = [
        ("\"hi\": 1.7", "\"hi\": 1.8"),
        ("800000000000.0", "900000000000.0"),
        ("a law", "another law"),
        ("\"up_to_flops\": 400000000000.0", "\"up_to_flops\": null"),
        ("\"registered_utc\": \"2", "\"registered_utc\": \"1"),
        ("\"loss_nats\": 1.95", "\"loss_nats\": 1.96"),
    ];
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in {text}");
        let edited = seal(&text.replacen(from, to, 1)).unwrap();
        assert!(matches!(edited, Seal::Broken { .. }), "{from}: {edited:?}");
    }
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(matches!(seal(&value.to_string()).unwrap(), Seal::Whole { .. }));
    // A key given twice would show a reader the first and the program the last.
    let twice = text.replacen("\"hi\": 1.7", "\"hi\": 1.9,\"hi\": 1.7", 1);
    assert!(matches!(seal(&twice), Err(StudyError::Unreadable { .. })));
    for (wrong, hint) in [("{", "`sweep predict --register`"), ("{\"format\": 2}", "version")] {
        let error = seal(wrong).unwrap_err().to_string();
        assert!(error.contains("hint: ") && error.contains(hint), "{error}");
    }
}

#[test]
fn runs_that_a_forecast_rests_on_are_known_again() {
    let made = registration();
    let row = |name: &str, loss| Observation::new(name, 1e5, 1e6, 6e11, loss);
    assert!(made.rests_on(&row("renamed", 2.0), SourceKind::Csv));
    // Names of tables are no cells.
    assert!(!made.rests_on(&row("one", 2.1), SourceKind::Csv));
    let mut cells = made;
    cells.source.kind = SourceKind::Folder;
    assert!(cells.rests_on(&row("one", 2.1), SourceKind::Folder));
    assert!(!cells.rests_on(&row("four", 2.1), SourceKind::Folder));
}
