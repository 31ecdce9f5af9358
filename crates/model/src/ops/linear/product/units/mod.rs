//! Products in `f32` without matrix units.
//!
//! A cube takes a tile of the result, and each of its units some rows and columns of it, whose sums it has in registers. Operands come to
//! shared memory 16 bytes a unit, as they are stored, the next ones fetched to registers while these are multiplied.

mod tile;
mod tiling;

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::epilogue::Epilogue;
use super::place::{Sizes, SizesLaunch};
use super::tiling::Problem;
use crate::kernels::launch::cubes;
use crate::kernels::lines::Line;
use crate::kernels::traffic::{on, reads, reads_if, writes_or_adds};
use tile::tile_product;
use tiling::Tiling;
pub(super) use tiling::choose;

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
        let sums = tile_product::<N>(a, b, &sizes, &mut a_tile, &mut b_tile, t);
        tile::write::<O>(&sums, residual, out, &sizes, t, adds_residual, accumulate);
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
            reads_if(epilogue.residual(), out),
            writes_or_adds(out, epilogue.accumulates()),
            sizes,
            t,
            epilogue.residual().is_some(),
            epilogue.accumulates(),
        );
    }
}
