//! How far a study is, and a ledger in parts read as one.

use std::fs;

use isoflop_ledger::{Ledger, shard};

use crate::support::{Bench, stderr, stdout};

fn json(bench: &Bench, args: &[&str]) -> serde_json::Value {
    let output = bench.output(args);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Deals the records of a folder out: every third stays, the others go into two shards.
fn deal_out(bench: &Bench, from: &str) {
    let contents = bench.contents(from);
    let folder = bench.path(from);
    fs::remove_file(folder.join("ledger.jsonl")).unwrap();
    for (place, name) in [None, Some("a"), Some("b")].into_iter().enumerate() {
        let mut ledger = match name {
            None => Ledger::open(&folder, "test"),
            Some(name) => Ledger::open_shard(&folder, name, "test"),
        }
        .unwrap();
        for passport in contents.passports.values() {
            ledger.keep_passport(passport.clone()).unwrap();
        }
        for record in contents.records.iter().skip(place).step_by(3) {
            ledger.append(record.clone()).unwrap();
        }
    }
}

#[test]
fn a_ledger_in_parts_is_the_study() {
    let bench = Bench::new();
    bench.finish("whole");
    let before = bench.contents("whole").deterministic_jsonl();
    let fit = stdout(&bench.output(&["fit", "whole", "--draws", "0"]));
    deal_out(&bench, "whole");
    assert_eq!(bench.contents("whole").deterministic_jsonl(), before);
    assert_eq!(stdout(&bench.output(&["fit", "whole", "--draws", "0"])), fit);
    let again = bench.finish("whole");
    assert!(stderr(&again).contains("all 6 cells are in whole"), "{}", stderr(&again));

    let checked = bench.output(&["check", "whole"]);
    let told = stdout(&checked);
    assert!(checked.status.success(), "{told}");
    assert!(
        told.contains("shards/a/ledger.jsonl") && told.contains("shards/b/passport.json"),
        "{told}"
    );

    // A digit of a part changes: refused by name, mended, trained again.
    let path = shard(&bench.path("whole"), "b").join("ledger.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let loss = "\"valid\":{\"loss_nats\":";
    fs::write(&path, text.replacen(loss, &format!("{loss}1"), 1)).unwrap();
    let refused = bench.output(&["fit", "whole"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("shards/b"),
        "{}",
        stderr(&refused)
    );
    let damaged = stdout(&bench.output(&["check", "whole"]));
    assert!(damaged.contains("DAMAGED") && damaged.contains("shards/b/ledger.jsonl"), "{damaged}");
    assert!(bench.output(&["check", "whole", "--mend"]).status.success());
    let status = json(&bench, &["status", "whole", "--json"]);
    assert_eq!(status["cells"]["open"], 1, "{status}");
    bench.finish("whole");
    assert_eq!(bench.contents("whole").deterministic_jsonl(), before);
}

#[test]
fn a_study_tells_how_far_it_is() {
    let bench = Bench::new();
    let running = bench.start("results");
    let status = json(&bench, &["status", "results", "--json"]);
    assert_eq!((&status["schema"], &status["cells"]["all"]), (&1.into(), &6.into()), "{status}");
    let writer = &status["writers"][0];
    assert_eq!(writer["pid"], running.child.id(), "{status}");
    assert_eq!((&writer["lost"], &status["go_on"]), (&false.into(), &serde_json::Value::Null));
    drop(running);

    // Killed: it is told as lost, with what goes on.
    let status = stdout(&bench.output(&["status", "results"]));
    assert!(status.contains("LOST") && status.contains("goes on"), "{status}");
    let mut running = bench.start("results");
    let mut watch = bench
        .command(&["status", "results", "--watch"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert!(running.child.wait().unwrap().success());
    assert!(watch.wait().unwrap().success());
    let mut seen = String::new();
    std::io::Read::read_to_string(&mut watch.stdout.take().unwrap(), &mut seen).unwrap();
    assert!(seen.contains("tiny: 6 of 6 cells done\n  100% of the training FLOPs\n"), "{seen}");
    let status = json(&bench, &["status", "results", "--json"]);
    assert_eq!(
        (&status["cells"]["finished"], &status["writers"]),
        (&6.into(), &serde_json::json!([]))
    );
    assert_eq!(status["flops_done"], status["flops_all"]);
}
