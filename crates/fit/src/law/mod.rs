//! The laws. A new law is one new file that implements [`Law`], and in `kind.rs` its variant, its name and what it constructs.
//!
//! Every law works on *centred* logarithms, because `ln A` and `alpha` are otherwise correlated
//! beyond .999 (`A' = ln A - alpha * mean(ln N)` is free of that), and its first derivatives are
//! analytic.

mod broken;
mod hoffmann;
mod kaplan;
mod kind;
mod pinned;
mod power;
mod repeated;
mod tied;

pub use broken::Broken;
pub use hoffmann::Hoffmann;
pub use kaplan::{Kaplan, least_compute};
pub use kind::LawKind;
pub use pinned::PinnedFloor;
pub use power::{PowerLaw, Variable};
pub use repeated::Repeated;
pub use tied::Tied;

use crate::error::FitError;
use crate::kernel::Restriction;
use crate::solve::{MAX_PARAMETERS, Matrix};
use crate::table::Table;

/// Where the logarithms are centred: the means of ln N, ln D, ln C over the runs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Centre {
    /// Mean of ln N.
    pub log_params: f64,
    /// Mean of ln D.
    pub log_tokens: f64,
    /// Mean of ln C.
    pub log_flops: f64,
}

/// A run as a law sees it.
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
    /// One per run.
    pub points: Vec<Point>,
    /// Loss in nats, one per run.
    pub loss: Vec<f64>,
    /// Its logarithm.
    pub log_loss: Vec<f64>,
}

impl Sample {
    /// Centred columns of a table.
    pub fn new(table: &Table) -> Sample {
        let rows = table.rows();
        let mean = |f: &dyn Fn(&crate::table::Observation) -> f64| {
            rows.iter().map(f).sum::<f64>() / rows.len() as f64
        };
        let centre = Centre {
            log_params: mean(&|r| r.params.ln()),
            log_tokens: mean(&|r| r.tokens.ln()),
            log_flops: mean(&|r| r.flops.ln()),
        };
        let points =
            rows.iter().map(|r| centre.point(r.params, r.tokens, r.flops, r.unique_tokens));
        Sample {
            centre,
            points: points.collect(),
            loss: rows.iter().map(|r| r.loss_nats).collect(),
            log_loss: rows.iter().map(|r| r.loss_nats.ln()).collect(),
        }
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are no runs.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Smallest loss, in nats.
    pub fn least_loss(&self) -> f64 {
        self.loss.iter().copied().fold(f64::INFINITY, f64::min)
    }
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
    /// N.
    pub params: bool,
    /// D.
    pub tokens: bool,
    /// C.
    pub flops: bool,
    /// Unique tokens.
    pub unique: bool,
}

/// A parametric law of the loss.
///
/// `theta` are the *working* parameters: centred, logarithms of what must be positive.
pub trait Law: Send + Sync + std::fmt::Debug {
    /// Short name, as on the command line.
    fn name(&self) -> &'static str;
    /// Formula in natural parameters.
    fn formula(&self) -> &'static str;
    /// Where it comes from.
    fn reference(&self) -> &'static str;
    /// Names of the natural parameters, one per working parameter.
    fn parameters(&self) -> &'static [&'static str];
    /// What it reads.
    fn reads(&self) -> Reads;
    /// ln L at a point; fills the derivatives by each working parameter.
    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64;
    /// Natural parameters of working ones.
    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64>;
    /// Working parameters of natural ones.
    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64>;
    /// Data-driven starts, best first.
    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>>;
    /// A start anywhere plausible, from uniform random numbers.
    fn wild_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64>;
    /// Range of each working parameter: the solver stays inside.
    fn range(&self, sample: &Sample) -> Vec<(f64, f64)>;
    /// Names of parameters that sit where no result can be: a vanished E, an exponent of 0.
    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str>;

    /// Data that the law cannot hold, whatever its parameters; `None` for laws that can hold any.
    fn refuses(&self, _table: &Table) -> Option<FitError> {
        None
    }

    /// Second derivatives of ln L; by default central differences of the gradient.
    fn curvature(&self, theta: &[f64], point: &Point, out: &mut Matrix) {
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
                out[k][j] = (up[j] - down[j]) / (2.0 * h);
            }
        }
        for k in 0..n {
            for j in 0..k {
                let mean = 0.5 * (out[k][j] + out[j][k]);
                out[k][j] = mean;
                out[j][k] = mean;
            }
        }
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
    fn fast_form(&self, _sample: &Sample) -> Option<FastForm> {
        None
    }
}

/// A law as a linear restriction of `(ln E, a, alpha, b, beta)`, for the vectorised kernel.
#[derive(Debug, Clone)]
pub struct FastForm {
    pub(crate) restriction: Restriction,
    /// The law reads C in place of N.
    pub(crate) flops_for_params: bool,
}

/// `L = (E + A / N^alpha + B / D^beta)^power`, coefficients as logarithms.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SumOfPowers {
    /// ln E; minus infinity where there is none.
    pub log_floor: f64,
    /// ln A.
    pub log_a: f64,
    /// Exponent of N.
    pub alpha: f64,
    /// ln B.
    pub log_b: f64,
    /// Exponent of D.
    pub beta: f64,
    /// Outer power: 1 but for Kaplan's `L(N, D)`.
    pub power: f64,
}

/// Least squares of `y` on `x`: (intercept, slope); a flat line where `x` never varies.
pub(crate) fn log_linear(x: &[f64], y: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let xx: f64 = x.iter().map(|v| (v - mx).powi(2)).sum();
    let xy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    (my - slope * mx, slope)
}
