//! The grid and the training curves.

use isoflop_ledger::{Record, Status};

use super::smoothing::{HALF_WINDOW, lower_envelope, smoothed};
use super::{Page, filled, observed};
use crate::chart::Figure;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{CurveX, GridCell, GridMap, GridState, TrainingCurve, TrainingCurves};

/// Places at which the lower envelope is read.
const PLACES: usize = 120;

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
        let points: Vec<(f64, f64)> =
            result.curve.iter().map(|p| (p.tokens as f64, p.loss_nats)).collect();
        let tokens_at = |step: u64| (step * result.cell.batch_tokens()) as f64;
        TrainingCurve {
            name: record.id().to_string(),
            params: result.params.total() as f64,
            points: smoothed(&points).into_iter().map(|(d, loss)| (x(d), loss)).collect(),
            held_out: held_out(record).into_iter().map(|(d, loss)| (x(d), loss)).collect(),
            diverged_at: match result.status {
                Status::Diverged { step, .. } => Some(x(tokens_at(step))),
                _ => None,
            },
        }
    };
    let what = match along {
        CurveX::Tokens => "Loss over the tokens seen",
        CurveX::Flops => "Loss over the compute spent",
    };
    let window = number::percent(HALF_WINDOW, 0, false);
    let subtitle = format!(
        "{what}. Lines: training loss, smoothed by a straight line through all within {window} of the tokens"
    );
    let curves: Vec<TrainingCurve> = page.records.iter().map(curve).collect();
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|c| c.points.clone()).collect();
    TrainingCurves {
        along,
        subtitle: Some(subtitle.into()),
        label: page.loss_label("Loss"),
        envelope: lower_envelope(&lines, PLACES),
        curves,
    }
}

/// `(tokens, loss)` of every evaluation on the held-out set.
fn held_out(record: &Record) -> Vec<(f64, f64)> {
    let result = &record.result;
    let at = |step: u64| (step * result.cell.batch_tokens()) as f64;
    let mut points: Vec<(f64, f64)> =
        result.valid_curve.iter().map(|p| (at(p.step), p.loss_nats)).collect();
    if let Some(valid) = result.valid
        && result.valid_curve.last().is_none_or(|p| p.step < result.cell.steps)
    {
        points.push((result.tokens as f64, valid.loss_nats));
    }
    points
}
