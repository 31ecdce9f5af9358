//! The bootstrap of long tables: one Newton step for each draw, from scores that are summed once (the score bootstrap, Kline &
//! Santos 2012, "A Score Based Approach to Wild Bootstrap Inference", here with resampled scores).
//!
//! With tens of thousands of runs a draw moves the parameters by so little that one step ends where a refit would, and the
//! sums of scores over some thousands of groups, each of runs taken at random, vary as those of the runs do. A draw then costs the same
//! for a hundred thousand runs and for a million.

use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::resample::{Draws, draw_stream};
use crate::solve::{MAX_PARAMETERS, Model, OnRows, Rows, Vector, cholesky_solve};

/// Units that are resampled, from which on a step stands for a refit.
pub(super) const LONG: usize = 20_000;
/// Groups that units are summed into.
const GROUPS: usize = 2_000;

/// `None` where the Hessian is no bowl. `delta` is the threshold of Huber's loss, and `units` the rows of each unit; without, each row
/// is one.
pub(super) fn one_step(
    model: &Model,
    theta: &[f64],
    delta: f64,
    units: Option<&[Vec<usize>]>,
    count: usize,
    seed: u64,
) -> Option<Draws> {
    let n = theta.len();
    let rows: Rows = model.rows();
    let problem = OnRows { model, rows: &rows };
    let hessian = problem.at(theta, delta).hessian;
    cholesky_solve(&hessian, &[0.0; MAX_PARAMETERS], n)?;
    let score = score_of(model, theta, delta);
    let number = units.map_or(model.sample.len(), <[_]>::len);
    let mut order: Vec<usize> = (0..number).collect();
    order.shuffle(&mut draw_stream(seed, count));
    let mut groups = vec![[0.0; MAX_PARAMETERS]; GROUPS.min(number)];
    for (k, unit) in order.into_iter().enumerate() {
        let group = &mut groups[k % GROUPS];
        let mut add = |row: usize| {
            let score = score(row);
            (0..n).for_each(|j| group[j] += score[j]);
        };
        match units {
            Some(units) => units[unit].iter().for_each(|&row| add(row)),
            None => add(unit),
        }
    }
    let one = |k: usize| -> Option<Vector> {
        let mut random = draw_stream(seed, k);
        let mut sum = [0.0; MAX_PARAMETERS];
        for _ in 0..groups.len() {
            let group = &groups[random.random_range(0..groups.len())];
            (0..n).for_each(|j| sum[j] += group[j]);
        }
        let step = cholesky_solve(&hessian, &sum, n)?;
        let mut drawn = [0.0; MAX_PARAMETERS];
        (0..n).for_each(|j| drawn[j] = theta[j] + step[j]);
        drawn[..n].iter().all(|v| v.is_finite()).then_some(drawn)
    };
    let drawn: Vec<Vector> = (0..count).into_par_iter().filter_map(one).collect();
    let kept = drawn.iter().flat_map(|z| z[..n].iter().copied()).collect();
    Some(Draws::new(kept, n, count))
}

/// What a run pulls at the parameters: `w psi(r)` times the slopes of the model.
fn score_of<'a>(
    model: &'a Model,
    theta: &'a [f64],
    delta: f64,
) -> impl Fn(usize) -> Vector + use<'a> {
    let residuals = model.residuals(theta);
    move |i| {
        let loss = if model.log { 1.0 } else { model.targets()[i] - residuals[i] };
        let pull = model.sample.weights[i] * residuals[i].clamp(-delta, delta) * loss;
        model.slope(theta, i).map(|slope| slope * pull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervals::{Plan, refit};
    use crate::law::{Hoffmann, Sample};
    use crate::objective::Objective;
    use crate::parametric::{Starts, optimum};
    use crate::stats::standard_deviation;
    use crate::{Observation, Table};
    use rand_distr::StandardNormal;

    /// The standard deviation of each parameter over draws.
    fn spread(draws: &Draws) -> Vec<f64> {
        let of = |k: usize| draws.iter().map(|theta| theta[k]).collect::<Vec<f64>>();
        (0..5).map(|k| standard_deviation(&of(k))).collect()
    }

    #[test]
    fn one_step_spreads_as_refits_do() {
        let mut random = draw_stream(7, 0);
        let mut rows = Vec::new();
        for k in 0..LONG - 1 {
            let (n, d) = (
                10f64.powf(random.random_range(6.0..9.0)),
                10f64.powf(random.random_range(8.0..11.0)),
            );
            let noise: f64 = 0.002 * random.sample::<f64, _>(StandardNormal);
            let loss = (1.82 + 482.0 / n.powf(0.348) + 2085.0 / d.powf(0.366)) * noise.exp();
            rows.push(Observation::new(format!("{k}"), n, d, 6.0 * n * d, loss));
        }
        let table = Table::new(rows).unwrap();
        let sample = Sample::new(&table);
        for objective in [Objective::default(), Objective::SquaredLog, Objective::SquaredLinear] {
            let model = Model::new(&Hoffmann, &sample, objective.is_log());
            let best = optimum(&Hoffmann, &sample, objective, Starts::default());
            let plan = Plan::Pairs(table.len());
            let refits = refit(&model, objective, &best, &plan, 300, 1);
            let delta = objective.threshold(1.0, 1.0);
            let steps = one_step(&model, &best.theta, delta, None, 300, 1).unwrap();
            for (a, b) in spread(&refits).into_iter().zip(spread(&steps)) {
                // Each is known to 4%.
                assert!((a / b).ln().abs() < 0.17, "{objective:?}: {a} {b}");
            }
        }
    }
}
