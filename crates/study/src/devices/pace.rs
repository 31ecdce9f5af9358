//! How fast a device is: as it was measured, and as it turns out.

use std::collections::BTreeMap;
use std::time::Instant;

use isoflop_plan::Stack;
use isoflop_speed::Rates;

use super::device::Device;

/// What small models reach of a device's peak, where nothing else is known.
const SHARE_OF_PEAK: f64 = 0.1;
/// FLOP/s where nothing is known at all.
const UNKNOWN: f64 = 1e9;
/// Seconds of training before what turns out counts.
const LEAST_SECONDS: f64 = 1.0;

/// A device's speed.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    rates: Option<Rates>,
    peak: Option<f64>,
    /// Of stacks that train there: when they were last heard of, and FLOPs left then.
    last: BTreeMap<usize, (Instant, f64)>,
    /// Seconds that training took, and was expected to take.
    took: f64,
    expected: f64,
}

impl Pace {
    pub fn of(device: &Device) -> Self {
        let Some(ready) = &device.ready else { return Self::default() };
        let peaks = ready.passport.peaks.iter().map(|peak| peak.flops_per_second);
        Self { rates: ready.rates.clone(), peak: peaks.max_by(f64::total_cmp), ..Self::default() }
    }

    /// A stack begins, with so many FLOPs of its work left.
    pub fn start(&mut self, index: usize, left: f64) {
        self.last.insert(index, (Instant::now(), left));
    }

    /// A stack has so many left now.
    pub fn advance(&mut self, stack: &Stack, index: usize, left: f64) {
        let now = Instant::now();
        if let Some((then, before)) = self.last.insert(index, (now, left)) {
            self.took += (now - then).as_secs_f64();
            self.expected += (before - left).max(0.0) / self.rate(stack);
        }
    }

    /// Seconds that it takes for this many FLOPs of a stack.
    pub fn seconds(&self, stack: &Stack, flops: f64) -> f64 {
        let slower = match self.took >= LEAST_SECONDS && self.expected > 0.0 {
            true => self.took / self.expected,
            false => 1.0,
        };
        flops / self.rate(stack) * slower
    }

    /// Whether what it says rests on a measurement.
    pub fn is_known(&self) -> bool {
        self.rates.is_some() || self.took >= LEAST_SECONDS
    }

    /// FLOP/s, as expected beforehand.
    fn rate(&self, stack: &Stack) -> f64 {
        let measured = self.rates.as_ref().and_then(|rates| rates.of(stack));
        let of_peak = self.peak.map_or(UNKNOWN, |peak| peak * SHARE_OF_PEAK);
        measured.map_or(of_peak, |rate| rate.flops_per_second)
    }
}
