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
use crate::trial::Trial;

/// Raised where the file gets another layout.
const FORMAT: u32 = 3;

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
struct Entry<T> {
    subject: CacheKey,
    verdict: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    verdicts: Vec<Entry<Verdict>>,
    timed: Vec<Entry<Timed>>,
}

/// What kernels were timed for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// How many times as fast this project's kernel makes products in `f32` as cubek's.
    pub products: Option<f64>,
    /// What came of ways to compute on matrix units, in each half precision that they were tried in.
    pub trials: Vec<Trial>,
}

impl Default for File {
    fn default() -> Self {
        Self { format: FORMAT, verdicts: Vec::new(), timed: Vec::new() }
    }
}

fn find<T>(entries: Vec<Entry<T>>, subject: &CacheKey) -> Option<T> {
    entries.into_iter().find(|entry| entry.subject == *subject).map(|entry| entry.verdict)
}

/// Puts a verdict in place of an earlier one.
fn keep<T>(entries: &mut Vec<Entry<T>>, subject: CacheKey, verdict: T) {
    entries.retain(|entry| entry.subject != subject);
    entries.push(Entry { subject, verdict });
    let surplus = entries.len().saturating_sub(KEPT);
    entries.drain(..surplus);
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

    /// The verdict on a subject, and what was timed on it.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn lookup(&self, subject: &CacheKey) -> Result<(Option<Verdict>, Timed), String> {
        let File { verdicts, timed, .. } = self.read()?;
        Ok((find(verdicts, subject), find(timed, subject).unwrap_or_default()))
    }

    /// Keeps a verdict in place of an earlier one.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub(crate) fn store(&self, subject: CacheKey, verdict: Verdict) -> Result<(), String> {
        self.change(|file| keep(&mut file.verdicts, subject, verdict))
    }

    /// Keeps what was timed in place of what was known.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub(crate) fn store_timed(&self, subject: CacheKey, timed: Timed) -> Result<(), String> {
        self.change(|file| keep(&mut file.timed, subject, timed))
    }

    fn change(&self, change: impl FnOnce(&mut File)) -> Result<(), String> {
        // What is damaged was told when it was looked up.
        let mut file = self.read().unwrap_or_default();
        change(&mut file);
        self.write(&file).map_err(|e| e.to_string())
    }

    /// What is unfinished today bears today's date.
    pub(crate) fn now(&self) -> &str {
        &self.now
    }

    fn read(&self) -> Result<File, String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(File::default());
            }
            Err(error) => return Err(error.to_string()),
        };
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format } = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        match format {
            FORMAT => serde_json::from_slice(&bytes).map_err(|e| e.to_string()),
            // An older build's verdicts hold for that build alone.
            0..FORMAT => Ok(File::default()),
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
#[path = "cache_tests.rs"]
mod tests;
