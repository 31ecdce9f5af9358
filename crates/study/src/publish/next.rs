//! What to do next about results.

use isoflop_fit::study::Study;

/// The first thing that results call for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NextStep {
    /// So many slices have no minimum inside the sizes that were run.
    Extend { slices: usize },
    /// Ask for a budget beyond the runs, such as this one.
    Predict { flops: f64 },
}

impl NextStep {
    /// `None` where neither would have an answer.
    pub(super) fn of(study: Option<&Study>) -> Option<Self> {
        let study = study?;
        let slices = study.approach2.first().map(|row| row.every_slice()).unwrap_or_default();
        let open = slices.iter().filter(|slice| slice.minimum.is_none()).count();
        match open {
            0 if !study.has_result() => None,
            0 => Some(NextStep::Predict { flops: ten_times(study.largest_flops) }),
            slices => Some(NextStep::Extend { slices }),
        }
    }
}

/// To one digit.
fn ten_times(flops: f64) -> f64 {
    let size = 10f64.powf(flops.log10().floor());
    10.0 * size * (flops / size).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_to_ask_for_has_one_digit() {
        let told = [8.04e11, 9.7e17, 1.2e9].map(|flops| format!("{:e}", ten_times(flops)));
        assert_eq!(told, ["8e12", "1e19", "1e10"]);
    }
}
