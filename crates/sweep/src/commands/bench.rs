//! `sweep bench`: how fast models train here, on made-up tokens.

mod measured;
mod operations;
mod request;
mod shape;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isoflop::Observer;
use isoflop_device::{Choices, Peak, TrainDevice, measure_peak};
use isoflop_plan::{DeviceConfig, DeviceName, Hyper, MemoryEstimate, stack_memory};
use isoflop_speed::{Load, PAYS, Speed, measure};
use isoflop_train::Workers;

use crate::cli::BenchArgs;
use crate::failure::FAILED;
use crate::signals::{Signal, Signals};
use crate::{print, progress};
use measured::{Measured, json, table};
pub use request::shader;
use request::{BenchRequest, Count, MOST};
use shape::Model;

/// How stacks of a model train.
#[derive(Debug, Clone, Copy)]
struct Mode {
    /// Stacks at once.
    stacks: usize,
    /// Whether the model's operations are kernels.
    kernels: bool,
}

/// Measures every shape as asked, one after the other, and prints what came out.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut observer = progress::observer(&args.output);
    let progress = &mut *observer;
    let request = BenchRequest::read(args)?;

    let name = DeviceName::of(args.device.as_deref().unwrap_or("auto"));
    let config = DeviceConfig { shader: request.shader, ..DeviceConfig::named(name) };
    let tested = isoflop::request(vec![request.precision], false);
    let device = isoflop::open_device(&config, &tested, progress)?;
    request.check(&device)?;
    if args.operations {
        let code = operations::run(&request, &device, progress, args.output.json);
        device.wait();
        return code;
    }

    let found = Found::default();
    let _signals = listen(&found, &device, args.output.json)?;
    if !device.info.is_cpu() {
        progress.note("measuring the device's fastest products");
    }
    let before = peak(&request, &device, progress);
    found.lock().peak = before;
    for model in &request.models {
        for stacks in at_once(&request, model, &device) {
            for &kernels in &request.kernels {
                let mode = Mode { stacks, kernels: kernels.unwrap_or(device.choices.kernels) };
                let choices = Choices { kernels: mode.kernels, ..device.choices };
                choices.set(&device.device);
                for &replicas in &request.replicas {
                    match replicas {
                        Count::Of(n) => {
                            let one = one(&request, model, mode, n, &device, progress);
                            found.lock().measured.push(one);
                        }
                        Count::Auto => {
                            widening(&request, model, mode, &device, &found, progress);
                        }
                    }
                }
            }
        }
    }
    // A busy machine shows its peak now and then: the better of two counts.
    let after = peak(&request, &device, progress);
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
fn peak(request: &BenchRequest, device: &TrainDevice, progress: &mut dyn Observer) -> Option<Peak> {
    match measure_peak(&device.device, &device.info, request.precision) {
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
            let passport = isoflop::passport::without_data(device, self.peak);
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
    request: &BenchRequest,
    model: &Model,
    mode: Mode,
    device: &TrainDevice,
    found: &Found,
    progress: &mut dyn Observer,
) {
    let mut best = 0.0;
    let mut replicas = 1;
    while replicas <= MOST {
        let next = one(request, model, mode, replicas, device, progress);
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
    request: &BenchRequest,
    model: &Model,
    mode: Mode,
    replicas: usize,
    device: &TrainDevice,
    progress: &mut dyn Observer,
) -> Measured {
    let mut measured = Measured {
        model: model.clone(),
        replicas,
        stacks_at_once: mode.stacks,
        kernels: mode.kernels,
        usual: mode.kernels == device.choices.kernels,
        precision: request.precision,
        result: Err(String::new()),
    };
    progress.note(format!("measuring {}", measured.key()));
    measured.result = try_one(request, model, mode.stacks, replicas, device);
    if let Err(what) = &measured.result {
        progress.warn(format!("{}: {what}", measured.key()));
    }
    measured
}

fn try_one(
    request: &BenchRequest,
    model: &Model,
    stacks: usize,
    replicas: usize,
    device: &TrainDevice,
) -> Result<Speed, String> {
    let hyper = Hyper::for_timing(model.sequences, request.precision);
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
        rounds: request.rounds,
        seconds: request.seconds,
        launches: true,
    };
    measure(&load, &device.device, &workers).map_err(|error| error.to_string())
}

/// What a stack is expected to need in the mode that is chosen.
fn estimate(model: &Model, hyper: &Hyper, replicas: usize, device: &TrainDevice) -> MemoryEstimate {
    let kept = isoflop::kept(device, Choices::of(&device.device).kernels);
    stack_memory(&model.shape, hyper, replicas, model.sequences, kept)
}

/// Stacks that train at once: what was asked for, or what a sweep of many such models would choose.
fn at_once(request: &BenchRequest, model: &Model, device: &TrainDevice) -> Vec<usize> {
    let number = |count: &Count| {
        if let Count::Of(number) = *count {
            return number;
        }
        let hyper = Hyper::for_timing(model.sequences, request.precision);
        let bytes = estimate(model, &hyper, 1, device).total();
        let memory = isoflop::usable_memory_bytes(device);
        Workers::new(&device.device, None, MOST, bytes, memory).map_or(1, |w| w.count())
    };
    let mut numbers: Vec<usize> = request.stacks_at_once.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
