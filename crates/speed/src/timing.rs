//! Measurements of training speed, for benchmarks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::tensor::Device;
use isoflop_device::{
    PassSize, WrongProduct, check_products, forget_peak_memory, memory_bytes, panic_message,
    wait_for,
};
use isoflop_model::{MicroBatch, OptimState, ReplicaStep, StackModel, Steps, Tokens};
use isoflop_plan::{Hyper, Shape};
use isoflop_train::Workers;

/// Batches of made-up tokens that the steps take turns with.
const BATCHES: usize = 8;

/// Looks at the clock in one round, about: in between a GPU's queue stays full.
const LOOKS: f64 = 10.0;

/// Steps that are handed over one by one.
const SINGLE_STEPS: usize = 9;

/// What is measured: stacks of one shape.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Shape of every replica.
    pub shape: &'a Shape,
    /// Batch, precision and update rule; the schedule plays no part.
    pub hyper: &'a Hyper,
    /// Replicas of each stack.
    pub replicas: usize,
    /// Rounds, of which the median counts.
    pub rounds: usize,
    /// Seconds of all rounds together.
    pub seconds: f64,
    /// Whether to time how long the host hands over a step: so many steps more.
    pub launches: bool,
}

/// How fast stacks train.
#[derive(Debug, Clone, PartialEq)]
pub struct Speed {
    /// Tokens per second over all stacks and replicas: forward, backward and update. The median of
    /// the rounds.
    pub tokens_per_second: f64,
    /// Tokens per second of every round, in their order.
    pub rounds: Vec<f64>,
    /// Exact matrix-product FLOPs per second over all stacks and replicas.
    pub flops_per_second: f64,
    /// Seconds of one step of one stack, while the others train.
    pub step_seconds: f64,
    /// Seconds that building the models and the first step took, shader compilation and autotuning
    /// included.
    pub first_step_seconds: f64,
    /// Most memory held since, in bytes: by this process on the CPU, by the allocator on a GPU. `None`
    /// where nothing tells.
    pub peak_memory_bytes: Option<u64>,
    /// What a step asks of an adapter, if [`Load::launches`]; `None` on the CPU and where there are no kernels.
    pub launches: Option<Launches>,
}

/// The launches of one stack's step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Launches {
    pub count: u64,
    /// Bytes that they read and write.
    pub bytes: u64,
    /// Seconds until the host has handed a step to an adapter that waits for it: the median of some.
    pub host_seconds: f64,
}

/// Why there is no measurement.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeasureError {
    /// The device broke down.
    #[error("the device failed: {what}\nhint: fewer replicas or sequences need less memory")]
    Device {
        /// The device's words.
        what: String,
    },
    /// The device computes a matrix product wrong.
    #[error("{0}\nhint: {hint}", hint = WrongProduct::hint())]
    Product(#[from] WrongProduct),
}

impl MeasureError {
    /// What happened, without advice.
    pub fn what(&self) -> String {
        match self {
            Self::Device { what } => what.clone(),
            Self::Product(wrong) => wrong.to_string(),
        }
    }
}

/// Times whole training steps on made-up tokens, in every worker at once: a first step, a few to warm
/// up, then the rounds.
///
/// # Errors
/// If the device breaks down.
pub fn measure(load: &Load, device: &Device, workers: &Workers) -> Result<Speed, MeasureError> {
    let started = Instant::now();
    let tokens_each = load.hyper.batch_sequences * load.shape.context;
    let pass = PassSize { tokens: tokens_each, backward: true };
    let check = |_| check_products(device, load.shape, load.hyper.precision, load.replicas, pass);
    each(workers, 0..1, check)?.into_iter().collect::<Result<(), _>>()?;
    let forgotten = forget_peak_memory(device);
    let mut runners = each(workers, 0..workers.count(), |worker| {
        let mut runner = Runner::new(load, worker as u64, device);
        runner.steps(1);
        runner
    })?;
    let first_step_seconds = started.elapsed().as_secs_f64();
    let seconds = load.seconds / load.rounds.max(1) as f64;
    let tokens = (load.replicas * tokens_each) as f64;
    let round = |runners: &mut Vec<Runner>, seconds: f64| -> Result<f64, MeasureError> {
        let rates = each(workers, runners.iter_mut(), |runner| runner.rate(seconds))?;
        Ok(rates.iter().sum::<f64>() * tokens)
    };
    round(&mut runners, seconds / 2.0)?;
    let mut rounds = Vec::new();
    for _ in 0..load.rounds.max(1) {
        rounds.push(round(&mut runners, seconds)?);
    }
    let tokens_per_second = median(&rounds);
    let timed = runners.iter_mut().take(usize::from(load.launches));
    let launches = each(workers, timed, Runner::launches)?;
    Ok(Speed {
        launches: launches.into_iter().flatten().next(),
        tokens_per_second,
        rounds,
        flops_per_second: tokens_per_second * load.shape.flops_per_token().train(),
        step_seconds: workers.count() as f64 * tokens / tokens_per_second,
        first_step_seconds,
        peak_memory_bytes: memory_bytes(device).filter(|_| forgotten),
    })
}

/// Does something in every worker at once, with one item each.
fn each<I: Send, T: Send>(
    workers: &Workers,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> T + Sync,
) -> Result<Vec<T>, MeasureError> {
    let work = |(worker, item)| workers.run(worker, || work(item));
    let ends: Vec<std::thread::Result<T>> = std::thread::scope(|scope| {
        let items = items.into_iter().enumerate();
        if workers.count() == 1 {
            return items.map(|item| catch_unwind(AssertUnwindSafe(|| work(item)))).collect();
        }
        let work = &work;
        let threads: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let failed = |panic: Box<dyn std::any::Any + Send>| MeasureError::Device {
        what: panic_message(&*panic),
    };
    ends.into_iter().map(|end| end.map_err(failed)).collect()
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[half],
        _ => 0.5 * (sorted[half - 1] + sorted[half]),
    }
}

/// A stack that trains on random tokens.
struct Runner {
    model: StackModel,
    optim: OptimState,
    run: Steps,
    batches: Vec<MicroBatch>,
    settings: Vec<ReplicaStep>,
    hyper: Hyper,
    step: usize,
}

impl Runner {
    fn new(load: &Load, seed: u64, device: &Device) -> Self {
        let (shape, hyper, replicas) = (load.shape, load.hyper, load.replicas);
        let seeds: Vec<u64> = (0..replicas as u64).map(|i| i + seed * replicas as u64).collect();
        let model = StackModel::init(shape, &seeds, hyper.precision, device);
        let optim = OptimState::new(&model);
        let count = replicas * hyper.batch_sequences * (shape.context + 1);
        let batches = (0..BATCHES).map(|batch| {
            let windows = windows(batch, count, shape.vocab);
            let (inputs, targets) = Tokens::inputs_and_targets(&windows, replicas, shape.context);
            MicroBatch { inputs, targets, share: 1.0 }
        });
        let (batches, settings) = (batches.collect(), vec![setting(hyper); replicas]);
        Self { model, optim, run: Steps::new(), batches, settings, hyper: *hyper, step: 0 }
    }

    /// Hands a step to the device.
    fn launch(&mut self) {
        let batch = &self.batches[self.step % BATCHES];
        self.step += 1;
        let (z, rule) = (self.hyper.z_loss as f32, self.hyper.optimizer);
        let (model, optim) = (&mut self.model, &mut self.optim);
        let batch = std::slice::from_ref(batch);
        drop(self.run.step(model, optim, batch, z, rule, &self.settings));
    }

    /// Trains so many steps and waits for the device.
    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.launch();
        }
        self.wait();
    }

    /// What a step asks of an adapter.
    fn launches(&mut self) -> Option<Launches> {
        let traffic = self.run.traffic()?;
        let seconds: Vec<f64> = (0..SINGLE_STEPS)
            .map(|_| {
                let began = Instant::now();
                self.launch();
                let seconds = began.elapsed().as_secs_f64();
                self.wait();
                seconds
            })
            .collect();
        let host_seconds = median(&seconds);
        Some(Launches { count: traffic.launches, bytes: traffic.bytes(), host_seconds })
    }

    fn wait(&self) {
        let last = self.model.weights().last().expect("a model has weights");
        wait_for(last).unwrap_or_else(|what| panic!("{what}"));
    }

    /// Steps per second over about `seconds`.
    fn rate(&mut self, seconds: f64) -> f64 {
        let started = Instant::now();
        let (mut done, mut next) = (0usize, 1usize);
        loop {
            self.steps(next);
            done += next;
            let elapsed = started.elapsed().as_secs_f64();
            let rate = done as f64 / elapsed;
            if elapsed >= seconds {
                return rate;
            }
            next = ((rate * seconds / LOOKS) as usize).clamp(1, 1 << 16);
        }
    }
}

/// `count` made-up token ids.
pub(crate) fn windows(batch: usize, count: usize, vocab: usize) -> Vec<i32> {
    let id = |i| (scramble((batch * count + i) as u64) % vocab as u64) as i32;
    (0..count).map(id).collect()
}

/// The settings of a step at the full learning rate.
pub(crate) fn setting(hyper: &Hyper) -> ReplicaStep {
    ReplicaStep {
        learning_rate: hyper.learning_rate,
        weight_decay: hyper.weight_decay,
        beta1: hyper.beta1,
        beta2: hyper.beta2,
        epsilon: hyper.epsilon,
        clip_norm: hyper.clip_norm,
    }
}

/// A 64-bit integer hash (SplitMix64).
fn scramble(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
pub(crate) mod tests {
    use isoflop_plan::{Family, Precision};

    use super::*;

    pub(crate) const SHAPE: Shape = Shape {
        family: Family::Llama,
        depth: 1,
        width: 16,
        heads: 2,
        hidden: 40,
        vocab: 64,
        context: 8,
    };

    fn speed(replicas: usize, stacks: usize) -> Result<Speed, MeasureError> {
        let device = Device::flex();
        let workers = Workers::new(&device, Some(stacks), stacks, 1, None).unwrap();
        assert_eq!(workers.count(), stacks);
        let hyper = Hyper::for_timing(2, Precision::F32);
        let load = Load {
            shape: &SHAPE,
            hyper: &hyper,
            replicas,
            rounds: 3,
            seconds: 0.06,
            launches: true,
        };
        measure(&load, &device, &workers)
    }

    #[test]
    fn a_stack_and_several_at_once() {
        for (replicas, stacks) in [(1, 1), (3, 1), (1, 2)] {
            let speed = speed(replicas, stacks).unwrap();
            let all = &speed.rounds;
            assert_eq!(all.len(), 3);
            assert!(all.iter().all(|r| r.is_finite() && *r > 0.0), "{all:?}");
            assert!(all.contains(&speed.tokens_per_second));
            let tokens = (replicas * stacks * 2 * 8) as f64;
            let step = tokens / speed.tokens_per_second;
            assert!((speed.step_seconds / step - 1.0).abs() < 1e-9, "{speed:?}");
            let flops = speed.tokens_per_second * SHAPE.flops_per_token().train();
            assert_eq!(speed.flops_per_second, flops);
            assert!(speed.first_step_seconds > 0.0);
            assert_eq!(speed.launches, None, "the CPU launches nothing");
        }
    }

    #[test]
    fn a_breakdown_is_an_error() {
        let none = speed(0, 1).unwrap_err();
        assert!(none.to_string().contains("\nhint: "), "{none}");
        assert!(matches!(&none, MeasureError::Device { what } if !what.is_empty()), "{none:?}");
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
