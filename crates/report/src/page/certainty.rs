//! How sure: the same exponent by every approach, objective and convention; and checks of the law.

use isoflop_fit::Estimate;
use isoflop_fit::study::{Answer, ConventionRow, Study};
use isoflop_fit::validate::HeldOut;

use super::{Page, dependence, filled, intervals, one_line, residuals, shape_residuals};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::table::{Align, Strip, Table, Tone};
use crate::{correlations, number};

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let mut section = Section::new("certainty", "How sure is the exponent?");
    if !study.has_result() {
        (section.title, section.folded) = ("What was tried".into(), true);
    }
    section.lead = Some(agreement(study).into());
    let mut blocks = Vec::new();
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

/// Exponents of N*(C) that most readers know.
const REFERENCES: [(&str, f64); 2] = [("Hoffmann 2022 (approach 2)", 0.49), ("Kaplan 2020", 0.73)];

/// The exponent a of each row, as dots before the column `before`.
fn dots(before: usize, rows: Vec<Vec<(Estimate, usize)>>) -> Strip {
    let references = REFERENCES.iter().map(|(_, value)| *value).collect();
    Strip { label: "Exponent a".into(), before, rows, references }
}

/// What the dots of a table are, in small print; nothing where there are none.
fn about_dots(strip: &Strip, colours: &str) -> Option<Rich> {
    let shown: Vec<Estimate> = strip.rows.iter().flatten().map(|(e, _)| *e).collect();
    if shown.is_empty() {
        return None;
    }
    let bars = intervals(shown).map_or_else(String::new, |bars| format!(" Bars are {bars}."));
    let known: Vec<String> = REFERENCES.iter().map(|(name, a)| format!("{name} {a}")).collect();
    Some(format!("{colours}{bars} Dashed, for orientation: {}.", known.join(", ")).trim().into())
}

fn optional(estimate: &Option<Estimate>) -> String {
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
    let drawn = |e: &Option<Estimate>| e.iter().map(|e| (*e, 0)).collect();
    let strip = dots(1, study.exponents.iter().map(|row| drawn(&row.params)).collect());
    table.notes.extend(about_dots(&strip, ""));
    table.strip = Some(strip);
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
    let both = |row: &ConventionRow| {
        let ways = [(row.slices, 0), (row.law, 1)];
        ways.into_iter().filter_map(|(e, hue)| Some((e?, hue))).collect()
    };
    let strip = dots(3, study.conventions.iter().map(both).collect());
    table.notes.extend(about_dots(&strip, "Upper dots: slices; lower dots: law."));
    table.strip = Some(strip);
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
    section.folded = !study.has_result();
    if let Some(fit) = study.approach3.given() {
        let chosen = study.law_choice.as_ref().map(|c| format!(" The law {}.", c.sentence()));
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
        let runs = residuals::plot(page, study).map(|plot| plot.figure());
        let shapes = shape_residuals::plot(page, study).map(|plot| plot.figure());
        let figures: Vec<_> = runs.into_iter().chain(shapes).collect();
        if !figures.is_empty() {
            blocks.push(Block::Figures(figures));
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
