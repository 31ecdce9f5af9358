//! `sweep check`: damage is found, told and mended, and the study goes on to the same results.

use std::fs;
use std::path::PathBuf;

use crate::support::{Bench, stderr, stdout};

fn file(bench: &Bench, name: &str) -> PathBuf {
    bench.path("whole").join(name)
}

fn change(bench: &Bench, name: &str, from: &str, to: &str) {
    let path = file(bench, name);
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed, "{name} has no {from}");
    fs::write(path, changed).unwrap();
}

#[test]
fn what_is_damaged_is_told_and_mended() {
    let bench = Bench::new();
    bench.finish("whole");
    let before = bench.contents("whole").deterministic_jsonl();
    let sound = bench.output(&["check", "whole"]);
    assert!(sound.status.success(), "{}", stderr(&sound));
    assert!(stdout(&sound).contains("whole is sound"), "{}", stdout(&sound));

    let loss = "\"valid\":{\"loss_nats\":";
    change(&bench, "ledger.jsonl", loss, &format!("{loss}1"));
    change(&bench, "passport.json", "\"flops_per_second\": ", "\"flops_per_second\": 1");
    let damaged = bench.output(&["check", "whole"]);
    assert_eq!(damaged.status.code(), Some(1));
    let told = stdout(&damaged);
    assert_eq!(told.matches("DAMAGED").count(), 2, "{told}");
    assert!(
        told.contains("line 1") && told.contains("--mend") && told.contains("2 faults"),
        "{told}"
    );
    // Nothing else reads them either.
    for command in [
        &["report", "whole"][..],
        &["fit", "whole"],
        &["--config", "tiny.toml", "--results", "whole"],
    ] {
        let refused = bench.output(command);
        assert!(!refused.status.success(), "{command:?}");
        assert!(stderr(&refused).contains("sweep check"), "{}", stderr(&refused));
    }

    let mended = bench.output(&["check", "whole", "--mend"]);
    assert!(mended.status.success(), "{}{}", stdout(&mended), stderr(&mended));
    assert!(stderr(&mended).contains("1 line of the ledger moved to"), "{}", stderr(&mended));
    bench.finish("whole");
    assert_eq!(bench.contents("whole").deterministic_jsonl(), before);
}

#[test]
fn what_older_versions_wrote_gets_checksums() {
    let bench = Bench::new();
    bench.finish("whole");
    for name in ["ledger.jsonl", "passport.json", "config.resolved.toml", "data.json"] {
        let path = file(&bench, name);
        let text = fs::read_to_string(&path).unwrap();
        let bare: Vec<String> = match name {
            "config.resolved.toml" => {
                text.lines().filter(|l| !l.starts_with("# checksum")).map(str::to_owned).collect()
            }
            "ledger.jsonl" => text
                .lines()
                .map(|l| format!("{}}}", &l[..l.rfind(",\"checksum\"").unwrap()]))
                .collect(),
            _ => vec![format!("{}\n}}", &text[..text.rfind(",\n  \"checksum\"").unwrap()])],
        };
        fs::write(&path, bare.join("\n") + "\n").unwrap();
    }
    let told = bench.output(&["check", "whole"]);
    assert!(told.status.success());
    assert_eq!(stdout(&told).matches("readable").count(), 4, "{}", stdout(&told));
    let noted = bench.output(&["runs", "whole"]);
    assert!(stderr(&noted).contains("have no checksum"), "{}", stderr(&noted));
    let mended = bench.output(&["check", "whole", "--mend"]);
    assert_eq!(stdout(&mended).matches("readable").count(), 0, "{}", stdout(&mended));
    assert!(!stderr(&bench.output(&["runs", "whole"])).contains("checksum"));
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let bench = Bench::new();
    fs::create_dir(bench.path("other")).unwrap();
    let refused = bench.output(&["check", "other"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("hint: "), "{}", stderr(&refused));
}
