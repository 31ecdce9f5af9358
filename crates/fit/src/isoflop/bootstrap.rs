//! The noise bootstrap of approach 2: new losses around the fitted curves, new minima.

use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::akima::Akima;
use super::noise::{NoiseSd, SharedNoise};
use super::other_shape::ShapeError;
use super::parabola::Parabola;
use super::slices::Slice;
use super::thin::{Thinned, is_long, thin};
use super::{
    Found, FoundAll, IsoflopOptions, LEAST_SLICES, Method, SliceFit, Unbracketed, corrected,
};
use crate::estimate::Estimate;
use crate::intervals::draw_stream;

/// Minima of every draw in which at least three slices had one. A slice that has none in a draw does
/// not vote in it.
#[derive(Default)]
pub(crate) struct Boot {
    pub draws: Vec<Vec<Option<Found>>>,
    point: Vec<Found>,
}

impl Boot {
    /// Adds the interval of minimum `k` to its slice.
    pub fn fill_minimum(&self, k: usize, slice: &mut SliceFit, level: f64) {
        let Some(minimum) = &mut slice.minimum else { return };
        let missing = self.draws.iter().filter(|d| d[k].is_none()).count();
        // With many draws without a minimum, those left would understate the interval.
        let many = missing * 10 > self.draws.len();
        slice.no_interval =
            many.then(|| format!("{missing} of {} draws had no minimum", self.draws.len()));
        let estimate = |f: fn(&Found) -> f64| {
            let found = self.draws.iter().filter(|_| !many).filter_map(|d| d[k].as_ref());
            Estimate::from_draws(f(&self.point[k]), &mut found.map(f).collect::<Vec<_>>(), level)
        };
        minimum.params = estimate(|f| f.log_params).map(f64::exp);
        minimum.tokens = estimate(|f| f.log_tokens).map(f64::exp);
        minimum.loss_nats = estimate(|f| f.loss);
    }
}

pub(super) fn bootstrap(
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    noise: NoiseSd,
    shared: &SharedNoise,
    shape: &[ShapeError],
    options: &IsoflopOptions,
) -> Boot {
    let point: Vec<Found> = voting.iter().filter_map(|&i| found.minima[i]).collect();
    // Akima has no curve of its own to scatter about but the runs themselves.
    let akima = options.method == Method::Akima;
    let curve = |(&i, slice): (&usize, &&Slice)| -> Vec<f64> {
        if akima { slice.loss.clone() } else { found.curves[i].at_runs.clone() }
    };
    let curves: Vec<Vec<f64>> = voting.iter().zip(slices).map(curve).collect();
    let thinned = |group: bool| -> Vec<Thinned> {
        slices.iter().zip(&curves).map(|(slice, curve)| thin(slice, curve, group)).collect()
    };
    let redraw = |of: &[Thinned], losses: &[Vec<f64>]| {
        let slices: Vec<&Slice> = of.iter().map(|t| &t.slice).collect();
        again(&slices, losses, found.shape, options.method)
    };
    let group = slices.iter().any(|s| is_long(s));
    let grouped = group.then(|| thinned(true)).and_then(|thinned| {
        // What the means of neighbours shift the minima by.
        let exact: Vec<Vec<f64>> = thinned.iter().map(|t| t.curve.clone()).collect();
        redraw(&thinned, &exact).map(|shifts| (thinned, shifts))
    });
    // Run by run where groups lose the minima.
    let (thinned, shifts) = grouped.unwrap_or_else(|| (thinned(false), Vec::new()));
    let shifted = |(k, minimum): (usize, Option<Found>)| {
        let Some(Some(at)) = shifts.get(k) else { return minimum };
        minimum.map(|m| Found {
            log_params: m.log_params - at.log_params + point[k].log_params,
            log_tokens: m.log_tokens - at.log_tokens + point[k].log_tokens,
            loss: m.loss * point[k].loss / at.loss,
            ..m
        })
    };
    let one = |k: usize| -> Option<Vec<Option<Found>>> {
        let mut random = draw_stream(options.seed ^ 0x1501_f10b, k);
        let sd = noise.draw(&mut random);
        let mut draw = shared.draw(&mut random);
        let mut losses = Vec::with_capacity(thinned.len());
        for t in &thinned {
            let groups = t.curve.iter().zip(&t.members);
            let loss = groups.map(|(l, rows)| l * (sd * draw(rows, &mut random)).exp());
            losses.push(loss.collect::<Vec<f64>>());
        }
        let minima = redraw(&thinned, &losses)?;
        let side: f64 = random.sample(StandardNormal);
        let moved = |(k, minimum): (usize, Option<Found>)| {
            let Some(error) = shape.get(k) else { return minimum };
            minimum.map(|m| Found {
                log_params: m.log_params + side * error.log_params,
                log_tokens: m.log_tokens + side * error.log_tokens,
                loss: m.loss * (side * error.log_loss).exp(),
                ..m
            })
        };
        Some(minima.into_iter().enumerate().map(shifted).enumerate().map(moved).collect())
    };
    let draws = (0..options.draws).into_par_iter().filter_map(one).collect();
    Boot { draws, point }
}

/// The minima of drawn losses. Bracketing is not asked again: the slice passed once, and dropping
/// draws that stray outside would narrow the interval.
fn again(
    slices: &[&Slice],
    losses: &[Vec<f64>],
    shape: Option<(f64, f64, f64)>,
    method: Method,
) -> Option<Vec<Option<Found>>> {
    let shape = shape.map(|s| {
        let borrowed: Vec<&[f64]> = losses.iter().map(|l| l.as_slice()).collect();
        corrected::refit_shape(slices, &borrowed, s)
    });
    let each = |(slice, loss): (&&Slice, &Vec<f64>)| match (method, shape) {
        (Method::Corrected, Some(shape)) => {
            let terms = corrected::project(slice, loss, shape)?;
            corrected::minimum(slice, &terms, shape, Unbracketed::Extrapolate).ok()
        }
        (Method::Akima, _) => Akima::new(slice, loss).minimum(slice).ok(),
        _ => {
            Parabola::new(slice, loss).and_then(|p| p.minimum(slice, Unbracketed::Extrapolate)).ok()
        }
    };
    let found: Vec<Option<Found>> = slices.iter().zip(losses).map(each).collect();
    (found.iter().flatten().count() >= LEAST_SLICES).then_some(found)
}
