//! The result in one sentence, and the numbers to remember.

use isoflop_fit::Estimate;
use isoflop_fit::parametric::Allocation;
use isoflop_fit::study::Study;
use isoflop_ledger::Status;

use super::{Fitted, Page, intervals, truth};
use crate::chart::Rich;
use crate::document::Card;
use crate::number;

/// The approach that the page stands on: slices, else the law, else the envelope.
struct Main {
    name: String,
    params: Estimate,
    tokens: Estimate,
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
            allocation: fit.at(flops).ok(),
        });
    }
    if let Some((result, e)) = study.law().and_then(|r| r.exponents.map(|e| (r, e))) {
        let allocation = result.frontier.as_ref().and_then(|f| f.at(flops).ok());
        return Some(Main {
            name: "parametric law".into(),
            params: e.params,
            tokens: e.tokens,
            allocation,
        });
    }
    let fit = study.approach1.given()?;
    Some(Main {
        name: "envelope".into(),
        params: fit.params,
        tokens: fit.tokens,
        allocation: fit.at(flops).ok(),
    })
}

pub(super) fn sentence(page: &Page) -> Rich {
    let study = match page.fitted {
        Fitted::Study(study, _) => study,
        Fitted::Refused(_) => return about(page).then("There is no fit yet; the runs are below."),
    };
    let Some(main) = main(study) else {
        return about(page).then("No approach gave a result: see the warnings.");
    };
    let shown = intervals([main.params, main.tokens]).unwrap_or_else(|| "no intervals".into());
    let mut text = format!(
        "The compute-optimal model grows as {}, its data as {} ({shown}, {}).",
        growth("N*", &main.params),
        growth("D*", &main.tokens),
        main.name
    );
    if let Some(a) = main.allocation {
        text.push_str(&format!(
            " At the largest budget, {} FLOPs, the best split is {} parameters and {} tokens.",
            markup(&number::power(a.flops, 2)),
            strong(&number::estimate_count(&a.params)),
            strong(&number::estimate_count(&a.tokens))
        ));
    }
    about(page).then(Rich::markup(&text))
}

/// `N* ∼ C^0.512 [0.485, 0.562]`, the interval on the line.
fn growth(symbol: &str, exponent: &Estimate) -> String {
    let text = number::estimate(exponent);
    let (value, interval) = parts(&text);
    let interval = interval.map(|i| format!(" {i}")).unwrap_or_default();
    format!("*{{{symbol} ∼ C}}^{{{value}}}{}", unbroken(&interval))
}

/// The value strong, the interval plain.
fn strong(estimate: &str) -> String {
    let (value, interval) = parts(estimate);
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
    use crate::chart::SpanStyle::{Normal, Strong, Subscript, Superscript};
    let span = |s: &crate::chart::Span| match s.style {
        Normal => s.text.clone(),
        Superscript => format!("^{{{}}}", s.text),
        Subscript => format!("_{{{}}}", s.text),
        Strong => format!("*{{{}}}", s.text),
    };
    text.0.iter().map(span).collect()
}

pub(super) fn cards(page: &Page) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some((study, main)) = page.study().and_then(|s| main(s).map(|m| (s, m))) {
        let exponent =
            |label: &str, e: &Estimate| card(Rich::markup(label), number::estimate(e), None);
        cards.push(exponent("Exponent a of N*(C)", &main.params));
        cards.push(exponent("Exponent b of D*(C)", &main.tokens));
        if let Some(a) = main.allocation {
            let label =
                Rich::plain("Tokens per parameter at ").then(number::power(study.largest_flops, 2));
            let note = (a.tokens_per_param.point.is_finite()).then(|| {
                Rich::plain("Hoffmann et al. (2022): about 20 at their scale and tokenizer")
            });
            cards.push(card(label, number::estimate(&a.tokens_per_param), note));
        }
        let floor = study.law().and_then(|r| r.parameters.iter().find(|p| p.name == "E"));
        if let Some(e) = floor {
            let note = truth::floor_note(page, &e.estimate);
            cards.push(card(
                "Irreducible loss E, nats".into(),
                number::estimate(&e.estimate),
                note,
            ));
        }
    }
    if !page.records.is_empty() {
        cards.push(trained(page));
    }
    cards
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
    let flops: f64 =
        page.records.iter().map(|r| r.result.flops.exact).filter(|f| f.is_finite()).sum();
    let spent = number::power(flops, 2).then(format!(" FLOPs in {}", number::duration(seconds)));
    Card {
        label: "Runs trained".into(),
        value: format!("{finished}").into(),
        interval: Some(spent),
        note: (failed > 0).then(|| format!("{failed} more diverged or failed").into()),
    }
}
