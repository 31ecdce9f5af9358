//! What is known of self-tests that were made before: a start need not wait for one whose verdict stands.
//!
//! A verdict holds for one adapter, driver, program, shader compiler and choice of kernels; any other is tested. It is
//! written when a test has come to its end, so that one that took the process along leaves none. A failure is kept too,
//! unless the test was stopped or the device was not to be had.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::{Refusal, SelfTest, SelfTestFailure};
use crate::info::{Card, DeviceInfo, GraphicsApi, ShaderCompiler};

/// Raised where the file gets another layout.
const FORMAT: u32 = 1;

/// Verdicts that are kept, the latest ones.
const KEPT: usize = 64;

/// A file that verdicts are kept in.
#[derive(Debug, Clone)]
pub struct SelfTestCache {
    path: PathBuf,
    now: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheKey {
    adapter: String,
    api: Option<GraphicsApi>,
    card: Option<Card>,
    driver: Option<String>,
    driver_info: Option<String>,
    shader: ShaderCompiler,
    kernels: bool,
    program: String,
}

/// What came of the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    pub tested: String,
    pub seconds: f64,
    pub asked: Vec<Precision>,
    pub passed: Vec<Precision>,
    pub refused: Vec<Refusal>,
    pub without_matrix_units: Option<SelfTestFailure>,
    /// Why the device is not used at all.
    pub failed: Option<SelfTestFailure>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    subject: CacheKey,
    verdict: Verdict,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    verdicts: Vec<Entry>,
}

impl SelfTestCache {
    /// Keeps verdicts in this file. `now` is the date that new ones bear.
    pub fn new(path: PathBuf, now: String) -> Self {
        Self { path, now }
    }

    /// The file in the user's cache folder: `$XDG_CACHE_HOME`, `%LOCALAPPDATA%` or `~/.cache`; `None` where there is none.
    pub fn of_user(now: String) -> Option<Self> {
        let folder = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let home = || Some(folder("HOME")?.join(".cache"));
        let local = || if cfg!(windows) { folder("LOCALAPPDATA") } else { None };
        let cache = folder("XDG_CACHE_HOME").or_else(local).or_else(home)?;
        Some(Self::new(cache.join("isoflop").join("self-test.json"), now))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The verdict on a subject.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn lookup(&self, subject: &CacheKey) -> Result<Option<Verdict>, String> {
        let entries = self.read()?;
        Ok(entries.into_iter().find(|e| e.subject == *subject).map(|e| e.verdict))
    }

    /// Keeps a verdict in place of an earlier one.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub(crate) fn store(&self, subject: CacheKey, verdict: Verdict) -> Result<(), String> {
        // What is damaged was told when it was read.
        let mut verdicts = self.read().unwrap_or_default();
        verdicts.retain(|entry| entry.subject != subject);
        verdicts.push(Entry { subject, verdict });
        let surplus = verdicts.len().saturating_sub(KEPT);
        verdicts.drain(..surplus);
        self.write(&File { format: FORMAT, verdicts }).map_err(|e| e.to_string())
    }

    /// What is unfinished today bears today's date.
    pub(crate) fn now(&self) -> &str {
        &self.now
    }

    fn read(&self) -> Result<Vec<Entry>, String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let file: File = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        match file.format {
            FORMAT => Ok(file.verdicts),
            other => Err(format!("it has format {other}, not {FORMAT}")),
        }
    }

    fn write(&self, file: &File) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let json = serde_json::to_string_pretty(file).map_err(std::io::Error::other)?;
        let aside = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let written =
            std::fs::write(&aside, json + "\n").and_then(|()| std::fs::rename(&aside, &self.path));
        if written.is_err() {
            // The first error says more than that of the clearing up.
            let _ = std::fs::remove_file(&aside);
        }
        written
    }
}

impl CacheKey {
    /// An adapter as this program would compute on it.
    ///
    /// # Errors
    /// Why this build of the program cannot be told from others.
    pub(crate) fn new(
        info: &DeviceInfo,
        shader: ShaderCompiler,
        kernels: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            adapter: info.name.clone(),
            api: info.api,
            card: info.card,
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            shader,
            kernels,
            program: program()?,
        })
    }
}

/// This build of the program: every kernel is compiled into it.
fn program() -> Result<String, String> {
    let file = std::env::current_exe().and_then(std::fs::metadata);
    let written = |file: std::fs::Metadata| Ok((file.len(), file.modified()?));
    let (bytes, written) = file
        .and_then(written)
        .map_err(|why| format!("the program cannot find out about its own file: {why}"))?;
    let written = written.duration_since(UNIX_EPOCH).map_err(|why| why.to_string())?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("{version}, {bytes} bytes, written {}", written.as_nanos()))
}

impl Verdict {
    /// Of a test for these precisions; `None` where it says nothing lasting of the device.
    pub(crate) fn of(
        asked: &[Precision],
        result: &Result<SelfTest, SelfTestFailure>,
        seconds: f64,
        now: &str,
    ) -> Option<Self> {
        let mut verdict = Self {
            tested: now.to_owned(),
            seconds,
            asked: asked.to_vec(),
            passed: Vec::new(),
            refused: Vec::new(),
            without_matrix_units: None,
            failed: None,
        };
        match result {
            Err(failure) => verdict.failed = Some(failure.clone()),
            Ok(report) => {
                verdict.passed = report.precisions.clone();
                verdict.without_matrix_units = report.without_matrix_units.clone();
                for refusal in &report.refused {
                    match refusal.failure.lasts() {
                        true => verdict.refused.push(refusal.clone()),
                        false => verdict.asked.retain(|&p| p != refusal.precision),
                    }
                }
            }
        }
        let against = [&verdict.failed, &verdict.without_matrix_units];
        let lasting = against.into_iter().flatten().all(SelfTestFailure::lasts);
        lasting.then_some(verdict)
    }

    pub(crate) fn report(&self) -> Result<SelfTest, SelfTestFailure> {
        match &self.failed {
            Some(failure) => Err(failure.clone()),
            None => Ok(SelfTest {
                checks: Vec::new(),
                precisions: self.passed.clone(),
                without_matrix_units: self.without_matrix_units.clone(),
                refused: self.refused.clone(),
                seconds: self.seconds,
                remembered: Some(self.tested.clone()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(cache.read().unwrap().len(), KEPT);
        assert_eq!(cache.lookup(&subject("1")), Ok(None));
        assert!(cache.lookup(&subject("2")).unwrap().is_some());
    }
}
