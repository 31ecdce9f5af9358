//! `sweep bench`: how fast models train here, on made-up tokens.

mod job;
mod measured;
mod operations;
mod shape;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isoflop_device::{Choices, Peak, TrainDevice, measure_peak};
use isoflop_plan::{DeviceConfig, Hyper, MemoryEstimate, stack_memory};
use isoflop_train::{Load, Speed, Workers, measure};

use crate::cli::BenchArgs;
use crate::failure::FAILED;
use crate::progress::Progress;
use crate::signals::{Signal, Signals};
use crate::study::{self, usable_memory_bytes};
use crate::widths::PAYS;
use crate::{passport, print};
pub use job::shader;
use job::{Count, Job, MOST};
use measured::{Measured, json, table};
use shape::Model;

/// How stacks of a model train.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Stacks at once.
    stacks: usize,
    /// Whether the model's operations are kernels.
    kernels: bool,
}

/// Measures every shape as asked, one after the other, and prints what came out.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new(&args.output);
    let job = Job::read(args)?;

    let name = study::device_name(args.device.as_deref().unwrap_or("auto"));
    let config = DeviceConfig { shader: job.shader, ..DeviceConfig::named(name) };
    let request = study::request(vec![job.precision], false);
    let device = study::open_device(&config, &request, &mut progress)?;
    job.check(&device)?;
    if args.operations {
        let code = operations::run(&job, &device, &mut progress, args.output.json);
        device.wait();
        return code;
    }

    let found = Found::default();
    let _signals = listen(&found, &device, args.output.json)?;
    if !device.info.is_cpu() {
        progress.note("measuring the device's fastest products");
    }
    let before = peak(&job, &device, &mut progress);
    found.lock().peak = before;
    for model in &job.models {
        for stacks in at_once(&job, model, &device) {
            for &kernels in &job.kernels {
                let way = Way { stacks, kernels: kernels.unwrap_or(device.choices.kernels) };
                let choices = Choices { kernels: way.kernels, ..device.choices };
                choices.set(&device.device);
                for &replicas in &job.replicas {
                    match replicas {
                        Count::Of(n) => {
                            let one = one(&job, model, way, n, &device, &mut progress);
                            found.lock().measured.push(one);
                        }
                        Count::Auto => {
                            widening(&job, model, way, &device, &found, &mut progress);
                        }
                    }
                }
            }
        }
    }
    // A busy machine shows its peak now and then: the better of two counts.
    let after = peak(&job, &device, &mut progress);
    device.wait();
    let rate = |peak: &Peak| peak.flops_per_second;
    let peak = [before, after].into_iter().flatten().max_by(|a, b| rate(a).total_cmp(&rate(b)));

    progress.clear();
    let mut found = found.lock();
    found.peak = peak;
    found.print(&device, args.output.json)?;
    let failed = found.measured.iter().any(|m| m.result.is_err());
    Ok(ExitCode::from(if failed { FAILED } else { 0 }))
}

/// The device's fastest products, or a word on why they could not be measured.
fn peak(job: &Job, device: &TrainDevice, progress: &mut Progress) -> Option<Peak> {
    match measure_peak(&device.device, &device.info, job.precision) {
        Ok(peak) => Some(peak),
        Err(what) => {
            progress.warn(format!("no peak could be measured: {what}"));
            None
        }
    }
}

/// What has been measured so far.
#[derive(Default, Clone)]
struct Found(Arc<Mutex<Figures>>);

#[derive(Default)]
struct Figures {
    measured: Vec<Measured>,
    peak: Option<Peak>,
    printed: bool,
}

impl Found {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figures {
    /// Prints them, once.
    fn print(&mut self, device: &TrainDevice, as_json: bool) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.printed, true) {
            return Ok(());
        }
        if as_json {
            let passport = passport::without_data(device, self.peak);
            print::json(&json(&self.measured, self.peak, passport))
        } else {
            print::text(&table(&self.measured, self.peak, device))
        }
    }
}

/// A signal ends the process with what there is.
fn listen(found: &Found, device: &TrainDevice, as_json: bool) -> anyhow::Result<Signals> {
    let (found, device) = (found.clone(), device.clone());
    Signals::listen(Box::new(move |signal: Signal| {
        let mut found = found.lock();
        let count = found.measured.len();
        if as_json {
            let line = serde_json::json!({
                "event": "interrupted",
                "signal": signal.to_string(),
                "measurements": count,
            });
            print::say(&line.to_string());
        } else {
            print::say(&format!("interrupted by {signal} after {count} measurements"));
        }
        if let Err(error) = found.print(&device, as_json) {
            print::say(&format!("error: {error:#}"));
        }
        // Without the drivers' own last deeds: some crash in them while they compute.
        signal_hook::low_level::exit(signal.exit_code().into());
    }))
}

/// Stacks of doubling width, as long as the wider one pays. A failure after the first ends the search.
fn widening(
    job: &Job,
    model: &Model,
    way: Way,
    device: &TrainDevice,
    found: &Found,
    progress: &mut Progress,
) {
    let mut best = 0.0;
    let mut replicas = 1;
    while replicas <= MOST {
        let next = one(job, model, way, replicas, device, progress);
        match &next.result {
            Err(what) if replicas > 1 => {
                progress.note(format!("no wider stack than {}: {what}", replicas / 2));
                break;
            }
            Err(_) => {
                found.lock().measured.push(next);
                break;
            }
            Ok(speed) => {
                let pays = speed.tokens_per_second > best * PAYS;
                best = speed.tokens_per_second.max(best);
                found.lock().measured.push(next);
                if !pays {
                    break;
                }
            }
        }
        replicas *= 2;
    }
}

/// One measurement.
fn one(
    job: &Job,
    model: &Model,
    way: Way,
    replicas: usize,
    device: &TrainDevice,
    progress: &mut Progress,
) -> Measured {
    let mut measured = Measured {
        model: model.clone(),
        replicas,
        stacks_at_once: way.stacks,
        kernels: way.kernels,
        usual: way.kernels == device.choices.kernels,
        precision: job.precision,
        result: Err(String::new()),
    };
    progress.note(format!("measuring {}", measured.key()));
    measured.result = try_one(job, model, way.stacks, replicas, device);
    if let Err(what) = &measured.result {
        progress.warn(format!("{}: {what}", measured.key()));
    }
    measured
}

fn try_one(
    job: &Job,
    model: &Model,
    stacks: usize,
    replicas: usize,
    device: &TrainDevice,
) -> Result<Speed, String> {
    let hyper = Hyper::for_timing(model.sequences, job.precision);
    let need = estimate(model, &hyper, replicas, device);
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    if let Some(most) = device.tensor_bytes.filter(|&most| need.largest_tensor > most) {
        return Err(format!(
            "its largest tensor takes {:.1} GiB, and a buffer of this device holds {:.1} GiB\nhint: ask for fewer replicas or sequences",
            gib(need.largest_tensor),
            gib(most)
        ));
    }
    let need = need.total();
    // A GPU's driver refuses what it does not have; a system that runs out of memory ends processes.
    if let Some(have) = device.info.memory_bytes.filter(|_| device.info.is_cpu())
        && need.saturating_mul(stacks as u64) > have
    {
        let all = gib(need) * stacks as f64;
        return Err(format!(
            "it may need {all:.1} GiB of {:.1} GiB\nhint: ask for fewer replicas, sequences or stacks at once",
            gib(have)
        ));
    }
    let workers = Workers::new(&device.device, Some(stacks), stacks, need, None);
    let workers = workers.map_err(|error| error.to_string())?;
    let load = Load {
        shape: &model.shape,
        hyper: &hyper,
        replicas,
        rounds: job.rounds,
        seconds: job.seconds,
    };
    measure(&load, &device.device, &workers).map_err(|error| error.to_string())
}

/// What a stack is expected to need in the way that is chosen.
fn estimate(model: &Model, hyper: &Hyper, replicas: usize, device: &TrainDevice) -> MemoryEstimate {
    let kept = study::kept(device, Choices::of(&device.device).kernels);
    stack_memory(&model.shape, hyper, replicas, model.sequences, kept)
}

/// Stacks that train at once: what was asked for, or what a sweep of many such models would choose.
fn at_once(job: &Job, model: &Model, device: &TrainDevice) -> Vec<usize> {
    let number = |count: &Count| {
        if let Count::Of(number) = *count {
            return number;
        }
        let hyper = Hyper::for_timing(model.sequences, job.precision);
        let bytes = estimate(model, &hyper, 1, device).total();
        let memory = usable_memory_bytes(device);
        Workers::new(&device.device, None, MOST, bytes, memory).map_or(1, |w| w.count())
    };
    let mut numbers: Vec<usize> = job.stacks_at_once.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
