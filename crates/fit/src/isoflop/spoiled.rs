//! Runs that spoil their slice: diverged, crashed, or with one cell mistyped.
//!
//! Each slice's ln L is fitted by `c + u N^-q + v N^q` with one fixed q, near enough any curve of a slice, and each run's
//! residual is divided by its own standard deviation (studentised; Cook & Weisberg 1982, section 2.2). What one bad run does to the
//! residuals of the others is never more than what it does to its own, so the largest is the culprit, however well a run of
//! high leverage bends the curve to itself. It is taken out, and the rest is looked at again. The noise is the median over slices, each without
//! its worst run, so that a slice that is spoiled does not hide what spoils it. D is looked at likewise, as a line in ln N.

use std::collections::HashSet;

use serde::Serialize;

use super::slices::{Group, Slice};
use crate::shapes::shapes;
use crate::solve::residuals_and_leverages;
use crate::stats::{dot, median};
use crate::table::Table;

/// A run that its slice's curve, or the law, is not fitted to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spoiled {
    pub run: String,
    /// Of its slice; for a law, its C.
    pub flops: f64,
    /// What is off.
    pub column: SpoiledColumn,
    /// Its value over what the other runs of the slice, or all others, say it would be, minus 1.
    pub off: f64,
    #[serde(skip)]
    pub row: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpoiledColumn {
    Loss,
    Tokens,
    Flops,
}

impl std::fmt::Display for Spoiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let column = match self.column {
            SpoiledColumn::Loss => "loss",
            SpoiledColumn::Tokens => "D",
            SpoiledColumn::Flops => "C",
        };
        let percent = 100.0 * self.off;
        let digits = usize::from(percent.abs() < 10.0);
        write!(f, "{} ({column} {percent:+.digits$}%, at {:.2e} FLOPs)", self.run, self.flops)
    }
}

/// Standard deviations beyond which a run is taken out; a little more on tables of more than a hundred runs.
const DEVIATIONS: f64 = 5.0;
/// Of ln L: nothing closer to the curve is taken out.
pub(crate) const LEAST_OFF: f64 = 0.005;
/// Of ln D.
const LEAST_TOKENS_OFF: f64 = 0.25;
/// A slice of fewer sizes tells nothing of one of them.
const LEAST_SIZES: usize = 5;
/// At most one run in so many is taken out of a slice: more are no single bad rows, and it is left as it is.
const ONE_IN: usize = 4;
/// q of the curve.
pub(crate) const POWER: f64 = 0.35;

/// The spoiled runs of each slice.
pub(super) fn find(table: &Table, groups: &[Group]) -> Vec<Spoiled> {
    let mut out = Vec::new();
    for column in [SpoiledColumn::Tokens, SpoiledColumn::Loss] {
        let kept: Vec<Group> = groups.iter().map(|g| without(g, &out)).collect();
        out.extend(of_column(table, &kept, column));
    }
    let shapes: Vec<Vec<usize>> = shapes(table).into_iter().map(|shape| shape.rows).collect();
    let bad: Vec<usize> = out.iter().map(|s| s.row).collect();
    let together = together(&shapes, &bad);
    out.retain(|s| !together.contains(&s.row));
    out
}

/// Those of the bad rows that are half of their group or more, and several: that shape, or slice, deviates, and they are no bad rows.
pub(crate) fn together(groups: &[Vec<usize>], bad: &[usize]) -> HashSet<usize> {
    let all: HashSet<usize> = bad.iter().copied().collect();
    let of = |group: &Vec<usize>| group.iter().copied().filter(|row| all.contains(row)).collect();
    let half =
        |(group, bad): &(&Vec<usize>, Vec<usize>)| bad.len() > 1 && 2 * bad.len() >= group.len();
    groups.iter().map(|group| (group, of(group))).filter(half).flat_map(|(_, bad)| bad).collect()
}

/// The slice without those.
pub(super) fn without(group: &Group, spoiled: &[Spoiled]) -> Group {
    let bad: HashSet<usize> = spoiled.iter().map(|s| s.row).collect();
    let kept = |i: &&usize| !bad.contains(*i);
    Group { flops: group.flops, rows: group.rows.iter().filter(kept).copied().collect() }
}

/// Standard deviations beyond which one of so many runs is spoiled.
pub(crate) fn limit(runs: usize) -> f64 {
    (DEVIATIONS.powi(2) + 2.0 * (runs as f64 / 100.0).max(1.0).ln()).sqrt()
}

fn of_column(table: &Table, groups: &[Group], column: SpoiledColumn) -> Vec<Spoiled> {
    let runs: usize = groups.iter().map(|g| g.rows.len()).sum();
    let limit = limit(runs);
    let least = if column == SpoiledColumn::Loss { LEAST_OFF } else { LEAST_TOKENS_OFF };
    let mut left = groups.to_vec();
    let mut deviations: Vec<(usize, f64)> = Vec::new();
    let mut found: Vec<Vec<Spoiled>> = vec![Vec::new(); groups.len()];
    let mut views: Vec<Option<View>> = left.iter().map(|g| View::new(table, g, column)).collect();
    loop {
        let mut noises: Vec<f64> = views.iter().flatten().map(|v| v.noise).collect();
        if noises.is_empty() {
            break;
        }
        let noise = median(&mut noises);
        let mut changed = false;
        for k in 0..groups.len() {
            let Some(view) = &views[k] else { continue };
            let most = (groups[k].rows.len() / ONE_IN).max(1);
            // Long slices by several at a time.
            let at_once = 1 + view.rows.len() / 50;
            let bad: Vec<Spoiled> = view
                .worst
                .iter()
                .take(at_once)
                .filter(|w| w.deviation > limit * noise && w.off.abs() > least)
                .map(|w| Spoiled {
                    run: table.rows()[view.rows[w.at]].run.clone(),
                    flops: groups[k].flops,
                    column,
                    off: w.off.exp_m1(),
                    row: view.rows[w.at],
                })
                .collect();
            if bad.is_empty() {
                continue;
            }
            changed = true;
            let taken = view.worst.iter().take(bad.len());
            deviations.extend(taken.map(|w| (view.rows[w.at], w.deviation)));
            found[k].extend(bad);
            if found[k].len() > most {
                found[k].clear();
                left[k] = groups[k].clone();
                views[k] = None;
            } else {
                left[k] = without(&groups[k], &found[k]);
                views[k] = View::new(table, &left[k], column);
            }
        }
        if !changed {
            break;
        }
    }
    // What stays tells the noise better than the median did; the least of those taken out come back first, and count.
    let sum = |of: fn(&View) -> f64| views.iter().flatten().map(of).sum::<f64>();
    let (mut squares, mut free) = (sum(|v| v.squares), sum(|v| v.free));
    let mut found = found.concat();
    deviations.sort_by(|a, b| a.1.total_cmp(&b.1));
    let taken: HashSet<usize> = found.iter().map(|s| s.row).collect();
    let mut back = HashSet::new();
    for (row, deviation) in deviations.into_iter().filter(|d| taken.contains(&d.0)) {
        // As unlikely of Student's t with so many degrees of freedom (Wallace 1959) as the limit is of a normal.
        let limit = (free * ((limit * limit / free).exp() - 1.0)).sqrt();
        if deviation > limit * (squares / free).sqrt() {
            break;
        }
        back.insert(row);
        (squares, free) = (squares + deviation.powi(2), free + 1.0);
    }
    found.retain(|s| !back.contains(&s.row));
    found
}

/// One slice about its curve.
struct View {
    rows: Vec<usize>,
    /// Sum of squared residuals.
    squares: f64,
    /// Degrees of freedom.
    free: f64,
    /// Standard deviation about the curve, without the worst run.
    noise: f64,
    /// Runs by deviation, the largest first.
    worst: Vec<Deviation>,
}

struct Deviation {
    /// Number in the view.
    at: usize,
    /// The residual over the square root of its share of the variance.
    deviation: f64,
    /// The residual about the curve of the others.
    off: f64,
}

impl View {
    /// `None` where too few sizes are left.
    fn new(table: &Table, group: &Group, column: SpoiledColumn) -> Option<View> {
        let slice = match column {
            SpoiledColumn::Loss => Slice::local(table, group),
            _ => Slice::new(table, group),
        };
        if slice.distinct() < LEAST_SIZES {
            return None;
        }
        let ones = vec![1.0; slice.x.len()];
        let power = |q: f64| slice.x.iter().map(|x| (q * x).exp()).collect();
        let (columns, values): (Vec<Vec<f64>>, Vec<f64>) = match column {
            SpoiledColumn::Loss => (
                vec![ones, power(-POWER), power(POWER)],
                slice.loss.iter().map(|l| l.ln()).collect(),
            ),
            _ => (vec![ones, slice.x.clone()], slice.y.clone()),
        };
        let parameters = columns.len();
        let (residuals, leverages) = residuals_and_leverages(columns, values);
        let deviation = |(at, (r, h)): (usize, (&f64, &f64))| {
            let free = (1.0 - h).max(1e-9);
            Deviation { at, deviation: r.abs() / free.sqrt(), off: r / free }
        };
        let mut worst: Vec<Deviation> =
            residuals.iter().zip(&leverages).enumerate().map(deviation).collect();
        worst.sort_by(|a, b| b.deviation.total_cmp(&a.deviation));
        let free = (residuals.len() - parameters) as f64;
        let rest = (dot(&residuals, &residuals) - worst[0].deviation.powi(2)).max(0.0);
        // Without its largest deviation even a clean slice looks quieter than it is.
        let noise = (rest / (free - 1.0)).sqrt() * (1.0 + 2.3 / free);
        Some(View { rows: slice.rows, squares: dot(&residuals, &residuals), free, noise, worst })
    }
}
