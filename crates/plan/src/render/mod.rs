//! The plan as text for a terminal.

mod figures;
mod hyper;
mod layout;
mod shapes;

use std::collections::BTreeSet;
use std::fmt::Write;

use isoflop_text::{Width, bytes, counted, percent, rough_duration, within};

use crate::{Convention, Grid, Multiply, Shape, SliceRow, TimeEstimate};

use figures::{flops, rate};
use layout::table;

/// All of a plan: models, slices, shapes and hyper-parameters with their sources, seeds, stacks, data, time and
/// doubts. `expected` is the time it would take on the device that was asked.
pub fn render_plan(grid: &Grid, expected: Option<&TimeEstimate>, width: Width) -> String {
    let parts = [
        within(&headline(grid), width),
        models(grid, width),
        slices(grid, width),
        shapes::shapes(grid, width),
        within(&multipliers(grid), width),
        hyper::hyper(grid, width),
        within(&seeds(grid), width),
        stacks(grid, width),
        within(&data(grid), width),
        within(&time(grid, expected), width),
        within(&warnings(grid), width),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn headline(grid: &Grid) -> String {
    let slices = grid.slices();
    let inside: usize = slices.iter().map(|(_, cells)| cells.len()).sum();
    format!(
        "{}, {inside} of them in {}; {}, {}; {} training FLOPs\n",
        counted(grid.cells.len(), "cell"),
        counted(slices.len(), "slice"),
        counted(grid.models().len(), "model"),
        counted(grid.stacks.len(), "stack"),
        flops(grid.train_flops()),
    )
}

fn models(grid: &Grid, width: Width) -> String {
    let rows = grid.models().into_iter().map(|row| {
        let p = row.params;
        vec![
            format!("L{} d{}", row.shape.depth, row.shape.width),
            format!("{} x {}", row.shape.heads, row.shape.head_dim()),
            row.shape.hidden.to_string(),
            count(p.total() as f64),
            count(p.embedding as f64),
            count(p.attention as f64),
            count(p.mlp as f64),
            count(p.norms as f64),
            count(p.head as f64),
            count(row.flops_per_token),
            percent(row.head_share, 0, false),
            row.cells.to_string(),
        ]
    });
    let head = [
        "model",
        "heads",
        "hidden",
        "params",
        "embedding",
        "attention",
        "MLP",
        "norms",
        "head",
        "FLOPs/token",
        "in head",
        "cells",
    ];
    let shape = grid.cells.first().map(|c| c.cell.shape);
    let about = shape.map_or(String::new(), |s| {
        let family = format!("{:?}", s.family).to_lowercase();
        format!(" ({family}, vocabulary {}, context {})", s.vocab, s.context)
    });
    format!("Models{about}\n{}", table(&head, rows, 1, width))
}

fn slices(grid: &Grid, width: Width) -> String {
    let mut out = format!("Slices: N and budgets by the convention {}\n", grid.convention);
    let rows = grid.rows();
    let name = shapes::names(grid);
    let budgets: Vec<&[SliceRow]> =
        rows.chunk_by(|a, b| a.budget_flops == b.budget_flops).collect();
    let [exact, total, without, with] = Convention::ALL.map(Convention::name);
    let head = [
        "budget", "model", "N", "tokens D", "D/N", "steps", "batch", "rate", "warm-up", "beta2",
        exact, total, without, with, "off", "epochs", "runs",
    ];
    let lines = budgets.iter().flat_map(|slice| {
        slice.iter().enumerate().map(|(i, row)| {
            let budget = row.budget_flops.filter(|_| i == 0).map_or(String::new(), flops);
            let [a, b, c, d] = row.flops.map(flops);
            vec![
                budget,
                name(&row.shape),
                count(row.params),
                count(row.tokens as f64),
                format!("{:.1}", row.tokens as f64 / row.params),
                row.steps.to_string(),
                row.batch_tokens.to_string(),
                rate(row.learning_rate),
                row.warmup_steps.to_string(),
                format!("{:.3}", row.beta2),
                a,
                b,
                c,
                d,
                row.off_budget.map_or("-".into(), |x| format!("{:+.2}%", 100.0 * x)),
                row.epochs.map_or("-".into(), |x| format!("{x:.2}")),
                row.runs.to_string(),
            ]
        })
    });
    out += &table(&head, lines, 2, width);
    out
}

/// How many seeds there are, and what one cannot tell.
fn seeds(grid: &Grid) -> String {
    let seeds: BTreeSet<u64> = grid.cells.iter().map(|c| c.cell.seed).collect();
    let list = seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let Some(one) = seeds.first().filter(|_| seeds.len() == 1) else {
        return format!("Seeds: {list}{}\n", uneven(grid));
    };
    let next = one.saturating_add(1);
    format!(
        "Seeds: one, {one}: the noise between seeds is not measured; seeds = [{one}, {next}] would\n"
    )
}

/// How many seeds each budget has, where they are not the same for all.
fn uneven(grid: &Grid) -> String {
    let slices = grid.slices();
    let counts: Vec<usize> = slices
        .iter()
        .map(|(_, cells)| cells.iter().map(|c| c.cell.seed).collect::<BTreeSet<u64>>().len())
        .collect();
    if counts.windows(2).all(|w| w[0] == w[1]) {
        return String::new();
    }
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    format!(" ({} of them at the budgets, ascending)", counts.join(", "))
}

/// The experiments beside the plain cells: factors, and the cells that were taken.
fn multipliers(grid: &Grid) -> String {
    let Some(m) = &grid.multipliers else { return String::new() };
    let factors = |name: &str, list: &[f64]| {
        let list: Vec<String> = list.iter().map(|factor| format!("x{factor}")).collect();
        format!("{name} {}", list.join(", "))
    };
    let design = if m.product { "every pair" } else { "one at a time" };
    let names: Vec<&str> = m.multiply.iter().map(|which| which.word()).collect();
    let at = match m.multiply.contains(&Multiply::All) {
        true => "all cells".into(),
        false => format!("{} of each slice", names.join(" and ")),
    };
    let mut out = format!(
        "Multipliers, {design}: {}; {}; at {at}{}\n",
        factors("learning rate", &m.learning_rate),
        factors("batch", &m.batch),
        m.minima.as_ref().map_or(String::new(), |minima| format!("\n  minima: {minima}")),
    );
    for slice in m.taken.chunk_by(|a, b| a.budget_flops == b.budget_flops) {
        let budget = slice[0].budget_flops.map_or("-".into(), flops);
        let cells = slice.iter().map(|taken| {
            let taken_as: Vec<&str> = taken.taken_as.iter().map(|which| which.word()).collect();
            let Shape { depth, width, .. } = taken.shape;
            format!("L{depth} d{width} ({})", taken_as.join(", "))
        });
        let _ = writeln!(out, "  {budget:<9}{}", cells.collect::<Vec<_>>().join(", "));
    }
    out
}

fn stacks(grid: &Grid, width: Width) -> String {
    let rows = grid.stack_rows();
    let name = shapes::names(grid);
    let most = rows.iter().map(|r| r.memory_bytes).max().unwrap_or(0);
    let lines = rows.iter().map(|row| {
        let steps = if row.longest_steps == row.shortest_steps {
            row.longest_steps.to_string()
        } else {
            format!("{} to {}", row.shortest_steps, row.longest_steps)
        };
        vec![
            name(&row.shape),
            row.replicas.to_string(),
            row.batch_tokens.to_string(),
            steps,
            flops(row.flops),
            bytes(row.memory_bytes as f64),
        ]
    });
    let head = ["model", "replicas", "batch", "steps", "FLOPs", "memory"];
    format!(
        "Stacks, in order (memory at whole batches, estimated: {} at most)\n{}",
        bytes(most as f64),
        table(&head, lines, 1, width)
    )
}

fn data(grid: &Grid) -> String {
    let needed = grid.tokens_needed() as f64;
    let text = |tokens: f64| {
        let text = grid.data.bytes_per_token.map(|b| format!(", {} of text", bytes(b * tokens)));
        format!("{} tokens{}", count(tokens), text.unwrap_or_default())
    };
    let there = match (grid.data.train_tokens, grid.most_epochs()) {
        (Some(there), Some(epochs)) => {
            format!("there are {}: {epochs:.2} epochs at most", text(there as f64))
        }
        _ => "the data never ends".into(),
    };
    format!("Data: the longest cell needs {}; {there}\n", text(needed))
}

fn time(grid: &Grid, expected: Option<&TimeEstimate>) -> String {
    let Some(TimeEstimate { device, seconds, extrapolated }) = expected else {
        return "Time: no measurement\n".into();
    };
    let speed = (grid.train_flops() + grid.evaluation_flops()) / seconds;
    let unsure = match extrapolated {
        true => "; some stacks are smaller or larger than all that were measured",
        false => "",
    };
    format!(
        "Time: about {} on {device} at {} FLOP/s, with {} FLOPs of evaluation{unsure}\n",
        rough_duration(*seconds),
        flops(speed),
        flops(grid.evaluation_flops()),
    )
}

fn warnings(grid: &Grid) -> String {
    if grid.warnings.is_empty() {
        return "No doubts about this design.\n".into();
    }
    let mut out = String::new();
    for doubt in grid.doubts() {
        let advice = doubt.advice.replace('\n', "\n  hint: ");
        let _ = writeln!(out, "warning: {}\n  hint: {advice}", doubt.text());
    }
    out
}

/// `34.6k`
fn count(x: f64) -> String {
    isoflop_text::count(x, 3)
}
