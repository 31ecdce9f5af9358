//! The noise of ln L that the bootstrap of approach 2 draws: how large it is, and what runs share of it.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::slices::Slice;
use super::{FoundAll, IsoflopOptions, Method, Unbracketed, corrected};
use crate::error::FitError;
use crate::observation::{cell_of, cluster_of, trained_of};
use crate::stats::mean;
use crate::table::Table;

/// Standard deviation of ln L that the bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Noise {
    /// Residuals about the slice curves, or the spread of repeated seeds where that is larger.
    Residual,
    /// The spread of repeated seeds; refused where there are none.
    Seeds,
    /// A given value, e.g. 0.005.
    Given { sd: f64 },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct NoiseSd {
    pub value: f64,
    /// Degrees of freedom behind it; infinite where it is given.
    pub free: f64,
}

impl NoiseSd {
    /// A draw of the standard deviation: the noise is itself estimated, and a scaled inverse chi-square gives the
    /// intervals the tails of Student's t.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> f64 {
        // Below 4 degrees of freedom the tails have no variance; hold them there.
        let free = self.free.max(4.0);
        match ChiSquared::new(free) {
            Ok(squares) if free.is_finite() => self.value * (free / squares.sample(random)).sqrt(),
            _ => self.value,
        }
    }
}

pub(crate) fn standard_deviation(
    table: &Table,
    slices: &[&Slice],
    found: &FoundAll,
    voting: &[usize],
    options: &IsoflopOptions,
) -> Result<NoiseSd, FitError> {
    let seeds = seed_spread(table);
    match options.noise {
        Noise::Given { sd } => Ok(NoiseSd { value: sd, free: f64::INFINITY }),
        Noise::Seeds => seeds.ok_or_else(|| FitError::NoResult {
            what: "the noise of repeated seeds".into(),
            why: "no two runs differ in their seed alone".into(),
            hint: "train some cells with several seeds, or take the noise of the residuals".into(),
        }),
        Noise::Residual => {
            let about = residual(slices, found, voting, options);
            Ok(seeds.filter(|s| s.value > about.value && s.free >= 3.0).unwrap_or(about))
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
        let mut all = FoundAll::none(owned.len());
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

/// Pooled standard deviation of ln L over runs that differ only in their seed. What several machines made of one seed counts as
/// its mean.
fn seed_spread(table: &Table) -> Option<NoiseSd> {
    let mut seeds = BTreeMap::<_, Vec<f64>>::new();
    for (i, row) in table.rows().iter().enumerate() {
        if let Some(cell) = cell_of(row) {
            let repeat = row.hardware.as_ref().map_or(Err(i), |_| Ok(row.seed.as_deref()));
            seeds.entry((cell, repeat)).or_default().push(row.loss_nats.ln());
        }
    }
    let mut cells = BTreeMap::<_, Vec<f64>>::new();
    for ((cell, _), repeats) in &seeds {
        cells.entry(cell).or_default().push(mean(repeats));
    }
    let (mut sum, mut free) = (0.0, 0.0);
    for cell in cells.values().filter(|c| c.len() > 1) {
        let middle = mean(cell);
        sum += cell.iter().map(|l| (l - middle).powi(2)).sum::<f64>();
        free += cell.len() as f64 - 1.0;
    }
    (free > 0.0).then(|| NoiseSd { value: (sum / free).sqrt(), free })
}

/// What the noise of runs of one cluster (checkpoints of one training) has in common.
pub(crate) struct SharedNoise {
    pub correlation: f64,
    /// Cluster of each row of the table.
    cluster: Vec<usize>,
    clusters: usize,
}

impl SharedNoise {
    /// Measures it over all pairs of runs of one cluster.
    pub fn new(
        table: &Table,
        slices: &[&Slice],
        found: &FoundAll,
        voting: &[usize],
    ) -> SharedNoise {
        let mut names = BTreeMap::new();
        let cluster: Vec<usize> = table
            .rows()
            .iter()
            .map(|r| {
                let next = names.len();
                // Repeats on other machines have weights and batches in common.
                let repeat = (r.hardware.is_some() && r.cluster.is_none()).then(|| trained_of(r));
                *names.entry(repeat.ok_or(cluster_of(r))).or_insert(next)
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
        SharedNoise { correlation, cluster, clusters }
    }

    /// Noise of the mean of some rows, each standard normal, drawn so that runs of one cluster share their part of it.
    pub fn draw<'a>(
        &'a self,
        random: &mut ChaCha8Rng,
    ) -> impl FnMut(&[usize], &mut ChaCha8Rng) -> f64 + use<'a> {
        let (common, own) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let count = if self.correlation > 0.0 { self.clusters } else { 0 };
        let by_cluster: Vec<f64> = random.sample_iter(StandardNormal).take(count).collect();
        move |rows, random| {
            let count = rows.len() as f64;
            let alone: f64 = random.sample::<f64, _>(StandardNormal) / count.sqrt();
            if by_cluster.is_empty() {
                return alone;
            }
            let together: f64 = rows.iter().map(|&row| by_cluster[self.cluster[row]]).sum();
            common * together / count + own * alone
        }
    }
}
