//! Which runs of two sides are of the same cell.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::side::{Run, Side};

/// Two runs that were to train the same.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    /// Names of the two runs.
    pub runs: (String, String),
    #[serde(skip)]
    pub cell: String,
    pub shape: String,
    pub budget_flops: Option<f64>,
    pub params: f64,
    pub tokens: f64,
    /// Precisions, of tables `None`.
    pub precisions: (Option<String>, Option<String>),
    pub losses_nats: (Option<f64>, Option<f64>),
    /// Step from which on the training losses part by more than [`PARTED`]; `None` where they never do, or no steps are in common.
    pub parted_at: Option<u64>,
    /// Points of the training curves that could be compared.
    pub curve_points: usize,
}

/// The pairs of two sides, and what has none.
#[derive(Debug, Clone, Serialize)]
pub struct Pairs {
    pub pairs: Vec<Pair>,
    /// Runs of the first side alone, and of the second alone.
    pub alone: (usize, usize),
}

/// A relative difference of training losses that rounding does not make at once.
pub const PARTED: f64 = 1e-3;

impl Pair {
    /// Difference of ln L, second less first, where both finished.
    pub fn log_ratio(&self) -> Option<f64> {
        let (a, b) = (self.losses_nats.0?, self.losses_nats.1?);
        (a > 0.0 && b > 0.0).then(|| (b / a).ln())
    }
}

/// Runs of equal key, those of equal precision first. A cell that a side has several times is paired in order.
pub fn pair(first: &Side, second: &Side) -> Pairs {
    let mut left: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in &second.runs {
        left.entry(&run.key).or_default().push(run);
    }
    let mut open: Vec<&Run> = first.runs.iter().collect();
    let mut pairs = Vec::new();
    for same_precision in [true, false] {
        open.retain(|run| {
            let Some(mates) = left.get_mut(run.key.as_str()) else { return true };
            let fits = |mate: &&Run| !same_precision || mate.precision == run.precision;
            let Some(at) = mates.iter().position(fits) else { return true };
            pairs.push(of(run, mates.remove(at)));
            false
        });
    }
    let size = |pair: &Pair| (pair.budget_flops.unwrap_or(0.0), pair.params);
    pairs.sort_by(|a, b| size(a).partial_cmp(&size(b)).unwrap_or(std::cmp::Ordering::Equal));
    Pairs { pairs, alone: (open.len(), left.values().map(Vec::len).sum()) }
}

fn of(a: &Run, b: &Run) -> Pair {
    let theirs: BTreeMap<u64, f64> = b.curve.iter().copied().collect();
    let common: Vec<(u64, f64, f64)> = a
        .curve
        .iter()
        .filter_map(|(step, loss)| Some((*step, *loss, *theirs.get(step)?)))
        .collect();
    let parted = |a: f64, b: f64| !((b / a).ln().abs() <= PARTED);
    Pair {
        runs: (a.name.clone(), b.name.clone()),
        cell: a.cell.clone(),
        shape: a.shape.clone(),
        budget_flops: a.budget_flops,
        params: a.params,
        tokens: a.tokens,
        precisions: (a.precision.clone(), b.precision.clone()),
        losses_nats: (a.loss_nats, b.loss_nats),
        parted_at: common.iter().find(|(_, a, b)| parted(*a, *b)).map(|(step, _, _)| *step),
        curve_points: common.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(key: &str, precision: &str, loss: f64, curve: &[(u64, f64)]) -> Run {
        Run {
            name: format!("{key}{precision}"),
            key: key.into(),
            cell: key.into(),
            shape: "L2 d8".into(),
            precision: Some(precision.into()),
            budget_flops: Some(1e9),
            params: 1e3,
            tokens: 1e5,
            flops: 1e9,
            loss_nats: Some(loss),
            bits_per_byte: None,
            curve: curve.to_vec(),
            pace: None,
        }
    }

    #[test]
    fn equal_precisions_are_paired_before_others() {
        let a = Side {
            runs: vec![run("x", "f32", 2.0, &[]), run("y", "f32", 2.0, &[])],
            ..Side::default()
        };
        let b = Side {
            runs: vec![
                run("x", "bf16", 2.1, &[]),
                run("x", "f32", 2.0, &[]),
                run("z", "f32", 1.0, &[]),
            ],
            ..Side::default()
        };
        let found = pair(&a, &b);
        assert_eq!(found.pairs.len(), 1);
        assert_eq!(found.pairs[0].log_ratio(), Some(0.0));
        assert_eq!(found.alone, (1, 2));
    }

    #[test]
    fn curves_part_where_they_differ_first() {
        let a = run("x", "f32", 2.0, &[(1, 5.0), (2, 4.0), (4, 3.0)]);
        let b = run("x", "f32", 2.0, &[(1, 5.0), (2, 4.0001), (3, 9.0), (4, 3.1)]);
        let pair = of(&a, &b);
        assert_eq!((pair.parted_at, pair.curve_points), (Some(4), 3));
        let nan = run("x", "f32", 2.0, &[(1, f64::NAN)]);
        assert_eq!(of(&a, &nan).parted_at, Some(1), "a loss that is no number is a difference");
    }
}
