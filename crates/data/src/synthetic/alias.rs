//! Sampling from a discrete distribution whose probabilities are known to the last bit.

/// Walker's alias method (Walker 1977; Vose 1991) with 32-bit thresholds over a power of two of
/// columns, so that every outcome's probability is an exact multiple of `2^-(32 + log2 columns)`.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    shift: u32,
    /// Threshold of the low 32 bits, outcome below it, outcome from it on.
    columns: Vec<(u32, u32, u32)>,
    probabilities: Vec<f64>,
}

impl Alias {
    /// The closest representable distribution to these weights (positive, finite, 1 to 2^24 of them).
    pub(super) fn new(weights: &[f64]) -> Self {
        let columns = weights.len().next_power_of_two();
        let bits = columns.trailing_zeros();
        let total: u128 = 1 << (32 + bits);
        let sum: f64 = weights.iter().sum();
        // Whole units that add up to the total: round down, then give what is left to the largest.
        let mut units: Vec<u128> =
            weights.iter().map(|w| (w / sum * total as f64) as u128).collect();
        let largest = (0..units.len()).max_by_key(|&i| units[i]).expect("there are outcomes");
        let given: u128 = units.iter().sum();
        units[largest] = units[largest] + total - given;
        let probabilities = units.iter().map(|&u| u as f64 / total as f64).collect();

        let one: u128 = 1 << 32;
        let mut left = units;
        left.resize(columns, 0);
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..columns).rev().partition(|&i| left[i] < one);
        let mut table = vec![(u32::MAX, 0_u32, 0_u32); columns];
        while let Some(s) = small.pop() {
            let Some(&l) = large.last() else { unreachable!("units add up to whole columns") };
            table[s] = (left[s] as u32, s as u32, l as u32);
            left[l] -= one - left[s];
            if left[l] < one {
                large.pop();
                small.push(l);
            }
        }
        for l in large {
            table[l] = (0, l as u32, l as u32);
        }
        Self { shift: u64::BITS - bits.max(1), columns: table, probabilities }
    }

    /// The outcome that belongs to 64 random bits: the top ones choose a column, the low 32 a side.
    #[inline]
    pub(super) fn sample(&self, bits: u64) -> u32 {
        // One column alone has no bits to choose it by.
        let column = if self.columns.len() == 1 { 0 } else { (bits >> self.shift) as usize };
        let (threshold, below, above) = self.columns[column];
        if (bits as u32) < threshold { below } else { above }
    }

    /// Exact probabilities.
    pub(super) fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Adding up the table's areas gives back the probabilities, exactly.
        #[test]
        fn areas_are_the_probabilities(weights in prop::collection::vec(1e-6_f64..10.0, 1..200)) {
            let alias = Alias::new(&weights);
            let mut area = vec![0_u128; alias.columns.len()];
            for &(threshold, below, above) in &alias.columns {
                area[below as usize] += u128::from(threshold);
                area[above as usize] += (1 << 32) - u128::from(threshold);
            }
            let total = (alias.columns.len() as f64) * 2_f64.powi(32);
            let sum: f64 = weights.iter().sum();
            let (area, beyond) = area.split_at(weights.len());
            prop_assert!(beyond.iter().all(|&a| a == 0));
            for (i, &a) in area.iter().enumerate() {
                prop_assert_eq!(a as f64 / total, alias.probabilities()[i]);
                prop_assert!((alias.probabilities()[i] - weights[i] / sum).abs() < 1e-7);
            }
        }
    }
}
