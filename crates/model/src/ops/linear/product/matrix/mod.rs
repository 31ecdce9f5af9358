//! Products by the device's matrix units (tensor cores, cooperative matrices).
//!
//! A cube takes a tile of the result. Its operands come to shared memory 16 or 8 bytes a unit, the next ones fetched to registers while
//! these are multiplied; every plane holds its part of the tile as fragments in `f32` until the inner axis is done. Sums leave
//! as fragments, or through a fragment's worth of shared memory, a row of eight at a time, and SwiGLU is made on that way ([`gate`]).

mod fragments;
mod gate;
mod tile;
mod tiling;

use burn::cubecl::{self, prelude::*};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::epilogue::Epilogue;
use super::place::{Sizes, SizesLaunch, place};
use super::tiling::Problem;
use crate::kernels::launch::cubes;
use crate::kernels::lines::Line;
use crate::kernels::tensors::elem;
use crate::kernels::traffic::{on, reads, reads_if, stands_in, writes, writes_or_adds};
use gate::{write_gate_gradients, write_gated};
use tile::{Four, add_products, corner, no_sums, tile_product};
pub(super) use tiling::{FETCH, Tiling, choose, choose_gated, choose_pair};

#[cube(launch_unchecked)]
fn product_kernel<E: Float, O: Float, N: Size>(
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    residual: &[Four<f32>],
    out: &mut [Four<O>],
    sizes: Sizes,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
    #[define(E, O)] _types: [ElemType; 2],
) {
    let mut a_tile = Shared::<[Line]>::new_aligned_slice(comptime!(t.a_size()), 16usize);
    let mut b_tile = Shared::<[Line]>::new_aligned_slice(comptime!(t.b_size()), 16usize);
    let mut stage = Shared::<[Four<f32>]>::new_aligned_slice(comptime!(t.stage_size()), 16usize);
    if CUBE_POS < sizes.cubes {
        tile_product::<E, O, N>(
            CUBE_POS,
            a,
            b,
            residual,
            out,
            &sizes,
            &mut a_tile,
            &mut b_tile,
            &mut stage,
            t,
            adds_residual,
            accumulate,
        );
    }
}

/// A projection to `[gate, up]`, and SwiGLU of it.
#[cube(launch_unchecked)]
fn gated_kernel<E: Float, N: Size>(
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    out: &mut [Four<E>],
    active: &mut [Four<E>],
    sizes: Sizes,
    #[comptime] t: Tiling,
    #[define(E)] _type: ElemType,
) {
    let mut a_tile = Shared::<[Line]>::new_aligned_slice(comptime!(t.a_size()), 16usize);
    let mut b_tile = Shared::<[Line]>::new_aligned_slice(comptime!(t.b_size()), 16usize);
    let mut stage = Shared::<[Four<f32>]>::new_aligned_slice(comptime!(t.stage_size()), 16usize);
    if CUBE_POS < sizes.cubes {
        let here = place(CUBE_POS, &sizes, t.m, t.n);
        let sums = no_sums(t);
        add_products::<E, N>(&sums, here, a, b, &sizes, &mut a_tile, &mut b_tile, t);
        let at = corner(here, &sizes, t);
        write_gated::<E>(&sums, out, active, &sizes, at, &mut stage, t);
    }
}

/// Two products that share an operand, `a b` and `c a` in any order of transposes: the gradients of a projection's input and of its
/// weight. Neither has a residual: any tensor of its type stands in for `none`. With `gates` the input is SwiGLU of `up`, to
/// which its gradient goes on; else any tensor of its type stands in.
#[cube(launch_unchecked)]
fn pair_kernel<E: Float, N: Size>(
    dy: &[Vector<u32, N>],
    w: &[Vector<u32, N>],
    x: &[Vector<u32, N>],
    none: &[Four<f32>],
    up: &[Four<E>],
    dx: &mut [Four<E>],
    dw: &mut [Four<f32>],
    of_x: Sizes,
    of_w: Sizes,
    #[comptime] tx: Tiling,
    #[comptime] tw: Tiling,
    #[comptime] accumulate: bool,
    #[comptime] gates: bool,
    #[define(E)] _type: ElemType,
) {
    let (a_size, b_size) = comptime!((tx.a_size().max(tw.a_size()), tx.b_size().max(tw.b_size())));
    let mut a_tile = Shared::<[Line]>::new_aligned_slice(a_size, 16usize);
    let mut b_tile = Shared::<[Line]>::new_aligned_slice(b_size, 16usize);
    let stage_size = comptime!(tx.stage_size().max(tw.stage_size()));
    let mut stage = Shared::<[Four<f32>]>::new_aligned_slice(stage_size, 16usize);
    // The longer sums first.
    if CUBE_POS < of_w.cubes {
        tile_product::<E, f32, N>(
            CUBE_POS,
            x,
            dy,
            none,
            dw,
            &of_w,
            &mut a_tile,
            &mut b_tile,
            &mut stage,
            tw,
            false,
            accumulate,
        );
    } else if CUBE_POS < of_w.cubes + of_x.cubes {
        let index = CUBE_POS - of_w.cubes;
        if comptime!(gates) {
            let here = place(index, &of_x, tx.m, tx.n);
            let sums = no_sums(tx);
            add_products::<E, N>(&sums, here, dy, w, &of_x, &mut a_tile, &mut b_tile, tx);
            let at = corner(here, &of_x, tx);
            write_gate_gradients::<E>(&sums, up, dx, &of_x, at, &mut stage, tx);
        } else {
            tile_product::<E, E, N>(
                index,
                dy,
                w,
                none,
                dx,
                &of_x,
                &mut a_tile,
                &mut b_tile,
                &mut stage,
                tx,
                false,
                false,
            );
        }
    }
}

/// Launches the kernel; `out` is `[R * parts, M, N]`.
pub(super) fn launch(
    p: &Problem,
    t: Tiling,
    a: &CubeTensor,
    b: &CubeTensor,
    out: &CubeTensor,
    epilogue: Epilogue,
) {
    let residual = epilogue.residual();
    if residual.is_some() || epilogue.accumulates() {
        assert_eq!(out.dtype, DType::F32, "sums are added up in f32");
    }
    let (sizes, total) = SizesLaunch::of(p, [t.m, t.n, t.k]);
    // SAFETY: a cube writes its own tile, and nothing beyond the matrices is read or written.
    unsafe {
        product_kernel::launch_unchecked(
            on(&out.client),
            cubes(total),
            CubeDim::new_1d(t.units() as u32),
            t.piece,
            reads(a),
            reads(b),
            reads_if(residual, out),
            writes_or_adds(out, epilogue.accumulates()),
            sizes,
            t,
            residual.is_some(),
            epilogue.accumulates(),
            [elem(a.dtype), elem(out.dtype)],
        );
    }
}

/// Launches a projection of `x` to `[gate, up]` `[R, M, 2 H]`, and SwiGLU of it to `active` `[R, M, H]`.
pub(super) fn launch_gated(
    p: &Problem,
    t: Tiling,
    [x, w]: [&CubeTensor; 2],
    [up, active]: [&CubeTensor; 2],
) {
    let (sizes, total) = SizesLaunch::of(p, [t.m, t.n, t.k]);
    // SAFETY: as of one product.
    unsafe {
        gated_kernel::launch_unchecked(
            on(&up.client),
            cubes(total),
            CubeDim::new_1d(t.units() as u32),
            t.piece,
            reads(x),
            reads(w),
            writes(up),
            writes(active),
            sizes,
            t,
            elem(up.dtype),
        );
    }
}

/// Launches `dx = dy w^T` and `dw = x^T dy` together; `dw` is `[R * parts, K, N]`. Where the input is SwiGLU of
/// `up` `[R, M, 2 K]`, `dx` is the gradient of that.
pub(super) fn launch_pair(
    [px, pw]: [&Problem; 2],
    [tx, tw]: [Tiling; 2],
    [dy, w, x]: [&CubeTensor; 3],
    up: Option<&CubeTensor>,
    [dx, dw]: [&CubeTensor; 2],
    accumulate: bool,
) {
    let sizes = |p, t: Tiling| SizesLaunch::of(p, [t.m, t.n, t.k]);
    let ((of_x, first), (of_w, second)) = (sizes(px, tx), sizes(pw, tw));
    // SAFETY: as of one product.
    unsafe {
        pair_kernel::launch_unchecked(
            on(&dx.client),
            cubes(first + second),
            CubeDim::new_1d(tx.units() as u32),
            tx.piece,
            reads(dy),
            reads(w),
            reads(x),
            stands_in(dw),
            reads_if(up, dy),
            writes(dx),
            writes_or_adds(dw, accumulate),
            of_x,
            of_w,
            tx,
            tw,
            accumulate,
            up.is_some(),
            elem(dx.dtype),
        );
    }
}
