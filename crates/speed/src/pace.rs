//! How fast models of each size of step train now, learned while they do.
//!
//! The rate of a size is a product of three things: what is expected of it, a straight line in logarithms that corrects the
//! expectation over all sizes, and what its own measurements say beside the line. Each is drawn to "no correction" until seconds
//! of training speak for another: a ridge for the line's slope, as many seconds of nothing for what lies beside it. Other work on
//! the machine comes and goes. So what was seen fades with a time constant of a third of the time so far: long enough to outlast
//! the waves of such work, short enough to follow when it ends for good.

/// Shortest time constant of the fading.
const LEAST_WINDOW_SECONDS: f64 = 40.0;

/// The time constant as a share of the time so far.
const WINDOW_SHARE: f64 = 1.0 / 3.0;

/// Where nothing was measured beforehand: the rate rises with so small a power of the FLOPs of a step. Small steps are lost in what
/// every operation costs, whatever its size (power 1), large ones are not (power 0).
const POWER: f64 = 0.35;

/// Seconds of training that count as much as a measurement beforehand.
const MEASURED_SECONDS: f64 = 0.5;

/// Seconds of training until a size's own rate counts as much as the line through all.
const OWN_SECONDS: f64 = 40.0;

/// How far a size speaks for others, in logarithms of the FLOPs of a step.
const REACH: f64 = 1.4;

/// Seconds, times the square of a distance in logarithms, that turn the line half-way to the slope they suggest.
const RIDGE: f64 = 100.0;

/// Rates by size of step.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    sizes: Vec<Size>,
    /// Seconds that rates measured beforehand count for; they fade as all does.
    beforehand: f64,
    workers: f64,
}

/// What was seen of one size; it fades.
#[derive(Debug, Clone, Copy)]
struct Size {
    ln_step: f64,
    /// The rate that is expected, up to a factor for all where nothing was measured.
    expected: f64,
    seconds: f64,
    flops: f64,
}

impl Pace {
    /// For sizes with these FLOPs of a step and FLOP/s measured beforehand, trained by so many workers.
    pub(crate) fn new(sizes: &[(f64, Option<f64>)], workers: usize) -> Self {
        let usable = |rate: Option<f64>| rate.filter(|rate| *rate > 0.0 && rate.is_finite());
        let measured = sizes.iter().all(|size| usable(size.1).is_some());
        let size = |&(step_flops, rate): &(f64, Option<f64>)| {
            let ln_step = step_flops.max(1.0).ln();
            let expected = usable(rate).filter(|_| measured);
            let expected = expected.unwrap_or_else(|| (POWER * ln_step).exp());
            Size { ln_step, expected, seconds: 0.0, flops: 0.0 }
        };
        let beforehand = if measured { MEASURED_SECONDS } else { 0.0 };
        Self { sizes: sizes.iter().map(size).collect(), beforehand, workers: workers.max(1) as f64 }
    }

    /// Notes that a stack of this size did so many FLOPs in so many seconds, the last of them `at` seconds after the beginning.
    pub(crate) fn note(&mut self, size: usize, flops: f64, seconds: f64, at: f64) {
        // Several workers' seconds go by in one of the clock.
        let window = self.workers * LEAST_WINDOW_SECONDS.max(WINDOW_SHARE * at);
        let keep = (-seconds / window).exp();
        self.beforehand *= keep;
        for size in &mut self.sizes {
            (size.seconds, size.flops) = (size.seconds * keep, size.flops * keep);
        }
        let size = &mut self.sizes[size];
        (size.seconds, size.flops) = (size.seconds + seconds, size.flops + flops);
    }

    /// FLOP/s of every size; `None` before anything is known.
    pub(crate) fn rates(&self) -> Option<Vec<f64>> {
        let seen: Vec<(f64, f64, f64)> = self
            .sizes
            .iter()
            .filter_map(|size| Some((size.ln_step, size.ln_ratio()?, size.seconds)))
            .collect();
        let seconds = self.beforehand + self.sizes.iter().map(|size| size.seconds).sum::<f64>();
        let expected =
            self.beforehand + self.sizes.iter().map(|s| s.flops / s.expected).sum::<f64>();
        if !(seconds > 0.0 && expected > 0.0) {
            return None;
        }
        // All sizes together: the seconds that were expected of the work over those that it took.
        let common = (expected / seconds).ln();
        let line = Line::through(&seen, common);
        let rate = |size: &Size| {
            let (mut sum, mut weights) = (0.0, OWN_SECONDS);
            for &(ln_step, ln_ratio, seconds) in &seen {
                let weight = seconds * (-(ln_step - size.ln_step).abs() / REACH).exp();
                sum += weight * (ln_ratio - line.at(ln_step));
                weights += weight;
            }
            size.expected * (line.at(size.ln_step) + sum / weights).exp()
        };
        Some(self.sizes.iter().map(rate).collect())
    }
}

impl Size {
    /// Logarithm of the rate seen over the one expected.
    fn ln_ratio(&self) -> Option<f64> {
        (self.seconds > 0.0 && self.flops > 0.0)
            .then(|| (self.flops / self.seconds / self.expected).ln())
    }
}

/// A straight line in logarithms.
struct Line {
    middle: f64,
    height: f64,
    slope: f64,
}

impl Line {
    /// Of this height in the middle of `(ln step, ln ratio, seconds)`; its slope is drawn to 0.
    fn through(seen: &[(f64, f64, f64)], height: f64) -> Self {
        let seconds: f64 = seen.iter().map(|point| point.2).sum();
        let middle =
            seen.iter().map(|(x, _, s)| x * s).sum::<f64>() / seconds.max(f64::MIN_POSITIVE);
        let of = |value: &dyn Fn(f64, f64) -> f64| -> f64 {
            seen.iter().map(|&(x, y, s)| s * value(x - middle, y - height)).sum()
        };
        let slope = of(&|x, y| x * y) / (of(&|x, _| x * x) + RIDGE);
        Self { middle, height, slope }
    }

    fn at(&self, ln_step: f64) -> f64 {
        self.height + self.slope * (ln_step - self.middle)
    }
}
