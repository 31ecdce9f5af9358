use isoflop_ledger::{Ledger, LedgerError, read};
use isoflop_plan::Precision;

use crate::samples::passport;

#[test]
fn a_passport_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    let hash = ledger.keep_passport(passport()).unwrap();
    assert_eq!(hash.len(), 16);

    // The speed is measured anew by every process; the first figure stays.
    let mut again = passport();
    again.peaks[0].flops_per_second = 1.0;
    assert_eq!(ledger.keep_passport(again).unwrap(), hash);
    assert_eq!(ledger.passport(&hash), Some(&passport()));

    let mut other = passport();
    other.device.driver = Some("555.1".into());
    let other_hash = ledger.keep_passport(other.clone()).unwrap();
    assert_ne!(other_hash, hash);
    drop(ledger);

    let passports = read(folder.path()).unwrap().passports;
    assert_eq!(passports, [(hash, passport()), (other_hash, other)].into());
}

#[test]
fn a_speed_measured_later_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), "test").unwrap();
    let mut slow = passport();
    slow.peaks.clear();
    let hash = ledger.keep_passport(slow).unwrap();
    assert_eq!(ledger.keep_passport(passport()).unwrap(), hash);
    let kept = &read(folder.path()).unwrap().passports[&hash];
    assert_eq!(kept, &passport());
    assert_eq!(kept.peak_flops_per_second(Precision::F32), Some(1.25e11));
    assert_eq!(kept.peak_flops_per_second(Precision::Bf16), None);
}

#[test]
fn a_damaged_passport_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("passport.json"), "{\"a\":").unwrap();
    let error = read(folder.path()).unwrap_err();
    assert!(matches!(error, LedgerError::Passport { .. }));
    assert!(error.to_string().contains("passport.json"), "{error}");
}
