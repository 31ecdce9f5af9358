//! What people read on stdout.

use isoflop_fit::Estimate;
use isoflop_fit::effects::EffectAnswer;
use isoflop_fit::parametric::Allocation;
use isoflop_fit::study::{Answer, Study};
use isoflop_report::number::{estimate, estimate_count, fixed, percent, scientific, significant};
use isoflop_report::table::{Align, Table};

use super::fit::{Fitted, Forecast};

const L: Align = Align::Left;
const R: Align = Align::Right;

/// `sweep fit`.
pub fn fitted(f: &Fitted) -> String {
    let study = &f.study;
    let mut out = format!(
        "{} runs of {}; {}; {}.\n\n",
        study.rows,
        f.source.path,
        study.options.convention.describe(),
        study.compute.describe(),
    );
    let mut add = |table: Table| {
        if !table.rows.is_empty() {
            out.push_str(&table.to_text());
            out.push('\n');
        }
    };
    add(exponents(study));
    add(slices(study));
    add(law(study));
    add(objectives(study));
    add(conventions(study));
    add(forecasts(&f.forecasts));
    add(sizes(&f.forecasts));
    add(checks(study));
    add(without_slices(study));
    add(profiles(f));
    add(posterior(f));
    add(effects(f));
    add(next_runs(f));
    out.push_str(&warnings(study));
    out
}

fn maybe(e: Option<&Estimate>) -> String {
    e.map_or_else(|| "-".into(), estimate)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

fn exponents(study: &Study) -> Table {
    let mut t = Table::new(
        "Exponents: N* ~ C^a, D* ~ C^b, with intervals",
        [("approach", L), ("a", R), ("b", R), ("", L)],
    );
    for r in &study.exponents {
        let why = r.refusal.as_deref().map(first_line).unwrap_or_default();
        t.row([r.approach.clone(), maybe(r.params.as_ref()), maybe(r.tokens.as_ref()), why]);
    }
    if study.disagreements.is_empty() {
        t.notes.push("No two approaches disagree beyond their intervals.".into());
    }
    for sentence in &study.disagreements {
        t.notes.push(sentence.clone().into());
    }
    t
}

fn slices(study: &Study) -> Table {
    let mut t = Table::new(
        "Slices",
        [("C", R), ("runs", R), ("N*", R), ("D*", R), ("loss, nats", R), ("", L)],
    );
    let Some(fit) = study.isoflop() else { return t };
    for s in &fit.slices {
        let why = s.refusal.as_ref().map(|r| r.to_string()).unwrap_or_default();
        let (n, d, l) = match &s.minimum {
            Some(m) => {
                (estimate_count(&m.params), estimate_count(&m.tokens), estimate(&m.loss_nats))
            }
            None => ("-".into(), "-".into(), "-".into()),
        };
        t.row([scientific(s.flops, 3), s.runs.len().to_string(), n, d, l, why]);
    }
    t.notes.push(
        format!(
            "Minima by the {} method; noise {} of the loss; {} runs in no slice.",
            fit.method.name(),
            percent(fit.noise_sd, 2, false),
            fit.outside.len()
        )
        .into(),
    );
    t
}

fn law(study: &Study) -> Table {
    let mut t = Table::new("Law", [("parameter", L), ("value", R)]);
    match &study.approach3 {
        Answer::Refused(why) => t.row(["refused".to_string(), first_line(&why.to_string())]),
        Answer::Given(fit) => {
            match &fit.result {
                None => {
                    t.row(["no result".to_string(), fit.outcome.to_string()]);
                    let hint = fit.outcome.hint().unwrap_or_default();
                    t.notes.push(format!("hint: {hint}").into());
                }
                Some(r) => {
                    for p in r.parameters.iter().chain(&r.centred) {
                        t.row([p.name.clone(), estimate(&p.estimate)]);
                    }
                    let sd = percent(r.residual_rms, 2, false);
                    t.row(["residuals, rms".to_string(), sd]);
                    t.notes.push(fit.outcome.to_string().into());
                    if let Some(scheme) = r.resampling {
                        let text = format!(
                            "Intervals: {} draws of {}, {} failed.",
                            r.draws,
                            scheme.name(),
                            r.failed_draws
                        );
                        t.notes.push(text.into());
                    }
                }
            }
            t.notes.push(format!("{}; {}", fit.formula, fit.objective.name()).into());
        }
    }
    t
}

fn objectives(study: &Study) -> Table {
    let mut t = Table::new(
        "The exponent a under other objectives",
        [("objective", L), ("a", R), ("outcome", L)],
    );
    for r in &study.objectives {
        let a = r.exponent.map_or_else(|| "-".into(), |a| fixed(a, 4));
        t.row([r.objective.name(), a, r.outcome.to_string()]);
    }
    t
}

fn conventions(study: &Study) -> Table {
    let mut t = Table::new(
        "The exponent a under other conventions",
        [("N and C", L), ("runs", R), ("slices", R), ("law", R)],
    );
    for r in &study.conventions {
        let name = r.convention.describe().to_string();
        t.row([name, r.rows.to_string(), maybe(r.slices.as_ref()), maybe(r.law.as_ref())]);
    }
    t
}

pub(super) fn allocation_row(t: &mut Table, by: &str, a: &Allocation) {
    let loss = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "-".into(), estimate);
    t.row([
        scientific(a.flops, 3),
        by.to_string(),
        estimate_count(&a.params),
        estimate_count(&a.tokens),
        estimate(&a.tokens_per_param),
        loss(&a.loss_nats),
        loss(&a.new_run_nats),
    ]);
}

pub(super) fn allocations(title: &str) -> Table {
    Table::new(
        title,
        [
            ("C", R),
            ("by", L),
            ("N*", R),
            ("D*", R),
            ("D*/N*", R),
            ("loss of the law", R),
            ("loss of a new run", R),
        ],
    )
}

fn forecasts(all: &[Forecast]) -> Table {
    let mut t = allocations("Best split of a budget");
    for f in all {
        let by = [
            ("envelope", &f.envelope),
            ("slices", &f.slices),
            ("law", &f.law),
            ("posterior", &f.posterior),
        ];
        for (name, a) in by {
            if let Some(a) = a {
                allocation_row(&mut t, name, a);
            }
        }
    }
    t
}

fn sizes(all: &[Forecast]) -> Table {
    let mut t = Table::new(
        "Sizes within a tolerance of the best loss, by the law",
        [("C", R), ("loss", R), ("smallest N", R), ("largest N", R)],
    );
    for f in all {
        for s in &f.sizes {
            t.row([
                scientific(f.flops, 3),
                percent(s.tolerance, 2, true),
                estimate_count(&s.smallest),
                estimate_count(&s.largest),
            ]);
        }
    }
    t
}

fn checks(study: &Study) -> Table {
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
                let what = match h.budgets {
                    0 => "runs of largest C".to_string(),
                    1 => "top budget".to_string(),
                    k => format!("top {k} budgets"),
                };
                let verdict = if !h.outcome.is_result() {
                    h.outcome.to_string()
                } else if h.law_loses {
                    "the law loses".into()
                } else {
                    "the law wins".into()
                };
                t.row([
                    what,
                    h.test_runs.to_string(),
                    percent(h.law_error, 2, false),
                    percent(h.naive_error, 2, false),
                    verdict,
                ]);
            }
            Answer::Refused(why) => {
                t.row([
                    "refused".into(),
                    "-".into(),
                    "-".into(),
                    "-".into(),
                    first_line(&why.to_string()),
                ]);
            }
        }
    }
    if let Some(o) = study.outliers.as_ref().filter(|o| !o.runs.is_empty()) {
        let name = |r: &isoflop_fit::validate::Outlier| {
            format!("{} ({} sd)", r.run, fixed(r.deviations, 0))
        };
        let names: Vec<String> = o.runs.iter().take(8).map(name).collect();
        let more = if o.runs.len() > 8 { ", ..." } else { "" };
        t.notes.push(format!("{} outliers: {}{more}", o.runs.len(), names.join(", ")).into());
        if let Some(a) = o.exponent_without {
            t.notes.push(format!("Without them a = {}.", fixed(a, 4)).into());
        }
    }
    t
}

fn without_slices(study: &Study) -> Table {
    let mut t = Table::new("The exponent a without one slice", [("left out", R), ("a", R)]);
    for s in &study.without_slice {
        let a = s.exponent.map_or_else(|| s.outcome.to_string(), |a| fixed(a, 4));
        t.row([scientific(s.flops, 3), a]);
    }
    t
}

fn profiles(f: &Fitted) -> Table {
    let mut t =
        Table::new("Profile likelihood", [("quantity", L), ("point", R), ("from", R), ("to", R)]);
    for p in f.profiles.iter().filter_map(Answer::given) {
        use isoflop_fit::intervals::Target;
        let name = match &p.target {
            Target::Parameter { name } => name.clone(),
            Target::Exponent => "a".into(),
            Target::Params { flops } => format!("N* at {}", scientific(*flops, 3)),
        };
        let end = |v: Option<f64>| v.map_or_else(|| "open".into(), |v| significant(v, 4));
        t.row([name, significant(p.point, 4), end(p.lo), end(p.hi)]);
    }
    t
}

fn posterior(f: &Fitted) -> Table {
    let mut t = Table::new(
        "Posterior (NUTS)",
        [("quantity", L), ("median", R), ("R-hat", R), ("effective draws", R)],
    );
    match &f.posterior {
        Some(Answer::Given(p)) => {
            for m in &p.marginals {
                let n = fixed(m.effective, 0);
                t.row([m.name.clone(), estimate(&m.estimate), fixed(m.r_hat, 4), n]);
            }
            t.notes.push(format!("{} draws, {} divergent.", p.draws, p.divergent).into());
        }
        Some(Answer::Refused(why)) => {
            t.row(["refused".to_string(), first_line(&why.to_string())]);
        }
        None => {}
    }
    t
}

fn effects(f: &Fitted) -> Table {
    let mut t = Table::new(
        "Effects: d ln L / d ln factor at the centre, the others fixed",
        [("factor", L), ("elasticity", R), ("best at", R), ("", L)],
    );
    match &f.effects {
        Some(Answer::Given(e)) => {
            for e in &e.effects {
                let (value, best, why) = match &e.answer {
                    EffectAnswer::Elasticity { estimate: e, optimum, .. } => (
                        estimate(e),
                        optimum.map_or_else(|| "-".into(), |o| significant(o, 3)),
                        String::new(),
                    ),
                    EffectAnswer::Constant => ("-".into(), "-".into(), "never varies".into()),
                    EffectAnswer::Missing { runs } => {
                        ("-".into(), "-".into(), format!("missing in {runs} runs"))
                    }
                    EffectAnswer::Confounded { with, explained } => (
                        "refused".into(),
                        "-".into(),
                        format!(
                            "the design moves it together with {} ({} explained)",
                            if with.is_empty() { "the others".into() } else { with.join(", ") },
                            percent(*explained, 1, false)
                        ),
                    ),
                };
                t.row([e.factor.clone(), value, best, why]);
            }
        }
        Some(Answer::Refused(why)) => {
            t.row(["refused".into(), String::new(), String::new(), first_line(&why.to_string())]);
        }
        None => {}
    }
    t
}

fn next_runs(f: &Fitted) -> Table {
    let mut t = Table::new(
        "Next runs, by what they take off the exponent's variance per FLOP",
        [("N", R), ("D", R), ("C", R), ("standard error of a", R), ("worth", R)],
    );
    match &f.next_runs {
        Some(Answer::Given(runs)) => {
            for r in runs {
                t.row([
                    scientific(r.params, 3),
                    scientific(r.tokens, 3),
                    scientific(r.flops, 3),
                    format!("{} to {}", significant(r.before, 3), significant(r.after, 3)),
                    percent(r.worth, 0, false),
                ]);
            }
        }
        Some(Answer::Refused(why)) => t.row(["refused".to_string(), first_line(&why.to_string())]),
        None => {}
    }
    t
}

fn warnings(study: &Study) -> String {
    if study.warnings.is_empty() {
        return "No warnings.\n".into();
    }
    let line = |w: &isoflop_fit::Warning| format!("  - {w}\n    {}\n", w.advice());
    let lines: Vec<String> = study.warnings.iter().map(line).collect();
    format!("Warnings\n{}", lines.concat())
}
