//! A keyed permutation of `0..len` that needs no table.

use crate::hash::mix64;

const ROUNDS: u64 = 6;

/// A pseudo-random permutation of `0..len`, O(1) per index.
///
/// A balanced Feistel network over the next even number of bits, walked along its cycles until
/// the value falls inside (Black & Rogaway 2002): fewer than four walks on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    key: u64,
}

impl Permutation {
    /// The permutation of `0..len` that belongs to `key`.
    pub fn new(len: u64, key: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), key: mix64(key ^ len) }
    }

    /// Where `index` goes. An index outside `0..len` is a bug of the caller.
    pub fn apply(&self, index: u64) -> u64 {
        debug_assert!(index < self.len);
        let mask = (1_u64 << self.half_bits) - 1;
        let mut x = index;
        loop {
            let (mut left, mut right) = (x >> self.half_bits, x & mask);
            for round in 0..ROUNDS {
                let key = self.key.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                (left, right) = (right, left ^ (mix64(right ^ key) & mask));
            }
            x = (left << self.half_bits) | right;
            if x < self.len {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_permutation(len in 1_u64..3000, key: u64) {
            let p = Permutation::new(len, key);
            let mut hit = vec![false; len as usize];
            for i in 0..len {
                let to = p.apply(i);
                prop_assert!(to < len);
                prop_assert!(!std::mem::replace(&mut hit[to as usize], true));
            }
        }

        #[test]
        fn large_domains_stay_inside(len in 1_u64..1 << 60, key: u64, at: u64) {
            let p = Permutation::new(len, key);
            prop_assert!(p.apply(at % len) < len);
        }
    }

    /// Neighbours land far apart, and keys matter: mean displacement of a random permutation is
    /// a third of its length.
    #[test]
    fn looks_random() {
        let len = 10_000_u64;
        for key in 0..20 {
            let p = Permutation::new(len, key);
            let moved: u64 = (0..len).map(|i| p.apply(i).abs_diff(i)).sum();
            let mean = moved as f64 / (len * len) as f64;
            assert!((mean - 1.0 / 3.0).abs() < 0.01, "key {key}: {mean}");
            let steps: u64 = (1..len).map(|i| p.apply(i).abs_diff(p.apply(i - 1))).sum();
            let mean = steps as f64 / (len * len) as f64;
            assert!((mean - 1.0 / 3.0).abs() < 0.01, "key {key}: {mean}");
            let fixed = (0..len).filter(|&i| p.apply(i) == i).count();
            assert!(fixed < 10, "key {key}: {fixed} fixed points");
        }
    }
}
