//! The laws. A new law is one new file that implements [`Law`], and in `kind.rs` its variant, its name and what it constructs.
//!
//! Every law works on *centred* logarithms, because `ln A` and `alpha` are otherwise correlated
//! beyond .999 (`A' = ln A - alpha * mean(ln N)` is free of that), and its first derivatives are
//! analytic.

mod broken;
mod given;
mod hoffmann;
mod joint;
mod kaplan;
mod kind;
mod pinned;
mod power;
mod repeated;
mod sum;
mod tied;
mod variable;

pub use broken::Broken;
pub(crate) use given::GivenExponents;
pub use hoffmann::Hoffmann;
pub use joint::Joint;
pub use kaplan::{Kaplan, least_compute};
pub use kind::LawKind;
pub use pinned::PinnedFloor;
pub use power::PowerLaw;
pub use repeated::Repeated;
pub use tied::Tied;
pub use variable::Variable;

use std::collections::BTreeMap;

use crate::error::FitError;
use crate::kernel::Slot;
use crate::observation::{Observation, cell_of};
use crate::solve::{MAX_PARAMETERS, Matrix};
use crate::table::Table;

/// Where the logarithms are centred: the means of ln N, ln D, ln C over the runs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Centre {
    pub log_params: f64,
    pub log_tokens: f64,
    pub log_flops: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// ln N minus its centre.
    pub x: f64,
    /// ln D minus its centre.
    pub y: f64,
    /// ln C minus its centre.
    pub c: f64,
    /// ln U_D minus the centre of ln D (unique tokens; equals `y` where all are unique).
    pub unique: f64,
    /// The centre of ln N, for laws that need N itself.
    pub centre_x: f64,
    /// The centre of ln D.
    pub centre_y: f64,
}

/// Runs prepared for fitting.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where the points are centred.
    pub centre: Centre,
    pub points: Vec<Point>,
    pub loss: Vec<f64>,
    pub log_loss: Vec<f64>,
    /// Of each run in an objective: the seeds of a cell share a weight of 1. What a cell misses the law by is the same for all of them.
    pub weights: Vec<f64>,
}

impl Sample {
    /// Centred columns of a table.
    pub fn new(table: &Table) -> Sample {
        let rows = table.rows();
        let mean = |f: fn(&Observation) -> f64| rows.iter().map(f).sum::<f64>() / rows.len() as f64;
        let centre = Centre {
            log_params: mean(|r| r.params.ln()),
            log_tokens: mean(|r| r.tokens.ln()),
            log_flops: mean(|r| r.flops.ln()),
        };
        Sample::about(centre, &rows.iter().collect::<Vec<_>>())
    }

    /// Rows centred elsewhere than on themselves.
    pub(crate) fn about(centre: Centre, rows: &[&Observation]) -> Sample {
        let point = |r: &&Observation| centre.point(r.params, r.tokens, r.flops, r.unique_tokens);
        let loss: Vec<f64> = rows.iter().map(|r| r.loss_nats).collect();
        let log_loss = loss.iter().map(|l| l.ln()).collect();
        let weights = weights(rows);
        Sample { centre, points: rows.iter().map(point).collect(), loss, log_loss, weights }
    }

    /// Some of the runs, by number, about the same centre.
    pub(crate) fn rows(&self, rows: &[usize]) -> Sample {
        let of = |values: &[f64]| rows.iter().map(|&i| values[i]).collect();
        Sample {
            centre: self.centre,
            points: rows.iter().map(|&i| self.points[i]).collect(),
            loss: of(&self.loss),
            log_loss: of(&self.log_loss),
            weights: of(&self.weights),
        }
    }

    pub fn len(&self) -> usize {
        self.points.len()
    }

    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub fn least_loss(&self) -> f64 {
        self.loss.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// One over the number of runs of the same cell.
fn weights(rows: &[&Observation]) -> Vec<f64> {
    let mut seeds = BTreeMap::new();
    rows.iter()
        .filter_map(|row| cell_of(row))
        .for_each(|cell| *seeds.entry(cell).or_insert(0.0) += 1.0);
    rows.iter().map(|row| cell_of(row).map_or(1.0, |cell| 1.0 / seeds[&cell])).collect()
}

impl Centre {
    /// The point of N, D, C and (where data repeat) unique tokens.
    pub fn point(&self, params: f64, tokens: f64, flops: f64, unique: Option<f64>) -> Point {
        let y = tokens.ln() - self.log_tokens;
        Point {
            x: params.ln() - self.log_params,
            y,
            c: flops.ln() - self.log_flops,
            unique: unique.map_or(y, |u| u.min(tokens).ln() - self.log_tokens),
            centre_x: self.log_params,
            centre_y: self.log_tokens,
        }
    }
}

/// What a law reads of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    pub params: bool,
    pub tokens: bool,
    pub flops: bool,
    pub unique: bool,
}

impl Reads {
    pub(crate) const PARAMS_AND_TOKENS: Reads =
        Reads { params: true, tokens: true, flops: false, unique: false };
}

/// What a law is, in words.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// As on the command line.
    pub name: &'static str,
    /// In natural parameters.
    pub formula: &'static str,
    /// Where it was published.
    pub reference: &'static str,
    /// Names of the natural parameters, one per working parameter.
    pub parameters: &'static [&'static str],
    pub reads: Reads,
}

/// A parametric law of the loss.
///
/// `theta` are the *working* parameters: centred, logarithms of what must be positive.
pub trait Law: Send + Sync + std::fmt::Debug {
    fn about(&self) -> About;
    /// ln L at a point; fills the derivatives by each working parameter.
    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64;
    /// Natural parameters of working ones.
    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64>;
    /// Working parameters of natural ones.
    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64>;
    /// Data-driven starts, best first.
    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>>;
    /// A start anywhere plausible, from uniform random numbers.
    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64>;
    /// Range of each working parameter: the solver stays inside.
    fn range(&self, sample: &Sample) -> Vec<(f64, f64)>;
    /// Names of parameters that sit where no result can be: a vanished E, an exponent of 0.
    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str>;

    fn name(&self) -> &'static str {
        self.about().name
    }

    fn formula(&self) -> &'static str {
        self.about().formula
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.about().parameters
    }

    fn reads(&self) -> Reads {
        self.about().reads
    }

    /// Data that the law cannot hold, whatever its parameters; `None` for laws that can hold any.
    fn refuses(&self, _table: &Table) -> Option<FitError> {
        None
    }

    /// As [`Law::log_loss`], with the second derivatives of ln L too; by default central differences of the gradient.
    fn second_order(
        &self,
        theta: &[f64],
        point: &Point,
        gradient: &mut [f64],
        curvature: &mut Matrix,
    ) -> f64 {
        let n = self.parameters().len();
        let mut moved = [0.0; MAX_PARAMETERS];
        moved[..n].copy_from_slice(&theta[..n]);
        let (mut up, mut down) = ([0.0; MAX_PARAMETERS], [0.0; MAX_PARAMETERS]);
        for k in 0..n {
            let h = 1e-5 * (1.0 + theta[k].abs());
            moved[k] = theta[k] + h;
            self.log_loss(&moved[..n], point, &mut up[..n]);
            moved[k] = theta[k] - h;
            self.log_loss(&moved[..n], point, &mut down[..n]);
            moved[k] = theta[k];
            for j in 0..n {
                curvature[k][j] = (up[j] - down[j]) / (2.0 * h);
            }
        }
        for k in 0..n {
            for j in 0..k {
                let mean = 0.5 * (curvature[k][j] + curvature[j][k]);
                curvature[k][j] = mean;
                curvature[j][k] = mean;
            }
        }
        self.log_loss(theta, point, gradient)
    }

    /// The law as a sum of a power of N and one of D, which gives N*(C) in closed form.
    fn sum_of_powers(&self, _theta: &[f64], _centre: &Centre) -> Option<SumOfPowers> {
        None
    }

    /// The parameter that stands for the law where it is no sum of powers, and so gives no N*(C).
    fn own_exponent(&self) -> Option<&'static str> {
        None
    }

    /// For laws that are sums of powers: how the working parameters map to the fast kernel's.
    fn fast_form(&self) -> Option<FastForm> {
        None
    }
}

/// What a vectorised kernel takes of a law.
#[derive(Debug, Clone, Copy)]
pub enum FastForm {
    /// `E + A / X^alpha + B / Y^beta`.
    Sum(SumForm),
    /// [`Joint`] without a floor.
    Joined,
}

#[derive(Debug, Clone, Copy)]
pub struct SumForm {
    pub(crate) slots: [Slot; 5],
    /// X and Y.
    pub(crate) variables: [Variable; 2],
}

impl FastForm {
    /// Centred ln X and ln Y.
    pub(crate) fn of(&self, point: &Point) -> [f64; 2] {
        match self {
            FastForm::Sum(form) => form.variables.map(|v| v.centred(point)),
            FastForm::Joined => [point.x, point.y],
        }
    }
}

/// `L = E + (A / N^alpha + B / D^beta)^power`, coefficients as logarithms.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SumOfPowers {
    /// ln E; minus infinity where there is none.
    pub log_floor: f64,
    pub log_a: f64,
    pub alpha: f64,
    pub log_b: f64,
    pub beta: f64,
    /// 1 where the terms add up; see [`Kaplan`] and [`Joint`].
    pub power: f64,
}

/// The three starts of least squares of ln L, best first.
fn best_starts(law: &dyn Law, sample: &Sample, starts: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let off = |start: &Vec<f64>| -> f64 {
        let mut gradient = vec![0.0; start.len()];
        let runs = sample.points.iter().zip(&sample.log_loss);
        runs.map(|(p, l)| (l - law.log_loss(start, p, &mut gradient)).powi(2)).sum()
    };
    let mut tried: Vec<(f64, Vec<f64>)> = starts.into_iter().map(|s| (off(&s), s)).collect();
    tried.sort_by(|a, b| a.0.total_cmp(&b.0));
    tried.into_iter().map(|t| t.1).take(3).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Value and gradient are those of [`Law::log_loss`], and the curvature is that of its gradient.
    pub fn check_second_order(law: &dyn Law, theta: &[f64], point: &Point) {
        let n = theta.len();
        let mut out = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
        let (mut gradient, mut alone) = (vec![0.0; n], vec![0.0; n]);
        let value = law.second_order(theta, point, &mut gradient, &mut out);
        assert_eq!(value, law.log_loss(theta, point, &mut alone));
        assert_eq!(gradient, alone);
        for k in 0..n {
            let at = |h: f64| {
                let (mut moved, mut gradient) = (theta.to_vec(), vec![0.0; n]);
                moved[k] += h;
                (law.log_loss(&moved, point, &mut gradient), gradient)
            };
            let ((f, up), (g, down)) = (at(1e-6), at(-1e-6));
            assert!((gradient[k] - (f - g) / 2e-6).abs() < 1e-7, "{k}");
            for j in 0..n {
                let bend = (up[j] - down[j]) / 2e-6;
                assert!((out[k][j] - bend).abs() < 1e-7, "{k} {j}: {} {bend}", out[k][j]);
            }
        }
    }
}
