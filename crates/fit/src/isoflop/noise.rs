//! The noise bootstrap of approach 2: new losses around the fitted curves, new minima.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::slices::Slice;
use super::thin::{Thinned, is_long, thin};
use super::{
    Found, FoundAll, IsoflopOptions, LEAST_SLICES, Method, SliceFit, Unbracketed, akima, corrected,
    parabola,
};
use crate::estimate::Estimate;
use crate::table::{Table, cell_of, cluster_of};

/// Standard deviation of ln L that the bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Noise {
    /// Residuals about the slice curves, or the spread of repeated seeds where that is larger.
    Residual,
    /// The spread of repeated seeds.
    Seeds,
    /// A given value, e.g. 0.005.
    Given {
        /// Standard deviation of ln L.
        sd: f64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct NoiseSd {
    pub value: f64,
    /// Degrees of freedom behind it; infinite where it is given.
    pub free: f64,
}

pub(crate) fn standard_deviation(
    table: &Table,
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    options: &IsoflopOptions,
) -> NoiseSd {
    let seeds = seed_spread(table);
    match options.noise {
        Noise::Given { sd } => NoiseSd { value: sd, free: f64::INFINITY },
        Noise::Seeds => seeds.unwrap_or(NoiseSd { value: 0.0, free: f64::INFINITY }),
        Noise::Residual => {
            let about = residual(slices, found, voting, options);
            match seeds {
                Some(s) if s.value > about.value && s.free >= 3.0 => s,
                _ => about,
            }
        }
    }
}

fn residual(
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    options: &IsoflopOptions,
) -> NoiseSd {
    // Akima passes through every run, so its noise is measured about the corrected curves.
    let other;
    let (curves, spent): (Vec<&[f64]>, usize) = if options.method == Method::Akima {
        let owned: Vec<Slice> = slices.iter().map(|s| (*s).clone()).collect();
        let mut refusals = vec![None; owned.len()];
        let mut all = FoundAll {
            minima: vec![None; owned.len()],
            curves: vec![super::Curve::default(); owned.len()],
            shape: None,
            spent: 0,
        };
        corrected::find(&owned, &mut refusals, Unbracketed::Extrapolate, &mut all);
        other = all;
        (other.curves.iter().map(|c| c.at_runs.as_slice()).collect(), other.spent)
    } else {
        (voting.iter().map(|&i| found.curves[i].at_runs.as_slice()).collect(), found.spent)
    };
    let (mut sum, mut count) = (0.0, 0usize);
    for (slice, curve) in slices.iter().zip(curves) {
        for (l, m) in slice.loss.iter().zip(curve) {
            sum += (l / m).ln().powi(2);
            count += 1;
        }
    }
    let free = count.saturating_sub(spent).max(1) as f64;
    NoiseSd { value: (sum / free).sqrt(), free }
}

/// Pooled standard deviation of ln L over runs that differ only in their seed.
pub(crate) fn seed_spread(table: &Table) -> Option<NoiseSd> {
    let mut cells = std::collections::BTreeMap::<[u64; 8], Vec<f64>>::new();
    for row in table.rows() {
        if let Some(cell) = cell_of(row) {
            cells.entry(cell).or_default().push(row.loss_nats.ln());
        }
    }
    let (mut sum, mut free) = (0.0, 0.0);
    for cell in cells.values().filter(|c| c.len() > 1) {
        let mean = crate::estimate::mean(cell);
        sum += cell.iter().map(|l| (l - mean).powi(2)).sum::<f64>();
        free += cell.len() as f64 - 1.0;
    }
    (free > 0.0).then(|| NoiseSd { value: (sum / free).sqrt(), free })
}

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
        slice.no_interval = (missing * 10 > self.draws.len())
            .then(|| format!("{missing} of {} draws had no minimum", self.draws.len()));
        let estimate = |f: &dyn Fn(&Found) -> f64| {
            let found = self.draws.iter().filter_map(|d| d[k].as_ref());
            let mut values: Vec<f64> = found.map(f).collect();
            // With many draws without a minimum, those left would understate the interval.
            if missing * 10 > self.draws.len() {
                return Estimate::bare(f(&self.point[k]));
            }
            Estimate::from_draws(f(&self.point[k]), &mut values, level)
        };
        minimum.params = estimate(&|f| f.log_params).map(f64::exp);
        minimum.tokens = estimate(&|f| f.log_tokens).map(f64::exp);
        minimum.loss_nats = estimate(&|f| f.loss);
    }
}

pub(crate) fn bootstrap(
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    noise: NoiseSd,
    shared: &Shared,
    options: &IsoflopOptions,
) -> Boot {
    let point: Vec<Found> = voting.iter().filter_map(|&i| found.minima[i]).collect();
    let curves: Vec<&[f64]> = voting
        .iter()
        .zip(slices)
        .map(|(&i, slice)| match options.method {
            // Akima has no curve of its own to scatter about but the runs themselves.
            Method::Akima => slice.loss.as_slice(),
            _ => found.curves[i].at_runs.as_slice(),
        })
        .collect();
    // An interpolant follows every run; noise that clusters share is drawn by run.
    let group = options.method != Method::Akima && shared.correlation == 0.0;
    let thinned: Vec<Thinned> =
        slices.iter().zip(&curves).map(|(slice, curve)| thin(slice, curve, group)).collect();
    let drawn_slices: Vec<&Slice> = thinned.iter().map(|t| &t.slice).collect();
    let redraw = |losses: &[Vec<f64>]| again(&drawn_slices, losses, found.shape, options.method);
    // What the means of neighbours shift the minima by.
    let shifts: Vec<Option<Found>> = if group && slices.iter().any(|s| is_long(s)) {
        let exact: Vec<Vec<f64>> = thinned.iter().map(|t| t.curve.clone()).collect();
        redraw(&exact).unwrap_or_default()
    } else {
        Vec::new()
    };
    let shifted = |(k, minimum): (usize, Option<Found>)| {
        let Some(Some(at)) = shifts.get(k) else { return minimum };
        minimum.map(|m| Found {
            log_params: m.log_params - at.log_params + point[k].log_params,
            log_tokens: m.log_tokens - at.log_tokens + point[k].log_tokens,
            loss: m.loss * point[k].loss / at.loss,
            ..m
        })
    };
    let base = ChaCha8Rng::seed_from_u64(options.seed ^ 0x1501_f10b);
    let one = |k: usize| -> Option<Vec<Option<Found>>> {
        let mut random = base.clone();
        random.set_stream(k as u64 + 1);
        // The noise is itself estimated: a scaled inverse chi-square draw gives the intervals the
        // tails of Student's t.
        let sd = noise.value * spread_factor(noise.free, &mut random);
        let mut draw = shared.draw(&mut random);
        let mut losses = Vec::with_capacity(thinned.len());
        for t in &thinned {
            let rows = t.curve.iter().zip(&t.noise).zip(&t.slice.rows);
            let loss = rows.map(|((l, n), &i)| l * (sd * n * draw(i, &mut random)).exp());
            losses.push(loss.collect::<Vec<f64>>());
        }
        let minima = redraw(&losses)?;
        Some(minima.into_iter().enumerate().map(shifted).collect())
    };
    let draws = (0..options.draws).into_par_iter().filter_map(one).collect();
    Boot { draws, point }
}

/// What the noise of runs of one cluster (checkpoints of one training) has in common.
pub(crate) struct Shared {
    /// Intraclass correlation of the residuals about the slice curves.
    pub correlation: f64,
    /// Cluster of each row of the table.
    cluster: Vec<usize>,
    clusters: usize,
}

impl Shared {
    /// Measures it over all pairs of runs of one cluster.
    pub fn new(table: &Table, slices: &[&Slice], found: &FoundAll, voting: &[usize]) -> Shared {
        let mut names = std::collections::BTreeMap::new();
        let cluster: Vec<usize> = table
            .rows()
            .iter()
            .map(|r| {
                let next = names.len();
                *names.entry(cluster_of(r)).or_insert(next)
            })
            .collect();
        let clusters = names.len();
        let mut sums = vec![(0.0, 0.0, 0.0); clusters];
        for (slice, &v) in slices.iter().zip(voting) {
            for ((l, m), &i) in slice.loss.iter().zip(&found.curves[v].at_runs).zip(&slice.rows) {
                let r = (l / m).ln();
                let sum = &mut sums[cluster[i]];
                *sum = (sum.0 + r, sum.1 + r * r, sum.2 + 1.0);
            }
        }
        // Ordered pairs within clusters: products of residuals against squares.
        let pairs: f64 = sums.iter().map(|s| s.2 * (s.2 - 1.0)).sum();
        let products: f64 = sums.iter().map(|s| s.0 * s.0 - s.1).sum();
        let squares: f64 = sums.iter().map(|s| s.1).sum();
        let rows: f64 = sums.iter().map(|s| s.2).sum();
        let correlation = (products / pairs) / (squares / rows);
        // Not a number without pairs, or without noise.
        let correlation = if correlation > 0.0 { correlation.min(0.95) } else { 0.0 };
        Shared { correlation, cluster, clusters }
    }

    /// Standard normal noise of a row, drawn so that runs of one cluster share their part of it.
    fn draw<'a>(
        &'a self,
        random: &mut ChaCha8Rng,
    ) -> impl FnMut(usize, &mut ChaCha8Rng) -> f64 + use<'a> {
        let (common, own) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let count = if self.correlation > 0.0 { self.clusters } else { 0 };
        let by_cluster: Vec<f64> = (0..count).map(|_| normal(random)).collect();
        move |row, random| match by_cluster.get(self.cluster[row]) {
            Some(together) => common * together + own * normal(random),
            None => normal(random),
        }
    }
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
        (Method::Akima, _) => akima::minimum(slice, loss).ok().map(|m| m.0),
        _ => parabola::minimum(slice, loss, Unbracketed::Extrapolate).ok().map(|m| m.0),
    };
    let found: Vec<Option<Found>> = slices.iter().zip(losses).map(each).collect();
    (found.iter().flatten().count() >= LEAST_SLICES).then_some(found)
}

/// `sqrt(free / chi-square(free))`.
fn spread_factor(free: f64, random: &mut ChaCha8Rng) -> f64 {
    if !free.is_finite() {
        return 1.0;
    }
    // Below 4 degrees of freedom the tails have no variance; hold them there.
    let count = (free.round() as usize).clamp(4, 400);
    let sum: f64 = (0..count).map(|_| normal(random).powi(2)).sum();
    (count as f64 / sum).sqrt()
}

/// A standard normal number (Box & Muller 1958).
pub(crate) fn normal(random: &mut impl Rng) -> f64 {
    let u: f64 = 1.0 - random.random::<f64>();
    let v: f64 = random.random();
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
