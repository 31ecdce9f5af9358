//! Objectives, conventions, held-out forecasts, slices left out, and what is doubtful.

use isoflop_fit::study::{Answer, Study};
use isoflop_fit::{LeftOut, Told, Warning, by_reason, told};
use isoflop_report::number::{fixed, percent, scientific};
use isoflop_report::table::Table;
use isoflop_text::listed;

use super::{L, R, maybe, refusal, titled};

pub fn objectives(study: &Study) -> Table {
    let mut t = Table::new(
        format!(
            "The exponent {} under other objectives (points: for their scatter see the interval above)",
            study.exponent_name
        ),
        [("objective", L), (study.exponent_name, R), ("outcome", L)],
    );
    for r in &study.objectives {
        let a = r.exponent.map_or_else(|| "-".into(), |a| fixed(a, 4));
        t.row([r.objective.name(), a, r.outcome.to_string()]);
    }
    t
}

pub fn conventions(study: &Study) -> Table {
    let all = study.conventions.iter().flat_map(|r| r.slices.iter().chain(&r.law));
    let mut t = Table::new(
        titled("The exponent a under other conventions", study, all),
        [("N and C", L), ("runs", R), ("slices", R), ("law", R)],
    );
    // One way of counting compares with nothing.
    if study.conventions.len() < 2 {
        return t;
    }
    for r in &study.conventions {
        let name = r.convention.describe().to_string();
        t.row([name, r.rows.to_string(), maybe(r.slices.as_ref()), maybe(r.law.as_ref())]);
    }
    t
}

pub fn held_out(study: &Study) -> Table {
    let mut t = Table::new(
        "Forecast of the largest budgets from the rest",
        [
            ("held out", L),
            ("runs", R),
            ("error of the law", R),
            ("of the best loss seen", R),
            ("", L),
        ],
    );
    for h in &study.held_out {
        match h {
            Answer::Given(h) => {
                let verdict =
                    if h.law_loses { "the law loses".into() } else { "the law wins".into() };
                t.row([
                    h.what(),
                    h.test_runs.to_string(),
                    percent(h.law_error, 2, false),
                    percent(h.naive_error, 2, false),
                    verdict,
                ]);
            }
            Answer::Refused(why) => {
                let why = refusal(&mut t, &why.to_string());
                t.row(["refused".into(), "-".into(), "-".into(), "-".into(), why]);
            }
        }
    }
    if let Some(forecast) = study.forecast.given() {
        for trial in forecast.trials() {
            let (law, minima) = (trial.law_off, trial.minima_off);
            let (x, law, minima) =
                (fixed(trial.scale_up, 1), percent(law, 1, true), percent(minima, 1, true));
            let text = format!(
                "The minimum a factor {x} beyond the rest: {minima} by the trend of the minima, {law} by the law."
            );
            t.notes.push(text.into());
        }
        let share = percent(forecast.law_weight(), 0, false);
        t.notes.push(format!("Forecasts of a loss by law and minima together give the law {share}, by how likely each had made these.").into());
    }
    if let Some(o) = study.outliers.as_ref().filter(|o| !o.runs.is_empty()) {
        let name = |r: &isoflop_fit::validate::Outlier| {
            format!("{} ({} sd)", r.run, fixed(r.deviations, 0))
        };
        let names: Vec<String> = o.runs.iter().map(name).collect();
        let noun = if o.runs.len() == 1 { "outlier" } else { "outliers" };
        t.notes.push(format!("{} {noun}: {}", o.runs.len(), listed(&names)).into());
        if let Some(a) = o.exponent_without {
            t.notes.push(format!("Without them {} = {}.", study.exponent_name, fixed(a, 4)).into());
        }
    }
    t
}

pub fn without_slices(study: &Study) -> Table {
    let name = study.exponent_name;
    let columns = [("left out", R), (name, R), ("", L)];
    let mut t = Table::new(format!("The exponent {name} without one slice (points)"), columns);
    for s in &study.without_slice {
        let a = s.exponent.map_or_else(|| "-".into(), |a| fixed(a, 4));
        let why = if s.outcome.is_result() { String::new() } else { s.outcome.to_string() };
        t.row([scientific(s.flops, 3), a, why]);
    }
    // Where C does not follow from N and D there is no exponent of N* with any slice.
    if study.without_slice.iter().all(|s| s.exponent.is_none() && s.outcome.is_result()) {
        t.rows.clear();
    }
    t
}

/// The rows that no fit saw, by reason, with their lines among the rows (from 1); JSON has all.
pub fn left_out(rows: &[LeftOut]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |(reason, rows): (String, Vec<&LeftOut>)| {
        let names: Vec<String> =
            rows.iter().map(|row| format!("{} (row {})", row.run, row.row)).collect();
        format!("  {}, {reason}: {}\n", names.len(), listed(&names))
    };
    let lines: Vec<String> = by_reason(rows).into_iter().map(line).collect();
    format!("Rows left out\n{}\n", lines.concat())
}

/// Doubts, each with advice.
pub fn warnings(all: &[Warning]) -> String {
    if all.is_empty() {
        return "No warnings.\n".into();
    }
    let line = |told: Told| format!("  - {}\n    {}\n", told.text, told.advice);
    let lines: Vec<String> = told(all).into_iter().map(line).collect();
    format!("Warnings\n{}", lines.concat())
}
