//! Cross-entropy straight from the logits: a cube, or a part of one, for each row. The softmax is
//! never stored; the gradient takes the place of the logits.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Rows, dims, empty, own, rows_of};
use super::reduce;

/// A number below all logits.
const LOWEST: f32 = -3.0e38;

/// Log of the denominator of the row of `logits` that begins at `at`: one pass, in which every unit
/// keeps the largest logit it has met and the sum relative to that (Milakov & Gimelshein 2018,
/// algorithm 3).
#[cube]
fn log_sum(
    logits: &mut [f32],
    at: usize,
    vocab: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Rows,
) -> f32 {
    let mut highest = f32::new(LOWEST);
    let mut total = 0.0f32;
    for col in range_stepped(UNIT_POS_X as usize, vocab, shape.lanes) {
        let x = logits[at + col];
        if x > highest {
            total *= (highest - x).exp();
            highest = x;
        }
        total += (x - highest).exp();
    }
    let top = reduce::largest(highest, scratch, shape);
    let total = reduce::sum(total * (highest - top).exp(), scratch, shape);
    total.ln() + top
}

/// Loss of every row; with `gradient` the logits become the gradient.
#[cube(launch_unchecked)]
fn rows_kernel(
    logits: &mut [f32],
    targets: &[i32],
    losses: &mut [f32],
    rows: usize,
    vocab: usize,
    z: f32,
    scale: f32,
    #[comptime] shape: Rows,
    #[comptime] gradient: bool,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (row, real) = reduce::row(rows);
    let at = row * vocab;
    // Units beyond the last row look at no column, for the row is being overwritten.
    let columns = select(real, vocab, 0);
    let log_sum = log_sum(logits, at, columns, &mut scratch, shape);
    let target = targets[row] as usize;
    if comptime!(gradient) {
        if real {
            // The unit whose column the target is reads it before it overwrites it.
            let factor = scale * (1.0 + 2.0 * z * log_sum);
            for col in range_stepped(UNIT_POS_X as usize, vocab, shape.lanes) {
                let x = logits[at + col];
                let mut slope = (x - log_sum).exp() * factor;
                if col == target {
                    losses[row] = log_sum - x;
                    slope -= scale;
                }
                logits[at + col] = slope;
            }
        }
    } else if real && UNIT_POS_X == 0 {
        losses[row] = log_sum - logits[at + target];
    }
}

/// Loss of every row `[R, M, 1]`; with `gradient` (z, scale) the logits become that of `scale` times
/// the sum of all losses.
fn launch(logits: &CubeTensor, targets: CubeTensor, gradient: Option<(f32, f32)>) -> CubeTensor {
    let [r, m, vocab] = dims(logits);
    let losses = empty(logits, [r, m, 1]);
    let rows = Rows::of_width(vocab, &logits.client);
    let (z, scale) = gradient.unwrap_or_default();
    // SAFETY: units beyond the last row write nothing, targets are below `vocab`, and a unit
    // overwrites only what it alone still reads.
    unsafe {
        rows_kernel::launch_unchecked(
            &logits.client,
            rows.cubes(r * m),
            rows.dim(),
            logits.clone().into_buffer_arg(),
            into_contiguous(targets).into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            r * m,
            vocab,
            z,
            scale,
            rows,
            gradient.is_some(),
        );
    }
    losses
}

/// Loss of every row, `[R, M, 1]`.
pub(super) fn losses(logits: CubeTensor, targets: CubeTensor) -> CubeTensor {
    launch(&rows_of(logits), targets, None)
}

/// Loss of every row `[R, M, 1]`, and the gradient `[R, M, V]` of `scale` times their sum.
pub(super) fn gradient(
    logits: CubeTensor,
    targets: CubeTensor,
    z: f32,
    scale: f32,
) -> (CubeTensor, CubeTensor) {
    let logits = own(logits);
    (launch(&logits, targets, Some((z, scale))), logits)
}
