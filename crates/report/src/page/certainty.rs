//! How sure: the same exponent by every approach, objective and convention; and checks of the law.

use isoflop_fit::study::{Answer, Study};
use isoflop_fit::validate::HeldOut;

use super::{Page, dependence, filled, intervals, one_line, residuals};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::plots::{Forest, ForestRow, Reference};
use crate::table::{Align, Table, Tone};
use crate::{correlations, number};

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let mut section = Section::new("certainty", "How sure is the exponent?");
    section.lead = Some(agreement(study).into());
    // A plot without a single estimate is left to the tables, which say why.
    let mut forests = vec![approaches(study)];
    if study.conventions.len() > 1 {
        forests.push(conventions(study));
    }
    forests.retain(|f| f.rows.iter().any(|row| row.estimate.is_some()));
    let mut figures: Vec<_> = forests.iter().map(Forest::figure).collect();
    // Side by side, so equally high.
    let height = figures.iter().map(|f| f.size.1).fold(0.0, f64::max);
    figures.iter_mut().for_each(|f| f.size.1 = height);
    let mut blocks = Vec::new();
    if !figures.is_empty() {
        blocks.push(Block::Figures(figures));
    }
    let mut exponents = exponent_table(study);
    exponents.notes.extend(dependence::one_seed(page).map(Rich::plain));
    blocks.push(Block::Table(exponents));
    if !study.conventions.is_empty() {
        blocks.push(Block::Table(convention_table(study)));
    }
    if !study.objectives.is_empty() {
        blocks.push(Block::Table(objective_table(study)));
    }
    filled(section, blocks)
}

/// Whether the approaches agree, in a sentence.
fn agreement(study: &Study) -> String {
    if study.exponents.iter().all(|row| row.params.is_none() && row.tokens.is_none()) {
        return "No approach gave an exponent.".into();
    }
    match (study.agreement(), study.disagreements.len()) {
        (Some(sentence), _) => sentence,
        (None, 1) => "Two approaches disagree beyond their intervals: see the warnings.".into(),
        (None, _) => "Some approaches disagree beyond their intervals: see the warnings.".into(),
    }
}

fn approaches(study: &Study) -> Forest {
    let rows = study.exponents.iter().enumerate().map(|(i, row)| ForestRow {
        name: row.approach.clone(),
        estimate: row.params,
        group: 0,
        main: i > 0
            && study.exponents[..i].iter().all(|r| !is_slices(&r.approach))
            && is_slices(&row.approach),
    });
    let shown = intervals(study.exponents.iter().filter_map(|row| row.params))
        .unwrap_or_else(|| "no intervals".into());
    Forest {
        id: "approaches".into(),
        title: "Exponent a by approach".into(),
        subtitle: Some(Rich::markup(&format!("N* ~ C^{{a}}, {shown}"))),
        label: "Exponent a".into(),
        rows: rows.collect(),
        references: references(),
    }
}

/// Whether a row of the exponents is approach 2; its chosen method comes first.
fn is_slices(approach: &str) -> bool {
    approach.contains('2')
}

fn conventions(study: &Study) -> Forest {
    let mut rows = Vec::new();
    for row in &study.conventions {
        let main = row.convention == study.options.convention;
        let name = row.convention.name();
        let mut push = |way: &str, estimate, group| {
            rows.push(ForestRow { name: format!("{name}, {way}"), estimate, group, main });
        };
        push("slices", row.slices, 0);
        push("law", row.law, 1);
    }
    Forest {
        id: "conventions".into(),
        title: "Exponent a by convention".into(),
        subtitle: Some("The same runs, counted in other ways".into()),
        label: "Exponent a".into(),
        rows,
        references: references(),
    }
}

/// Exponents of N*(C) that most readers know.
fn references() -> Vec<Reference> {
    let reference = |name: &str, value| Reference { name: name.into(), value };
    vec![reference("Hoffmann 2022 (approach 2)", 0.49), reference("Kaplan 2020", 0.73)]
}

fn optional(estimate: &Option<isoflop_fit::Estimate>) -> String {
    estimate.as_ref().map(number::estimate).unwrap_or_else(|| "—".into())
}

fn exponent_table(study: &Study) -> Table {
    let columns = [
        (Rich::plain("Approach"), Align::Left),
        (Rich::markup("a: N* ~ C^{a}"), Align::Right),
        (Rich::markup("R^{2}"), Align::Right),
        (Rich::markup("b: D* ~ C^{b}"), Align::Right),
        (Rich::markup("R^{2}"), Align::Right),
    ];
    let share = |r: Option<f64>| r.map_or_else(|| "—".into(), number::r_squared);
    let mut table = Table::new("Exponents", columns);
    for row in &study.exponents {
        let tone = if row.refusal.is_some() { Tone::Alert } else { Tone::Plain };
        let (a, b) = (optional(&row.params), optional(&row.tokens));
        let shares = [row.params_r_squared, row.tokens_r_squared].map(share);
        let [of_a, of_b] = shares;
        table.toned(tone, [row.approach.clone(), a, of_a, b, of_b]);
    }
    for row in &study.exponents {
        if let Some(why) = &row.refusal {
            table.notes.push(format!("{}: {}", row.approach, one_line(why)).into());
        }
    }
    let shown = intervals(study.exponents.iter().flat_map(|r| [r.params, r.tokens]).flatten())
        .map_or_else(String::new, |shown| format!("{shown}. "));
    table.notes.push(format!("{shown}N* and D* are fitted apart.").into());
    if study.exponents.iter().any(|row| row.params_r_squared.is_some()) {
        table.notes.push(Rich::markup(
            "R^{2}: of ln N* and ln D* about their power laws, unweighted; the law's are power laws by its form.",
        ));
    }
    table
}

fn convention_table(study: &Study) -> Table {
    let columns = [
        ("Convention", Align::Left),
        ("Counts", Align::Left),
        ("Runs", Align::Right),
        ("a, slices", Align::Right),
        ("a, law", Align::Right),
    ];
    let mut table = Table::new("Exponent a under each way of counting N and C", columns);
    for row in &study.conventions {
        let main = row.convention == study.options.convention;
        let tone = match (&row.refusal, main) {
            (Some(_), _) => Tone::Alert,
            (None, true) => Tone::Strong,
            (None, false) => Tone::Plain,
        };
        let (name, counts) = (row.convention.name(), row.convention.describe());
        let (slices, law) = (optional(&row.slices), optional(&row.law));
        table.toned(tone, [name, counts, &row.rows.to_string(), &slices, &law]);
    }
    for (names, why) in refusals(study) {
        table.notes.push(format!("{}: {why}", names.join(", ")).into());
    }
    table
}

/// Each reason why conventions have no exponent, with their names.
fn refusals(study: &Study) -> Vec<(Vec<&'static str>, String)> {
    let mut out: Vec<(Vec<&str>, String)> = Vec::new();
    for row in &study.conventions {
        let Some(why) = row.refusal.as_deref().map(one_line) else { continue };
        let name = row.convention.name();
        match out.iter_mut().find(|(_, other)| *other == why) {
            Some((names, _)) => names.push(name),
            None => out.push((vec![name], why)),
        }
    }
    out
}

fn objective_table(study: &Study) -> Table {
    let name = study.exponent_name;
    let columns = [("Objective", Align::Left), (name, Align::Right), ("Outcome", Align::Left)];
    let title = format!("Exponent {name} of the law under each objective");
    let mut table = Table::new(title, columns);
    for row in &study.objectives {
        let exponent = row.exponent.map(|a| number::fixed(a, 3)).unwrap_or_else(|| "—".into());
        let tone = if row.exponent.is_none() { Tone::Alert } else { Tone::Plain };
        table.toned(tone, [row.objective.name().to_string(), exponent, row.outcome.to_string()]);
    }
    table.notes.push("Point estimates, to show how far the choice moves them.".into());
    table
}

/// Residuals, forecasts of budgets held out, and what each slice does to the exponent.
pub(super) fn checks(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let mut section = Section::new("law", "The parametric law");
    if let Some(fit) = study.approach3.given() {
        let chosen = study
            .law_choice
            .as_ref()
            .map(|c| format!(" The law {}.", c.sentence().replace('`', "")));
        let how = format!(
            ": {} on {} runs, {}.{}",
            fit.objective.name(),
            fit.rows,
            fit.outcome,
            chosen.unwrap_or_default()
        );
        section.lead = Some(formula(&fit.formula).then(how));
    }
    let mut blocks = Vec::new();
    if let Some(result) = study.law() {
        let mut table = Table::new("Parameters", [("", Align::Left), ("Value", Align::Right)]);
        for p in result.parameters.iter().chain(&result.centred) {
            table.row([formula(&p.name), number::estimate(&p.estimate).into()]);
        }
        let off = number::percent(result.residual_rms, 2, false);
        table.notes.push(format!("Runs lie {off} (root mean square) about the law.").into());
        if let Some(plot) = residuals::plot(page, study) {
            blocks.push(Block::Figures(vec![plot.figure()]));
        }
        blocks.extend(dependence::by_shape(study).map(Block::Table));
        blocks.push(Block::Table(table));
        blocks.extend(
            result.covariance.as_ref().map(|c| Block::Table(correlations::table(c, formula))),
        );
    } else if let Some(why) = study.approach3.refusal() {
        blocks.push(Block::Text(format!("No law: {why}").into()));
    }
    let held: Vec<&HeldOut> = study.held_out.iter().filter_map(Answer::given).collect();
    if !held.is_empty() {
        blocks.push(Block::Table(held_out_table(&held)));
    }
    if study.approach3.given().is_some() {
        let refused = study.held_out.iter().filter_map(Answer::refusal);
        blocks.extend(refused.map(|why| Block::Text(one_line(&why.to_string()).into())));
    }
    if !study.without_slice.is_empty() {
        let columns = [
            ("Without the slice at", Align::Right),
            (study.exponent_name, Align::Right),
            ("Outcome", Align::Left),
        ];
        let mut table = Table::new("What each slice does to the law's exponent", columns);
        for row in &study.without_slice {
            let exponent = row.exponent.map(|a| number::fixed(a, 3)).unwrap_or_else(|| "—".into());
            table.row([
                number::power(row.flops, 3),
                exponent.into(),
                row.outcome.to_string().into(),
            ]);
        }
        blocks.push(Block::Table(table));
    }
    filled(section, blocks)
}

/// `A / N^alpha` as people write it: Greek letters, raised exponents. Exponents in brackets stay
/// as they are.
fn formula(text: &str) -> Rich {
    let greek = [("alpha", "α"), ("beta", "β"), ("gamma", "γ"), ("delta", "δ")];
    let letters = |word: &str| {
        let letter = greek.iter().find(|(name, _)| *name == word);
        letter.map_or_else(|| word.to_owned(), |(_, letter)| (*letter).to_owned())
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (raised, start) = if c == '^' { (true, &rest[1..]) } else { (false, rest) };
        let end = start.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(start.len());
        let word = letters(&start[..end]);
        match (raised, word.is_empty()) {
            (true, false) => out.push_str(&format!("^{{{word}}}")),
            (false, false) => out.push_str(&word),
            (_, true) => out.push(c),
        }
        rest = if end == 0 { &rest[c.len_utf8()..] } else { &start[end..] };
    }
    Rich::markup(&out)
}

fn held_out_table(held: &[&HeldOut]) -> Table {
    let columns = [
        ("Held out", Align::Left),
        ("Runs forecast", Align::Right),
        ("Reach", Align::Right),
        ("Law's error", Align::Right),
        ("Best loss seen", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new("Forecasts of the largest budgets from the others", columns);
    for h in held {
        let (tone, verdict) = if h.law_loses {
            (Tone::Alert, "the law is no better than the best loss seen")
        } else {
            (Tone::Plain, "")
        };
        let cells = [
            h.what(),
            h.test_runs.to_string(),
            format!("×{}", number::significant(h.scale_up, 2)),
            number::percent(h.law_error, 2, false),
            number::percent(h.naive_error, 2, false),
            verdict.to_owned(),
        ];
        table.toned(tone, cells);
    }
    table.notes.push("Mean relative error of the loss.".into());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_set_as_people_write_them() {
        assert_eq!(formula("L = E + A / N^alpha").to_html(), "L = E + A / N<sup>α</sup>");
        assert_eq!(formula("alpha").to_text(), "α");
        assert_eq!(
            formula("[(N_c / N)^(alpha_N / alpha_D)]^beta").to_text(),
            "[(N_c / N)^(α_N / α_D)]^β"
        );
        assert_eq!(formula("X^-c0 é^").to_text(), "X^-c0 é^");
    }
}
