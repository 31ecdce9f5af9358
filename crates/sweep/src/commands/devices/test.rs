//! `sweep devices --test`: does an adapter compute what the CPU computes?

use std::process::ExitCode;
use std::time::{Duration, Instant};

use isoflop_device::{
    Check, Finding, SelfTestCache, ShaderCompiler, list, test_anew, test_thoroughly,
};
use isoflop_ledger::now_utc;
use isoflop_plan::{DeviceConfig, DeviceName, Precision, Shader};
use isoflop_report::table::{Align, Table, Tone};
use serde_json::json;

use crate::cli::DevicesArgs;
use crate::commands::bench::shader;
use crate::failure::{FAILED, Misuse};
use crate::{print, progress, terminal};

/// Results of one operation beyond which the worst alone is shown.
const SHOWN: usize = 6;

/// Tests an adapter with every shader compiler that is asked for.
pub fn run(args: &DevicesArgs) -> anyhow::Result<ExitCode> {
    let mut observer = progress::observer(&args.output);
    let progress = &mut *observer;
    let asked = shader(&args.shader)?;
    let name = args.device.as_deref().unwrap_or("auto");
    let config = DeviceConfig { shader: asked, ..DeviceConfig::named(DeviceName::of(name)) };
    let listed = list();
    for failure in &listed.failures {
        progress.warn(failure.to_string());
    }
    let info = listed.pick(&config)?.info;
    if info.is_cpu() {
        progress.note("the CPU is what adapters are compared with: there is nothing to test");
    }
    let shaders = match asked {
        _ if info.is_cpu() => Vec::new(),
        Shader::Auto => info.shaders.clone(),
        Shader::Spirv => vec![ShaderCompiler::Spirv],
        Shader::Wgsl => vec![ShaderCompiler::Wgsl],
    };
    let limit = match args.limit {
        Some(seconds) if !(1.0..=86_400.0).contains(&seconds) => anyhow::bail!(Misuse(format!(
            "--limit is {seconds}\nhint: give seconds from 1 to 86400, or leave it out"
        ))),
        limit => limit.map(Duration::from_secs_f64),
    };
    let (mut tests, mut failed) = (Vec::new(), 0);
    for shader in shaders {
        progress.note(format!("testing {} with {shader} shaders", info.label()));
        let started = Instant::now();
        // The test that sweeps start with, whose verdict they then know.
        let cache = SelfTestCache::of_user(now_utc());
        let verdict = test_anew(&info, shader, cache, &mut progress.opening());
        progress.clear();
        if let Err(error) = verdict {
            progress.warn(error.to_string());
        }
        let findings = test_thoroughly(&info, shader, limit, &mut |operation, precision| {
            progress.note(format!("{operation}, {}", precision.word()));
        });
        for finding in &findings {
            if let Finding::Broken { operation, what, .. } = finding {
                progress.warn(format!("{operation}: {what}"));
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        failed += findings.iter().filter(|finding| !finding.passed()).count();
        if args.output.json {
            tests.push(json!({ "shader": shader, "seconds": seconds, "findings": findings }));
        } else {
            let title = format!("{} with {shader} shaders, {seconds:.0} s", info.label());
            print::text(&table(&title, &findings))?;
        }
    }
    progress.clear();
    if args.output.json {
        print::json(&json!({ "schema": 1, "device": info, "failed": failed, "tests": tests }))?;
    }
    Ok(ExitCode::from(if failed > 0 { FAILED } else { 0 }))
}

/// A row per result; the worst alone of what has many.
fn table(title: &str, findings: &[Finding]) -> String {
    let heads = [
        ("Operation", Align::Left),
        ("Products in", Align::Left),
        ("Largest error", Align::Right),
        ("Allowed", Align::Right),
    ];
    let mut table = Table::new(title, heads);
    for group in findings.chunk_by(|a, b| heading(a) == heading(b)) {
        let checks: Vec<&Check> = group.iter().filter_map(check).collect();
        let worst = checks.iter().max_by(|a, b| excess(a).total_cmp(&excess(b)));
        match worst {
            Some(worst) if checks.len() > SHOWN => {
                let rest = format!("{} ({} results, the worst)", worst.operation, checks.len());
                row(&mut table, &rest, worst);
            }
            _ => checks.iter().for_each(|check| row(&mut table, &check.operation, check)),
        }
        for finding in group {
            if let Finding::Broken { operation, precision, .. } = finding {
                let precision = precision.map_or("", Precision::word);
                table.toned(Tone::Alert, [operation, precision, "broken", ""]);
            }
        }
    }
    let failed = findings.iter().filter(|finding| !finding.passed()).count();
    table.notes.push(match failed {
        0 => format!("All {} comparisons pass.", findings.len()).into(),
        _ => format!("{failed} of {} comparisons fail.", findings.len()).into(),
    });
    table.notes.push("Errors are shares of the largest value that the CPU computes in f32.".into());
    table.to_text(terminal::width())
}

fn row(table: &mut Table, operation: &str, check: &Check) {
    let tone = if check.passed() { Tone::Plain } else { Tone::Alert };
    let error = match check.deviation.is_finite() {
        true => format!("{:.1e}", check.deviation),
        false => "not finite".to_owned(),
    };
    let precision = check.precision.word().to_owned();
    table.toned(tone, [operation.to_owned(), precision, error, format!("{:.0e}", check.allowed)]);
}

fn excess(check: &Check) -> f64 {
    check.deviation / check.allowed
}

fn check(finding: &Finding) -> Option<&Check> {
    match finding {
        Finding::Compared(check) => Some(check),
        Finding::Broken { .. } => None,
    }
}

/// What results of one operation have in common.
fn heading(finding: &Finding) -> (&str, Option<Precision>) {
    match finding {
        Finding::Compared(check) => {
            let name = check.operation.split(": ").next().unwrap_or_default();
            (name, Some(check.precision))
        }
        Finding::Broken { operation, precision, .. } => (operation, *precision),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(operation: &str, deviation: f64) -> Finding {
        let precision = Precision::F32;
        Finding::Compared(Check {
            operation: operation.into(),
            precision,
            deviation,
            allowed: 1e-5,
        })
    }

    #[test]
    fn failures_are_marked_and_counted() {
        let broken = Finding::Broken {
            operation: "attention".into(),
            precision: Some(Precision::F16),
            what: "gone".into(),
        };
        let findings = [compared("sum", 1e-6), compared("norm: gain", 0.5), broken];
        let text = table("A card", &findings);
        assert!(text.contains("  sum "), "{text}");
        assert!(text.contains("! norm: gain") && text.contains("! attention"), "{text}");
        assert!(text.contains("2 of 3 comparisons fail."), "{text}");
        assert!(table("A card", &findings[..1]).contains("All 1 comparisons pass."));
    }

    #[test]
    fn many_results_are_shown_by_their_worst() {
        let mut findings: Vec<Finding> =
            (0..9).map(|i| compared(&format!("step: weight {i}"), 1e-9)).collect();
        findings[4] = compared("step: weight 4", 3e-5);
        let text = table("A card", &findings);
        assert!(text.contains("! step: weight 4 (9 results, the worst)"), "{text}");
        assert!(!text.contains("weight 5"), "{text}");
    }
}
