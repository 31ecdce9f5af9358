//! Damped Newton steps (Levenberg-Marquardt) with the exact Hessian.
//!
//! Near the solution of a Huber problem the objective is piecewise quadratic, so a Newton step
//! lands on the minimum of the right piece and the optimum is met to rounding, where a
//! quasi-Newton method stalls on the kinks. Far from it the loss is widened first (a continuation
//! in `delta`, after Madsen & Nielsen 1993, "A finite smoothing algorithm for linear l1
//! estimation"), which keeps the Hessian informative.

use super::{Evaluation, MAX_PARAMETERS, Matrix, Problem, Vector, cholesky_solve, quadratic};
use crate::stats::dot;

#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub z: Vector,
    pub value: f64,
    pub evaluations: usize,
    /// The last step met the stopping rule (and not the limit of steps).
    pub converged: bool,
}

const MOST_STEPS: usize = 200;
/// Most steps damped by the majorant.
const MOST_IN_VALLEYS: usize = 3000;
/// Most steps along the majorant.
const MOST_MAJORISED: usize = 80;
/// Longest move of one parameter in one step; all parameters are logarithms or exponents.
const LONGEST: f64 = 1.5;

/// Minimises along the thresholds of `deltas`, widest first; all but the last are solved roughly.
pub(crate) fn minimise(problem: &impl Problem, start: &[f64], deltas: &[f64]) -> Solution {
    let n = problem.dimension();
    let mut z = [0.0; MAX_PARAMETERS];
    z[..n].copy_from_slice(&start[..n]);
    let mut solution = Solution { z, value: f64::NAN, evaluations: 0, converged: false };
    // Near least absolute deviations only some n residuals lie within delta, and a Newton step is only good
    // from next to the solution of the threshold before.
    let long = deltas[deltas.len() - 1] < 2e-3 * deltas[0];
    let rough = if long { 1e-9 } else { 1e-3 };
    for (k, &delta) in deltas.iter().enumerate() {
        let last = k + 1 == deltas.len();
        descend(problem, &mut solution, delta, if last { 1e-15 } else { rough }, Damping::Diagonal);
    }
    // Along the thresholds once more, from where the first way ended.
    if !solution.converged && solution.value.is_finite() {
        for (k, &delta) in deltas.iter().enumerate() {
            let tolerance = if k + 1 == deltas.len() { 1e-15 } else { 1e-12 };
            descend(problem, &mut solution, delta, tolerance, Damping::Majorant);
        }
    }
    solution
}

/// What is added to the Hessian.
#[derive(Clone, Copy, PartialEq)]
enum Damping {
    /// Its own diagonal: fast, and next to no step along a flat valley that lies across the parameters.
    Diagonal,
    /// The majorant, which is as flat as the valley is: slower, and gets along it however many kinks there are.
    Majorant,
}

fn descend(
    problem: &impl Problem,
    solution: &mut Solution,
    delta: f64,
    tolerance: f64,
    metric: Damping,
) {
    let n = problem.dimension();
    let mut here = Evaluation::default();
    let mut there = Evaluation::default();
    problem.evaluate(&solution.z[..n], delta, &mut here);
    solution.evaluations += 1;
    solution.converged = false;
    let mut damping = 0.0;
    let mut stalled = 0;
    // Whether Newton's step failed here, so that the loss is to be pulled down along its majorant.
    let mut kinked = false;
    let mut majorised = 0;
    let mut spent = 0;
    let most = if metric == Damping::Diagonal { MOST_STEPS } else { MOST_IN_VALLEYS };
    while spent < most {
        // Steps along the majorant are many, short and sure.
        spent += usize::from(!kinked);
        if !here.value.is_finite() {
            break;
        }
        if kinked {
            kinked = false;
            majorised += 1;
            if majorised < MOST_MAJORISED
                && descend_majorant(problem, solution, &here, &mut there, delta)
            {
                std::mem::swap(&mut here, &mut there);
                damping = 0.0;
                spent = spent.saturating_sub(1);
                continue;
            }
        }
        let mut scale = diagonal(&here.hessian, n);
        if metric == Damping::Majorant {
            let mut majorant = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
            problem.majorant(&solution.z[..n], delta, &mut majorant);
            for k in 0..n {
                majorant[k][k] += 1e-12 * scale[k][k];
            }
            scale = majorant;
        }
        let Some(mut step) = newton_step(&here, &scale, &mut damping, n) else {
            break;
        };
        let longest = step[..n].iter().fold(0.0f64, |m, s| m.max(s.abs()));
        if longest > LONGEST {
            for s in &mut step[..n] {
                *s *= LONGEST / longest;
            }
        }
        let mut trial = solution.z;
        for k in 0..n {
            trial[k] += step[k];
        }
        problem.confine(&mut trial[..n]);
        for k in 0..n {
            step[k] = trial[k] - solution.z[k];
        }
        let expected = expected_decrease(&here, &step[..n]);
        let small = step[..n].iter().all(|s| s.abs() < 1e-13);
        // A step that promises next to nothing: the optimum, to rounding.
        if small || expected.abs() <= tolerance * here.value.abs() {
            solution.converged = true;
            break;
        }
        problem.evaluate(&trial[..n], delta, &mut there);
        solution.evaluations += 1;
        let gain = here.value - there.value;
        if gain > 0.0 && gain >= 1e-4 * expected {
            solution.z = trial;
            std::mem::swap(&mut here, &mut there);
            let ratio = gain / expected;
            damping = if ratio > 0.75 {
                if damping < 1e-8 { 0.0 } else { damping * 0.1 }
            } else if ratio < 0.25 {
                (damping * 4.0).max(1e-3)
            } else {
                damping
            };
            // Steady but negligible gains: rounding noise, not progress.
            stalled = if gain <= 1e-14 * here.value.abs() { stalled + 1 } else { 0 };
            if stalled >= 3 {
                solution.converged = true;
                break;
            }
        } else {
            // No gain from a step this small is rounding.
            if expected <= 1e-11 * here.value.abs() || damping > 1e12 {
                solution.converged = expected <= 1e-7 * here.value.abs();
                break;
            }
            damping = (damping * 8.0).max(1e-3);
            // Once is a step too long; again and again is a Hessian that knows too few residuals.
            kinked = metric == Damping::Diagonal
                && delta.is_finite()
                && (majorised > 0 || damping > 1e3);
        }
    }
    solution.value = here.value;
}

/// One step of weighted least squares with the weights of the residuals here (Huber & Ronchetti 2009, section 7.8), which
/// cannot raise the loss of a linear model. False, and nothing moved, where it gains nothing.
fn descend_majorant(
    problem: &impl Problem,
    solution: &mut Solution,
    here: &Evaluation,
    there: &mut Evaluation,
    delta: f64,
) -> bool {
    let n = problem.dimension();
    let mut matrix = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    problem.majorant(&solution.z[..n], delta, &mut matrix);
    let mut right = [0.0; MAX_PARAMETERS];
    for k in 0..n {
        right[k] = -here.gradient[k];
        matrix[k][k] *= 1.0 + 1e-10;
    }
    let Some(step) = cholesky_solve(&matrix, &right, n) else { return false };
    let mut trial = solution.z;
    for k in 0..n {
        trial[k] += step[k];
    }
    problem.confine(&mut trial[..n]);
    problem.evaluate(&trial[..n], delta, there);
    solution.evaluations += 1;
    if !(here.value - there.value > 1e-13 * here.value.abs()) {
        return false;
    }
    solution.z = trial;
    true
}

/// Positive scale of each parameter, for damping.
fn diagonal(hessian: &Matrix, n: usize) -> Matrix {
    let mut scale = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    let largest = (0..n).fold(0.0f64, |m, k| m.max(hessian[k][k].abs()));
    for k in 0..n {
        scale[k][k] = hessian[k][k].abs().max(1e-10 * largest).max(f64::MIN_POSITIVE);
    }
    scale
}

/// Solves `(H + damping * scale) s = -g`, raising the damping until the matrix is definite.
fn newton_step(here: &Evaluation, scale: &Matrix, damping: &mut f64, n: usize) -> Option<Vector> {
    let mut right = [0.0; MAX_PARAMETERS];
    for k in 0..n {
        right[k] = -here.gradient[k];
    }
    for _ in 0..40 {
        let mut matrix = here.hessian;
        for k in 0..n {
            for j in 0..n {
                matrix[k][j] += *damping * scale[k][j];
            }
        }
        if let Some(step) = cholesky_solve(&matrix, &right, n) {
            return Some(step);
        }
        *damping = (*damping * 4.0).max(1e-4);
    }
    None
}

fn expected_decrease(here: &Evaluation, step: &[f64]) -> f64 {
    let slope = dot(&here.gradient, step);
    let quadratic = -slope - 0.5 * quadratic(step, &here.hessian, step);
    // With an indefinite Hessian the model can promise less than the slope alone does.
    if quadratic > 0.0 { quadratic } else { -0.5 * slope }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's function.
    struct Valley;
    impl Problem for Valley {
        fn dimension(&self) -> usize {
            2
        }
        fn majorant(&self, _z: &[f64], _delta: f64, out: &mut Matrix) {
            out[0][0] = 1.0;
            out[1][1] = 1.0;
        }
        fn evaluate(&self, z: &[f64], _delta: f64, out: &mut Evaluation) {
            let (x, y) = (z[0], z[1]);
            out.value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            out.gradient[0] = -2.0 * (1.0 - x) - 400.0 * x * (y - x * x);
            out.gradient[1] = 200.0 * (y - x * x);
            out.hessian[0][0] = 2.0 - 400.0 * (y - 3.0 * x * x);
            out.hessian[0][1] = -400.0 * x;
            out.hessian[1][0] = -400.0 * x;
            out.hessian[1][1] = 200.0;
        }
    }

    #[test]
    fn crosses_a_curved_valley() {
        let solution = minimise(&Valley, &[-1.2, 1.0], &[f64::INFINITY]);
        assert!(solution.converged);
        assert!((solution.z[0] - 1.0).abs() < 1e-7 && (solution.z[1] - 1.0).abs() < 1e-7);
        assert!(solution.evaluations < 60, "{}", solution.evaluations);
    }
}
