//! What a product is cut into, whoever makes it.

/// Cubes that a large device works on at a time, about. wgpu does not tell how many processors a device has.
const CUBES: usize = 128;

/// Rows of the inner axis in a part of a product, at least.
const LEAST_PART: usize = 512;

/// Sizes of a product, and how its operands are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub r: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a_t: bool,
    pub b_t: bool,
    pub parts: usize,
}

/// Work of a product in whole rounds of cubes with tiles of `m` by `n`, each of which costs `overhead` steps beside those along its
/// inner axis.
pub(super) fn in_rounds(p: &Problem, m: usize, n: usize, overhead: f64) -> f64 {
    let cubes = p.m.div_ceil(m) * p.n.div_ceil(n) * p.r * p.parts;
    let steps = (p.k / p.parts).max(1) as f64 + overhead;
    // The last round is not quite full: half of it counts as if it were.
    let rounds = (cubes as f64 / CUBES as f64 + 0.5).max(1.0);
    rounds * (m * n) as f64 * steps
}

/// Parts of the inner axis that the gradient `[K, N]` of a weight is cut into, a sum over `m` tokens: as many as give a large device
/// work, as long as writing them stays below reading the operands.
pub(super) fn splits(r: usize, m: usize, [k, n]: [usize; 2]) -> usize {
    let tiles = r * k.div_ceil(128) * n.div_ceil(128);
    let wanted = CUBES.div_ceil(tiles);
    let traffic = m * (k + n) / (2 * k * n).max(1);
    wanted.min(traffic).min(m / LEAST_PART).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_of_small_weights_are_summed_in_parts() {
        let (small, large) = (splits(1, 16_384, [128, 384]), splits(8, 16_384, [512, 2752]));
        assert!(small > 8 && large == 1, "{small} {large}");
        assert_eq!(splits(1, 64, [16, 48]), 1);
    }
}
