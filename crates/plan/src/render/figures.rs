//! Figures as people read them.

use crate::Schedule;

/// `4.60e10`.
pub(super) fn flops(x: f64) -> String {
    format!("{x:.2e}")
}

/// `0.0123`, `3.10e-4`.
pub(super) fn rate(x: f64) -> String {
    if x >= 1e-3 { format!("{x:.4}") } else { format!("{x:.2e}") }
}

/// `cosine to 0.1`.
pub(super) fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::Cosine { final_fraction } => format!("cosine to {final_fraction} of the peak"),
        Schedule::Wsd { cooldown_fraction } => {
            format!("constant, then 1 - sqrt over the last {:.0}%", 100.0 * cooldown_fraction)
        }
        Schedule::Constant => "constant".into(),
    }
}
