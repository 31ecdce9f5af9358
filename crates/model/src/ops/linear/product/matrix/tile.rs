//! A tile of a product.

use burn::cubecl::{self, prelude::*};

use super::super::memory::{fetch, keep};
use super::super::place::{Place, Sizes, place};
use super::fragments::{Operand, fragment};
use super::tiling::{FETCH, Tiling};
use crate::kernels::fragments::{Fragment, add_product_to, as_left, load_sums, store, sums};
use crate::kernels::lines::Line;

/// Four elements of a result.
pub(super) type Four<E> = Vector<E, Const<4>>;

/// Tile `index` of all tiles of all replicas and parts.
#[cube]
pub(super) fn tile_product<E: Float, O: Float, N: Size>(
    index: usize,
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    residual: &[Four<f32>],
    out: &mut [Four<O>],
    sizes: &Sizes,
    a_tile: &mut Shared<[Line]>,
    b_tile: &mut Shared<[Line]>,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) {
    let here = place(index, sizes, t.m, t.n);
    let at = corner(here, sizes, t);
    let sums = first_sums::<O>(residual, &*out, sizes, at, t, adds_residual, accumulate);
    add_products::<E, N>(&sums, here, a, b, sizes, a_tile, b_tile, t);
    write::<O>(&sums, residual, out, sizes, at, stage, t, adds_residual, accumulate);
}

/// Adds a plane's part of a tile of the product to its sums.
#[cube]
pub(super) fn add_products<E: Float, N: Size>(
    sums: &Sequence<Fragment<f32>>,
    here: Place,
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    sizes: &Sizes,
    a_tile: &mut Shared<[Line]>,
    b_tile: &mut Shared<[Line]>,
    #[comptime] t: Tiling,
) {
    let (side, units) = comptime!((t.side, t.units()));
    let (a_shape, b_shape) = comptime!((t.a_tile(), t.b_tile()));
    let (m, n, k) = (sizes.m, sizes.n, sizes.k);
    let (plane_row, plane_col) = plane(t);
    let (row, first, last) = (here.row, here.first, here.last);
    let col = column_of(here, t);
    let (fetched, words) = comptime!((t.fetched(), t.piece));
    let (a_at, b_at) = (here.replica * m * k / fetched, here.replica * k * n / fetched);
    let (frags_down, frags_across) = comptime!(t.frags());
    let steps = (last - first).div_ceil(t.k);
    // Fetches one step further than there is: nothing is read there.
    for step in 0..steps + 1 {
        let inner = first + step * t.k;
        let next_a = if comptime!(t.a_t) {
            let (from, pieces) = (row / FETCH, m / fetched);
            fetch::<N>(a, a_at, inner, from, last, pieces, a_shape, units, words, false)
        } else {
            let rows = select(inner < last, m, 0);
            let (from, pieces) = (inner / FETCH, k / fetched);
            fetch::<N>(a, a_at, row, from, rows, pieces, a_shape, units, words, false)
        };
        let next_b = if comptime!(t.b_t) {
            let rows = select(inner < last, n, 0);
            let (from, pieces) = (inner / FETCH, k / fetched);
            fetch::<N>(b, b_at, col, from, rows, pieces, b_shape, units, words, false)
        } else {
            let (from, pieces) = (col / FETCH, n / fetched);
            fetch::<N>(b, b_at, inner, from, last, pieces, b_shape, units, words, t.gated)
        };
        if step > 0 {
            #[unroll]
            for kk in 0..comptime!(t.k / side) {
                let mut left = Sequence::<Fragment<E>>::new();
                #[unroll]
                for i in 0..frags_down {
                    let at = plane_row * comptime!(t.m / t.down) + comptime!(i * side);
                    left.push(fragment::<E>(
                        &*a_tile,
                        at,
                        comptime!(kk * side),
                        Operand::Left,
                        t.a_t,
                        comptime!(a_shape.1 + 1),
                        side,
                    ));
                }
                #[unroll]
                for j in 0..frags_across {
                    let at = plane_col * comptime!(t.columns_of_plane()) + comptime!(t.column(j));
                    let right = fragment::<E>(
                        &*b_tile,
                        at,
                        comptime!(kk * side),
                        Operand::Right,
                        comptime!(!t.b_t),
                        comptime!(b_shape.1 + 1),
                        side,
                    );
                    #[unroll]
                    for i in 0..frags_down {
                        let sum = &sums[comptime!(i * frags_across + j)];
                        add_product_to::<E>(sum, &left[i], &right);
                    }
                }
            }
        }
        sync_cube();
        keep(&next_a, a_tile, a_shape, units);
        keep(&next_b, b_tile, b_shape, units);
        sync_cube();
    }
}

/// Row and column of this plane among those of a cube.
#[cube]
fn plane(#[comptime] t: Tiling) -> (usize, usize) {
    let plane = UNIT_POS as usize / t.lanes;
    (plane / t.across, plane % t.across)
}

/// First column of a tile: of a gated projection, of either half.
#[cube]
fn column_of(here: Place, #[comptime] t: Tiling) -> usize {
    if comptime!(t.gated) { here.col / 2 } else { here.col }
}

/// Where a plane's part of a tile begins in the result.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Corner {
    pub row: usize,
    /// Of a gated projection, of either half.
    pub col: usize,
    /// Where the matrix begins.
    pub out_at: usize,
}

#[cube]
pub(super) fn corner(here: Place, sizes: &Sizes, #[comptime] t: Tiling) -> Corner {
    let (plane_row, plane_col) = plane(t);
    Corner {
        row: here.row + plane_row * comptime!(t.m / t.down),
        col: column_of(here, t) + plane_col * comptime!(t.columns_of_plane()),
        out_at: here.slot * sizes.m * sizes.n,
    }
}

/// A plane's fragments of sums, all 0.
#[cube]
pub(super) fn no_sums(#[comptime] t: Tiling) -> Sequence<Fragment<f32>> {
    let (frags_down, frags_across) = comptime!(t.frags());
    let mut all = Sequence::<Fragment<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(frags_down * frags_across) {
        all.push(sums(0.0f32, t.side));
    }
    all
}

/// A plane's fragments of sums before the first product: 0, or what they are added to where fragments go straight to the result.
#[cube]
fn first_sums<O: Float>(
    residual: &[Four<f32>],
    out: &[Four<O>],
    sizes: &Sizes,
    corner: Corner,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) -> Sequence<Fragment<f32>> {
    let side = t.side;
    let (m, n) = (sizes.m, sizes.n);
    let (own_row, own_col, out_at) = (corner.row, corner.col, corner.out_at);
    let (frags_down, frags_across) = comptime!(t.frags());
    let all = no_sums(t);
    if comptime!(t.direct && (adds_residual || accumulate)) {
        #[unroll]
        for i in 0..frags_down {
            #[unroll]
            for j in 0..frags_across {
                let (y, x) = (own_row + comptime!(i * side), own_col + comptime!(j * side));
                if y < m && x < n {
                    let sum = &all[comptime!(i * frags_across + j)];
                    let at = (out_at + y * n + x) / 4;
                    if comptime!(adds_residual) {
                        load_sums(sum, &residual[at..residual.len()], n as u32);
                    } else {
                        load_sums(sum, &out[at..out.len()], n as u32);
                    }
                }
            }
        }
    }
    all
}

/// Writes a plane's sums, straight or through its part of the `stage`.
#[cube]
fn write<O: Float>(
    sums: &Sequence<Fragment<f32>>,
    residual: &[Four<f32>],
    out: &mut [Four<O>],
    sizes: &Sizes,
    corner: Corner,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) {
    let (side, lanes) = comptime!((t.side, t.lanes));
    let (plane, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let (frags_down, frags_across) = comptime!(t.frags());
    let (m, n) = (sizes.m, sizes.n);
    let (own_row, own_col, out_at) = (corner.row, corner.col, corner.out_at);
    let wide = comptime!(t.stage());
    let mine = plane * comptime!(side * wide / 4);
    // Line neighbours of a row for each unit.
    let (r, c) = (lane * 8 / side, lane * 8 % side);
    #[unroll]
    for i in 0..frags_down {
        #[unroll]
        for j in 0..frags_across {
            let sum = &sums[comptime!(i * frags_across + j)];
            let (y, x) = (own_row + comptime!(i * side), own_col + comptime!(j * side));
            if comptime!(t.direct) {
                if y < m && x < n {
                    let (at, end) = ((out_at + y * n + x) / 4, out.len());
                    if comptime!(t.convert) {
                        // There need be no sums in half precision: as an operand they can be stored all the same.
                        store(&mut out[at..end], &as_left::<O>(sum), n as u32);
                    } else {
                        store(&mut out[at..end], sum, n as u32);
                    }
                }
            } else {
                let end = stage.len();
                store(&mut stage[mine..end], sum, wide as u32);
                sync_plane();
                let y = y + r;
                #[unroll]
                for h in 0..2 {
                    let x = x + c + h * 4;
                    if y < m && x < n {
                        let at = (out_at + y * n + x) / 4;
                        let mut value = stage[mine + (r * wide + c) / 4 + h];
                        if comptime!(adds_residual) {
                            value += residual[at];
                        }
                        if comptime!(accumulate) {
                            value += Four::<f32>::cast_from(out[at]);
                        }
                        out[at] = Four::<O>::cast_from(value);
                    }
                }
                sync_plane();
            }
        }
    }
}
