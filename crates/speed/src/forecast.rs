//! How long the rest takes.
//!
//! A sweep's FLOPs are not equally fast: small models reach a fraction of the speed of large ones. So the time left is
//! taken stack by stack, each at its own rate: a running one at its smoothed present rate, those to come at the rate that
//! the measured ones suggest for their size of step (interpolated in logarithms), corrected for what was expected of each.
//! Where several train at once, those to come go to the worker that is free first.

use crate::interpolate::log_log;
use crate::makespan::makespan;

/// Time constant of the smoothing of the present rate, in seconds.
const SMOOTHING_SECONDS: f64 = 20.0;

/// The state of every stack of a sweep, and what it says of the time left.
///
/// Before its first step a stack costs time that is no training (building weights, compiling and tuning kernels); the mean of what it
/// has cost so far is expected of every stack to come.
#[derive(Debug, Default)]
pub struct Forecast {
    stacks: Vec<StackWork>,
    /// The order in which they are taken up.
    order: Vec<usize>,
    workers: usize,
}

/// One stack's work.
#[derive(Debug, Clone, Default)]
pub struct StackWork {
    total_flops: f64,
    done_flops: f64,
    step_flops: f64,
    expected_rate: Option<f64>,
    /// Seconds and FLOPs spent on it by this process.
    spent: (f64, f64),
    /// Sums of weighted FLOPs and weighted seconds; their ratio is the smoothed rate.
    smoothed: (f64, f64),
    start_seconds: Option<f64>,
    ended: bool,
}

impl Forecast {
    /// A forecast for these stacks, taken up in this order by so many workers.
    pub fn new(stacks: Vec<StackWork>, order: Vec<usize>, workers: usize) -> Self {
        Self { stacks, order, workers }
    }

    /// FLOPs of all stacks.
    pub fn total_flops(&self) -> f64 {
        self.stacks.iter().map(|stack| stack.total_flops).sum()
    }

    pub fn done_flops(&self) -> f64 {
        self.stacks.iter().map(|stack| stack.done_flops).sum()
    }

    /// Notes that a stack has come to `done_flops`, `seconds` after the last note.
    pub fn advance(&mut self, index: usize, done_flops: f64, seconds: f64) {
        let stack = &mut self.stacks[index];
        let flops = (done_flops - stack.done_flops).max(0.0);
        stack.done_flops = done_flops.min(stack.total_flops);
        stack.spent = (stack.spent.0 + seconds, stack.spent.1 + flops);
        let keep = (-seconds / SMOOTHING_SECONDS).exp();
        stack.smoothed = (stack.smoothed.0 * keep + flops, stack.smoothed.1 * keep + seconds);
    }

    /// Notes a stack's first news: it stands at `done_flops`, which may be a checkpoint's work, `seconds` after it was taken up.
    pub fn begin(&mut self, index: usize, done_flops: f64, seconds: f64) {
        let stack = &mut self.stacks[index];
        stack.done_flops = done_flops.min(stack.total_flops);
        stack.start_seconds = Some(seconds);
    }

    /// Notes that nothing more is to come from a stack.
    pub fn end(&mut self, index: usize) {
        let stack = &mut self.stacks[index];
        stack.done_flops = stack.total_flops;
        stack.ended = true;
    }

    /// Seconds left, or `None` before anything is known.
    pub fn seconds_left(&self) -> Option<f64> {
        let starts: Vec<f64> = self.stacks.iter().filter_map(|s| s.start_seconds).collect();
        let mean_start = starts.iter().sum::<f64>() / starts.len().max(1) as f64;
        let seconds = |stack: &StackWork| {
            let flops = stack.total_flops - stack.done_flops;
            if flops <= 0.0 {
                return Some(0.0);
            }
            let start = if stack.start_seconds.is_some() { 0.0 } else { mean_start };
            let rate = stack.present_rate().or_else(|| self.predicted_rate(stack))?;
            Some(start + flops / rate)
        };
        let left = self.order.iter().map(|&i| &self.stacks[i]).filter(|stack| !stack.ended);
        let (running, queued): (Vec<_>, Vec<_>) =
            left.partition(|stack| stack.start_seconds.is_some());
        let running: Option<Vec<f64>> = running.into_iter().map(seconds).collect();
        let queued: Option<Vec<f64>> = queued.into_iter().map(seconds).collect();
        Some(makespan(self.workers, &running?, queued?))
    }

    fn predicted_rate(&self, stack: &StackWork) -> Option<f64> {
        let measured: Vec<_> =
            self.stacks.iter().filter_map(|s| Some((s, s.mean_rate()?))).collect();
        // What was expected carries the shape of the curve where all have it; what was measured corrects it.
        let all_expected = stack.expected_rate.is_some()
            && measured.iter().all(|(s, _)| s.expected_rate.is_some());
        let base = |s: &StackWork| s.expected_rate.filter(|_| all_expected).unwrap_or(1.0);
        let points = measured.iter().map(|(s, rate)| (s.step_flops, rate / base(s)));
        match log_log(points, stack.step_flops) {
            Some((correction, _)) => Some(base(stack) * correction),
            None => stack.expected_rate,
        }
    }
}

impl StackWork {
    /// Work of `total_flops`, in optimizer steps of `step_flops` per replica: the size that speed depends on.
    pub fn new(total_flops: f64, step_flops: f64) -> Self {
        Self { total_flops, step_flops, ..Self::default() }
    }

    /// The same with `done_flops` done already.
    pub fn done(self, done_flops: f64) -> Self {
        Self { done_flops, ..self }
    }

    /// The same with the FLOP/s that are expected before anything is measured.
    pub fn expected(self, rate: Option<f64>) -> Self {
        Self { expected_rate: rate, ..self }
    }

    /// The smoothed rate, once there is a second of it.
    fn present_rate(&self) -> Option<f64> {
        let (flops, seconds) = self.smoothed;
        (flops > 0.0 && self.spent.0 >= 1.0).then(|| flops / seconds)
    }

    /// The rate over all the time spent on it.
    fn mean_rate(&self) -> Option<f64> {
        let (seconds, flops) = self.spent;
        (flops > 0.0 && seconds > 0.0).then(|| flops / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speed as machines have it: saturating in the size of a step.
    fn speed(step_flops: f64) -> f64 {
        1e11 * step_flops / (step_flops + 3e9)
    }

    fn stacks(expected: impl Fn(f64) -> Option<f64>) -> Vec<StackWork> {
        let sizes = [2e8, 4e8, 8e8, 1.6e9, 3.2e9, 6.4e9, 1.28e10];
        let work = |&step_flops: &f64| {
            StackWork::new(step_flops * 3000.0, step_flops).expected(expected(step_flops))
        };
        sizes.iter().map(work).collect()
    }

    fn one_by_one(stacks: Vec<StackWork>) -> Forecast {
        let order = (0..stacks.len()).collect();
        Forecast::new(stacks, order, 1)
    }

    #[test]
    fn workers_share_what_is_to_come() {
        let work = StackWork::new(100.0, 1.0).expected(Some(10.0));
        let mut forecast = Forecast::new(vec![work.clone(), work.clone(), work], vec![2, 1, 0], 2);
        assert_eq!(forecast.seconds_left(), Some(20.0));
        forecast.begin(2, 0.0, 0.0);
        forecast.advance(2, 80.0, 8.0);
        forecast.begin(1, 0.0, 0.0);
        forecast.advance(1, 80.0, 8.0);
        assert!((forecast.seconds_left().unwrap() - 12.0).abs() < 1e-9);
    }

    /// Runs a sweep at `speed` and returns the largest error of the forecast, as a fraction of the true time left, between
    /// these fractions of the total time.
    fn worst_error(expected: impl Fn(f64) -> Option<f64>, from: f64, to: f64) -> f64 {
        let stacks = stacks(expected);
        let mut left: Vec<f64> =
            stacks.iter().map(|s| s.total_flops / speed(s.step_flops)).collect();
        let total: f64 = left.iter().sum();
        let mut forecast = one_by_one(stacks.clone());
        let mut worst: f64 = 0.0;
        for (index, stack) in stacks.iter().enumerate() {
            let mut done = 0.0;
            while left[index] > 0.0 {
                let seconds = left[index].min(0.5);
                left[index] -= seconds;
                done += seconds * speed(stack.step_flops);
                forecast.advance(index, done, seconds);
                let truth: f64 = left.iter().sum();
                let progress = 1.0 - truth / total;
                if (from..to).contains(&progress) {
                    let guess = forecast.seconds_left().expect("something was measured");
                    worst = worst.max((guess - truth).abs() / truth);
                }
            }
            forecast.end(index);
        }
        assert_eq!(forecast.seconds_left(), Some(0.0));
        worst
    }

    #[test]
    fn holds_with_a_measurement_beforehand() {
        // Everything twice as slow as expected: known from the first stack on.
        let worst = worst_error(|size| Some(2.0 * speed(size)), 0.02, 0.95);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn holds_reasonably_without() {
        let worst = worst_error(|_| None, 0.5, 0.95);
        assert!(worst < 0.35, "{worst}");
    }

    #[test]
    fn knows_nothing_before_anything_is_measured_or_expected() {
        assert_eq!(one_by_one(stacks(|_| None)).seconds_left(), None);
        assert!(one_by_one(stacks(|size| Some(speed(size)))).seconds_left().is_some());
    }

    #[test]
    fn loaded_work_says_nothing_of_speed() {
        let mut forecast = one_by_one(stacks(|_| None));
        forecast.begin(0, 2e8 * 1500.0, 0.2);
        assert_eq!(forecast.seconds_left(), None);
        assert_eq!(forecast.done_flops(), 2e8 * 1500.0);
    }

    #[test]
    fn starting_up_is_expected_of_every_stack_to_come() {
        let work = StackWork::new(1e3, 1.0);
        let mut forecast = one_by_one(vec![work.clone(), work.clone(), work]);
        forecast.begin(0, 0.0, 30.0);
        forecast.advance(0, 500.0, 5.0);
        assert_eq!(forecast.seconds_left(), Some(5.0 + 40.0 + 40.0));
    }

    #[test]
    fn a_hiccup_moves_the_forecast_little_and_is_forgotten() {
        let work = StackWork::new(1e6, 1.0);
        let mut forecast = one_by_one(vec![work]);
        let mut done = 0.0;
        for _ in 0..60 {
            done += 100.0;
            forecast.advance(0, done, 1.0);
        }
        let before = forecast.seconds_left().unwrap();
        forecast.advance(0, done, 5.0);
        let during = forecast.seconds_left().unwrap();
        assert!(during < 1.4 * before, "{before} {during}");
        for _ in 0..100 {
            done += 100.0;
            forecast.advance(0, done, 1.0);
        }
        let after = forecast.seconds_left().unwrap();
        assert!((after - (1e6 - done) / 100.0).abs() < 0.01 * after, "{after}");
    }
}
