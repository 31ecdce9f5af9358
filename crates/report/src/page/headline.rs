//! The result in one sentence, and the numbers to remember.

use isoflop_fit::parametric::{Allocation, LawChoice, Parameter};
use isoflop_fit::study::{Answer, Study};
use isoflop_fit::{Estimate, Warning};
use isoflop_ledger::{EnergySource, Record, Spending, Status};

use super::{Fitted, Page, intervals, missing, one_line, truth};
use crate::chart::Rich;
use crate::document::Card;
use crate::number;

/// The approach that the page stands on: slices, else the law, else the envelope.
struct Main {
    name: String,
    params: Estimate,
    tokens: Estimate,
    /// Why there is no interval, where one was asked for.
    no_interval: Option<String>,
    /// At the largest budget.
    allocation: Option<Allocation>,
}

fn main(study: &Study) -> Option<Main> {
    let flops = study.largest_flops;
    if let Some(fit) = study.isoflop() {
        let (params, tokens) = (fit.params.exponent, fit.tokens.exponent);
        return Some(Main {
            name: "minima of the slices".into(),
            params,
            tokens,
            no_interval: fit.no_interval.clone(),
            allocation: fit.at(flops).ok(),
        });
    }
    if let Some((result, e)) = study.law().and_then(|r| r.exponents.map(|e| (r, e))) {
        let allocation = result.frontier.as_ref().and_then(|f| f.at(flops).ok());
        return Some(Main {
            name: "parametric law".into(),
            params: e.params,
            tokens: e.tokens,
            no_interval: result.no_interval.clone(),
            allocation,
        });
    }
    let fit = study.approach1.given()?;
    Some(Main {
        name: "envelope".into(),
        params: fit.params,
        tokens: fit.tokens,
        no_interval: fit.no_interval.clone(),
        allocation: fit.at(flops).ok(),
    })
}

pub(super) fn sentence(page: &Page) -> Rich {
    let study = match page.fitted {
        Fitted::Study(study, _) => study,
        Fitted::Refused(why) => return about(page).then(missing::refused(why)),
    };
    let Some(main) = main(study) else {
        return about(page).then(match study.has_result() {
            true => "The law is below; it tells no best split of a budget.".to_owned(),
            false => missing::sentence(page, study),
        });
    };
    let mut text = format!(
        "The compute-optimal model grows as {}, its data as {} ({}).",
        growth("N*", &main.params),
        growth("D*", &main.tokens),
        certainty(&main)
    );
    if let Some(a) = main.allocation {
        text.push_str(&format!(
            " At the largest budget, {} FLOPs, the best split is {} parameters and {} tokens.",
            markup(&number::power(a.flops, 2)),
            strong(&a.params),
            strong(&a.tokens)
        ));
    }
    about(page).then(Rich::markup(&text))
}

/// What the exponents stand on: `95% intervals, minima of the slices`.
fn certainty(main: &Main) -> String {
    match (intervals([main.params, main.tokens]), &main.no_interval) {
        (Some(shown), _) => format!("{shown}, {}", main.name),
        (None, Some(why)) => {
            let why = one_line(why.strip_prefix("no intervals: ").unwrap_or(why));
            format!("without interval: {why}; {}", main.name)
        }
        (None, None) => format!("without interval, {}", main.name),
    }
}

/// `N* ~ C^0.512 [0.485, 0.562]`, the interval on the line.
fn growth(symbol: &str, exponent: &Estimate) -> String {
    let base = format!("{symbol} ~ C");
    power_law(&if exponent.interval.is_some() { format!("*{{{base}}}") } else { base }, exponent)
}

/// `base^0.512 [0.485, 0.562]` as mark-up; two digits where there is no interval.
pub(super) fn power_law(base: &str, exponent: &Estimate) -> String {
    if exponent.interval.is_none() {
        return format!("{base}^{{{}}}", number::significant(exponent.point, 2));
    }
    let text = number::estimate(exponent);
    let (value, interval) = parts(&text);
    let interval = interval.map(|i| format!(" {i}")).unwrap_or_default();
    format!("{base}^{{{value}}}{}", unbroken(&interval))
}

/// A count: the value strong, the interval plain; two plain digits where there is no interval.
fn strong(count: &Estimate) -> String {
    if count.interval.is_none() {
        return number::count(count.point, 2);
    }
    let text = number::estimate_count(count);
    let (value, interval) = parts(&text);
    let interval = interval.map(|i| format!(" {i}")).unwrap_or_default();
    format!("*{{{value}}}{}", unbroken(&interval))
}

/// Value and interval of a printed estimate.
fn parts(estimate: &str) -> (&str, Option<&str>) {
    match estimate.split_once(' ') {
        Some((value, interval)) if interval.starts_with('[') => (value, Some(interval)),
        _ => (estimate, None),
    }
}

/// An interval stays on one line.
fn unbroken(interval: &str) -> String {
    interval.replace(", ", ",\u{a0}")
}

fn about(page: &Page) -> Rich {
    match page.about.trim_end() {
        "" => Rich::default(),
        text => format!("{text} ").into(),
    }
}

/// Rich text back in mark-up, for use inside a longer one.
fn markup(text: &Rich) -> String {
    use crate::chart::SpanStyle::{Normal, Strong, Subscript, Superscript, Term};
    let span = |s: &crate::chart::Span| match s.style {
        Normal | Term(_) => s.text.clone(),
        Superscript => format!("^{{{}}}", s.text),
        Subscript => format!("_{{{}}}", s.text),
        Strong => format!("*{{{}}}", s.text),
    };
    text.0.iter().map(span).collect()
}

const FLOOR: &str = "Irreducible loss E, nats";

/// Numbers with an interval; one without is in the text alone.
pub(super) fn cards(page: &Page) -> Vec<Card> {
    let mut cards = Vec::new();
    let mut add = |label: Rich, e: &Estimate, note: Option<Rich>| {
        if e.interval.is_some() {
            cards.push(card(label, number::estimate(e), note));
        }
    };
    if let Some((study, main)) = page.study().and_then(|s| main(s).map(|m| (s, m))) {
        add("Exponent a of N*(C)".into(), &main.params, None);
        add("Exponent b of D*(C)".into(), &main.tokens, None);
        if let Some(a) = main.allocation {
            let label =
                Rich::plain("Tokens per parameter at ").then(number::power(study.largest_flops, 2));
            let note = (a.tokens_per_param.point.is_finite()).then(|| {
                Rich::plain("Hoffmann et al. (2022): about 20 at their scale and tokenizer")
            });
            add(label, &a.tokens_per_param, note);
        }
        let floor = study.law().and_then(|r| r.parameters.iter().find(|p| p.name == "E"));
        if let Some(e) = floor {
            add(FLOOR.into(), &e.estimate, floor_note(page, study, e));
        }
        if let Some(choice) = &study.law_choice
            && floor.is_none()
            && study.law().is_some()
        {
            cards.push(Card {
                label: FLOOR.into(),
                value: "none in sight".into(),
                interval: None,
                note: Some(no_floor(choice).into()),
            });
        }
    }
    if !page.records.is_empty() {
        cards.push(trained(page));
    }
    cards
}

/// Why the law has no floor.
fn no_floor(choice: &LawChoice) -> String {
    match choice.ahead() {
        Some(ahead) => {
            format!("a law without a floor is {ahead:.1} nats of likelihood ahead of Hoffmann's")
        }
        None => "Hoffmann's law, which has a floor, is no result for these runs".into(),
    }
}

/// What is known of the true floor, and whether the law that E stands on forecasts anything.
fn floor_note(page: &Page, study: &Study, e: &Parameter) -> Option<Rich> {
    let loses = study.held_out.iter().filter_map(Answer::given).any(|h| h.law_loses);
    let off = study.warnings.iter().find_map(|w| match w {
        Warning::LawOffTopMinimum { off, .. } => Some(*off),
        _ => None,
    });
    let off = off.map(|off| {
        let side = if off > 0.0 { "above" } else { "below" };
        let off = number::percent(off.abs(), 1, false);
        format!(
            "see the warnings: at the largest budget the law lies {off} {side} the slice's minimum"
        )
    });
    let doubt = loses.then(|| {
        "see the warnings: the law forecasts no better than the best loss seen".to_owned()
    });
    let doubt = doubt.or(off).map(Rich::plain);
    let in_bits = page
        .bits_per_nat()
        .map(|_| Rich::plain(format!("{} bits per byte", page.bits(e.estimate.point))));
    let parts = [in_bits, doubt, truth::floor_note(page, &e.estimate)];
    parts.into_iter().flatten().reduce(|all, part| all.then("; ").then(part))
}

fn card(label: Rich, estimate: String, note: Option<Rich>) -> Card {
    let (value, interval) = parts(&estimate);
    Card { label, value: value.into(), interval: interval.map(Rich::from), note }
}

fn trained(page: &Page) -> Card {
    let finished = page.records.iter().filter(|r| r.result.status == Status::Finished).count();
    let failed = page.records.len() - finished;
    let seconds = page.records.iter().map(|r| r.run.train_seconds * r.run.device_share);
    let seconds: f64 = seconds.filter(|s| s.is_finite()).sum();
    let flops: f64 = page.records.iter().map(|r| spent(r)).filter(|f| f.is_finite()).sum();
    let spending = Spending::of(page.records.iter().copied(), &page.tariff);
    let energy = spending.joules.filter(|_| spending.cells_without_energy == 0);
    let given = if spending.sources.contains(&EnergySource::Given) { " (given)" } else { "" };
    let energy = energy.map(|joules| format!(", {}{given}", number::joules(joules)));
    let energy = energy.unwrap_or_default();
    let time = number::duration(seconds);
    let cost = number::power(flops, 2).then(format!(" FLOPs in {time}{energy}"));
    Card {
        label: "Runs trained".into(),
        value: format!("{finished}").into(),
        interval: Some(cost),
        note: (failed > 0).then(|| format!("{failed} more diverged or failed").into()),
    }
}

/// FLOPs of the steps that were done.
fn spent(record: &Record) -> f64 {
    let result = &record.result;
    match result.status {
        Status::Finished => result.flops.exact,
        Status::Diverged { step, .. } => {
            let done = (step + 1) as f64 / result.cell.steps as f64;
            result.flops.exact * done.min(1.0)
        }
        Status::Failed { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use isoflop_ledger::{RunInfo, RunResult};
    use isoflop_plan::{Cell, Family, Hyper, Optimizer, Precision, Schedule, Shape};

    use super::*;

    #[test]
    fn cells_that_diverged_spent_the_steps_they_did() {
        let shape = Shape {
            family: Family::Llama,
            depth: 2,
            width: 16,
            heads: 1,
            hidden: 48,
            vocab: 64,
            context: 64,
        };
        let hyper = Hyper {
            batch_sequences: 4,
            learning_rate: 0.01,
            warmup_steps: 5,
            schedule: Schedule::Constant,
            optimizer: Optimizer::AdamW,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: None,
            z_loss: 0.0,
            precision: Precision::F32,
        };
        let cell = Cell::new(None, shape, 100, hyper, 0, "");
        let ends = |status| {
            let result = RunResult::new("", "", cell.clone(), status);
            (result.flops.exact, spent(&Record::new(result, RunInfo::default())))
        };
        let (all, flops) = ends(Status::Finished);
        assert_eq!(flops, all);
        assert_eq!(ends(Status::Diverged { step: 0, reason: String::new() }).1, all / 100.0);
        assert_eq!(ends(Status::Failed { error: String::new() }).1, 0.0);
    }

    #[test]
    fn energy_is_told_where_that_of_all_cells_is_known() {
        let hyper = Hyper::for_timing(4, Precision::F32);
        let (family, heads, hidden, vocab, context) = (Family::Llama, 1, 48, 64, 64);
        let shape = Shape { family, depth: 2, width: 16, heads, hidden, vocab, context };
        let cell = Cell::new(None, shape, 100, hyper, 0, "");
        let record = |energy: Option<(f64, EnergySource)>| {
            let run = RunInfo {
                train_seconds: 10.0,
                energy_joules: energy.map(|e| e.0),
                energy_source: energy.map(|e| e.1),
                ..RunInfo::default()
            };
            Record::new(RunResult::new("", "", cell.clone(), Status::Finished), run)
        };
        let told = |records: &[Record]| {
            let mut page = Page::new("", Fitted::Refused(""));
            page.records = records.iter().collect();
            trained(&page).interval.expect("a cost").to_text()
        };
        let counted = || record(Some((600.0, EnergySource::Nvml)));
        assert!(told(&[counted(), counted()]).ends_with(" FLOPs in 20.0 s, 1.20 kJ"));
        assert!(told(&[counted(), record(None)]).ends_with(" FLOPs in 20.0 s"));
        let given = record(Some((600.0, EnergySource::Given)));
        assert!(told(&[given]).ends_with(" FLOPs in 10.0 s, 600 J (given)"));
    }
}
