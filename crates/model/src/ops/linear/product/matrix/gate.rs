//! SwiGLU on the way out of a product: forward of the projection that makes gates and what they let through, side by side in fragments of
//! the same unit, backward of the one behind it.

use burn::cubecl::{self, prelude::*};

use super::super::place::Sizes;
use super::tile::{Corner, Four};
use super::tiling::Tiling;
use crate::kernels::fragments::{Fragment, as_left, map, store, times};
use crate::ops::activation::kernel::{silu, swiglu_gradients, swiglu_of};

/// Two fours of this unit's row of a fragment, through its plane's part of the stage.
#[cube]
fn own_fours(
    sum: &Fragment<f32>,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
) -> (Four<f32>, Four<f32>) {
    let (plane, lane) = (UNIT_POS as usize / t.lanes, UNIT_POS as usize % t.lanes);
    let mine = plane * comptime!(t.side * t.stage() / 4);
    let end = stage.len();
    store(&mut stage[mine..end], sum, comptime!(t.stage() as u32));
    sync_plane();
    let at = mine + (lane * 8 / t.side * comptime!(t.stage()) + lane * 8 % t.side) / 4;
    let fours = (stage[at], stage[at + 1]);
    sync_plane();
    fours
}

/// Writes a plane's sums, of which the first half of a row are gates, to `out` `[M, 2 H]`, and `silu(gate) * up` to `active` `[M, H]`.
#[cube]
pub(super) fn write_gated<O: Float>(
    sums: &Sequence<Fragment<f32>>,
    out: &mut [Four<O>],
    active: &mut [Four<O>],
    sizes: &Sizes,
    corner: Corner,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
) {
    let (m, n, hidden) = (sizes.m, sizes.n, sizes.n / 2);
    let (frags_down, frags_across) = comptime!(t.frags());
    let half = comptime!(frags_across / 2);
    let lane = UNIT_POS as usize % t.lanes;
    let (r, c) = (lane * 8 / t.side, lane * 8 % t.side);
    #[unroll]
    for i in 0..frags_down {
        #[unroll]
        for j in 0..half {
            let gate = &sums[comptime!(i * frags_across + j)];
            let up = &sums[comptime!(i * frags_across + half + j)];
            let y = corner.row + comptime!(i * t.side);
            let x = corner.col + comptime!(j * t.side);
            if comptime!(t.direct) {
                if y < m && x < hidden {
                    let at = (corner.out_at + y * n + x) / 4;
                    let (end, last) = (out.len(), active.len());
                    store(&mut out[at..end], &as_left::<O>(gate), n as u32);
                    store(&mut out[at + hidden / 4..end], &as_left::<O>(up), n as u32);
                    let passed = map(gate, |_row, _column, gate| {
                        silu::<Const<1>>(Vector::new(gate)).extract(0usize)
                    });
                    let at = (corner.out_at / 2 + y * hidden + x) / 4;
                    let product = as_left::<O>(&times(&passed, up));
                    store(&mut active[at..last], &product, hidden as u32);
                }
            } else {
                let gates = own_fours(gate, stage, t);
                let ups = own_fours(up, stage, t);
                let (y, x) = (y + r, x + c);
                write_four::<O>(gates.0, ups.0, out, active, sizes, corner, y, x);
                write_four::<O>(gates.1, ups.1, out, active, sizes, corner, y, x + 4);
            }
        }
    }
}

/// Four elements of row `y` from column `x` of a half.
#[cube]
fn write_four<O: Float>(
    gate: Four<f32>,
    up: Four<f32>,
    out: &mut [Four<O>],
    active: &mut [Four<O>],
    sizes: &Sizes,
    corner: Corner,
    y: usize,
    x: usize,
) {
    let hidden = sizes.n / 2;
    if y < sizes.m && x < hidden {
        let at = (corner.out_at + y * sizes.n + x) / 4;
        out[at] = Four::<O>::cast_from(gate);
        out[at + hidden / 4] = Four::<O>::cast_from(up);
        active[(corner.out_at / 2 + y * hidden + x) / 4] =
            Four::<O>::cast_from(swiglu_of::<Const<4>>(gate, up));
    }
}

/// Writes the gradients of gates and of what they let through, `[M, 2 H]`, for those of their products, which are a plane's sums. `up` is
/// what [`write_gated`] left.
#[cube]
pub(super) fn write_gate_gradients<O: Float>(
    sums: &Sequence<Fragment<f32>>,
    up: &[Four<O>],
    out: &mut [Four<O>],
    sizes: &Sizes,
    corner: Corner,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
) {
    let (frags_down, frags_across) = comptime!(t.frags());
    let lane = UNIT_POS as usize % t.lanes;
    let (r, c) = (lane * 8 / t.side, lane * 8 % t.side);
    #[unroll]
    for i in 0..frags_down {
        #[unroll]
        for j in 0..frags_across {
            let fours = own_fours(&sums[comptime!(i * frags_across + j)], stage, t);
            let y = corner.row + comptime!(i * t.side) + r;
            let x = corner.col + comptime!(j * t.side) + c;
            write_four_gradients::<O>(fours.0, up, out, sizes, corner, y, x);
            write_four_gradients::<O>(fours.1, up, out, sizes, corner, y, x + 4);
        }
    }
}

#[cube]
fn write_four_gradients<O: Float>(
    dy: Four<f32>,
    up: &[Four<O>],
    out: &mut [Four<O>],
    sizes: &Sizes,
    corner: Corner,
    y: usize,
    x: usize,
) {
    let hidden = sizes.n;
    if y < sizes.m && x < hidden {
        let at = (2 * (corner.out_at + y * hidden) + x) / 4;
        let gate = Four::<f32>::cast_from(up[at]);
        let passed = Four::<f32>::cast_from(up[at + hidden / 4]);
        let (dgate, dup) = swiglu_gradients::<Const<4>>(gate, passed, dy);
        out[at] = Four::<O>::cast_from(dgate);
        out[at + hidden / 4] = Four::<O>::cast_from(dup);
    }
}
