//! The corpus of a target as a test. Names say what is expected: `good-*` is read, `bad-*` is refused, and `found-*`, which a
//! fuzzer came upon, ends in either way. None may panic or take long.

use std::path::Path;
use std::time::{Duration, Instant};

/// As the fuzzer has it.
const LONGEST: Duration = Duration::from_secs(5);

/// Reads every file of `fuzz/corpus/<target>`.
pub fn walk(target: &str, read: impl Fn(&[u8]) -> Result<(), String>) {
    // Tests run in the folder of their crate.
    let folder = Path::new("../../fuzz/corpus").join(target);
    let (mut good, mut bad) = (0, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let begin = Instant::now();
        let read = read(&bytes);
        assert!(begin.elapsed() < LONGEST, "{target}/{name} took {:?}", begin.elapsed());
        match name.split('-').next() {
            Some("good") => assert_eq!(read, Ok(()), "{target}/{name}"),
            Some("bad") => assert!(read.is_err_and(|e| !e.is_empty()), "{target}/{name} is read"),
            Some("found") => {}
            _ => panic!("{target}/{name}: names begin with good-, bad- or found-"),
        }
        good += usize::from(name.starts_with("good-"));
        bad += usize::from(name.starts_with("bad-"));
    }
    assert!(good >= 3 && bad >= 3, "{target}: {good} good files and {bad} bad ones");
}
