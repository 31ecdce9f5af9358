//! Logits, the loss and their gradients, a piece of the rows at a time.

use std::ops::Range;

use burn::cubecl::client::Client;
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::LOGITS_AT_ONCE;

use super::parts::Parts;
use crate::kernels::Choices;
use crate::kernels::tensors::{dims, empty, empty_of, view};
use crate::ops::cross_entropy::kernel as cross_entropy;
use crate::ops::linear::product::{self, Epilogue, Side, product};

/// Whole replicas, or some rows of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub replicas: Range<usize>,
    pub rows: Range<usize>,
}

/// Elements in half precision that parts of tensors begin at multiples of, where a device can bind them.
pub(super) fn bound_at(client: &Client) -> usize {
    (client.properties().memory.alignment as usize / 2).max(1)
}

/// Pieces of at most [`LOGITS_AT_ONCE`] logits, one replica after the other, so that each lies in one piece of memory. All are one where
/// hidden states or weights of a replica begin at no multiple of `bound_at` elements.
pub(super) fn pieces(
    replicas: usize,
    rows: usize,
    [d, vocab]: [usize; 2],
    bound_at: usize,
) -> Vec<Piece> {
    let at_once = LOGITS_AT_ONCE / vocab.max(1);
    let begins = [rows * d, d * vocab].iter().all(|len| len.is_multiple_of(bound_at));
    if replicas > 1 && !(begins && rows.is_multiple_of(64)) {
        return vec![Piece { replicas: 0..replicas, rows: 0..rows }];
    }
    let some = (at_once / rows.max(1)).clamp(1, replicas.max(1));
    let mut all = Vec::new();
    for first in (0..replicas).step_by(some) {
        let replicas = first..(first + some).min(replicas);
        let count = if some == 1 { rows.div_ceil(at_once.clamp(1, rows)) } else { 1 };
        // Whole tiles of rows, but for the last piece.
        let step = rows.div_ceil(count).next_multiple_of(if count > 1 { 64 } else { 1 });
        for start in (0..rows).step_by(step) {
            all.push(Piece { replicas: replicas.clone(), rows: start..(start + step).min(rows) });
        }
    }
    all
}

/// Rows and replicas of the first piece, the largest.
pub(super) fn largest(
    replicas: usize,
    rows: usize,
    sizes: [usize; 2],
    bound_at: usize,
) -> (usize, usize) {
    let first = pieces(replicas, rows, sizes, bound_at).swap_remove(0);
    (first.replicas.len(), first.rows.len())
}

/// The part of a row-major `[R, M, N]` that a piece is.
fn part(tensor: &CubeTensor, piece: &Piece) -> CubeTensor {
    let [_, m, n] = dims(tensor);
    let at = (piece.replicas.start * m + piece.rows.start) * n;
    view(tensor, at, [piece.replicas.len(), piece.rows.len(), n])
}

/// Some replicas of a weight.
fn of_replicas(weight: &CubeTensor, replicas: &Range<usize>) -> CubeTensor {
    let [_, rows, cols] = dims(weight);
    view(weight, replicas.start * rows * cols, [replicas.len(), rows, cols])
}

/// What the gradients are asked for with.
pub(super) struct Gradient<'a> {
    pub z: f32,
    /// Of the sum over rows.
    pub scale: f32,
    pub parts: &'a Parts,
    /// Position of the projection's weight.
    pub weight: usize,
    /// Whether gradients of the weight are added to what is there.
    pub accumulate: bool,
}

/// Writes the mean loss of each replica `[R]`, times `share`, to `loss`, or adds it (`accumulate`). With `gradient` returns that of the
/// hidden states.
pub(super) fn run(
    hidden: &CubeTensor,
    weight: &CubeTensor,
    targets: &CubeTensor,
    loss: &CubeTensor,
    share: f32,
    accumulate: bool,
    gradient: Option<Gradient>,
    choices: Choices,
) -> Option<CubeTensor> {
    let ([r, m, d], [_, _, vocab]) = (dims(hidden), dims(weight));
    let dhidden = gradient.as_ref().map(|_| empty_of(hidden, [r, m, d], hidden.dtype));
    let mut done = None;
    for piece in pieces(r, m, [d, vocab], bound_at(&hidden.client)) {
        let here = [piece.replicas.len(), piece.rows.len()];
        let x = part(hidden, &piece);
        let w = of_replicas(weight, &piece.replicas);
        let logits = empty_of(hidden, [here[0], here[1], vocab], hidden.dtype);
        product(Side::plain(&x), Side::plain(&w), &logits, Epilogue::Store, choices);
        let ids = part(targets, &piece);
        let asked = gradient.as_ref().map(|g| (g.z, g.scale));
        let losses = cross_entropy::launch(&logits, &ids, asked, choices);
        // Rows of a replica after its first ones.
        let more = done.as_ref() == Some(&piece.replicas);
        let mean = (loss, piece.replicas.start);
        cross_entropy::means(&losses, share / m as f32, mean, accumulate || more);
        done = Some(piece.replicas.clone());
        let (Some(g), Some(dhidden)) = (&gradient, &dhidden) else { continue };
        let to = g.parts.of_projection(g.weight, [d, vocab], piece.replicas.clone());
        let count = g.parts.layouts[g.weight].parts;
        let dx = part(dhidden, &piece);
        product::gradients(&logits, [&w, &x], &dx, (&to, count), g.accumulate || more, choices);
    }
    dhidden
}

/// A loss for each replica, unwritten.
pub(super) fn no_loss(like: &CubeTensor, replicas: usize) -> CubeTensor {
    empty(like, [replicas])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_all_rows_once_in_order() {
        for (replicas, rows, vocab) in [
            (1, 1024, 256),
            (8, 16_384, 4096),
            (1, 16_384, 8192),
            (3, 1_000_000, 50_257),
            (2, 64, 1 << 30),
        ] {
            let all = pieces(replicas, rows, [64, vocab], 16);
            let mut next = (0, 0);
            for piece in &all {
                assert_eq!((piece.replicas.start, piece.rows.start), next, "{piece:?}");
                let whole = piece.rows.end == rows;
                assert!(whole || piece.replicas.len() == 1);
                next = if whole {
                    (piece.replicas.end, 0)
                } else {
                    (piece.replicas.start, piece.rows.end)
                };
                let logits = piece.replicas.len() * piece.rows.len() * vocab;
                assert!(logits <= LOGITS_AT_ONCE + 64 * vocab, "{logits}");
            }
            assert_eq!(next, (replicas, 0));
        }
        let count = |replicas, rows, sizes| pieces(replicas, rows, sizes, 128).len();
        assert_eq!(count(8, 16_384, [64, 4096]), 8);
        assert_eq!(count(8, 1024, [64, 256]), 1);
        assert_eq!(count(8, 16_385, [64, 4096]), 1, "no place to cut at");
        assert_eq!(count(64, 16_384, [20, 65]), 1, "weights begin at no place either");
        assert_eq!(count(64, 16_384, [128, 65]), 2);
    }
}
