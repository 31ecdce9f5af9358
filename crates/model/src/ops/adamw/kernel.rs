//! All weights of a stack moved by AdamW in one launch.

use burn::cubecl::{self, prelude::*};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::factors::{FACTORS, PER_REPLICA};
use crate::kernels::flat::{BLOCK, Tables, WORDS};
use crate::kernels::launch::{UNITS, cubes, elements};
use crate::kernels::tensors::{elem, primitive_int};
use crate::kernels::traffic::{on, reads, stands_in, updates, writes};

/// AdamW in place, and the copy in half precision where there is one.
#[cube(launch_unchecked)]
fn adamw_kernel<H: Float>(
    gradients: &[f32],
    scales: &[f32],
    factors: &[f32],
    entries: &[i32],
    blocks: &[i32],
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    half: &mut [H],
    replicas: usize,
    count: usize,
    #[comptime] has_half: bool,
    #[define(H)] _type: ElemType,
) {
    if CUBE_POS < count {
        let word = blocks[CUBE_POS] as usize * WORDS;
        let (at, len) = (entries[word] as usize, entries[word + 1] as usize);
        let decays = entries[word + 2] == 1;
        #[unroll]
        for k in 0..comptime!(BLOCK / UNITS) {
            let i = CUBE_POS * BLOCK + comptime!(k * UNITS) + UNIT_POS as usize;
            let replica = (i - at) / len;
            if replica < replicas {
                let f = replica * PER_REPLICA + select(decays, 0, FACTORS);
                let g = gradients[i] * scales[replica];
                let m = factors[f] * first[i] + factors[f + 1] * g;
                let v = factors[f + 2] * second[i] + factors[f + 3] * g * g;
                let denominator = v.sqrt() * factors[f + 6] + factors[f + 7];
                let w = weights[i] * factors[f + 4] - m * factors[f + 5] / denominator;
                weights[i] = w;
                first[i] = m;
                second[i] = v;
                if comptime!(has_half) {
                    half[i] = H::cast_from(w);
                }
            }
        }
    }
}

/// The weights in half precision.
#[cube(launch_unchecked)]
fn cast_kernel<H: Float>(
    weights: &[f32],
    half: &mut [H],
    len: usize,
    #[define(H)] _type: ElemType,
) {
    if ABSOLUTE_POS < len {
        half[ABSOLUTE_POS] = H::cast_from(weights[ABSOLUTE_POS]);
    }
}

/// Writes flat weights to their copy in half precision.
pub(crate) fn to_half(weights: &CubeTensor, half: &CubeTensor) {
    let len = weights.meta.num_elements();
    let (count, dim) = elements(len);
    // SAFETY: one unit for each element.
    unsafe {
        cast_kernel::launch_unchecked(
            on(&weights.client),
            count,
            dim,
            reads(weights),
            writes(half),
            len,
            elem(half.dtype),
        );
    }
}

/// What an update reads and writes, all flat.
pub(crate) struct Update<'a> {
    pub gradients: &'a CubeTensor,
    pub scales: &'a CubeTensor,
    pub factors: &'a CubeTensor,
    pub weights: &'a CubeTensor,
    pub first: &'a CubeTensor,
    pub second: &'a CubeTensor,
    pub half: Option<&'a CubeTensor>,
}

/// AdamW (Loshchilov & Hutter 2019, algorithm 2) of all weights in place.
pub(crate) fn adamw(update: Update, tables: &Tables) {
    let Update { gradients, scales, factors, weights, first, second, half } = update;
    let dtype = half.map_or(DType::F32, |half| half.dtype);
    // SAFETY: every element belongs to one unit.
    unsafe {
        adamw_kernel::launch_unchecked(
            on(&weights.client),
            cubes(tables.blocks()),
            CubeDim::new_1d(UNITS as u32),
            reads(gradients),
            reads(scales),
            reads(factors),
            reads(&primitive_int(tables.entries.clone())),
            reads(&primitive_int(tables.blocks.clone())),
            updates(weights),
            updates(first),
            updates(second),
            half.map_or_else(|| stands_in(weights), writes),
            tables.replicas,
            tables.blocks(),
            half.is_some(),
            elem(dtype),
        );
    }
}
