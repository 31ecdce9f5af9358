//! Warm-up: as many tokens as the model has parameters, at most 5% of the steps, at least one step.
//!
//! A warm-up of a fixed number of tokens is too long for small models and bends the exponents
//! (Porian et al. 2024, who take N tokens). The cap keeps short runs from spending themselves on it.

use super::Provenance;
use crate::Shape;

/// The publication.
pub const PROVENANCE: Provenance =
    Provenance::Published("N tokens (Porian et al. 2024), at most 5% of the steps");

/// Largest share of the steps.
pub const MOST: f64 = 0.05;

/// Warm-up steps of a run of `steps` steps of `batch_tokens` tokens.
pub fn steps(shape: &Shape, steps: u64, batch_tokens: f64) -> u64 {
    let by_size = shape.params().non_embedding_with_head() as f64 / batch_tokens;
    let most = MOST * steps as f64;
    (by_size.min(most).round() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn the_shorter_of_both_wins() {
        let shape = Shape {
            family: Family::Llama,
            depth: 2,
            width: 32,
            heads: 2,
            hidden: 88,
            vocab: 256,
            context: 128,
        };
        let n = shape.params().non_embedding_with_head();
        assert_eq!(steps(&shape, 10_000, n as f64 / 10.0), 10);
        assert_eq!(steps(&shape, 100, n as f64 / 10.0), 5);
        assert_eq!(steps(&shape, 3, 1e9), 1);
    }
}
