//! Every input of `tests/cases`, with what its `case.toml` expects. `scripts/cases.py` runs the same list.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

/// As many at once: most of them wait for one thread.
const AT_ONCE: usize = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    about: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    make: Vec<Make>,
    run: Vec<Vec<String>>,
    code: Vec<i32>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
    #[serde(default)]
    within: Vec<Within>,
    seconds: Option<u64>,
    before: Option<String>,
    known: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Make {
    Link { link: PathBuf, to: PathBuf },
    Text { file: PathBuf, text: String },
    Letters { file: PathBuf, letters: String, count: usize, seed: u64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    at: String,
    least: f64,
    most: f64,
}

#[test]
fn every_case_is_answered_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut jobs = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            let text = fs::read_to_string(entry.path().join("case.toml")).unwrap();
            let kind: Kind =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{:?}: {error}", entry.path()));
            assert!(!kind.about.is_empty() && !kind.case.is_empty(), "{:?}", entry.path());
            jobs.extend(kind.case.into_iter().map(|case| (entry.path(), case)));
        }
    }
    assert!(jobs.len() > 100, "{} cases", jobs.len());
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((folder, case)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = wrong(folder, case);
                    if !wrong.is_empty() {
                        let kind = folder.file_name().unwrap().to_string_lossy();
                        failed.lock().unwrap().push(format!("{kind}/{}: {wrong}", case.name));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), jobs.len(), failed.join("\n"));
}

/// What is not as expected of a case, with what was said; empty where all is.
fn wrong(folder: &Path, case: &Case) -> String {
    assert!(case.before.as_ref().is_none_or(|before| !before.is_empty()), "{}", case.name);
    let scratch = tempfile::tempdir().unwrap();
    let work = scratch.path().join("work");
    copy(folder, &work);
    for what in &case.make {
        make(&work, what);
    }
    let began = Instant::now();
    let (mut said, mut last, mut codes) = (String::new(), String::new(), Vec::new());
    for command in &case.run {
        if command[0].starts_with('@') {
            change(&work, command);
            continue;
        }
        let output = Command::new(env!("CARGO_BIN_EXE_sweep"))
            .args(command)
            .current_dir(&work)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        last = String::from_utf8_lossy(&output.stdout).into_owned();
        said += &last;
        said += &String::from_utf8_lossy(&output.stderr);
        codes.push(output.status.code().unwrap_or(-1));
    }
    let wrong = judged(case, &codes, &said, &last, began.elapsed());
    match &case.known {
        None if wrong.is_empty() => String::new(),
        None => format!("{}\n{said}", wrong.join("; ")),
        Some(_) if wrong.is_empty() => "as expected, and marked as known to fail".into(),
        Some(_) => String::new(),
    }
}

fn judged(case: &Case, codes: &[i32], said: &str, last: &str, took: Duration) -> Vec<String> {
    let mut wrong = Vec::new();
    if codes != case.code {
        wrong.push(format!("exit codes {codes:?}, expected {:?}", case.code));
    }
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = flat(said);
    let missing = case.says.iter().filter(|text| !all.contains(&flat(text)));
    wrong.extend(missing.map(|text| format!("not said: {text}")));
    let unwanted = case.never.iter().filter(|text| all.contains(&flat(text)));
    wrong.extend(unwanted.map(|text| format!("said: {text}")));
    if case.seconds.is_some_and(|most| took > Duration::from_secs(most)) {
        wrong.push(format!("{took:?}"));
    }
    let json: Value = serde_json::from_str(last).unwrap_or_default();
    for Within { at, least, most } in &case.within {
        let value = json.pointer(at).and_then(Value::as_f64);
        if !value.is_some_and(|value| (*least..=*most).contains(&value)) {
            wrong.push(format!("{at} is {value:?}, expected {least} to {most}"));
        }
    }
    wrong
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_name() != "case.toml" {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A link, a small file, or a long one of random letters.
fn make(work: &Path, what: &Make) {
    let path = |path: &Path| {
        let path = work.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    match what {
        Make::Link { link, to } => std::os::unix::fs::symlink(to, path(link)).unwrap(),
        Make::Text { file, text } => fs::write(path(file), text).unwrap(),
        Make::Letters { file, letters, count, seed } => {
            let letters: Vec<char> = letters.chars().collect();
            let mut state = *seed;
            let mut text = String::new();
            for _ in 0..*count {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push(letters[(state >> 33) as usize % letters.len()]);
            }
            fs::write(path(file), text).unwrap();
        }
    }
}

/// What happens to the files between two calls.
fn change(work: &Path, command: &[String]) {
    let path = |k: usize| work.join(&command[k]);
    match &command[0][..] {
        "@copy" => drop(fs::copy(path(1), path(2)).unwrap()),
        "@append" => {
            let mut file = fs::OpenOptions::new().append(true).open(path(2)).unwrap();
            file.write_all(&fs::read(path(1)).unwrap()).unwrap();
        }
        "@move" => fs::rename(path(1), path(2)).unwrap(),
        "@remove" => fs::remove_file(path(1)).unwrap(),
        other => panic!("{other} is none of @copy, @append, @move, @remove"),
    }
}
