use isoflop_ledger::{Append, Contents, Ledger, Record, read};

use crate::samples::{failed, finished, passport};

fn by(passport: &str, mut record: Record) -> Record {
    record.run.passport = passport.into();
    record
}

fn contents(records: Vec<Record>) -> Contents {
    Contents { records, ..Contents::default() }
}

#[test]
fn cells_of_several_machines_are_repeats() {
    let (a, b) = (by("a", finished(0)), by("b", finished(0)));
    let folder = tempfile::tempdir().unwrap();
    let line = |record: &Record| serde_json::to_string(record).unwrap() + "\n";
    std::fs::write(folder.path().join("ledger.jsonl"), line(&a) + &line(&b)).unwrap();
    let both = read(folder.path()).unwrap();
    let repeats = both.repeats();
    assert_eq!(repeats[a.id()], [&a, &b]);
    // Figures of one record a cell are those of the first machine.
    assert_eq!(both.current()[a.id()], &a);
}

#[test]
fn a_failure_counts_only_where_no_machine_got_further() {
    let records = vec![by("a", failed(0)), by("b", finished(0)), by("c", failed(0))];
    let all = contents(records.clone());
    assert_eq!(all.repeats()[records[0].id()], [&records[1]]);
    // Tried again and again, on whichever machine: the last one.
    let records = vec![by("a", failed(0)), by("b", failed(0)), by("a", failed(0))];
    let all = contents(records.clone());
    assert_eq!(all.repeats()[records[0].id()].len(), 1);
    assert!(std::ptr::eq(all.repeats()[records[0].id()][0], &all.records[2]));
}

#[test]
fn machines_are_named_by_what_tells_them_apart() {
    let mut all = contents(Vec::new());
    let mut add = |change: fn(&mut isoflop_ledger::Passport)| {
        let mut one = passport();
        change(&mut one);
        all.records.push(by(&one.hash(), finished(all.records.len() as u64)));
        all.passports.insert(one.hash(), one);
    };
    add(|_| ());
    // Other software on the same machine is no other machine.
    add(|p| p.versions.isoflop = "99.0.0".into());
    add(|p| p.device.driver = Some("555.1".into()));
    add(|p| (p.device.driver, p.device.backend) = (Some("555.1".into()), "vulkan".into()));
    add(|p| p.device.adapter = "Other Adapter".into());
    all.records.push(finished(9));
    let machines = all.machines();
    let names: Vec<&str> = machines.iter().map(|machine| machine.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Test Adapter (flex)",
            "Test Adapter (flex, 555.1)",
            "Test Adapter (vulkan, 555.1)",
            "Other Adapter",
            "an unknown machine"
        ]
    );
    assert_eq!(machines[0].passports.len(), 2);
    assert_eq!(all.machine_names().len(), 6);
}

#[test]
fn a_result_of_another_machine_is_kept_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    let first = finished(0);
    ledger.append(first.clone()).unwrap();
    let other = by("another", first.clone());
    for _ in 0..2 {
        ledger.append_repeat(other.clone()).unwrap();
        ledger.append_repeat(first.clone()).unwrap();
    }
    assert_eq!(ledger.contents().records, [first.clone(), other.clone()]);
    // The first counts, here and for whoever reads it.
    assert_eq!(ledger.append(other).unwrap(), Append::AlreadyThere { same: true });
    drop(ledger);
    let read = read(folder.path()).unwrap();
    assert_eq!(read.current()[first.id()], &first);
    assert_eq!(read.repeats()[first.id()].len(), 2);
}
