//! What people read on stdout.

mod asked;
mod checks;
mod rejections;
mod splits;

use isoflop_fit::Estimate;
use isoflop_fit::isoflop::Method;
use isoflop_fit::study::{Answer, Study};
use isoflop_report::number::{self, estimate, estimate_count, level, percent, scientific};
use isoflop_report::table::{Align, Table};

use super::Fitted;
use crate::terminal;
pub(in crate::commands) use checks::{left_out, warnings};
pub(in crate::commands) use splits::{allocation_row, allocations};

const L: Align = Align::Left;
const R: Align = Align::Right;

/// `sweep fit`.
pub fn fitted(f: &Fitted) -> String {
    let study = &f.study;
    let mut out = format!(
        "{} of {}; {}; {}.\n\n",
        runs(study.rows),
        f.source.path,
        study.options.convention.describe(),
        study.compute.describe(),
    );
    for note in &f.source.notes {
        out += &format!("note: {note}\n");
    }
    let none = study.options.fit.intervals.draws == 0;
    if none {
        out += "note: no intervals: --draws is 0\n";
    }
    if let Some(repeats) = &study.repeats {
        out += &format!(
            "note: {repeats}{}\n",
            match repeats.named {
                true => "",
                false => " (seeds share a vote where `--seed-column` names them)",
            }
        );
    }
    if none || study.repeats.is_some() || !f.source.notes.is_empty() {
        out.push('\n');
    }
    let mut add = |table: Table| {
        if !table.rows.is_empty() {
            out.push_str(&table.to_text(terminal::width()));
            out.push('\n');
        }
    };
    add(exponents(study));
    add(slices(study));
    add(law(study));
    if let Some(covariance) = study.law().and_then(|law| law.covariance.as_ref()) {
        add(isoflop_report::correlations::table(covariance, |name| name.into()));
    }
    add(checks::objectives(study));
    add(checks::conventions(study));
    add(splits::forecasts(f));
    add(splits::sizes(f));
    add(checks::held_out(study));
    add(checks::without_slices(study));
    if let Some(machines) = &study.machines {
        add(isoflop_report::machines::table(machines));
    }
    add(rejections::rejections(f));
    add(asked::profiles(f));
    add(asked::posterior(f));
    add(asked::effects(f));
    add(asked::next_runs(f));
    add(asked::trainable(f));
    out.push_str(&asked::trainable_toml(f));
    if let Some(open) = &f.open_slices {
        out.push_str(&format!("\n{}\n", open.told));
    }
    out.push_str(&left_out(&study.left_out));
    out.push_str(&warnings(&study.warnings));
    out
}

fn maybe(e: Option<&Estimate>) -> String {
    e.map_or_else(|| "-".into(), estimate)
}

fn r_squared(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), number::r_squared)
}

/// `1 run`, `2 runs`.
fn runs(count: usize) -> String {
    if count == 1 { "1 run".into() } else { format!("{count} runs") }
}

/// The level of the study's intervals.
fn level_of(study: &Study) -> String {
    level(study.options.fit.intervals.level)
}

/// `Law, with 95% intervals`, where any of the estimates below has one.
fn titled<'a>(
    title: &str,
    study: &Study,
    mut estimates: impl Iterator<Item = &'a Estimate>,
) -> String {
    match estimates.any(|e| e.interval.is_some()) {
        true => format!("{title}, with {} intervals", level_of(study)),
        false => title.into(),
    }
}

/// The first line of a refusal, with its hint as small print.
fn refusal(t: &mut Table, text: &str) -> String {
    let (message, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
    let note = format!("hint: {hint}").into();
    if !hint.is_empty() && !t.notes.contains(&note) {
        t.notes.push(note);
    }
    message.lines().next().unwrap_or_default().to_string()
}

fn exponents(study: &Study) -> Table {
    let all = study.exponents.iter().flat_map(|r| r.params.iter().chain(&r.tokens));
    let mut t = Table::new(
        titled("Exponents: N* ~ C^a, D* ~ C^b", study, all),
        [("approach", L), ("a", R), ("R^2", R), ("b", R), ("R^2", R), ("", L)],
    );
    for r in &study.exponents {
        let why = r.refusal.as_deref().map(|w| refusal(&mut t, w)).unwrap_or_default();
        let (a, b) = (maybe(r.params.as_ref()), maybe(r.tokens.as_ref()));
        let shares = [r.params_r_squared, r.tokens_r_squared].map(r_squared);
        let [of_a, of_b] = shares;
        t.row([r.approach.clone(), a, of_a, b, of_b, why]);
    }
    if study.exponents.iter().any(|r| r.params_r_squared.is_some()) {
        t.notes.push(
            "R^2: of ln N* and ln D* about their power laws, unweighted; the law's are power laws by its form."
                .into(),
        );
    }
    if let Some(sentence) = study.agreement() {
        t.notes.push(sentence.into());
    }
    for sentence in &study.disagreements {
        t.notes.push(sentence.clone().into());
    }
    t
}

fn slices(study: &Study) -> Table {
    let all = study.isoflop().into_iter().flat_map(|f| &f.slices);
    let all = all.filter_map(|s| s.minimum.as_ref()).map(|m| &m.params);
    let mut t = Table::new(
        titled("Slices", study, all),
        [("C", R), ("runs", R), ("N*", R), ("D*", R), ("loss, nats", R), ("", L)],
    );
    let Some(fit) = study.isoflop() else { return t };
    let mut unused = Vec::new();
    for s in &fit.slices {
        let why = s.refusal.as_ref().map(|r| r.to_string());
        let why = why.or_else(|| s.no_interval.clone()).unwrap_or_default();
        let many = match s.unused.len() {
            0 => s.runs.len().to_string(),
            _ => format!("{} of {}", s.used, s.runs.len()),
        };
        unused.extend(s.unused.iter().cloned());
        let (n, d, l) = match &s.minimum {
            Some(m) => {
                (estimate_count(&m.params), estimate_count(&m.tokens), estimate(&m.loss_nats))
            }
            None => ("-".into(), "-".into(), "-".into()),
        };
        t.row([scientific(s.flops, 3), many, n, d, l, why]);
    }
    t.notes.push(
        format!(
            "Minima by the {} method; noise {} of the loss; {} in no slice{}.",
            fit.method.name(),
            percent(fit.noise_sd, 2, false),
            runs(fit.outside.len()),
            listed(&fit.outside)
        )
        .into(),
    );
    if fit.method == Method::Porian {
        t.notes.push("That noise is the recipe's, .002 nats: where the runs scatter more, intervals are too narrow.".into());
    }
    if let Some(r) = fit.loss.r_squared {
        let exponent = estimate(&fit.loss.exponent);
        let share = number::r_squared(r);
        t.notes.push(
            format!("Their losses: L* ~ C^{exponent} without a floor, R^2 {share} of ln L*.")
                .into(),
        );
    }
    if !unused.is_empty() {
        let far = runs(unused.len());
        t.notes.push(
            format!("{far} too far from the minimum for the curve{}.", listed(&unused)).into(),
        );
    }
    if fit.cluster_correlation > 0.0 {
        let shared = percent(fit.cluster_correlation, 0, false);
        t.notes.push(format!("Runs of one cluster share {shared} of the noise's variance.").into());
    }
    t
}

/// `: a, b`, or nothing.
fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", isoflop_text::listed(names)) }
}

fn law(study: &Study) -> Table {
    let all = study.law().into_iter().flat_map(|r| &r.parameters).map(|p| &p.estimate);
    let title = titled("Law", study, all);
    let mut t = Table::new(title, [("parameter", L), ("value", R)]);
    match &study.approach3 {
        Answer::Refused(why) => {
            let why = refusal(&mut t, &why.to_string());
            t.row(["refused".to_string(), why]);
        }
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
                    if let Some(why) = &r.no_interval {
                        t.notes.push(why.as_str().into());
                    }
                }
            }
            t.notes.push(format!("{}; {}", fit.formula, fit.objective.name()).into());
            if let Some(choice) = &study.law_choice {
                t.notes.push(format!("The law {}.", choice.sentence()).into());
            }
        }
    }
    t
}
