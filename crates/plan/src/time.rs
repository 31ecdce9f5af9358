//! How long a grid is expected to take.

/// An expectation of time, made elsewhere from measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeEstimate {
    /// The device, in words.
    pub device: String,
    /// Seconds of training and evaluation.
    pub seconds: f64,
    /// Whether some stacks are smaller or larger than all that were measured.
    pub extrapolated: bool,
}
