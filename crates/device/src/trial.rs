//! An adapter with one shader compiler, tested as far as it is not known.

use burn::tensor::Device;
use isoflop_plan::Precision;

use super::adapters::Adapter;
use super::error::DeviceError;
use super::info::{DeviceInfo, ShaderCompiler};
use super::open::{Opening, Request};
use super::precision::{HALVES, with_matrix_units};
use super::selftest::{self, SelfTest, SelfTestFailure, Subject, Verdict};
use super::setup;

/// A compiler to try on an adapter, with kernels or without.
pub(super) struct Trial<'a> {
    adapter: &'a Adapter,
    shader: ShaderCompiler,
    kernels: bool,
    request: &'a Request,
    tell: &'a mut dyn FnMut(Opening),
    known: Option<Verdict>,
    /// Once it is opened in this process.
    device: Option<Device>,
}

impl<'a> Trial<'a> {
    /// Begins with what is remembered.
    ///
    /// # Errors
    /// If the adapter cannot take the compiler, or the driver refuses.
    pub(super) fn begin(
        adapter: &'a Adapter,
        shader: ShaderCompiler,
        kernels: bool,
        request: &'a Request,
        tell: &'a mut dyn FnMut(Opening),
    ) -> Result<Self, DeviceError> {
        tell(Opening::Opens { device: adapter.info.label(), shader, kernels });
        let mut trial = Self { adapter, shader, kernels, request, tell, known: None, device: None };
        let there = adapter.info.shaders.contains(&shader);
        if !there || !trial.elsewhere() {
            trial.device = Some(setup::open(adapter, shader, kernels)?);
        }
        trial.known = trial.recall().filter(|_| !request.anew);
        Ok(trial)
    }

    /// Whether it is tested in another process: a device that breaks down in half precision is lost to its own.
    fn elsewhere(&self) -> bool {
        let gpu = self.adapter.info.is_gpu();
        (self.shader == ShaderCompiler::Spirv || gpu) && selftest::child_available()
    }

    /// The device, and how it compared with the CPU in the precisions that are asked for.
    pub(super) fn finish(mut self) -> Result<(Device, SelfTest), DeviceError> {
        let report = self.report()?;
        let device = match self.device.take() {
            Some(device) => device,
            None => setup::open(self.adapter, self.shader, self.kernels)?,
        };
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
        let so_far = before.seconds;
        let tell = &mut *self.tell;
        let mut step = |step: &selftest::TestStep| tell(Opening::Tests(step.clone()));
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
            (self.tell)(Opening::Tested { seconds, comparisons });
        }
        self.keep(&missing, &result);
        (result, false)
    }

    fn subject(&self) -> Option<Subject> {
        Subject::new(&self.adapter.info, self.shader, self.kernels)
    }

    fn recall(&mut self) -> Option<Verdict> {
        let memory = self.request.memory.as_ref()?;
        let found = memory.recall(&self.subject()?);
        found.unwrap_or_else(|why| {
            let path = memory.path().display();
            let text = format!("{path} cannot be used ({why}): the device is tested again");
            (self.tell)(Opening::Doubt(text));
            None
        })
    }

    fn keep(&mut self, tested: &[Precision], result: &Result<SelfTest, SelfTestFailure>) {
        let Some(memory) = &self.request.memory else { return };
        let mut asked = self.known.as_ref().map(|known| known.asked.clone()).unwrap_or_default();
        asked.extend(tested);
        let seconds = result.as_ref().map_or(0.0, |report| report.seconds);
        let Some(verdict) = Verdict::of(&asked, result, seconds, memory.now()) else { return };
        self.known = Some(verdict.clone());
        let Some(subject) = self.subject() else { return };
        if let Err(why) = memory.keep(subject, verdict) {
            let path = memory.path().display();
            let text =
                format!("{path} cannot be written ({why}): the next start tests the device again");
            (self.tell)(Opening::Doubt(text));
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
