//! How long the rest takes.
//!
//! A sweep's FLOPs are not equally fast: small models reach a fraction of the speed of large ones. So the time left is taken
//! stack by stack, each at the rate that [`Pace`] knows for its size of step. Where several train at once, those to come go to
//! the worker that is free first. All times are seconds since the beginning.

use std::collections::BTreeMap;

use crate::makespan::makespan;
use crate::pace::Pace;
use crate::work::{Advance, Progress, StackWork};

/// Seconds of training before anything is said, where nothing was measured beforehand.
const LEAST_SECONDS: f64 = 1.0;

/// The state of every stack of a sweep, and what it says of the time left.
///
/// Before its first news a stack costs time that is no training (building weights, compiling kernels); the mean of what it has
/// cost so far is expected of every stack to come.
#[derive(Debug, Default)]
pub struct Forecast {
    stacks: Vec<Progress>,
    /// The order in which they are taken up.
    order: Vec<usize>,
    workers: usize,
    measured: bool,
    pace: Pace,
    /// Seconds of training that `pace` knows of.
    seconds: f64,
}

impl Forecast {
    /// A forecast for these stacks, taken up in this order by so many workers.
    pub fn new(stacks: Vec<StackWork>, order: Vec<usize>, workers: usize) -> Self {
        let mut index = BTreeMap::new();
        let mut sizes = Vec::new();
        let progress = |work: &StackWork| {
            let (step, rate) = work.size();
            let size =
                *index.entry((step.to_bits(), rate.map(f64::to_bits))).or_insert_with(|| {
                    sizes.push((step, rate));
                    sizes.len() - 1
                });
            Progress::of(work, size)
        };
        let stacks: Vec<Progress> = stacks.iter().map(progress).collect();
        let measured = sizes.iter().all(|size| size.1.is_some());
        let pace = Pace::new(&sizes, workers);
        Self { stacks, order, workers, measured, pace, seconds: 0.0 }
    }

    /// Notes that a worker takes up a stack.
    pub fn begin(&mut self, index: usize, at: f64) {
        self.stacks[index].begin(at);
    }

    /// Notes that the weights of a stack are there, which may hold `done_flops` of work from a checkpoint.
    pub fn ready(&mut self, index: usize, done_flops: f64, at: f64) {
        self.stacks[index].ready(done_flops, at);
    }

    /// Notes that a stack has come to `done_flops`.
    pub fn advance(&mut self, index: usize, done_flops: f64, at: f64) {
        let advance = self.stacks[index].advance(done_flops, at);
        self.note(index, advance, at);
    }

    /// Notes that nothing more is to come from a stack.
    pub fn end(&mut self, index: usize, at: f64) {
        let advance = self.stacks[index].end(at);
        self.note(index, advance, at);
    }

    /// Seconds left at this time, or `None` before anything is known.
    pub fn seconds_left(&self, at: f64) -> Option<f64> {
        let left = || self.order.iter().map(|&i| &self.stacks[i]).filter(|stack| stack.is_left());
        if left().next().is_none() {
            return Some(0.0);
        }
        if !self.measured && self.seconds < LEAST_SECONDS {
            return None;
        }
        let rates = self.pace.rates()?;
        let starts: Vec<f64> =
            self.stacks.iter().filter_map(|stack| stack.start_seconds(rates[stack.size])).collect();
        let start = starts.iter().sum::<f64>() / starts.len().max(1) as f64;
        let seconds = |stack: &Progress| stack.seconds_left(rates[stack.size], start, at);
        let (queued, running): (Vec<_>, Vec<_>) = left().partition(|stack| stack.is_queued());
        let running: Vec<f64> = running.into_iter().map(seconds).collect();
        Some(makespan(self.workers, &running, queued.into_iter().map(seconds)))
    }

    fn note(&mut self, index: usize, advance: Option<Advance>, at: f64) {
        if let Some(Advance { flops, seconds }) = advance {
            self.seconds += seconds;
            self.pace.note(self.stacks[index].size, flops, seconds, at);
        }
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

    /// A stack is taken up, and its weights are there at once.
    fn take_up(forecast: &mut Forecast, index: usize, done_flops: f64, at: f64) {
        forecast.begin(index, at);
        forecast.ready(index, done_flops, at);
        forecast.advance(index, done_flops, at);
    }

    #[test]
    fn workers_share_what_is_to_come() {
        let work = StackWork::new(100.0, 1.0).expected(Some(10.0));
        let mut forecast = Forecast::new(vec![work.clone(), work.clone(), work], vec![2, 1, 0], 2);
        assert_eq!(forecast.seconds_left(0.0), Some(20.0));
        take_up(&mut forecast, 2, 0.0, 0.0);
        take_up(&mut forecast, 1, 0.0, 0.0);
        forecast.advance(2, 80.0, 8.0);
        forecast.advance(1, 80.0, 8.0);
        assert!((forecast.seconds_left(8.0).unwrap() - 12.0).abs() < 1e-9);
        assert!((forecast.seconds_left(9.0).unwrap() - 11.0).abs() < 1e-9, "time goes by");
    }

    /// Runs a sweep at `speed` and returns the largest error of the forecast, as a fraction of the true time left, between
    /// these fractions of the total time.
    fn worst_error(expected: impl Fn(f64) -> Option<f64>, from: f64, to: f64) -> f64 {
        let stacks = stacks(expected);
        let mut left: Vec<f64> =
            stacks.iter().map(|s| s.total_flops / speed(s.step_flops)).collect();
        let total: f64 = left.iter().sum();
        let mut forecast = one_by_one(stacks.clone());
        let (mut worst, mut now): (f64, f64) = (0.0, 0.0);
        for (index, stack) in stacks.iter().enumerate() {
            let mut done = 0.0;
            take_up(&mut forecast, index, 0.0, now);
            while left[index] > 0.0 {
                let seconds = left[index].min(0.5);
                left[index] -= seconds;
                now += seconds;
                done += seconds * speed(stack.step_flops);
                forecast.advance(index, done, now);
                let truth: f64 = left.iter().sum();
                let progress = 1.0 - truth / total;
                if (from..to).contains(&progress) {
                    let guess = forecast.seconds_left(now).expect("something was measured");
                    worst = worst.max((guess - truth).abs() / truth);
                }
            }
            forecast.end(index, now);
        }
        assert_eq!(forecast.seconds_left(now), Some(0.0));
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
        assert_eq!(one_by_one(stacks(|_| None)).seconds_left(0.0), None);
        assert!(one_by_one(stacks(|size| Some(speed(size)))).seconds_left(0.0).is_some());
        let mut forecast = one_by_one(stacks(|_| None));
        take_up(&mut forecast, 0, 0.0, 0.0);
        forecast.advance(0, 2e8, 0.9);
        assert_eq!(forecast.seconds_left(0.9), None, "a second of training comes first");
        forecast.advance(0, 4e8, 1.1);
        assert!(forecast.seconds_left(1.1).is_some());
    }

    #[test]
    fn loaded_work_says_nothing_of_speed() {
        let mut forecast = one_by_one(stacks(|_| None));
        forecast.begin(0, 0.0);
        forecast.ready(0, 2e8 * 1500.0, 0.2);
        assert_eq!(forecast.seconds_left(0.2), None);
        forecast.advance(0, 2e8 * 1510.0, 10.2);
        assert_eq!(forecast.seconds_left(10.2), None, "the first steps may have compiled kernels");
    }

    #[test]
    fn starting_up_is_expected_of_every_stack_to_come() {
        let work = StackWork::new(1e3, 1.0);
        let mut forecast = one_by_one(vec![work.clone(), work.clone(), work]);
        forecast.begin(0, 0.0);
        forecast.ready(0, 0.0, 30.0);
        forecast.advance(0, 0.0, 30.0);
        forecast.advance(0, 500.0, 35.0);
        let left = |at| forecast.seconds_left(at).unwrap();
        assert!((left(35.0) - (5.0 + 40.0 + 40.0)).abs() < 1e-9, "{}", left(35.0));
    }

    #[test]
    fn a_stack_without_news_tells_by_its_end() {
        let work = StackWork::new(100.0, 1.0);
        let mut forecast = one_by_one(vec![work.clone(), work.clone(), work]);
        forecast.begin(0, 0.0);
        forecast.ready(0, 0.0, 1.0);
        forecast.end(0, 3.0);
        let left = forecast.seconds_left(3.0).unwrap();
        assert!((left - 6.0).abs() < 1e-9, "{left}");
    }

    #[test]
    fn a_hiccup_moves_the_forecast_little_and_is_forgotten() {
        let work = StackWork::new(1e6, 1.0);
        let mut forecast = one_by_one(vec![work]);
        take_up(&mut forecast, 0, 0.0, 0.0);
        let (mut done, mut now) = (0.0, 0.0);
        let mut train = |forecast: &mut Forecast, seconds: usize| {
            for _ in 0..seconds {
                (done, now) = (done + 100.0, now + 1.0);
                forecast.advance(0, done, now);
            }
            (done, now)
        };
        let (done, now) = train(&mut forecast, 60);
        let before = forecast.seconds_left(now).unwrap();
        forecast.advance(0, done, now + 5.0);
        let during = forecast.seconds_left(now + 5.0).unwrap();
        assert!(during < 1.4 * before, "{before} {during}");
        let (done, now) = train(&mut forecast, 200);
        let after = forecast.seconds_left(now).unwrap();
        assert!((after - (1e6 - done) / 100.0).abs() < 0.01 * after, "{after}");
    }

    #[test]
    fn waves_of_other_work_do_not_swing_it() {
        // Half the speed for 10 of every 20 seconds: 4000 seconds of work at full speed take 5333.
        let mut forecast = one_by_one(vec![StackWork::new(4e5, 1.0)]);
        take_up(&mut forecast, 0, 0.0, 0.0);
        let mut done = 0.0;
        for second in 1..2000_u32 {
            done += if second % 20 < 10 { 50.0 } else { 100.0 };
            let now = f64::from(second);
            forecast.advance(0, done, now);
            let whole = now + forecast.seconds_left(now).unwrap_or(5333.0);
            if second > 40 {
                assert!((whole / 5333.0 - 1.0).abs() < 0.2, "{second}: {whole}");
            }
        }
    }
}
