//! The grid and the training curves.

use isoflop_ledger::{Record, Status};

use super::{Page, filled, observed};
use crate::chart::Figure;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{CurveX, GridCell, GridMap, GridState, TrainingCurve, TrainingCurves};

/// Points of a curve that are drawn.
const POINTS: usize = 240;

pub(super) fn section(page: &Page) -> Option<Section> {
    let mut section = Section::new("training", "The runs");
    let mut figures = Vec::new();
    if !page.records.is_empty() || page.grid.is_some() {
        figures.push(grid(page).figure());
    }
    figures.extend(
        observed::map(page).map(|map| Figure { title: "Sizes and lengths".into(), ..map.figure() }),
    );
    if page.records.iter().any(|r| !r.result.curve.is_empty()) {
        figures.push(curves(page, CurveX::Flops).figure());
        figures.push(curves(page, CurveX::Tokens).figure());
    }
    let diverged =
        page.records.iter().filter(|r| matches!(r.result.status, Status::Diverged { .. })).count();
    if diverged > 0 {
        section.lead = Some(format!("{diverged} of {} runs diverged.", page.records.len()).into());
    }
    if figures.is_empty() {
        return None;
    }
    filled(section, vec![Block::Figures(figures)])
}

fn grid(page: &Page) -> GridMap {
    let mut cells: Vec<GridCell> = Vec::new();
    let mut budgets: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
    let mut place = |budget: Option<f64>, params: f64, tokens: f64| {
        let Some(budget) = budget.filter(|b| b.is_finite()) else { return };
        match budgets.iter_mut().find(|(b, _)| *b == budget) {
            Some((_, points)) => points.push((params, tokens)),
            None => budgets.push((budget, vec![(params, tokens)])),
        }
    };
    for record in &page.records {
        let (params, tokens) = (record.result.params.total() as f64, record.result.tokens as f64);
        place(record.result.cell.budget_flops, params, tokens);
        cells.push(GridCell {
            name: record.id().to_string(),
            params,
            tokens,
            state: state(record),
        });
    }
    let done: std::collections::BTreeSet<_> = page.records.iter().map(|r| r.id()).collect();
    for planned in page.grid.iter().flat_map(|g| &g.cells).filter(|p| !done.contains(&p.cell.id)) {
        let (params, tokens) =
            (planned.cell.shape.params().total() as f64, planned.cell.tokens() as f64);
        place(planned.cell.budget_flops, params, tokens);
        cells.push(GridCell {
            name: planned.cell.id.to_string(),
            params,
            tokens,
            state: GridState::Pending,
        });
    }
    for (_, points) in &mut budgets {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    budgets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pending = cells.iter().filter(|c| c.state == GridState::Pending).count();
    let mut subtitle =
        format!("{} runs by size and length; labels are budgets in FLOPs", cells.len() - pending);
    if pending > 0 {
        subtitle.push_str(&format!("; {pending} still to be trained"));
    }
    GridMap { subtitle: Some(subtitle.into()), cells, budgets, optimum: Vec::new() }
}

fn state(record: &Record) -> GridState {
    match &record.result.status {
        Status::Finished => match record.valid_loss_nats() {
            Some(loss) if loss.is_finite() => GridState::Finished(loss),
            Some(loss) => {
                GridState::Failed(format!("held-out loss {}", number::significant(loss, 3)))
            }
            None => GridState::Failed("no held-out loss".into()),
        },
        Status::Diverged { step, reason } => {
            GridState::Failed(format!("diverged at step {step}: {reason}"))
        }
        Status::Failed { error } => GridState::Failed(error.clone()),
    }
}

fn curves(page: &Page, along: CurveX) -> TrainingCurves {
    let curve = |record: &&Record| {
        let result = &record.result;
        let per_token = result.flops.exact / result.tokens as f64;
        let x = |tokens: f64| match along {
            CurveX::Tokens => tokens,
            CurveX::Flops => tokens * per_token,
        };
        let every = result.curve.len().div_ceil(POINTS).max(1);
        let last = result.curve.len().saturating_sub(1);
        let points = result.curve.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last);
        let tokens_at = |step: u64| (step * result.cell.batch_tokens()) as f64;
        TrainingCurve {
            name: record.id().to_string(),
            params: result.params.total() as f64,
            points: points.map(|(_, p)| (x(p.tokens as f64), p.loss_nats)).collect(),
            diverged_at: match result.status {
                Status::Diverged { step, .. } => Some(x(tokens_at(step))),
                _ => None,
            },
        }
    };
    let subtitle = match along {
        CurveX::Tokens => "Training loss over the tokens seen",
        CurveX::Flops => "Training loss over the compute spent",
    };
    TrainingCurves {
        along,
        subtitle: Some(subtitle.into()),
        curves: page.records.iter().map(curve).collect(),
    }
}
