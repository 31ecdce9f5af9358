//! Cross-entropy straight from the logits: a cube, or a part of one, for each row. The softmax is
//! never stored; the gradient takes the place of the logits.

use burn::cubecl::{self, prelude::*};
use burn::tensor::{Int, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::kernels::Choices;
use crate::kernels::launch::{Rows, UNITS, vector};
use crate::kernels::reduce;
use crate::kernels::tensors::{dims, elem, empty, own, primitive, primitive_int, rows_of, tensor};
use crate::kernels::traffic::{on, reads, updates, writes, writes_some};

/// A number below all logits.
const LOWEST: f32 = -3.0e38;

/// Log of the denominator of the row of `vocab` vectors that begins at `at`: one pass, in which every unit
/// keeps the largest logit it has met and the sum relative to that (Milakov & Gimelshein 2018,
/// algorithm 3).
#[cube]
fn log_sum<E: Float, N: Size>(
    logits: &mut [Vector<E, N>],
    at: usize,
    vocab: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Rows,
) -> f32 {
    let mut highest = f32::new(LOWEST);
    let mut total = 0.0f32;
    for col in range_stepped(UNIT_POS_X as usize, vocab, shape.lanes) {
        let x = Vector::<f32, N>::cast_from(logits[at + col]);
        let mut top = x.extract(0usize);
        #[unroll]
        for k in 1..N::value() {
            top = max(top, x.extract(k));
        }
        if top > highest {
            total *= (highest - top).exp();
            highest = top;
        }
        let parts = (x - Vector::new(highest)).exp();
        #[unroll]
        for k in 0..N::value() {
            total += parts.extract(k);
        }
    }
    let top = reduce::largest(highest, scratch, shape);
    let total = reduce::sum(total * (highest - top).exp(), scratch, shape);
    total.ln() + top
}

/// Loss of every row; with `gradient` the logits become the gradient. `vocab` counts vectors.
#[cube(launch_unchecked)]
fn rows_kernel<E: Float, N: Size>(
    logits: &mut [Vector<E, N>],
    targets: &[i32],
    losses: &mut [f32],
    rows: usize,
    vocab: usize,
    z: f32,
    scale: f32,
    #[comptime] shape: Rows,
    #[comptime] gradient: bool,
    #[define(E)] _type: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(shape.lanes * shape.rows));
    let (row, real) = reduce::row(rows);
    let at = row * vocab;
    // Units beyond the last row look at no column, for the row is being overwritten.
    let columns = select(real, vocab, 0);
    let log_sum = log_sum::<E, N>(logits, at, columns, &mut scratch, shape);
    let target = targets[row] as usize;
    let (target_at, target_in) = (target / N::value(), target % N::value());
    if comptime!(gradient) {
        if real {
            // The unit whose column the target is reads it before it overwrites it.
            let factor = scale * (1.0 + 2.0 * z * log_sum);
            for col in range_stepped(UNIT_POS_X as usize, vocab, shape.lanes) {
                let x = Vector::<f32, N>::cast_from(logits[at + col]);
                let mut dlogits = (x - Vector::new(log_sum)).exp() * Vector::new(factor);
                if col == target_at {
                    #[unroll]
                    for k in 0..N::value() {
                        if k == target_in {
                            losses[row] = log_sum - x.extract(k);
                            dlogits.insert(k, dlogits.extract(k) - scale);
                        }
                    }
                }
                logits[at + col] = Vector::<E, N>::cast_from(dlogits);
            }
        }
    } else if real && UNIT_POS_X == 0 {
        let x = Vector::<f32, N>::cast_from(logits[at + target_at]);
        #[unroll]
        for k in 0..N::value() {
            if k == target_in {
                losses[row] = log_sum - x.extract(k);
            }
        }
    }
}

/// Sum of a replica's losses times `factor`: one cube each.
#[cube(launch_unchecked)]
fn means_kernel(
    losses: &[f32],
    means: &mut [f32],
    rows: usize,
    first: usize,
    factor: f32,
    #[comptime] accumulate: bool,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let replica = CUBE_POS_X as usize;
    let mut sum = 0.0f32;
    for row in range_stepped(UNIT_POS as usize, rows, UNITS) {
        sum += losses[replica * rows + row];
    }
    let mut mean = reduce::sum(sum, &mut scratch, shape) * factor;
    if UNIT_POS == 0 {
        if comptime!(accumulate) {
            mean += means[first + replica];
        }
        means[first + replica] = mean;
    }
}

/// Loss of every row `[R, M, 1]`; with `gradient` (z, scale) the logits become that of `scale` times
/// the sum of all losses.
pub(crate) fn launch(
    logits: &CubeTensor,
    targets: &CubeTensor,
    gradient: Option<(f32, f32)>,
    choices: Choices,
) -> CubeTensor {
    let [r, m, vocab] = dims(logits);
    let losses = empty(logits, [r, m, 1]);
    let n = vector(vocab);
    let rows = Rows::of_width(vocab, &logits.client, choices);
    let (z, scale) = gradient.unwrap_or_default();
    // SAFETY: units beyond the last row write nothing, targets are below `vocab`, and a unit
    // overwrites only what it alone still reads.
    unsafe {
        rows_kernel::launch_unchecked(
            on(&logits.client),
            rows.cubes(r * m),
            rows.dim(),
            n,
            if gradient.is_some() { updates(logits) } else { reads(logits) },
            reads(targets),
            writes(&losses),
            r * m,
            vocab / n,
            z,
            scale,
            rows,
            gradient.is_some(),
            elem(logits.dtype),
        );
    }
    losses
}

/// Writes the sum of every replica's losses `[R, M, 1]`, times `factor`, to `means` from element `first` on, or adds it (`accumulate`).
pub(crate) fn means(
    losses: &CubeTensor,
    factor: f32,
    (means, first): (&CubeTensor, usize),
    accumulate: bool,
) {
    let [r, m, _] = dims(losses);
    // SAFETY: one unit of each cube writes one element.
    unsafe {
        means_kernel::launch_unchecked(
            on(&losses.client),
            CubeCount::Static(r as u32, 1, 1),
            CubeDim::new_1d(UNITS as u32),
            reads(losses),
            writes_some(means, r),
            m,
            first,
            factor,
            accumulate,
            Rows::CUBE,
        );
    }
}

/// Loss of every row of logits `[R, M, V]`: `[R, M, 1]`.
pub(super) fn losses(logits: Tensor<3>, targets: Tensor<3, Int>, choices: Choices) -> Tensor<3> {
    let targets = into_contiguous(primitive_int(targets));
    tensor(launch(&rows_of(primitive(logits)), &targets, None, choices))
}

/// [`losses`], and the gradient `[R, M, V]` of `scale` times the sum of them and of `z` times the squares of the rows' log sums.
pub(super) fn gradient(
    logits: Tensor<3>,
    targets: Tensor<3, Int>,
    z: f32,
    scale: f32,
    choices: Choices,
) -> (Tensor<3>, Tensor<3>) {
    let (logits, targets) = (own(primitive(logits)), into_contiguous(primitive_int(targets)));
    let losses = launch(&logits, &targets, Some((z, scale)), choices);
    (tensor(losses), tensor(logits))
}
