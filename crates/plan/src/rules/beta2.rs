//! Second-moment decay: a half-life that is fixed in tokens, held between .95 and .99.
//!
//! Porian et al. 2024 need .99 at small batches where .95 serves large
//! ones; Marek et al. 2025 hold the half-life of the second moment fixed in tokens across batches,
//! `beta2 = 2^(-B / half-life)`. The half-life here is that of the customary .95 at half a million
//! tokens per step (Brown et al. 2020; Touvron et al. 2023), 7 million tokens.

use super::Provenance;

/// The publications.
pub const PROVENANCE: Provenance =
    Provenance::Published("token half-life (Marek et al. 2025), .95 to .99 (Porian et al. 2024)");

/// Tokens over which the weight of a squared gradient halves.
pub const HALF_LIFE_TOKENS: f64 = 7e6;

/// Lowest and highest value.
pub const RANGE: (f64, f64) = (0.95, 0.99);

/// The decay for a batch.
pub fn beta2(batch_tokens: f64) -> f64 {
    (-batch_tokens / HALF_LIFE_TOKENS).exp2().clamp(RANGE.0, RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_as_the_batch_shrinks() {
        assert_eq!(beta2(2048.0), 0.99);
        assert_eq!(beta2(4e6), 0.95);
        let middle = beta2(2.5e5);
        assert!(middle > 0.95 && middle < 0.99, "{middle}");
        assert!((beta2(524_288.0) - 0.95).abs() < 0.001);
    }
}
