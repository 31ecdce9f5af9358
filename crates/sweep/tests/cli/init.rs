//! From a folder of text to a report.

use isoflop_plan::{Config, DataSource, Design};

use crate::support::{Bench, stderr, stdout};

/// So many bytes of sentences, the same every time.
fn write_books(bench: &Bench, bytes: usize) {
    const NAMES: [&str; 8] = [
        "the miller",
        "a fox",
        "her brother",
        "the old king",
        "nobody",
        "a ship",
        "winter",
        "the clerk",
    ];
    const VERBS: [&str; 8] = [
        "found",
        "lost",
        "was told of",
        "carried",
        "never saw",
        "bought",
        "spoke of",
        "waited for",
    ];
    const ENDS: [&str; 6] =
        ["at night", "in the town", "once more", "by the sea", "for a year", "alone"];
    let mut state = 1u64;
    let mut next = |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    std::fs::create_dir(bench.path("books")).unwrap();
    for file in 0..8 {
        let mut text = String::new();
        while text.len() < bytes / 8 {
            let (who, verb, what) = (NAMES[next(8)], VERBS[next(8)], NAMES[next(8)]);
            text += &format!("{who} {verb} {what} {}, {}.\n", ENDS[next(6)], 100 + next(900));
        }
        std::fs::write(bench.path(&format!("books/{file}.txt")), text).unwrap();
    }
}

#[test]
fn from_a_folder_of_text_to_a_report() {
    let bench = Bench::new();
    write_books(&bench, 3_000_000);
    let output = bench.output(&["init", "--text", "books/", "--hours", "0.003", "--device", "cpu"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stdout(&output);
    for part in ["books.toml: ", "2e10, 4e10", "the smallest whose curves", "sweep books.toml"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(!bench.path("runs/books").exists(), "nothing is trained yet");

    let config = Config::load(bench.path("books.toml")).unwrap();
    let DataSource::Text(text) = &config.data.source else { panic!("no text: {:?}", config.data) };
    assert_eq!(
        (text.paths.as_slice(), config.study.name.as_str()),
        (&["books/".to_owned()][..], "books")
    );
    let Design::Budgets { budgets, .. } = &config.grid.design else { panic!("no budgets") };
    assert_eq!(budgets.len(), 5);

    // The first of its slices, which is trained in seconds.
    let first = ["books.toml", "--set", "grid.budgets=[2e10]", "--set", "grid.seeds=[0]"];
    let short = ["--set", "grid.widths=[8, 12, 16, 20, 24, 32, 40]", "--set", "fit.bootstrap=50"];
    let output = bench.output(&[&first[..], &short].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(bench.path("runs/books/report.html").is_file());
    assert_eq!(bench.contents("runs/books").records.len(), 7);
    let output = bench.output(&["extend", "runs/books", "--dry-run", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["slices"], &json["open"]), (&1.into(), &serde_json::json!([])), "{json}");

    // The next one is not to be confused with it.
    let output = bench.output(&["init", "other.toml", "--name", "books", "--text", "books/"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: give the new one another"), "{}", stderr(&output));
    assert!(!bench.path("other.toml").exists());
}

#[test]
fn a_file_that_is_there_is_left_as_it_is() {
    let bench = Bench::new();
    let before = std::fs::read(bench.path("tiny.toml")).unwrap();
    let output = bench.output(&["init", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("tiny.toml is there already"), "{}", stderr(&output));
    assert_eq!(std::fs::read(bench.path("tiny.toml")).unwrap(), before);
}

#[test]
fn what_no_study_can_be_made_of_is_refused_and_leaves_no_file() {
    let bench = Bench::new();
    write_books(&bench, 200_000);
    for (args, told) in [
        (&["init", "--text", "novels/"][..], "novels"),
        (&["init", "--text", "books/", "--device", "cpu"], "hint: add text: "),
        (&["init", "--hours", "0"], "--hours 0 is not between"),
        (&["init", "--hours", "nan"], "--hours NaN is not between"),
        (&["init", "--name", "my books"], "hint: try `--name my-books`"),
        (&["init", "--device", "no such adapter"], "hint: "),
    ] {
        let output = bench.output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(told), "{args:?}: {}", stderr(&output));
    }
    let made = ["books.toml", "novels.toml", "study.toml"].map(|name| bench.path(name).exists());
    assert_eq!(made, [false; 3]);
}
