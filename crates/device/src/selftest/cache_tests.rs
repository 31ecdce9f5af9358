use super::*;
use crate::cpu;

fn subject(driver: &str) -> CacheKey {
    let info = DeviceInfo { driver: Some(driver.into()), ..cpu::info() };
    CacheKey::new(&info, ShaderCompiler::Spirv, true).unwrap()
}

fn crashed() -> SelfTestFailure {
    SelfTestFailure::Crashed { status: "signal 11".into() }
}

fn stopped() -> SelfTestFailure {
    SelfTestFailure::Stopped { how: "signal 2".into() }
}

fn passed() -> SelfTest {
    SelfTest { precisions: vec![Precision::F32], ..SelfTest::default() }
}

#[test]
fn a_verdict_holds_for_its_subject_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = SelfTestCache::new(folder.path().join("new/self-test.json"), "today".into());
    assert_eq!(cache.lookup(&subject("1")), Ok(None));
    let both = [Precision::F32, Precision::F16];
    let refusal = Refusal { precision: Precision::F16, failure: crashed() };
    let report = SelfTest { refused: vec![refusal], ..passed() };
    let verdict = Verdict::of(&both, &Ok(report), 2.0, cache.now()).unwrap();
    cache.store(subject("1"), verdict.clone()).unwrap();
    assert_eq!(cache.lookup(&subject("1")), Ok(Some(verdict.clone())));
    assert_eq!(cache.lookup(&subject("2")), Ok(None));
    let mut other = subject("1");
    other.program.push('x');
    assert_eq!(cache.lookup(&other), Ok(None), "another build has other kernels");
    let failed = Verdict::of(&both, &Err(crashed()), 1.0, "later").unwrap();
    cache.store(subject("1"), failed.clone()).unwrap();
    cache.store(subject("2"), verdict).unwrap();
    let known = cache.lookup(&subject("1")).unwrap().unwrap();
    assert_eq!((known.report(), known.tested.as_str()), (Err(crashed()), "later"));
    assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
}

#[test]
fn the_faster_products_stand_beside_the_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("self-test.json");
    let cache = SelfTestCache::new(path.clone(), "today".into());
    // As a version that timed no products has left it.
    std::fs::write(&path, "{\"format\": 1, \"verdicts\": []}").unwrap();
    assert_eq!(cache.products(&subject("1")), Ok(None));
    cache.keep_products(subject("1"), 2.5).unwrap();
    let verdict = Verdict::of(&[Precision::F32], &Ok(passed()), 2.0, "now").unwrap();
    cache.store(subject("1"), verdict.clone()).unwrap();
    assert_eq!(cache.products(&subject("1")), Ok(Some(2.5)));
    assert_eq!(cache.products(&subject("2")), Ok(None));
    assert_eq!(cache.lookup(&subject("1")), Ok(Some(verdict)));
}

#[test]
fn what_was_stopped_is_not_known() {
    let both = [Precision::F32, Precision::F16];
    assert_eq!(Verdict::of(&both, &Err(stopped()), 1.0, "now"), None);
    let without = SelfTest { without_matrix_units: Some(stopped()), ..passed() };
    assert_eq!(Verdict::of(&both, &Ok(without), 1.0, "now"), None);
    let refusal = Refusal { precision: Precision::F16, failure: stopped() };
    let report = SelfTest { refused: vec![refusal], ..passed() };
    let verdict = Verdict::of(&both, &Ok(report), 1.0, "now").unwrap();
    assert_eq!((verdict.asked, verdict.refused), (vec![Precision::F32], Vec::new()));
}

#[test]
fn a_damaged_file_is_told_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("self-test.json");
    let cache = SelfTestCache::new(path.clone(), "today".into());
    let verdict = Verdict::of(&[Precision::F32], &Ok(passed()), 2.0, "now").unwrap();
    for text in ["", "{\"format\": 1, \"verd", "{\"format\": 9, \"verdicts\": []}"] {
        std::fs::write(&path, text).unwrap();
        assert!(cache.lookup(&subject("1")).is_err(), "{text}");
    }
    cache.store(subject("1"), verdict.clone()).unwrap();
    assert_eq!(cache.lookup(&subject("1")), Ok(Some(verdict)));
}

#[test]
fn only_so_many_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = SelfTestCache::new(folder.path().join("self-test.json"), "today".into());
    let verdict = Verdict::of(&[Precision::F32], &Ok(passed()), 2.0, "now").unwrap();
    for i in 0..KEPT + 2 {
        cache.store(subject(&i.to_string()), verdict.clone()).unwrap();
    }
    assert_eq!(cache.read().unwrap().verdicts.len(), KEPT);
    assert_eq!(cache.lookup(&subject("1")), Ok(None));
    assert!(cache.lookup(&subject("2")).unwrap().is_some());
}
