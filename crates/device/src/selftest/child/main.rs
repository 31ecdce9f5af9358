//! What a process that was started for a self-test does.

use std::sync::atomic::Ordering;

use burn::tensor::Device;
use isoflop_model::kernels::Choices;
use isoflop_plan::Precision;
use serde::Serialize;

use super::super::OPENING;
use super::super::compare::{Steps, compare_in, of_device, test_one};
use super::super::report::{SelfTestFailure, TestStep};
use super::super::thorough::{self, Finding, Progress};
use super::{AVAILABLE, Answer, MARK, TASK, Task, Test, not_opened};
use crate::info::ShaderCompiler;
use crate::list::find_adapter;
use crate::setup;
use crate::trial;

/// To be called first in `main` of a program that opens devices.
///
/// In a process that was started for a self-test it runs the test and ends the process. In any
/// other it only notes that the program may start itself for such tests; without this call
/// [`open`](crate::open) tests in its own process, and a crash of a driver ends it.
pub fn self_test_child_main() {
    let Some(task) = std::env::var_os(TASK) else {
        AVAILABLE.store(true, Ordering::Relaxed);
        return;
    };
    let task: Result<Task, _> = serde_json::from_str(&task.to_string_lossy());
    match task {
        Ok(Task { id, shader, test: Test::Thorough { from } }) => {
            test_here(&id, shader, from, &mut |progress| say(&progress));
        }
        Ok(Task { id, shader, test: Test::Short { kernels, precisions, matrix_units } }) => {
            match open(&id, shader, kernels) {
                Ok(device) => short(&device, &precisions, matrix_units),
                Err(what) => say(&Answer::Closed(not_opened(what))),
            }
        }
        Ok(Task { id, shader, test: Test::Ways { precision } }) => {
            let tried = find_adapter(&id).and_then(|adapter| {
                let device = setup::open(&adapter, shader, true).map_err(|e| e.to_string())?;
                Ok(trial::run(&device, precision, trial::Sizes::of(&adapter.info)))
            });
            say(&tried.map_err(not_opened));
        }
        Err(e) => say(&Answer::Closed(not_opened(format!("{TASK}: {e}")))),
    }
    std::process::exit(0);
}

/// A short test in this process, up to what breaks down: it may have taken the device along.
fn short(device: &Device, precisions: &[Precision], mut matrix_units: bool) {
    let all = of_device(precisions, device);
    say(&Answer::Has(all.clone()));
    let mut steps = Steps::of(&all);
    let choices = Choices::of(device);
    for precision in all {
        say(&Answer::Begins(precision));
        let tested = test_one(precision, matrix_units, &mut |precision, matrix_units| {
            Choices { matrix_units, ..choices }.set(device);
            compare_in(precision, device, &mut |operation| {
                let TestStep { operation, precision, done, total } =
                    steps.next(operation, precision);
                say(&Answer::Step { operation, precision, done, total });
            })
        });
        matrix_units &= tested.without_matrix_units.is_none();
        let broken = matches!(tested.result, Err(SelfTestFailure::Broken { .. }));
        say(&Answer::Tested(tested));
        if broken {
            return;
        }
    }
}

/// A thorough test in this process.
pub(in super::super) fn test_here(
    id: &str,
    shader: ShaderCompiler,
    from: usize,
    tell: &mut dyn FnMut(Progress),
) {
    match open(id, shader, true) {
        Ok(device) => thorough::run(&device, from, tell),
        Err(what) => {
            let operation = OPENING.into();
            tell(Progress::Found(Finding::Broken { operation, precision: None, what }));
            tell(Progress::Done);
        }
    }
}

/// Tells the process that started this one.
fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("plain data");
    println!("\n{MARK}{line}");
}

fn open(id: &str, shader: ShaderCompiler, kernels: bool) -> Result<Device, String> {
    let adapter = find_adapter(id)?;
    setup::open(&adapter, shader, kernels).map_err(|e| e.to_string())
}
