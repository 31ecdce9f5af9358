//! Means of a few values, with Student's t.

use crate::distribution::exact_student_quantile;
use crate::estimate::{Estimate, Interval};
use crate::stats::{mean, standard_deviation};

/// The mean of `values` with its standard error and Student's t interval (Student 1908); bare for a single one, `None` for none. Of
/// differences between pairs it is the paired comparison.
pub fn mean_of(values: &[f64], level: f64) -> Option<Estimate> {
    if values.is_empty() {
        return None;
    }
    let point = mean(values);
    if values.len() < 2 {
        return Some(Estimate::bare(point));
    }
    let error = standard_deviation(values) / (values.len() as f64).sqrt();
    let half = error * exact_student_quantile(0.5 + 0.5 * level, values.len() as f64 - 1.0);
    let interval = Interval { lo: point - half, hi: point + half, level };
    Some(Estimate { point, standard_error: Some(error), interval: Some(interval) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        assert_eq!(mean_of(&[], 0.95), None);
        assert_eq!(mean_of(&[2.0], 0.95), Some(Estimate::bare(2.0)));
        let two = mean_of(&[1.0, 3.0], 0.95).unwrap();
        // Standard error 1, 12.706 of them for one degree of freedom.
        let interval = two.interval.unwrap();
        assert!((interval.hi - 14.7062047).abs() < 1e-6 && (interval.lo + 10.7062047).abs() < 1e-6);
    }
}
