//! Runs that no law should be fitted to: diverged, crashed, or with one cell mistyped.
//!
//! A robust loss forgives a wrong loss, and not a wrong N or D, which has leverage. So ln L is fitted by a surface of second degree in
//! `N^-q` and `D^-q` with one fixed q, near enough any law, by least squares, and the run of the largest studentised
//! residual is the culprit, as in slices (see the minima of approach 2): one bad run cannot do more to the residuals of others than to its own. It is taken
//! out, and the rest is looked at again. What is found, here and in the slices, is put to the law itself, fitted to the others: what that is
//! not surprised by stays. A C that has nothing to do with N and D goes as well, since the best split of a budget follows from
//! how C depends on them.

use std::collections::HashSet;

use super::{FitOptions, log_residuals, optimum};
use crate::isoflop::{LEAST_OFF, POWER, Spoiled, SpoiledColumn, group_slices, limit, together};
use crate::law::{Law, Sample};
use crate::shapes::shapes;
use crate::solve::residuals_and_leverages;
use crate::stats::{median, range, robust_deviation};
use crate::table::Table;
use crate::units::off_rule;

/// Fewer runs tell nothing of one of them by a surface of six parameters.
const LEAST_RUNS: usize = 15;
/// At most one run in so many is taken out: more are no single bad rows.
const ONE_IN: usize = 8;
/// Of ln L: a run of more compute than all others, which no other stands for, is kept closer to the law than this. That the law does not
/// reach so far is likelier.
const LEAST_OFF_BEYOND: f64 = 0.05;

/// Runs that may be spoiled, before a law is asked.
pub(crate) struct Doubtful {
    /// C has nothing to do with N and D.
    off_rule: Vec<Spoiled>,
    /// Row numbers, ascending: far off the surface through the others, or off the curve of their slice.
    rows: Vec<usize>,
    /// Those of them that approach 2 left out.
    of_slices: HashSet<usize>,
}

impl Doubtful {
    /// `of_slices` are the runs that approach 2 left out.
    pub fn of(table: &Table, of_slices: &[Spoiled]) -> Doubtful {
        let off_rule = off_the_rule(table);
        let off: HashSet<usize> = off_rule.iter().map(|s| s.row).collect();
        let rest: Vec<usize> = (0..table.len()).filter(|i| !off.contains(i)).collect();
        let of_slices: HashSet<usize> =
            of_slices.iter().map(|s| s.row).filter(|row| !off.contains(row)).collect();
        let mut rows = off_the_surface(table, &rest);
        rows.extend(&of_slices);
        rows.sort_unstable();
        rows.dedup();
        Doubtful { off_rule, rows, of_slices }
    }

    /// The table without them; itself where there are none.
    pub fn without(&self, table: &Table) -> Table {
        without(table, self.all())
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.off_rule.iter().map(|s| s.row).chain(self.rows.iter().copied())
    }

    /// The spoiled runs: C off the rule, or a loss that the law fitted to the others is surprised by.
    pub fn spoiled(mut self, table: &Table, law: &dyn Law, options: &FitOptions) -> Vec<Spoiled> {
        let reads = law.reads();
        if !(reads.params && reads.tokens) {
            return Vec::new();
        }
        let confirmed = self.confirmed(table, law, options);
        self.off_rule.extend(confirmed);
        if ONE_IN * self.off_rule.len() > table.len() {
            return Vec::new();
        }
        self.off_rule.sort_by_key(|s| s.row);
        self.off_rule
    }

    fn confirmed(&self, table: &Table, law: &dyn Law, options: &FitOptions) -> Vec<Spoiled> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let sample = Sample::new(table);
        let off: HashSet<usize> = self.all().collect();
        let kept: Vec<usize> = (0..table.len()).filter(|i| !off.contains(i)).collect();
        let best = optimum(law, &sample.rows(&kept), options.objective, options.starts);
        if !best.outcome.is_result() {
            return Vec::new();
        }
        let residuals = log_residuals(law, &best.theta, &sample);
        let noise = robust_deviation(&kept.iter().map(|&i| residuals[i]).collect::<Vec<f64>>());
        let usual = LEAST_OFF.max(limit(table.len()) * noise);
        let flops = |i: usize| table.rows()[i].flops;
        let (_, top) = range(kept.iter().map(|&i| flops(i)));
        let least = |row: usize| {
            let beyond = flops(row) > top && !self.of_slices.contains(&row);
            if beyond { usual.max(LEAST_OFF_BEYOND) } else { usual }
        };
        let one = |&row: &usize| Spoiled {
            run: table.rows()[row].run.clone(),
            flops: flops(row),
            column: SpoiledColumn::Loss,
            off: residuals[row].exp_m1(),
            row,
        };
        self.rows.iter().filter(|row| residuals[**row].abs() > least(**row)).map(one).collect()
    }
}

/// The table without those rows; itself without any.
pub(crate) fn without(table: &Table, rows: impl Iterator<Item = usize>) -> Table {
    let rows: HashSet<usize> = rows.collect();
    let some = || table.subset(|i| !rows.contains(&i));
    (!rows.is_empty()).then(some).flatten().unwrap_or_else(|| table.clone())
}

fn off_the_rule(table: &Table) -> Vec<Spoiled> {
    let rows: Vec<_> = table.rows().iter().collect();
    let factor = |i: usize| rows[i].flops / (rows[i].params * rows[i].tokens);
    let found = off_rule(&rows);
    let mut usual: Vec<f64> = (0..rows.len()).map(factor).collect();
    let usual = median(&mut usual);
    let one = |row: usize| Spoiled {
        run: rows[row].run.clone(),
        flops: rows[row].flops,
        column: SpoiledColumn::Flops,
        off: factor(row) / usual - 1.0,
        row,
    };
    found.into_iter().map(one).collect()
}

/// Rows off the surface through the others, the worst first out.
fn off_the_surface(table: &Table, rows: &[usize]) -> Vec<usize> {
    let most = rows.len() / ONE_IN;
    let limit = limit(rows.len());
    let mut left = rows.to_vec();
    let mut out = Vec::new();
    while left.len() >= LEAST_RUNS {
        let (residuals, leverages) = residuals_and_leverages(columns(table, &left), {
            left.iter().map(|&i| table.rows()[i].loss_nats.ln()).collect()
        });
        let noise = robust_deviation(&residuals).max(1e-9);
        let studentised = |k: usize| residuals[k].abs() / (1.0 - leverages[k]).max(1e-9).sqrt();
        let off = |k: usize| (residuals[k] / (1.0 - leverages[k]).max(1e-9)).abs();
        let mut worst: Vec<usize> = (0..left.len())
            .filter(|&k| studentised(k) > limit * noise && off(k) > LEAST_OFF)
            .collect();
        worst.sort_by(|&a, &b| studentised(b).total_cmp(&studentised(a)));
        // Long tables by several at a time.
        worst.truncate(1 + left.len() / 200);
        if worst.is_empty() {
            break;
        }
        if out.len() + worst.len() > most {
            return Vec::new();
        }
        let taken: HashSet<usize> = worst.iter().map(|&k| left[k]).collect();
        left.retain(|row| !taken.contains(row));
        out.extend(taken);
    }
    let slices = group_slices(table).into_iter().map(|group| group.rows);
    let groups: Vec<Vec<usize>> = shapes(table).into_iter().map(|s| s.rows).chain(slices).collect();
    let together = together(&groups, &out);
    out.retain(|row| !together.contains(row));
    out
}

/// 1, u, v, u^2, u v, v^2 with `u = (N / N_0)^-q` and v alike of D, about the middle of the rows.
fn columns(table: &Table, rows: &[usize]) -> Vec<Vec<f64>> {
    let power = |of: fn(&crate::Observation) -> f64| -> Vec<f64> {
        let logs: Vec<f64> = rows.iter().map(|&i| of(&table.rows()[i]).ln()).collect();
        let middle = median(&mut logs.clone());
        logs.iter().map(|l| (-POWER * (l - middle)).exp()).collect()
    };
    let (u, v) = (power(|r| r.params), power(|r| r.tokens));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f64>>();
    let (uu, uv, vv) = (product(&u, &u), product(&u, &v), product(&v, &v));
    vec![vec![1.0; rows.len()], u, v, uu, uv, vv]
}
