//! An adapter with one shader compiler, tested as far as it is not known.

mod timed;

use std::time::Instant;

use burn::tensor::Device;
use isoflop_plan::Precision;

use super::adapters::Adapter;
use super::error::DeviceError;
use super::info::{DeviceInfo, ShaderCompiler};
use super::open::{OpenEvent, Request};
use super::precision::{HALVES, with_matrix_units};
use super::selftest::{self, CacheKey, SelfTest, SelfTestFailure, Timed, Verdict};
use super::setup;

/// A compiler to try on an adapter, with kernels or without.
pub(super) struct Candidate<'a> {
    adapter: &'a Adapter,
    shader: ShaderCompiler,
    kernels: bool,
    request: &'a Request,
    tell: &'a mut dyn FnMut(OpenEvent),
    known: Option<Verdict>,
    timed: Timed,
    /// Once it is opened in this process.
    device: Option<Device>,
}

impl<'a> Candidate<'a> {
    /// Begins with what is remembered.
    ///
    /// # Errors
    /// If the adapter cannot take the compiler, or the driver refuses.
    pub(super) fn begin(
        adapter: &'a Adapter,
        shader: ShaderCompiler,
        kernels: bool,
        request: &'a Request,
        tell: &'a mut dyn FnMut(OpenEvent),
    ) -> Result<Self, DeviceError> {
        tell(OpenEvent::Opening { device: adapter.info.label(), shader, kernels });
        let mut candidate = Self {
            adapter,
            shader,
            kernels,
            request,
            tell,
            known: None,
            timed: Timed::default(),
            device: None,
        };
        let there = adapter.info.shaders.contains(&shader);
        if !there || !candidate.elsewhere() {
            candidate.device = Some(setup::open(adapter, shader, kernels)?);
        }
        candidate.look_up();
        if request.anew {
            candidate.forget();
        }
        Ok(candidate)
    }

    /// Whether it is tested in another process: a device that breaks down in half precision is lost to its own.
    fn elsewhere(&self) -> bool {
        let gpu = self.adapter.info.is_gpu();
        (self.shader == ShaderCompiler::Spirv || gpu) && selftest::child_available()
    }

    /// The device, with its choices made, and how it compared with the CPU in the precisions that are asked for.
    pub(super) fn finish(mut self) -> Result<(Device, SelfTest), DeviceError> {
        let report = self.report()?;
        let device = match self.device.take() {
            Some(device) => device,
            None => setup::open(self.adapter, self.shader, self.kernels)?,
        };
        self.choose(&device, &report)?;
        Ok((device, report))
    }

    /// How the device compared with the CPU in the precisions that are asked for.
    pub(super) fn report(&mut self) -> Result<SelfTest, DeviceError> {
        let halves = self.request.halves(&self.adapter.info, self.shader);
        let mut asked = self.request.asked();
        let mut further = halves.iter().filter(|p| !self.request.precisions.contains(p));
        asked.extend(further.next());
        loop {
            let report = self.of(&asked);
            let since = self.known.as_ref().filter(|_| report.1).map(|known| known.tested.clone());
            let mut report = report.0.map_err(|failure| DeviceError::SelfTest {
                device: self.adapter.info.label(),
                shader: self.shader,
                since,
                failure,
            })?;
            report.precisions.retain(|p| asked.contains(p));
            report.refused.retain(|refusal| asked.contains(&refusal.precision));
            let decided = report.precisions.iter().any(|p| halves.contains(p));
            match further.next().filter(|_| !decided) {
                Some(&next) => asked.push(next),
                None => return Ok(report),
            }
        }
    }

    /// The report on these precisions, and whether it is remembered.
    fn of(&mut self, asked: &[Precision]) -> (Result<SelfTest, SelfTestFailure>, bool) {
        let known = self.known.as_ref();
        let missing: Vec<Precision> = asked
            .iter()
            .copied()
            .filter(|p| known.is_none_or(|known| !known.asked.contains(p)))
            .collect();
        let before = match known.map(Verdict::report) {
            Some(Err(failure)) => return (Err(failure), true),
            Some(Ok(report)) if missing.is_empty() => return (Ok(report), true),
            Some(Ok(report)) => SelfTest { remembered: None, ..report },
            None => SelfTest::default(),
        };
        let (so_far, started) = (before.seconds, Instant::now());
        let tell = &mut *self.tell;
        let mut step = |step: &selftest::TestStep| tell(OpenEvent::Testing(step.clone()));
        let result = match &self.device {
            Some(device) => selftest::test_further(device, before, &missing, &mut step),
            None => {
                let id = &self.adapter.info.id;
                let (shader, kernels) = (self.shader, self.kernels);
                selftest::run_in_child(id, shader, kernels, before, &missing, &mut step)
            }
        };
        if let Ok(report) = &result {
            let (seconds, comparisons) = (report.seconds - so_far, report.checks.len());
            (self.tell)(OpenEvent::Tested { seconds, comparisons });
        }
        let seconds = so_far + started.elapsed().as_secs_f64();
        self.store(&missing, &result, seconds);
        (result, false)
    }

    fn key(&self) -> Result<CacheKey, String> {
        CacheKey::new(&self.adapter.info, self.shader, self.kernels)
    }

    /// What earlier starts have found.
    fn look_up(&mut self) {
        let Some(cache) = &self.request.cache else { return };
        match self.key().and_then(|key| cache.lookup(&key)) {
            Ok((known, timed)) => (self.known, self.timed) = (known, timed),
            Err(why) => {
                let path = cache.path().display();
                let text = format!("{path} cannot be used ({why}): the device is tested again");
                (self.tell)(OpenEvent::Warning(text));
            }
        }
    }

    /// Begins anew, as far as earlier starts can be forgotten.
    fn forget(&mut self) {
        (self.known, self.timed) = (None, Timed::default());
        self.keep_timed("does not time kernels again");
    }

    fn store(
        &mut self,
        tested: &[Precision],
        result: &Result<SelfTest, SelfTestFailure>,
        seconds: f64,
    ) {
        let Some(cache) = &self.request.cache else { return };
        let mut asked = self.known.as_ref().map(|known| known.asked.clone()).unwrap_or_default();
        asked.extend(tested);
        let Some(verdict) = Verdict::of(&asked, result, seconds, cache.now()) else { return };
        self.known = Some(verdict.clone());
        let stored = self.key().and_then(|key| cache.store(key, verdict));
        self.told_of(stored, "tests the device again");
    }

    /// Warns if something could not be kept.
    fn told_of(&mut self, kept: Result<(), String>, next: &str) {
        if let (Err(why), Some(cache)) = (kept, &self.request.cache) {
            let path = cache.path().display();
            let text = format!("{path} cannot be written ({why}): the next start {next}");
            (self.tell)(OpenEvent::Warning(text));
        }
    }
}

impl Request {
    /// Precisions that are tested in any case.
    fn asked(&self) -> Vec<Precision> {
        let mut all = vec![Precision::F32];
        all.extend(self.precisions.iter().filter(|&&p| p != Precision::F32));
        all.dedup();
        all
    }

    /// Half precisions that `"auto"` takes, in order.
    fn halves(&self, info: &DeviceInfo, shader: ShaderCompiler) -> Vec<Precision> {
        let units = with_matrix_units(info, shader);
        HALVES.into_iter().filter(|p| self.auto && units.contains(p)).collect()
    }
}
