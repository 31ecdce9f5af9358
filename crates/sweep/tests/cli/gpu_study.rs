//! The script that makes a GPU's reference study, with programs in place of `sweep` and Python that do nothing.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/gpu_study.sh");

/// Says what the script reads: the adapter, and that there is a plan.
const SWEEP: &str = r#"#!/bin/sh
case "$1" in
    devices) printf 'vulkan:0   An adapter, discrete GPU\n\ngpu picks vulkan:0: it is the only one\n' ;;
    *) echo '{}' ;;
esac
"#;

/// A study by programs of these texts, and its output and folder.
fn study(folder: &Path, sweep: &str, python: &str, more: &[&str]) -> (Output, PathBuf) {
    let program = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let out = folder.join("out");
    let output = Command::new("bash")
        .args([SCRIPT, "--tiny", "--minutes", "1", "--out"])
        .arg(&out)
        .arg("--sweep")
        .arg(program("sweep", sweep))
        .arg("--python")
        .arg(program("python", python))
        .args(more)
        .output()
        .unwrap();
    (output, out)
}

#[test]
fn every_part_is_done_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (output, out) = study(folder.path(), SWEEP, "#!/bin/sh\n", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let readme = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(readme.starts_with("# An adapter\n"), "{readme}");
    let parts =
        ["system", "selftest", "small-plan", "small", "small-report", "plan", "study", "report"];
    for part in parts {
        assert!(readme.contains(&format!("| {part} | done |")), "{part}: {readme}");
    }
    for part in ["bench", "compare", "operations"] {
        assert_eq!(readme.matches(&format!("| {part}-L")).count(), 2, "{part}: {readme}");
    }
    let null = fs::metadata("/dev/null").unwrap();
    assert!(null.file_type().is_char_device(), "what has no use goes there, and it stays");
}

#[test]
fn a_part_that_fails_keeps_none_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let failing = SWEEP.replace("    *)", "    bench) echo lost >&2; exit 3 ;;\n    *)");
    let (output, out) = study(folder.path(), &failing, "#!/bin/sh\nexit 1\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    let readme = fs::read_to_string(out.join("README.md")).unwrap();
    let part = "operations-L2d32h1V256x2x16";
    assert!(
        readme.contains(&format!("| {part} | failed (code 3), see log/{part}.log |")),
        "{readme}"
    );
    assert!(readme.contains("| study | done |"), "{readme}");
    assert!(!readme.contains("compare-"), "without PyTorch Isoflop alone is measured: {readme}");
    assert_eq!(fs::read_to_string(out.join(format!("log/{part}.log"))).unwrap(), "lost\n");
}

#[test]
fn parts_can_be_made_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let of = |parts| study(folder.path(), SWEEP, "#!/bin/sh\nexit 1\n", &["--parts", parts]);
    let (output, out) = of("study");
    assert!(output.status.success());
    let readme = || fs::read_to_string(out.join("README.md")).unwrap();
    assert!(readme().contains("| study | done |") && !readme().contains("selftest"));
    assert!(of("details,checks").0.status.success());
    let all = readme();
    let place = |part: &str| all.find(part).unwrap();
    assert!(
        place("| selftest |") < place("| operations-L")
            && place("| operations-L") < place("| study |")
    );
    for (wrong, why) in [("checks", "has the part checks already"), ("shape", "no part shape")] {
        let output = of(wrong).0;
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why) && said.contains("hint: "), "{said}");
    }
}
