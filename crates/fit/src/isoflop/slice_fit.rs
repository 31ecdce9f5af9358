//! A slice and its minimum, or why it has none.

use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::estimate::Estimate;
use crate::observation::Observation;
use crate::words::counted;

/// Why a slice has no minimum.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SliceRefusal {
    TooFewSizes {
        sizes: usize,
        needed: usize,
    },
    /// The lowest loss is at the smallest N.
    FallsTowardsSmall,
    /// The lowest loss is at the largest N.
    FallsTowardsLarge,
    /// The minimum of most noisy draws is at an end.
    Unsteady {
        refused: usize,
        draws: usize,
    },
    /// The curve bends the wrong way.
    NotConvex,
    /// The fitted minimum lies outside the sizes that were run.
    OutsideSizes {
        params: f64,
    },
}

impl std::fmt::Display for SliceRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SliceRefusal::TooFewSizes { sizes, needed } => {
                write!(f, "{}, {needed} needed", counted(*sizes, "size"))
            }
            SliceRefusal::FallsTowardsSmall => {
                write!(f, "not bracketed: the smallest N is best; add smaller models")
            }
            SliceRefusal::FallsTowardsLarge => {
                write!(f, "not bracketed: the largest N is best; add larger models")
            }
            SliceRefusal::Unsteady { refused, draws } => {
                write!(f, "not bracketed in {refused} of {draws} draws of the noise")
            }
            SliceRefusal::NotConvex => write!(f, "the losses do not bend upwards"),
            SliceRefusal::OutsideSizes { params } => {
                write!(
                    f,
                    "not bracketed: the minimum would be at N = {params:.3e}, outside the sizes run"
                )
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Minimum {
    /// N*.
    pub params: Estimate,
    /// D*.
    pub tokens: Estimate,
    pub loss_nats: Estimate,
    /// Second derivative of ln L by ln N: how sharp the minimum is.
    pub curvature: f64,
}

/// Runs of a slice, ascending in N: some of the rows of a table, which they share.
#[derive(Clone, PartialEq)]
pub struct SliceRuns {
    table: Arc<Vec<Observation>>,
    rows: Vec<usize>,
}

impl SliceRuns {
    pub(super) fn new(table: Arc<Vec<Observation>>, rows: Vec<usize>) -> Self {
        SliceRuns { table, rows }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Observation> {
        self.rows.iter().map(|&i| &self.table[i])
    }
}

impl std::fmt::Debug for SliceRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|r| &r.run)).finish()
    }
}

impl Serialize for SliceRuns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut columns = serializer.serialize_struct("SliceRuns", 3)?;
        let names: Vec<&str> = self.iter().map(|r| r.run.as_str()).collect();
        columns.serialize_field("runs", &names)?;
        columns.serialize_field("params", &self.iter().map(|r| r.params).collect::<Vec<_>>())?;
        let losses: Vec<f64> = self.iter().map(|r| r.loss_nats).collect();
        columns.serialize_field("loss_nats", &losses)?;
        columns.end()
    }
}

/// One slice and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceFit {
    pub flops: f64,
    /// In JSON the columns `runs` (names), `params` and `loss_nats`.
    #[serde(flatten)]
    pub runs: SliceRuns,
    /// Different N that the curve was fitted to.
    pub sizes: usize,
    /// Runs that the curve was fitted to: all but for [`Method::Corrected`], which looks around the minimum.
    pub used: usize,
    /// Runs of the slice that the curve was not fitted to, by name.
    pub unused: Vec<String>,
    pub minimum: Option<Minimum>,
    pub refusal: Option<SliceRefusal>,
    /// Why the minimum has no interval, where one was asked for.
    pub no_interval: Option<String>,
    /// The fitted curve as (N, loss in nats), for plots; empty where refused.
    pub curve: Vec<(f64, f64)>,
    /// Residuals of ln L about the curve, by row of the table.
    #[serde(skip)]
    pub log_residuals: Vec<(usize, f64)>,
    /// Root mean square of the residuals of ln L about the curve.
    pub residual_rms: Option<f64>,
}
