//! What a study counted as Kaplan et al. counted would have found, had a published law been true.
//!
//! Pearce & Song 2024 ("Reconciling Kaplan and Chinchilla Scaling Laws", arXiv:2406.12907) take 20 models of 794 to
//! 1.6e9 parameters without embeddings, let each follow the law exactly, and read the best model off at 100 budgets:
//! once with N and C counted without embeddings, once with all parameters. Counted without embeddings, laws with a = .51
//! look like a = .78, because embeddings are most of a small model. This is their recipe, grid by grid, so that their
//! figures come out to rounding.

use serde::Serialize;

use super::Form;
use crate::error::FitError;
use crate::stats::Line;

/// Embedding parameters per cube root of the other ones: Kaplan's shapes with 32,000 words.
const GAMMA: f64 = 47_491.0;
/// Powers of ten of the smallest and largest model, without embeddings.
const SIZES: (f64, f64) = (2.9, 9.2);
/// Powers of ten of the budgets, counted without embeddings.
const BUDGETS: (f64, f64) = (12.95, 20.7);
/// Powers of ten of the budgets, counted with all parameters.
const BUDGETS_TOTAL: (f64, f64) = (14.0, 20.7);
/// Powers of ten of the lengths.
const LENGTHS: (f64, f64) = (6.0, 25.0);

/// Total parameters of a model with `non_embedding` parameters: `N_T = N + gamma N^(1/3)`, `gamma = 47491`
/// (Pearce & Song 2024: Kaplan's shapes and vocabulary).
pub fn total_params(non_embedding: f64) -> f64 {
    non_embedding + GAMMA * non_embedding.cbrt()
}

/// What a simulated study reads off its frontier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Counted {
    /// Exponent of N*(C).
    pub params: f64,
    /// Exponent of the least loss, fitted without a floor.
    pub loss: f64,
    /// Exponent of the least loss above the law's own floor.
    pub loss_above_floor: f64,
}

/// One law under both ways of counting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reconciled {
    /// The law's own exponent of N*.
    pub law: f64,
    /// Found by a study that counts without embeddings, over Kaplan's sizes.
    pub non_embedding: Counted,
    /// Found by the same study when it counts all parameters.
    pub total: Counted,
    /// Exponent of N* without embeddings from 1e10 parameters on, where embeddings no longer matter.
    pub large: f64,
}

/// Simulates both studies of a law `E + A/N^alpha + B/D^beta`.
///
/// # Errors
/// [`FitError::NoResult`] for publications that give no such law.
pub fn reconcile(form: &Form) -> Result<Reconciled, FitError> {
    let Form::Sum { floor, a, alpha, b, beta } = *form else {
        return Err(FitError::NoResult {
            what: "the same law under Kaplan's counting".into(),
            why: "the publication gives no loss of N and D".into(),
            hint: "choose a law of the form E + A/N^alpha + B/D^beta, such as epoch2024".into(),
        });
    };
    let loss = |total: f64, tokens: f64| floor + a / total.powf(alpha) + b / tokens.powf(beta);
    let sizes = powers(SIZES, 20);
    let lengths = powers(LENGTHS, 1000);
    let study = |count: &dyn Fn(f64) -> f64, budgets| {
        let mut logs: [Vec<f64>; 4] = Default::default();
        for flops in powers(budgets, 100) {
            let run = |n: &f64| {
                (loss(total_params(*n), nearest(&lengths, flops / 6.0 / count(*n))), count(*n))
            };
            let best = sizes.iter().map(run).min_by(|x, y| x.0.total_cmp(&y.0));
            let Some((least, params)) = best else { continue };
            let values = [flops, params, least, least - floor];
            logs.iter_mut().zip(values).for_each(|(column, v)| column.push(v.ln()));
        }
        let slope = |k: usize| Line::fit(&logs[0], &logs[k]).slope;
        Counted { params: slope(1), loss: slope(2), loss_above_floor: slope(3) }
    };
    // C of which N is the best size, in closed form: dL/dN = 0 along C = 6 N D.
    let best_flops = |n: f64| {
        let total = total_params(n);
        let slope = n + GAMMA / 3.0 * n.cbrt();
        6f64.ln() + n.ln() - slope.ln() / beta
            + (1.0 + alpha) / beta * total.ln()
            + (beta * b / (alpha * a)).ln() / beta
    };
    let large: Vec<f64> = powers((2.0, 11.0), 100).split_off(90);
    let logs: Vec<f64> = large.iter().map(|n| best_flops(*n)).collect();
    let params: Vec<f64> = large.iter().map(|n| n.ln()).collect();
    Ok(Reconciled {
        law: beta / (alpha + beta),
        non_embedding: study(&|n| n, BUDGETS),
        total: study(&total_params, BUDGETS_TOTAL),
        large: Line::fit(&logs, &params).slope,
    })
}

/// `count` numbers evenly spaced in logarithms between two powers of ten.
fn powers((lo, hi): (f64, f64), count: usize) -> Vec<f64> {
    let at = |k: usize| 10f64.powf(lo + (hi - lo) * k as f64 / (count - 1) as f64);
    (0..count).map(at).collect()
}

/// The nearest of ascending values.
fn nearest(values: &[f64], to: f64) -> f64 {
    let above = values.partition_point(|v| *v < to).clamp(1, values.len() - 1);
    let (lo, hi) = (values[above - 1], values[above]);
    if to - lo <= hi - to { lo } else { hi }
}
