//! Products in `f32` without matrix units.
//!
//! A cube takes a tile of the result, and each of its units some rows and columns of it, whose sums it has in registers. Operands come to
//! shared memory 16, 8 or 4 bytes a unit, as they are stored, the next ones fetched to registers while these are multiplied.

mod tile;
mod tiling;

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::epilogue::Epilogue;
use super::place::{Sizes, SizesLaunch};
use super::tiling::Problem;
use crate::kernels::launch::cubes;
use crate::kernels::lines::Line;
use crate::kernels::traffic::{on, reads, reads_if, stands_in, writes, writes_or_adds};
use tile::{tile_product, write};
use tiling::Tiling;
pub(super) use tiling::{choose, choose_pair};

/// Operands in pieces of `N` words, results in pieces of `O`.
#[cube(launch_unchecked)]
fn units_kernel<N: Size, O: Size>(
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    residual: &[Vector<f32, O>],
    out: &mut [Vector<f32, O>],
    sizes: Sizes,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) {
    let (a_size, b_size) = comptime!((Tiling::size(t.a_tile()), Tiling::size(t.b_tile())));
    let mut a_tile = Shared::<[Line]>::new_aligned_slice(a_size, 16usize);
    let mut b_tile = Shared::<[Line]>::new_aligned_slice(b_size, 16usize);
    if CUBE_POS < sizes.cubes {
        let sums = tile_product::<N>(CUBE_POS, a, b, &sizes, &mut a_tile, &mut b_tile, t);
        write::<O>(CUBE_POS, &sums, residual, out, &sizes, t, adds_residual, accumulate);
    }
}

/// The gradients of a projection's input and of its weight. Neither has a residual: any tensors stand in for `none` and `nothing`.
#[cube(launch_unchecked)]
fn pair_kernel<N: Size, O: Size, P: Size>(
    dy: &[Vector<u32, N>],
    w: &[Vector<u32, N>],
    x: &[Vector<u32, N>],
    none: &[Vector<f32, O>],
    nothing: &[Vector<f32, P>],
    dx: &mut [Vector<f32, O>],
    dw: &mut [Vector<f32, P>],
    of_x: Sizes,
    of_w: Sizes,
    #[comptime] tx: Tiling,
    #[comptime] tw: Tiling,
    #[comptime] accumulate: bool,
) {
    let a_size = comptime!(Tiling::size(tx.a_tile()).max(Tiling::size(tw.a_tile())));
    let b_size = comptime!(Tiling::size(tx.b_tile()).max(Tiling::size(tw.b_tile())));
    let mut a_tile = Shared::<[Line]>::new_aligned_slice(a_size, 16usize);
    let mut b_tile = Shared::<[Line]>::new_aligned_slice(b_size, 16usize);
    // The longer sums first.
    if CUBE_POS < of_w.cubes {
        let sums = tile_product::<N>(CUBE_POS, x, dy, &of_w, &mut a_tile, &mut b_tile, tw);
        write::<P>(CUBE_POS, &sums, nothing, dw, &of_w, tw, false, accumulate);
    } else if CUBE_POS < of_w.cubes + of_x.cubes {
        let index = CUBE_POS - of_w.cubes;
        let sums = tile_product::<N>(index, dy, w, &of_x, &mut a_tile, &mut b_tile, tx);
        write::<O>(index, &sums, none, dx, &of_x, tx, false, false);
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
    let (sizes, total) = SizesLaunch::of(p, [t.m, t.n, t.k]);
    // SAFETY: a cube writes its own tile, and nothing beyond the matrices is read or written.
    unsafe {
        units_kernel::launch_unchecked(
            on(&out.client),
            cubes(total),
            CubeDim::new_1d(t.units() as u32),
            t.piece,
            t.out,
            reads(a),
            reads(b),
            reads_if(epilogue.residual(), a),
            writes_or_adds(out, epilogue.accumulates()),
            sizes,
            t,
            epilogue.residual().is_some(),
            epilogue.accumulates(),
        );
    }
}

/// Launches `dx = dy w^T` and `dw = x^T dy` together; `dw` is `[R * parts, K, N]`.
pub(super) fn launch_pair(
    [px, pw]: [&Problem; 2],
    [tx, tw]: [Tiling; 2],
    [dy, w, x]: [&CubeTensor; 3],
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
            tx.out,
            tw.out,
            reads(dy),
            reads(w),
            reads(x),
            stands_in(dy),
            stands_in(dy),
            writes(dx),
            writes_or_adds(dw, accumulate),
            of_x,
            of_w,
            tx,
            tw,
            accumulate,
        );
    }
}
