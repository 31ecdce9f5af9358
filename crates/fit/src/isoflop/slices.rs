//! Runs that spend the same budget.

use std::collections::HashSet;

use serde::Serialize;

use super::slice_fit::SliceRuns;
use super::{Curve, Found, LEAST_SIZES, Minimum, SliceFit, SliceRefusal, Unbracketed};
use crate::estimate::Estimate;
use crate::observation::Observation;
use crate::stats::{centred, dot, mean, median, range, rms};
use crate::table::Table;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The budget, FLOPs: as given, or the geometric mean of the runs' C.
    pub flops: f64,
    /// Row numbers in the table, ascending in N.
    pub rows: Vec<usize>,
}

/// C of one slice may differ by this factor between neighbours, where no budget is given.
pub(crate) const NEIGHBOURS: f64 = 1.12;
/// ... and by this one between its ends.
const ENDS: f64 = 1.35;
/// Budgets that somebody chose are farther apart than so many times the width of one.
const APART: f64 = 2.0;
/// What rounding of steps does to the C of one budget.
const ROUNDED: f64 = 0.02;

/// Groups by the budget column where there is one, else by C: neighbours within 12%, ends within
/// 35%. Ascending in budget; a run that shares its budget with no other is a group of one.
pub(crate) fn group_slices(table: &Table) -> Vec<Group> {
    let rows = table.rows();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let budget = |i: usize| rows[i].budget_flops.unwrap_or(rows[i].flops);
    let given = |i: usize| rows[i].budget_flops.is_some();
    order.sort_by(|&i, &j| budget(i).total_cmp(&budget(j)).then(i.cmp(&j)));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &i in &order {
        let joins = groups.last().is_some_and(|g: &Vec<usize>| {
            let (first, last) = (g[0], g[g.len() - 1]);
            if given(i) && given(last) {
                (budget(i) / budget(last) - 1.0).abs() < 1e-9
            } else {
                budget(i) / budget(last) < NEIGHBOURS && budget(i) / budget(first) < ENDS
            }
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(i),
            _ => groups.push(vec![i]),
        }
    }
    let finish = |mut group: Vec<usize>| {
        let sum: f64 = group.iter().map(|&i| budget(i).ln()).sum();
        let all_same = group.iter().all(|&i| budget(i) == budget(group[0]));
        let flops = if all_same { budget(group[0]) } else { (sum / group.len() as f64).exp() };
        group.sort_by(|&i, &j| rows[i].params.total_cmp(&rows[j].params).then(i.cmp(&j)));
        Group { flops, rows: group }
    };
    groups.into_iter().map(finish).collect()
}

/// Whether runs share budgets by chance alone: where no budgets are given, groups of neighbours that are hardly farther apart than they
/// are wide, or wide ones that hold less than half of the runs. Their curves would mix what C does to the loss into what N does.
pub(super) fn by_chance(table: &Table, groups: &[Group]) -> bool {
    if table.rows().iter().any(|r| r.budget_flops.is_some()) {
        return false;
    }
    let ends = |group: &Group| range(group.rows.iter().map(|&i| table.rows()[i].flops.ln()));
    let all: Vec<(f64, f64)> = groups.iter().map(ends).collect();
    let several = groups.iter().zip(&all).filter(|(group, _)| group.rows.len() > 2);
    let mut widths: Vec<f64> = several.map(|(_, (lo, hi))| hi - lo).collect();
    let mut gaps: Vec<f64> = all.windows(2).map(|w| w[1].0 - w[0].1).collect();
    if widths.is_empty() || gaps.is_empty() {
        return false;
    }
    let sized = |group: &&Group| group.rows.len() >= LEAST_SIZES;
    let held: usize = groups.iter().filter(sized).map(|group| group.rows.len()).sum();
    let width = median(&mut widths);
    median(&mut gaps) < APART * width || (width > ROUNDED && 2 * held < table.len())
}

/// The index of the first run of each size in ascending ln N, then the end.
pub(super) fn size_starts(x: &[f64]) -> Vec<usize> {
    let more = (1..x.len()).filter(|&i| x[i] - x[i - 1] > 1e-9);
    std::iter::once(0).chain(more).chain([x.len()]).collect()
}

/// The corrected method looks this factor in N either side of the best size.
const WINDOW: f64 = 6.0;

/// A slice as columns, ascending in N.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub flops: f64,
    pub rows: Vec<usize>,
    /// Centre of ln N.
    pub mx: f64,
    /// Centre of ln D.
    pub my: f64,
    /// Centred ln N.
    pub x: Vec<f64>,
    /// Centred ln D.
    pub y: Vec<f64>,
    pub loss: Vec<f64>,
    /// `y = -slope x` along the slice: 1 for C = 6ND.
    pub slope: f64,
    /// Different sizes: index of the first run of each, then the end.
    pub sizes: Vec<usize>,
}

impl Slice {
    pub fn new(table: &Table, group: &Group) -> Slice {
        let of = |f: fn(&Observation) -> f64| -> Vec<f64> {
            group.rows.iter().map(|&i| f(&table.rows()[i])).collect()
        };
        let (x, mx) = centred(&of(|r| r.params.ln()));
        let (y, my) = centred(&of(|r| r.tokens.ln()));
        let xx = dot(&x, &x);
        let slope = if xx > 0.0 { -dot(&x, &y) / xx } else { 1.0 };
        let (loss, sizes) = (of(|r| r.loss_nats), size_starts(&x));
        Slice { flops: group.flops, rows: group.rows.clone(), mx, my, x, y, loss, slope, sizes }
    }

    /// The part within a factor [`WINDOW`] in N of the best size, and at least two sizes either side and five
    /// in all where there are.
    pub fn local(table: &Table, group: &Group) -> Slice {
        let whole = Slice::new(table, group);
        let (x, means) = whole.by_size(&whole.loss);
        let best = Slice::best_size(&means);
        let near = |k: &usize| (x[*k] - x[best]).abs() <= WINDOW.ln() + 1e-9;
        let mut first = (0..=best).find(near).unwrap_or(best).min(best.saturating_sub(2));
        let mut last = (best..x.len()).rev().find(near).unwrap_or(best);
        last = last.max((best + 2).min(x.len() - 1));
        while last - first + 1 < 5.min(x.len()) {
            // Grow towards the nearer neighbour.
            let down = if first > 0 { x[best] - x[first - 1] } else { f64::INFINITY };
            let up = if last + 1 < x.len() { x[last + 1] - x[best] } else { f64::INFINITY };
            if down < up { first -= 1 } else { last += 1 }
        }
        let rows = group.rows[whole.sizes[first]..whole.sizes[last + 1]].to_vec();
        Slice::new(table, &Group { flops: group.flops, rows })
    }

    /// ln N and ln D at centred `x`.
    pub fn logs(&self, x: f64) -> (f64, f64) {
        (self.mx + x, self.my - self.slope * x)
    }

    pub fn distinct(&self) -> usize {
        self.sizes.len() - 1
    }

    /// Centred ln N and mean loss of each size.
    pub fn by_size(&self, loss: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let means = |v: &[f64]| self.sizes.windows(2).map(|w| mean(&v[w[0]..w[1]])).collect();
        (means(&self.x), means(loss))
    }

    /// The number of the size whose mean loss is least.
    fn best_size(means: &[f64]) -> usize {
        (0..means.len()).fold(0, |best, k| if means[k] < means[best] { k } else { best })
    }

    /// Why no method may use this slice.
    pub fn refusal(&self, unbracketed: Unbracketed) -> Option<SliceRefusal> {
        if self.distinct() < LEAST_SIZES {
            return Some(SliceRefusal::TooFewSizes { sizes: self.distinct(), needed: LEAST_SIZES });
        }
        if unbracketed == Unbracketed::Extrapolate {
            return None;
        }
        let (_, means) = self.by_size(&self.loss);
        match Slice::best_size(&means) {
            0 => Some(SliceRefusal::FallsTowardsSmall),
            k if k + 1 == means.len() => Some(SliceRefusal::FallsTowardsLarge),
            _ => None,
        }
    }

    /// A minimum at centred `x`, refused outside the sizes run.
    pub fn found(
        &self,
        x: f64,
        loss: f64,
        curvature: f64,
        unbracketed: Unbracketed,
    ) -> Result<Found, SliceRefusal> {
        let (log_params, log_tokens) = self.logs(x);
        let (lo, hi) = (self.x[0], self.x[self.x.len() - 1]);
        let inside = x > lo && x < hi;
        if !(loss > 0.0 && x.is_finite()) {
            return Err(SliceRefusal::NotConvex);
        }
        if !inside && unbracketed == Unbracketed::Refuse {
            return Err(SliceRefusal::OutsideSizes { params: log_params.exp() });
        }
        Ok(Found { log_params, log_tokens, loss, curvature })
    }

    /// (N, loss) of a curve over the sizes run.
    pub fn plot(&self, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let (lo, hi) = (self.x[0], self.x[self.x.len() - 1]);
        let at = |k: usize| {
            let x = lo + (hi - lo) * k as f64 / 60.0;
            ((self.mx + x).exp(), value(x))
        };
        (0..=60).map(at).collect()
    }

    pub fn report(
        &self,
        group: &Group,
        table: &Table,
        found: Option<Found>,
        refusal: Option<SliceRefusal>,
        curve: &Curve,
    ) -> SliceFit {
        let name = |i: &usize| table.rows()[*i].run.clone();
        let used: HashSet<&usize> = self.rows.iter().collect();
        let residuals: Vec<f64> =
            self.loss.iter().zip(&curve.at_runs).map(|(l, m)| (l / m).ln()).collect();
        SliceFit {
            flops: group.flops,
            runs: SliceRuns::new(table.shared_rows(), group.rows.clone()),
            sizes: self.distinct(),
            used: self.loss.len(),
            unused: group.rows.iter().filter(|i| !used.contains(i)).map(name).collect(),
            minimum: found.map(|f| Minimum {
                params: Estimate::bare(f.log_params.exp()),
                tokens: Estimate::bare(f.log_tokens.exp()),
                loss_nats: Estimate::bare(f.loss),
                curvature: f.curvature,
            }),
            refusal,
            no_interval: None,
            curve: curve.plot.clone(),
            log_residuals: self.rows.iter().copied().zip(residuals.iter().copied()).collect(),
            residual_rms: (!residuals.is_empty()).then(|| rms(&residuals)),
        }
    }
}
