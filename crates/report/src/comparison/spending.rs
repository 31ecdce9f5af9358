//! The best sizes for an hour, a megajoule or a dollar.

use isoflop_compare::frontier::{BestFor, Frontiers, Resource};
use isoflop_compare::{Comparison, Mode};
use isoflop_fit::Estimate;

use crate::chart::{Axis, Format, Rich};
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{Spending, SpendingLine};
use crate::table::{Align, Table, Tone};

pub(super) fn sections(comparison: &Comparison) -> Vec<Section> {
    let by_flops = by_flops(comparison);
    by_flops
        .into_iter()
        .chain(comparison.frontiers.iter().map(|f| section(comparison, f)))
        .collect()
}

/// What the others are beside: the minima of each side's slices.
fn by_flops(comparison: &Comparison) -> Option<Section> {
    if comparison.by_flops.iter().all(Vec::is_empty) {
        return None;
    }
    let mut section = Section::new("flops", "Best size for a FLOP count");
    section.lead = Some("The minima of the slices, which know nothing of speeds.".into());
    let figure = |id: &str, title: &str, label: &str, counts, second: bool| {
        let line = |(side, minima): (usize, &Vec<(f64, Estimate, Estimate)>)| SpendingLine {
            name: comparison.sides[side].clone(),
            machine: side,
            points: minima
                .iter()
                .map(|(flops, params, loss)| point(*flops, if second { loss } else { params }))
                .collect(),
        };
        let lines = comparison.by_flops.iter().enumerate().filter(|(_, minima)| !minima.is_empty());
        Spending {
            id: format!("flops-{id}"),
            title: title.into(),
            subtitle: None,
            spent: Axis::log("FLOPs").format(Format::Power),
            label: label.into(),
            counts,
            lines: lines.map(line).collect(),
        }
        .figure()
    };
    section.blocks.push(Block::Figures(vec![
        figure("loss", "Least loss", "Loss, nats", false, true),
        figure("size", "Best size", "Parameters N*", true, false),
    ]));
    Some(section)
}

fn point(spent: f64, e: &Estimate) -> (f64, f64, f64, f64) {
    let (lo, hi) = e.interval.map_or((e.point, e.point), |i| (i.lo, i.hi));
    (spent, e.point, lo, hi)
}

struct Words {
    id: &'static str,
    title: &'static str,
    axis: &'static str,
    amount: fn(f64) -> String,
}

fn words(resource: Resource) -> Words {
    match resource {
        Resource::Time => Words {
            id: "time",
            title: "Best size for a time",
            axis: "Seconds",
            amount: number::duration,
        },
        Resource::Energy => Words {
            id: "energy",
            title: "Best size for an energy",
            axis: "Joules",
            amount: isoflop_text::joules,
        },
        Resource::Money => Words {
            id: "money",
            title: "Best size for a sum of money",
            axis: "Money, in the unit of the price",
            amount: |x| number::significant(x, 3),
        },
    }
}

fn section(comparison: &Comparison, frontiers: &Frontiers) -> Section {
    let words = words(frontiers.resource);
    let mut section = Section::new(words.id, words.title);
    let recipes = comparison.versus.iter().any(|v| v.mode == Mode::Recipes);
    let law = match recipes {
        true => "each recipe's own law".to_string(),
        false => format!("the law of {}", comparison.sides[0]),
    };
    section.lead = Some(
        format!(
            "By {law} and the speeds of each machine at the sizes that it trained. Small models run at a smaller share of the peak, so the best size for a second is not that for a FLOP."
        )
        .into(),
    );
    let figure =
        |id: &str, title: &str, label: &str, counts, value: &dyn Fn(&BestFor) -> Estimate| {
            let line = |f: &isoflop_compare::frontier::ResourceFrontier| SpendingLine {
                name: comparison.sides[f.side].clone(),
                machine: f.side,
                points: f.best.iter().map(|best| point(best.amount, &value(best))).collect(),
            };
            Spending {
                id: format!("{}-{id}", words.id),
                title: title.into(),
                subtitle: None,
                spent: Axis::log(words.axis).format(Format::Count),
                label: label.into(),
                counts,
                lines: frontiers.frontiers.iter().map(line).collect(),
            }
            .figure()
        };
    section.blocks.push(Block::Figures(vec![
        figure("loss", "Least loss", "Loss, nats", false, &|best| best.loss_nats),
        figure("size", "Best size", "Parameters N*", true, &|best| best.params),
    ]));
    section.blocks.push(Block::Table(table(comparison, frontiers, &words)));
    let reach = to_reach(comparison, frontiers, &words);
    if !reach.rows.is_empty() {
        section.blocks.push(Block::Table(reach));
    }
    for crossing in &frontiers.crossings {
        let (a, b) = crossing.sides;
        section.blocks.push(Block::Text(
            format!(
                "{} and {} change places at {}, at a loss of {} nats.",
                comparison.sides[a],
                comparison.sides[b],
                (words.amount)(crossing.amount),
                number::fixed(crossing.loss_nats, 3)
            )
            .into(),
        ));
    }
    section
}

fn table(comparison: &Comparison, frontiers: &Frontiers, words: &Words) -> Table {
    let columns = [
        ("Spent", Align::Right),
        ("Side", Align::Left),
        ("N*", Align::Right),
        ("Tokens", Align::Right),
        ("FLOPs", Align::Right),
        ("N* of these FLOPs", Align::Right),
        ("Loss, nats", Align::Right),
    ];
    let mut table = Table::new(words.title, columns);
    let many = frontiers.frontiers.first().map_or(0, |f| f.best.len());
    let mut at_end = false;
    for k in 0..many {
        for frontier in &frontiers.frontiers {
            let best = &frontier.best[k];
            at_end |= best.at_end;
            let tone = if best.at_end { Tone::Alert } else { Tone::Plain };
            let cells: [Rich; 7] = [
                (words.amount)(best.amount).into(),
                comparison.sides[frontier.side].as_str().into(),
                number::estimate_count(&best.params).into(),
                number::count(best.tokens, 3).into(),
                number::power(best.flops, 3),
                number::count(best.params_for_flops, 3).into(),
                number::estimate(&best.loss_nats).into(),
            ];
            table.toned(tone, cells);
        }
    }
    if at_end {
        table.notes.push("Marked: N* is the smallest or the largest size that the machine trained; a better one may lie beyond.".into());
    }
    table
}

/// What the least losses of the first side's slices take on each machine; of energy also the CO2.
fn to_reach(comparison: &Comparison, frontiers: &Frontiers, words: &Words) -> Table {
    let mut columns = vec![("Loss, nats".to_string(), Align::Right)];
    let grams = |side: usize| comparison.tariffs[side].grams_co2_per_kwh.is_some();
    let co2 = |side: usize| frontiers.resource == Resource::Energy && grams(side);
    for frontier in &frontiers.frontiers {
        let name = &comparison.sides[frontier.side];
        columns.push((name.clone(), Align::Right));
        if co2(frontier.side) {
            columns.push((format!("{name}, CO2"), Align::Right));
        }
    }
    let mut table = Table::new("To reach a loss", columns);
    for (_, _, loss) in comparison.by_flops.first().into_iter().flatten() {
        let mut cells: Vec<Rich> = vec![number::fixed(loss.point, 3).into()];
        let mut any = false;
        for frontier in &frontiers.frontiers {
            let amount = frontier.to_reach(loss.point);
            any |= amount.is_some();
            cells.push(amount.map_or_else(|| "—".into(), |x| (words.amount)(x).into()));
            if co2(frontier.side) {
                let tariff = &comparison.tariffs[frontier.side];
                let grams = amount.and_then(|joules| tariff.grams_co2(joules));
                cells.push(grams.map_or_else(|| "—".into(), |g| isoflop_text::grams(g).into()));
            }
        }
        if any {
            table.row(cells);
        }
    }
    table
}
