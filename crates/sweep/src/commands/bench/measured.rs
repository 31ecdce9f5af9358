//! What came out, for people and for programs.

use isoflop_device::{Peak, TrainDevice};
use isoflop_plan::Precision;
use isoflop_report::number;
use isoflop_report::table::{Align, Table, Tone};
use isoflop_speed::{Launches, Speed};
use isoflop_text::thousands;
use serde_json::{Map, Value, json};

use super::shape::Model;
use crate::terminal;

/// One measurement.
#[derive(Debug, Clone)]
pub struct Measured {
    pub model: Model,
    /// Replicas of each stack.
    pub replicas: usize,
    /// Stacks that trained at once.
    pub stacks_at_once: usize,
    /// Whether the model's operations are kernels; never on the CPU.
    pub kernels: bool,
    /// Whether a sweep runs them so here.
    pub usual: bool,
    /// Precision of the matrix products.
    pub precision: Precision,
    /// How fast, or why not at all.
    pub result: Result<Speed, String>,
}

impl Measured {
    /// The model's name, and what differs from one model alone: `@8` for a stack of 8 replicas, `@2w` for
    /// two stacks at once, `@8x2w` for both, `t` behind it for tensor operations instead of kernels.
    pub fn key(&self) -> String {
        let width = (self.replicas > 1).then(|| self.replicas.to_string());
        let stacks = (self.stacks_at_once > 1).then(|| format!("{}w", self.stacks_at_once));
        let tensor = (!self.usual).then(|| "t".to_owned());
        let parts: Vec<String> = [width, stacks, tensor].into_iter().flatten().collect();
        match parts.is_empty() {
            true => self.model.name.clone(),
            false => format!("{}@{}", self.model.name, parts.join("x")),
        }
    }

    fn json(&self, peak: Option<Peak>) -> Value {
        let mut out = json!({
            "shape": self.model.shape,
            "sequences": self.model.sequences,
            "replicas": self.replicas,
            "stacks_at_once": self.stacks_at_once,
            "kernels": self.kernels,
            "precision": self.precision,
        });
        let more = match &self.result {
            Err(what) => json!({ "failed": what }),
            Ok(speed) => json!({
                "tokens_per_second": speed.tokens_per_second,
                "rounds": speed.rounds,
                "flops_per_second": speed.flops_per_second,
                "share_of_peak": peak.map(|peak| speed.flops_per_second / peak.flops_per_second),
                "step_seconds": speed.step_seconds,
                "first_step_seconds": speed.first_step_seconds,
                "peak_memory_bytes": speed.peak_memory_bytes,
                "launches": speed.launches.map(|launches| launches.count),
                "launched_bytes": speed.launches.map(|launches| launches.bytes),
                "host_seconds": speed.launches.map(|launches| launches.host_seconds),
            }),
        };
        if let (Value::Object(out), Value::Object(more)) = (&mut out, more) {
            out.extend(more);
        }
        out
    }
}

/// One object per measurement by its [`Measured::key`], and the passport.
pub fn json(measured: &[Measured], peak: Option<Peak>, passport: Value) -> Value {
    let mut out: Map<String, Value> = measured.iter().map(|m| (m.key(), m.json(peak))).collect();
    out.insert("passport".into(), passport);
    Value::Object(out)
}

/// A row per measurement.
pub fn table(measured: &[Measured], peak: Option<Peak>, device: &TrainDevice) -> String {
    let precision = measured.first().map_or("", |m| m.precision.word());
    let peak_text = peak.map_or("no peak could be measured".into(), |peak| {
        format!("products reach {:.1} GFLOP/s", peak.flops_per_second / 1e9)
    });
    let title = format!("{}, {precision}; {peak_text}", device.info.label());
    let heads = [
        ("Model", Align::Left),
        ("Tokens/s", Align::Right),
        ("Range", Align::Right),
        ("GFLOP/s", Align::Right),
        ("Of peak", Align::Right),
        ("Step, ms", Align::Right),
        ("First step, s", Align::Right),
        ("Peak memory", Align::Right),
    ];
    let mut table = Table::new(title, heads);
    let whole = |x: f64| thousands(x.round() as u64);
    for one in measured {
        let Ok(speed) = &one.result else {
            table.toned(Tone::Alert, [one.key(), "failed".into()]);
            continue;
        };
        let ends =
            |f: fn(f64, f64) -> f64| speed.rounds.iter().copied().reduce(f).unwrap_or(f64::NAN);
        let share = peak.map(|peak| 100.0 * speed.flops_per_second / peak.flops_per_second);
        table.row([
            one.key(),
            whole(speed.tokens_per_second),
            format!("{}–{}", whole(ends(f64::min)), whole(ends(f64::max))),
            number::fixed(speed.flops_per_second / 1e9, 1),
            share.map_or("-".into(), |share| format!("{share:.0}%")),
            number::significant(1e3 * speed.step_seconds, 3),
            number::significant(speed.first_step_seconds, 2),
            speed.peak_memory_bytes.map_or("-".into(), |bytes| number::bytes(bytes as f64)),
        ]);
    }
    for one in measured {
        if let Ok(Speed { launches: Some(launches), .. }) = &one.result {
            table.notes.push(launches_note(&one.key(), launches).into());
        }
    }
    let several = measured.iter().any(|m| m.replicas > 1 || m.stacks_at_once > 1);
    if several {
        table.notes.push(
            "@8 is a stack of 8 replicas, @2w two stacks at once; their tokens are added up."
                .into(),
        );
    }
    if measured.iter().any(|m| !m.usual) {
        let what = "t: the model's operations as chains of tensor operations instead of kernels.";
        table.notes.push(what.into());
    }
    table.to_text(terminal::width())
}

/// What a step asks of an adapter.
fn launches_note(key: &str, launches: &Launches) -> String {
    let Launches { count, bytes, host_seconds } = *launches;
    format!(
        "{key}: {count} launches a step, {} us of the host's time each; they read and write {}.",
        number::significant(1e6 * host_seconds / count as f64, 2),
        number::bytes(bytes as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(replicas: usize, stacks_at_once: usize, result: Result<Speed, String>) -> Measured {
        let model = Model::parse("L2d32h1V256x16x64").unwrap();
        let precision = Precision::F32;
        Measured { model, replicas, stacks_at_once, kernels: false, usual: true, precision, result }
    }

    fn speed() -> Speed {
        Speed {
            tokens_per_second: 1e6,
            rounds: vec![9e5, 1e6, 2e6],
            flops_per_second: 5e10,
            step_seconds: 0.001,
            first_step_seconds: 0.5,
            peak_memory_bytes: None,
            launches: None,
        }
    }

    #[test]
    fn keys_tell_stacks_apart() {
        let key = |replicas, stacks| measured(replicas, stacks, Err(String::new())).key();
        assert_eq!(key(1, 1), "L2d32h1V256x16x64");
        assert_eq!(key(8, 1), "L2d32h1V256x16x64@8");
        assert_eq!(key(1, 2), "L2d32h1V256x16x64@2w");
        assert_eq!(key(8, 2), "L2d32h1V256x16x64@8x2w");
    }

    #[test]
    fn launches_are_told_with_the_hosts_time() {
        let launches = Launches { count: 100, bytes: 3 << 20, host_seconds: 0.000_31 };
        let note = launches_note("L2d32h1V256x16x64", &launches);
        let said =
            "100 launches a step, 3.1 us of the host's time each; they read and write 3.00 MiB.";
        assert_eq!(note, format!("L2d32h1V256x16x64: {said}"));
    }

    #[test]
    fn programs_get_figures_and_failures() {
        let peak = Peak { precision: Precision::F32, flops_per_second: 1e11, side: 512 };
        let all = [measured(1, 1, Ok(speed())), measured(4, 1, Err("no memory".into()))];
        let json = json(&all, Some(peak), json!({ "device": "x" }));
        let one = &json["L2d32h1V256x16x64"];
        assert_eq!(one["tokens_per_second"], 1e6);
        assert_eq!(one["share_of_peak"], 0.5);
        assert_eq!(one["peak_memory_bytes"], Value::Null);
        assert_eq!(one["shape"]["hidden"], 88);
        assert_eq!(json["L2d32h1V256x16x64@4"]["failed"], "no memory");
        assert_eq!(json["L2d32h1V256x16x64@4"]["tokens_per_second"], Value::Null);
        assert_eq!(json["passport"]["device"], "x");
    }
}
