//! Whether losses agree.

use isoflop_compare::exponents::{FittedPair, Quantity};
use isoflop_compare::{Comparison, Losses, Mode, Versus};
use isoflop_fit::Estimate;

use super::anchor;
use super::verdict::{margin_words, shares};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{DifferenceDot, Differences};
use crate::table::{Align, Table};

pub(super) fn section(comparison: &Comparison, versus: &Versus) -> Option<Section> {
    let losses = versus.losses.as_ref()?;
    let (first, second) = (&comparison.sides[0], &comparison.sides[versus.side]);
    let title = format!("Losses: {second} against {first}");
    let mut section = Section::new(&anchor("losses", versus.side), title);
    if versus.mode == Mode::Recipes {
        section.lead = Some("Of the cells that both trained.".into());
    }
    section.blocks.push(Block::Figures(vec![figure(versus, losses)]));
    section.blocks.push(Block::Facts(facts(versus, losses)));
    if !versus.fitted.is_empty() {
        section.blocks.push(Block::Table(fitted(&versus.fitted, first, second)));
    }
    Some(section)
}

/// Every pair, folded away.
pub(super) fn pairs(comparison: &Comparison, versus: &Versus) -> Option<Section> {
    let (first, second) = (&comparison.sides[0], &comparison.sides[versus.side]);
    if versus.pairs.pairs.is_empty() {
        return None;
    }
    let mut section =
        Section::new(&anchor("pairs", versus.side), format!("Pairs of {second} and {first}"));
    section.folded = true;
    section.blocks.push(Block::Table(by_cell(versus, first, second)));
    Some(section)
}

fn figure(versus: &Versus, losses: &Losses) -> crate::chart::Figure {
    let dot = |p: &isoflop_compare::pairs::Pair| {
        Some(DifferenceDot {
            name: format!("{} {}", p.shape, p.runs.0),
            params: p.params,
            flops: p.budget_flops.unwrap_or(6.0 * p.params * p.tokens),
            share: p.log_ratio()?.exp_m1(),
        })
    };
    let mean = &losses.log_ratio;
    Differences {
        id: anchor("loss-differences", versus.side),
        title: "Difference of the losses, pair by pair".into(),
        subtitle: None,
        dots: versus.pairs.pairs.iter().filter_map(dot).collect(),
        margin: losses.margin.log.exp_m1(),
        mean: (mean.point.exp_m1(), mean.interval.map(|i| (i.lo.exp_m1(), i.hi.exp_m1()))),
    }
    .figure()
}

fn facts(versus: &Versus, losses: &Losses) -> Vec<(Rich, Rich)> {
    let mut facts: Vec<(Rich, Rich)> = Vec::new();
    let mut push = |name: &str, value: String| facts.push((name.into(), value.into()));
    let percent = |log: f64| number::percent(log.exp_m1(), 2, false);
    push(
        "Mean difference",
        format!("{}; {} nats", shares(&losses.log_ratio), number::estimate(&losses.nats)),
    );
    push("Scatter of a pair", percent(losses.scatter));
    push(
        "Margin of equality",
        format!("±{}: {}", percent(losses.margin.log), margin_words(losses.margin.source)),
    );
    push("p of no difference", p_value(losses.different_p));
    push("p of a mean outside the margin", p_value(losses.equal_p));
    if let Some(trend) = &losses.trend {
        let tokens = trend
            .tokens
            .as_ref()
            .map_or_else(String::new, |t| format!(", {} per factor 10 in D", shares(t)));
        push(
            "Trend",
            format!(
                "{} per factor 10 in N{tokens}; p of none {}",
                shares(&trend.params),
                p_value(trend.p)
            ),
        );
    }
    if losses.detectable.is_finite() {
        push(
            "What it could have seen",
            format!(
                "a difference of {} with a power of 80%; one as large as the margin with {}; equality, if there is none, with {}",
                percent(losses.detectable),
                number::percent(losses.power_at_margin, 0, false),
                number::percent(losses.power_of_equal, 0, false)
            ),
        );
    }
    if let Some(more) = losses.more {
        push(
            "To settle it",
            format!(
                "about {} more pairs: {} of every cell",
                more.pairs,
                isoflop_text::counted(more.seeds, "more seed")
            ),
        );
    }
    if losses.one_sided > 0 {
        push("Finished on one side only", isoflop_text::counted(losses.one_sided, "cell"));
    }
    let parting = &versus.parting;
    if parting.compared > 0 {
        let threshold = number::percent(parting.threshold, 1, false);
        let said = match parting.median_step {
            Some(step) => format!(
                "{} of {} differ by more than {threshold} from some step on, in the middle from step {step:.0}",
                parting.parted, parting.compared
            ),
            None => format!("none of {} ever differs by more than {threshold}", parting.compared),
        };
        push("Training curves", said);
    }
    facts
}

fn p_value(p: f64) -> String {
    if p.is_nan() {
        "—".into()
    } else if p < 1e-4 {
        "below 0.0001".into()
    } else {
        number::significant(p, 2)
    }
}

fn fitted(pairs: &[FittedPair], first: &str, second: &str) -> Table {
    let columns = [
        ("", Align::Left),
        (first, Align::Right),
        (second, Align::Right),
        ("Difference", Align::Right),
    ];
    let mut table = Table::new("What is fitted to the shared cells", columns);
    for pair in pairs {
        let (name, format): (Rich, fn(f64) -> String) = match pair.what {
            Quantity::Exponent => ("Exponent a of N*(C), slices".into(), |x| number::fixed(x, 4)),
            Quantity::OptimalParams { flops } => {
                (Rich::plain("N* at ").then(number::power(flops, 3)), |x| number::count(x, 3))
            }
            Quantity::LeastLoss { flops } => {
                (Rich::plain("Least loss at ").then(number::power(flops, 3)).then(", nats"), |x| {
                    number::fixed(x, 4)
                })
            }
            Quantity::Floor => ("E of Hoffmann's law, nats".into(), |x| number::fixed(x, 4)),
        };
        let difference = match pair.what {
            Quantity::OptimalParams { .. } => format!("×{}", number::estimate(&pair.difference)),
            _ => signed(&pair.difference),
        };
        table.row([name, format(pair.first).into(), format(pair.second).into(), difference.into()]);
    }
    table.notes.push(
        "Intervals are of the paired difference: what the two sides have in common is not in them."
            .into(),
    );
    table
}

fn signed(e: &Estimate) -> String {
    let text = number::estimate(e);
    if e.point > 0.0 { format!("+{text}") } else { text }
}

fn by_cell(versus: &Versus, first: &str, second: &str) -> Table {
    let columns = [
        ("Budget, FLOPs", Align::Right),
        ("Shape", Align::Left),
        ("Run", Align::Left),
        (first, Align::Right),
        (second, Align::Right),
        ("Difference", Align::Right),
    ];
    let mut table = Table::new("", columns);
    for pair in &versus.pairs.pairs {
        let loss = |loss: Option<f64>| loss.map_or_else(|| "—".into(), |x| number::fixed(x, 4));
        let budget = pair.budget_flops.map_or_else(|| "—".into(), |c| number::power(c, 3));
        let difference =
            pair.log_ratio().map_or_else(|| "—".into(), |d| number::percent(d.exp_m1(), 3, true));
        let precision = match &pair.precisions {
            (Some(a), Some(b)) if a != b => format!("{} ({a}, {b})", pair.shape),
            _ => pair.shape.clone(),
        };
        table.row([
            budget,
            precision.into(),
            pair.runs.0.as_str().into(),
            loss(pair.losses_nats.0).into(),
            loss(pair.losses_nats.1).into(),
            difference.into(),
        ]);
    }
    table
}
