//! Shapes beside the rule's: which of them stand in the slices, and how their losses compare.

use std::collections::{BTreeMap, BTreeSet};

use isoflop_fit::isoflop::{IsoflopFit, SliceFit, fit_isoflop, slice_minima};
use isoflop_fit::paired::mean_of;
use isoflop_fit::study::Study;
use isoflop_fit::{Counting, Estimate, FitError};
use isoflop_ledger::Contents;
use isoflop_plan::{Cell, CellId, Config, Grid, Shape, ShapeRole};
use isoflop_report::plots::{Sensitivity, SensitivityCurve};
use isoflop_report::{
    ShapeComparison, ShapeLoss, ShapeOptima, ShapeOptimum, SizeShapes, Ways, number,
};

use crate::losses::{Losses, figure};
use crate::observations;
use crate::publish::isoflop_options;

/// Cells of one shape, rate and batch, by seed.
type Seeds<'a> = BTreeMap<u64, &'a Cell>;

/// A budget and width that has several shapes, the one of its slice first.
struct Size<'a> {
    budget: f64,
    width: usize,
    by_rule: bool,
    shapes: Vec<Tried<'a>>,
}

/// A shape, at the best of the rates and batches that it was trained with.
struct Tried<'a> {
    shape: Shape,
    seeds: Seeds<'a>,
    mean: f64,
    settings: usize,
}

impl Size<'_> {
    /// Changes of the loss from the first shape to that of number `k`, over the seeds that both have.
    fn changes(&self, losses: &Losses, k: usize) -> Vec<f64> {
        let pairs = self.shapes[k]
            .seeds
            .iter()
            .filter_map(|(seed, cell)| losses.change(cell, self.shapes[0].seeds.get(seed)?));
        pairs.collect()
    }

    /// Number of the shape of least mean change; the first unless another one gains.
    fn best(&self, losses: &Losses) -> usize {
        let change = |k: usize| mean_of(&self.changes(losses, k), 0.95).map(|mean| mean.point);
        let others = (1..self.shapes.len()).filter_map(|k| Some((k, change(k)?)));
        let best = others.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, change)| *change < 0.0);
        best.map_or(0, |(k, _)| k)
    }
}

/// Every budget and width that was trained with several shapes and has a result of the one for its slice.
fn sizes<'a>(losses: &Losses, grid: &'a Grid) -> Vec<Size<'a>> {
    type Setting = (u64, usize, u64);
    type Shapes<'a> = BTreeMap<(bool, Shape), BTreeMap<Setting, Seeds<'a>>>;
    let mut places = BTreeMap::<(u64, usize), Shapes<'a>>::new();
    let mut searched = BTreeSet::new();
    for planned in grid.cells.iter().filter(|c| c.is_unscaled()) {
        let cell = &planned.cell;
        let Some(budget) = cell.budget_flops else { continue };
        // Positive floats sort as their bits do.
        let place = (budget.to_bits(), cell.shape.width);
        if planned.role != ShapeRole::Plain {
            searched.insert(place);
        }
        if losses.of(cell).is_some() {
            let setting =
                (cell.hyper.learning_rate.to_bits(), cell.hyper.batch_sequences, cell.steps);
            let beside = planned.role != ShapeRole::Plain;
            let shapes = places.entry(place).or_default();
            let settings = shapes.entry((beside, cell.shape)).or_default();
            settings.entry(setting).or_default().insert(cell.seed, cell);
        }
    }
    let candidates: BTreeSet<(u64, usize)> = grid
        .cells
        .iter()
        .filter(|c| c.role == ShapeRole::Candidate)
        .filter_map(|c| Some((c.cell.budget_flops?.to_bits(), c.cell.shape.width)))
        .collect();
    let mut out = Vec::new();
    for (place, shapes) in places.into_iter().filter(|(place, _)| searched.contains(place)) {
        let by_rule = !candidates.contains(&place);
        let has_rule = shapes.keys().any(|(beside, _)| !beside);
        let mut shapes: Vec<Tried> = shapes
            .into_iter()
            .filter_map(|((_, shape), settings)| tried(losses, shape, settings))
            .collect();
        if !by_rule {
            shapes.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        } else if !has_rule {
            continue;
        }
        let (budget, width) = (f64::from_bits(place.0), place.1);
        out.push(Size { budget, width, by_rule, shapes });
    }
    out
}

fn tried<'a>(
    losses: &Losses,
    shape: Shape,
    settings: BTreeMap<(u64, usize, u64), Seeds<'a>>,
) -> Option<Tried<'a>> {
    let count = settings.len();
    let mean = |seeds: &Seeds| {
        let losses: Vec<f64> = seeds.values().filter_map(|cell| losses.of(cell)).collect();
        mean_of(&losses, 0.95).map(|mean| mean.point)
    };
    let all = settings.into_values().filter_map(|seeds| Some((mean(&seeds)?, seeds)));
    let (mean, seeds) = all.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Tried { shape, seeds, mean, settings: count })
}

/// Of the candidates of each size, none of them of the rule's shape, the cells that stand in the slice: all of the shape of least
/// mean loss.
pub(crate) fn elected<'a>(losses: &Losses, grid: &'a Grid) -> BTreeSet<&'a CellId> {
    let chosen: BTreeSet<(u64, Shape)> = sizes(losses, grid)
        .iter()
        .filter(|size| !size.by_rule)
        .map(|size| (size.budget.to_bits(), size.shapes[0].shape))
        .collect();
    let is_chosen = |cell: &Cell| {
        cell.budget_flops.is_some_and(|budget| chosen.contains(&(budget.to_bits(), cell.shape)))
    };
    grid.cells.iter().map(|c| &c.cell).filter(|cell| is_chosen(cell)).map(|cell| &cell.id).collect()
}

/// The comparison of all shapes that have results; `None` where no size has several.
pub(crate) fn comparison(
    contents: &Contents,
    grid: &Grid,
    config: &Config,
    study: Option<&Study>,
) -> Option<ShapeComparison> {
    let losses = Losses(contents.repeats());
    let mut sizes = sizes(&losses, grid);
    sizes.retain(|size| size.shapes.len() > 1);
    if sizes.is_empty() {
        return None;
    }
    let level = config.fit.confidence;
    let shapes = |size: &Size| SizeShapes {
        budget_flops: size.budget,
        width: size.width,
        by_rule: size.by_rule,
        shapes: (0..size.shapes.len())
            .map(|k| ShapeLoss {
                shape: size.shapes[k].shape,
                params: config.fit.convention.params(&size.shapes[k].shape),
                seeds: size.shapes[k].seeds.len(),
                loss_nats: size.shapes[k].mean,
                change: mean_of(&size.changes(&losses, k), level).filter(|_| k > 0),
                settings: size.shapes[k].settings,
            })
            .collect(),
        best: size.best(&losses),
    };
    let best = best_cells(&losses, grid, &sizes);
    let optima = optima(study, refit(contents, grid, config, &best));
    Some(ShapeComparison {
        figures: figures(&losses, &sizes),
        sizes: sizes.iter().map(shapes).collect(),
        optima,
    })
}

/// The cells of the slices with the best shape of each size.
fn best_cells<'a>(losses: &Losses, grid: &'a Grid, sizes: &[Size<'a>]) -> BTreeSet<&'a CellId> {
    let places: BTreeSet<(u64, usize)> =
        sizes.iter().map(|size| (size.budget.to_bits(), size.width)).collect();
    let compared = |cell: &Cell| {
        let place = cell.budget_flops.map(|budget| (budget.to_bits(), cell.shape.width));
        place.is_some_and(|place| places.contains(&place))
    };
    let elected = elected(losses, grid);
    let plain = grid.cells.iter().filter(|c| match c.role {
        _ if compared(&c.cell) || !c.is_unscaled() => false,
        ShapeRole::Plain => true,
        ShapeRole::Candidate => elected.contains(&c.cell.id),
        ShapeRole::Beside => false,
    });
    let best = sizes.iter().flat_map(|size| size.shapes[size.best(losses)].seeds.values());
    plain.map(|c| &c.cell.id).chain(best.map(|cell| &cell.id)).collect()
}

/// Approach 2 on other cells: its minima, and its power law or why there is none.
type Refit = (Vec<SliceFit>, Result<IsoflopFit, FitError>);

fn refit(
    contents: &Contents,
    grid: &Grid,
    config: &Config,
    cells: &BTreeSet<&CellId>,
) -> Result<Refit, FitError> {
    let options = isoflop_options(config);
    let table = observations::table_of(contents, grid, |planned| cells.contains(&planned.cell.id))?
        .under(Counting::By(config.fit.convention))?;
    let fit = fit_isoflop(&table, &options);
    let slices = match &fit {
        Ok(fit) => fit.slices.clone(),
        Err(_) => slice_minima(&table, &options).unwrap_or_default(),
    };
    Ok((slices, fit))
}

fn optima(study: Option<&Study>, best: Result<Refit, FitError>) -> ShapeOptima {
    let row = study.and_then(|study| study.approach2.first());
    let rule = row.map(|row| row.every_slice()).unwrap_or_default();
    let mut refused = Vec::new();
    refused.extend(row.and_then(|row| row.answer.refusal()).map(|why| format!("As fitted: {why}")));
    let (best, exponent) = match best {
        Ok((slices, Ok(fit))) => (slices, Some(fit.params.exponent)),
        Ok((slices, Err(why))) => {
            refused.push(format!("Best shapes: {why}"));
            (slices, None)
        }
        Err(why) => {
            refused.push(format!("Best shapes: {why}"));
            (Vec::new(), None)
        }
    };
    let minimum = |slices: &[SliceFit], flops: f64| -> Option<Estimate> {
        let slice = slices.iter().find(|s| (s.flops / flops - 1.0).abs() < 1e-9)?;
        Some(slice.minimum?.params)
    };
    let mut budgets: Vec<f64> = rule.iter().chain(&best).map(|s| s.flops).collect();
    budgets.sort_by(f64::total_cmp);
    budgets.dedup_by(|a, b| (*a / *b - 1.0).abs() < 1e-9);
    let slices = budgets.into_iter().map(|budget_flops| {
        let params = Ways { rule: minimum(rule, budget_flops), best: minimum(&best, budget_flops) };
        ShapeOptimum { budget_flops, params }
    });
    let rule = study.and_then(Study::isoflop).map(|fit| fit.params.exponent);
    ShapeOptima { slices: slices.collect(), exponent: Ways { rule, best: exponent }, refused }
}

/// One figure for depth, heads and MLP each: the loss against a multiple of the first shape's number, where nothing else differs.
fn figures(losses: &Losses, sizes: &[Size]) -> Vec<Sensitivity> {
    type Axis =
        (&'static str, &'static str, &'static str, fn(&Shape) -> usize, fn(Shape, usize) -> Shape);
    let axes: [Axis; 3] = [
        (
            "shape-depth",
            "Is the depth right?",
            "Depth",
            |s| s.depth,
            |s, depth| Shape { depth, ..s },
        ),
        (
            "shape-heads",
            "Are the heads right?",
            "Number of heads",
            |s| s.heads,
            |s, heads| Shape { heads, ..s },
        ),
        (
            "shape-mlp",
            "Is the MLP right?",
            "Hidden width of the MLP",
            |s| s.hidden,
            |s, hidden| Shape { hidden, ..s },
        ),
    ];
    let subtitle = "each curve is one width and budget; below zero, another shape has less loss";
    let one = |(id, title, label, of, with): Axis| {
        let curve = |size: &Size| {
            let first = size.shapes[0].shape;
            let alone = |k: &usize| with(size.shapes[*k].shape, of(&first)) == first;
            let mut points: Vec<(f64, f64)> = (0..size.shapes.len())
                .filter(alone)
                .filter_map(|k| {
                    let change = mean_of(&size.changes(losses, k), 0.95)?.point;
                    let multiple = of(&size.shapes[k].shape) as f64 / of(&first) as f64;
                    // Two decimals: hidden widths are rounded to their grain.
                    Some(((100.0 * multiple).round() / 100.0, change))
                })
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let budget = number::scientific(size.budget, 3);
            (points.len() > 1).then(|| SensitivityCurve {
                name: format!("width {}, {budget} FLOPs", size.width).into(),
                order: size.budget * (1.0 + 1e-3 * size.width as f64),
                points,
            })
        };
        let curves: Vec<SensitivityCurve> = sizes.iter().filter_map(curve).collect();
        let label = format!("{label}, multiple of the slice's");
        (!curves.is_empty()).then(|| figure(id, title, subtitle, &label, curves))
    };
    axes.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests;
