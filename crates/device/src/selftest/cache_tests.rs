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

/// What is known of a subject.
fn verdict_on(cache: &SelfTestCache, subject: &CacheKey) -> Option<Verdict> {
    cache.lookup(subject).unwrap().0
}

fn passed() -> SelfTest {
    SelfTest { precisions: vec![Precision::F32], ..SelfTest::default() }
}

#[test]
fn a_verdict_holds_for_its_subject_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = SelfTestCache::new(folder.path().join("new/self-test.json"), "today".into());
    assert_eq!(cache.lookup(&subject("1")), Ok((None, Timed::default())));
    let both = [Precision::F32, Precision::F16];
    let refusal = Refusal { precision: Precision::F16, failure: crashed() };
    let report = SelfTest { refused: vec![refusal], ..passed() };
    let verdict = Verdict::of(&both, &Ok(report), 2.0, cache.now()).unwrap();
    cache.store(subject("1"), verdict.clone()).unwrap();
    assert_eq!(verdict_on(&cache, &subject("1")), Some(verdict.clone()));
    assert_eq!(verdict_on(&cache, &subject("2")), None);
    let mut other = subject("1");
    other.program.push('x');
    assert_eq!(verdict_on(&cache, &other), None, "another build has other kernels");
    let failed = Verdict::of(&both, &Err(crashed()), 1.0, "later").unwrap();
    cache.store(subject("1"), failed.clone()).unwrap();
    cache.store(subject("2"), verdict).unwrap();
    let known = verdict_on(&cache, &subject("1")).unwrap();
    assert_eq!((known.report(), known.tested.as_str()), (Err(crashed()), "later"));
    assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
}

#[test]
fn what_was_timed_stands_beside_the_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let cache = SelfTestCache::new(folder.path().join("self-test.json"), "today".into());
    let (fragments, wide_fragments) = (Ok(1.5), Err("it crashed".into()));
    let failed = Trial::failed(Precision::Bf16, "it crashed");
    let trial = Trial { fragments, wide_fragments, ..failed };
    let timed = Timed { products: Some(2.5), trials: vec![trial] };
    cache.store_timed(subject("1"), timed.clone()).unwrap();
    let verdict = Verdict::of(&[Precision::F32], &Ok(passed()), 2.0, "now").unwrap();
    cache.store(subject("1"), verdict.clone()).unwrap();
    assert_eq!(cache.lookup(&subject("1")), Ok((Some(verdict), timed)));
    assert_eq!(cache.lookup(&subject("2")), Ok((None, Timed::default())));
}

#[test]
fn an_older_file_says_nothing_and_a_newer_one_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("self-test.json");
    let cache = SelfTestCache::new(path.clone(), "today".into());
    std::fs::write(&path, "{\"format\": 1, \"verdicts\": [], \"products\": []}").unwrap();
    assert_eq!(cache.lookup(&subject("1")), Ok((None, Timed::default())));
    std::fs::write(&path, "{\"format\": 99, \"verdicts\": []}").unwrap();
    assert!(cache.lookup(&subject("1")).unwrap_err().contains("format 99"));
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
    assert_eq!(verdict_on(&cache, &subject("1")), Some(verdict));
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
    assert_eq!(cache.lookup(&subject("1")), Ok((None, Timed::default())));
    assert!(verdict_on(&cache, &subject("2")).is_some());
}
