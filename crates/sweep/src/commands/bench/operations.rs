//! `sweep bench --operations`: the model's operations one by one, as kernels and as tensor operations.

use std::process::ExitCode;

use anyhow::bail;
use isoflop::Observer;
use isoflop_device::{TrainDevice, takes_matrix_units};
use isoflop_plan::{Hyper, Precision, Shape};
use isoflop_report::number;
use isoflop_report::table::{Align, Table};
use isoflop_speed::{OperationTime, time_operations};
use serde_json::{Map, Value, json};

use super::request::{BenchRequest, Count};
use super::shape::Model;
use crate::failure::{FAILED, Misuse};
use crate::print;
use crate::terminal;

/// Times the operations of every shape and prints what came out.
pub fn run(
    request: &BenchRequest,
    device: &TrainDevice,
    progress: &mut dyn Observer,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    if !device.choices.kernels {
        bail!(Misuse(format!(
            "--operations compares kernels with tensor operations, and {} trains without kernels\nhint: name a graphics adapter with --device; `sweep devices` lists them",
            device.info.label()
        )));
    }
    let (mut out, mut failed) = (Map::new(), false);
    for model in &request.models {
        for count in &request.replicas {
            let replicas = match count {
                Count::Of(replicas) => *replicas,
                Count::Auto => 1,
            };
            let name = match replicas {
                1 => model.name.clone(),
                replicas => format!("{}@{replicas}", model.name),
            };
            progress.note(format!("measuring the operations of {name}"));
            let hyper = Hyper::for_timing(model.sequences, request.precision);
            let times =
                time_operations(&model.shape, &hyper, replicas, &device.device, request.seconds);
            match times {
                Ok(times) => {
                    out.insert(name.clone(), json_of(model, replicas, &times));
                    if !as_json {
                        progress.clear();
                        print::text(&table(
                            &name,
                            &times,
                            device,
                            &model.shape,
                            request.precision,
                        ))?;
                    }
                }
                Err(error) => {
                    failed = true;
                    progress.warn(format!("{name}: {error}"));
                    out.insert(name, json!({ "failed": error.what() }));
                }
            }
        }
    }
    progress.clear();
    if as_json {
        out.insert("passport".into(), isoflop::passport::without_data(device, None));
        print::json(&Value::Object(out))?;
    }
    Ok(ExitCode::from(if failed { FAILED } else { 0 }))
}

fn json_of(model: &Model, replicas: usize, times: &[OperationTime]) -> Value {
    let one = |time: &OperationTime| {
        json!({
            "operation": time.operation,
            "kernel_seconds": time.kernels,
            "tensor_seconds": time.tensor,
            "ratios": time.ratios,
        })
    };
    let operations: Vec<Value> = times.iter().map(one).collect();
    json!({
        "shape": model.shape,
        "sequences": model.sequences,
        "replicas": replicas,
        "operations": operations,
    })
}

fn table(
    name: &str,
    times: &[OperationTime],
    device: &TrainDevice,
    shape: &Shape,
    precision: Precision,
) -> String {
    let heads = [
        ("Operation", Align::Left),
        ("Kernels, ms", Align::Right),
        ("Tensor operations, ms", Align::Right),
        ("Times as fast", Align::Right),
        ("Range", Align::Right),
    ];
    let mut table = Table::new(format!("{name} on {}", device.info.label()), heads);
    for time in times {
        let ratio = |at: usize| number::significant(time.ratios[at], 3);
        let last = time.ratios.len() - 1;
        table.row([
            time.operation.to_owned(),
            number::significant(1e3 * time.kernels, 3),
            number::significant(1e3 * time.tensor, 3),
            ratio(last / 2),
            format!("{}–{}", ratio(0), ratio(last)),
        ]);
    }
    table.notes.push(
        "Medians of alternating rounds, the range of their ratios. A kernel that works in place is charged a copy.".into(),
    );
    if takes_matrix_units(&device.device, precision, shape.head_dim()) {
        let precision = precision.word();
        let note = format!(
            "The kernels of attention multiply in {precision}, by matrix units; the tensor operations in f32."
        );
        table.notes.push(note.into());
    }
    table.to_text(terminal::width()) + "\n"
}
