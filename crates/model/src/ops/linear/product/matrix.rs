//! Products by the device's matrix units (tensor cores, cooperative matrices).
//!
//! A cube takes a tile of the result. Its operands come to shared memory 16 bytes a unit, the next ones fetched to registers while
//! these are multiplied; every plane holds its part of the tile as fragments in `f32` until the inner axis is done. Sums leave
//! through a fragment's worth of shared memory, a row of eight at a time.

use burn::cubecl::{self, cmma, prelude::*};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::Epilogue;
use super::tiling::{FETCH, Problem, Tiling};
use crate::kernels::launch::cubes;
use crate::kernels::tensors::elem;

/// 16 bytes: eight elements of an operand.
type Eight = Vector<u32, Const<4>>;
/// Four elements of a result.
type Four<E> = Vector<E, Const<4>>;

/// Tiles along the rows that are gone through before the next column of tiles, so that operands are still in the cache.
const GROUP: usize = 8;

/// The eights of a tile that this unit fetches: those of rows `row..` and eights `col..` of a matrix `[rows, cols]`, 0 beyond it.
#[cube]
fn fetch(
    from: &[Eight],
    base: usize,
    row: usize,
    col: usize,
    rows: usize,
    cols: usize,
    #[comptime] tile: (usize, usize),
    #[comptime] units: usize,
) -> Sequence<Eight> {
    let (tile_rows, tile_cols) = comptime!(tile);
    let mut values = Sequence::new();
    #[unroll]
    for i in 0..comptime!(tile_rows * tile_cols / units) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let row = row + index / tile_cols;
        let col = col + index % tile_cols;
        let mut value = Eight::new(0u32);
        if row < rows && col < cols {
            value = from[base + row * cols + col];
        }
        values.push(value);
    }
    values
}

/// Puts what [`fetch`] brought into shared memory.
#[cube]
fn keep(
    values: &Sequence<Eight>,
    to: &mut Shared<[Eight]>,
    #[comptime] tile: (usize, usize),
    #[comptime] units: usize,
) {
    let (tile_rows, tile_cols) = comptime!(tile);
    #[unroll]
    for i in 0..comptime!(tile_rows * tile_cols / units) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let (row, col) = (index / tile_cols, index % tile_cols);
        to[row * comptime!(tile_cols + 1) + col] = values[i];
    }
}

/// Sizes of a product in a launch.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    m: usize,
    n: usize,
    k: usize,
    parts: usize,
    per_part: usize,
    /// Cubes of this product.
    cubes: usize,
}

/// Tile `index` of all tiles of all replicas and parts.
#[cube]
fn tile<E: Float, O: Float>(
    index: usize,
    a: &[Eight],
    b: &[Eight],
    residual: &[Four<f32>],
    out: &mut [Four<O>],
    sizes: &Sizes,
    a_tile: &mut Shared<[Eight]>,
    b_tile: &mut Shared<[Eight]>,
    stage: &mut Shared<[Four<f32>]>,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) {
    let (side, units, lanes) = comptime!((t.side, t.units(), t.lanes));
    let (a_shape, b_shape) = comptime!((t.a_tile(), t.b_tile()));
    let (m, n, k) = (sizes.m, sizes.n, sizes.k);
    let (plane, lane) = (UNIT_POS as usize / lanes, UNIT_POS as usize % lanes);
    let (plane_row, plane_col) = (plane / t.across, plane % t.across);

    let (tiles_down, tiles_across) = (m.div_ceil(t.m), n.div_ceil(t.n));
    let (slot, index) = (index / (tiles_down * tiles_across), index % (tiles_down * tiles_across));
    let per_group = GROUP * tiles_across;
    let (group, inside) = (index / per_group, index % per_group);
    let in_group = min(tiles_down - group * GROUP, GROUP);
    let row = (group * GROUP + inside % in_group) * t.m;
    let col = inside / in_group * t.n;
    let (replica, part) = (slot / sizes.parts, slot % sizes.parts);
    let (a_at, b_at, out_at) = (replica * m * k / FETCH, replica * k * n / FETCH, slot * m * n);
    let first = part * sizes.per_part;
    let last = min(first + sizes.per_part, k);
    let own_row = row + plane_row * comptime!(t.m / t.down);
    let own_col = col + plane_col * comptime!(t.n / t.across);

    let (frags_down, frags_across) = comptime!(t.frags());
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for i in 0..frags_down {
        #[unroll]
        for j in 0..frags_across {
            let mut sum = cmma::Matrix::<f32>::from_value(
                cmma::MatrixIdent::Accumulator,
                side,
                side,
                side,
                cmma::MatrixLayout::Undefined,
                0.0f32,
            );
            if comptime!(t.direct && (adds_residual || accumulate)) {
                let (y, x) = (own_row + comptime!(i * side), own_col + comptime!(j * side));
                if y < m && x < n {
                    let at = (out_at + y * n + x) / 4;
                    if comptime!(adds_residual) {
                        cmma::load_with_layout(
                            &mut sum,
                            &residual[at..residual.len()],
                            n as u32,
                            cmma::MatrixLayout::RowMajor,
                        );
                    } else {
                        cmma::load_with_layout(
                            &mut sum,
                            &out[at..out.len()],
                            n as u32,
                            cmma::MatrixLayout::RowMajor,
                        );
                    }
                }
            }
            sums.push(sum);
        }
    }
    let steps = (last - first).div_ceil(t.k);
    // Fetches one step further than there is: nothing is read there.
    for step in 0..steps + 1 {
        let inner = first + step * t.k;
        let next_a = if comptime!(t.a_t) {
            fetch(a, a_at, inner, row / FETCH, last, m / FETCH, a_shape, units)
        } else {
            fetch(
                a,
                a_at,
                row,
                inner / FETCH,
                select(inner < last, m, 0),
                k / FETCH,
                a_shape,
                units,
            )
        };
        let next_b = if comptime!(t.b_t) {
            fetch(
                b,
                b_at,
                col,
                inner / FETCH,
                select(inner < last, n, 0),
                k / FETCH,
                b_shape,
                units,
            )
        } else {
            fetch(b, b_at, inner, col / FETCH, last, n / FETCH, b_shape, units)
        };
        if step > 0 {
            #[unroll]
            for kk in 0..comptime!(t.k / side) {
                let mut left = Sequence::<cmma::Matrix<E>>::new();
                #[unroll]
                for i in 0..frags_down {
                    let at = plane_row * comptime!(t.m / t.down) + comptime!(i * side);
                    left.push(fragment::<E>(
                        &*a_tile,
                        at,
                        comptime!(kk * side),
                        cmma::MatrixIdent::A,
                        t.a_t,
                        comptime!(a_shape.1 + 1),
                        side,
                    ));
                }
                #[unroll]
                for j in 0..frags_across {
                    let at = plane_col * comptime!(t.n / t.across) + comptime!(j * side);
                    let right = fragment::<E>(
                        &*b_tile,
                        at,
                        comptime!(kk * side),
                        cmma::MatrixIdent::B,
                        comptime!(!t.b_t),
                        comptime!(b_shape.1 + 1),
                        side,
                    );
                    #[unroll]
                    for i in 0..frags_down {
                        let sum = &sums[comptime!(i * frags_across + j)];
                        cmma::execute(&left[i], &right, sum, sum);
                    }
                }
            }
        }
        sync_cube();
        keep(&next_a, a_tile, a_shape, units);
        keep(&next_b, b_tile, b_shape, units);
        sync_cube();
    }

    let wide = comptime!(t.stage());
    let mine = plane * comptime!(side * wide / 4);
    // Eight neighbours of a row for each unit.
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
                        let half = halved::<O>(sum);
                        cmma::store(
                            &mut out[at..end],
                            &half,
                            n as u32,
                            cmma::MatrixLayout::RowMajor,
                        );
                    } else {
                        cmma::store(&mut out[at..end], sum, n as u32, cmma::MatrixLayout::RowMajor);
                    }
                }
            } else {
                let end = stage.len();
                cmma::store(&mut stage[mine..end], sum, wide as u32, cmma::MatrixLayout::RowMajor);
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

#[cube(launch_unchecked)]
fn product_kernel<E: Float, O: Float>(
    a: &[Eight],
    b: &[Eight],
    residual: &[Four<f32>],
    out: &mut [Four<O>],
    sizes: Sizes,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
    #[define(E, O)] _types: [ElemType; 2],
) {
    let mut a_tile = Shared::<[Eight]>::new_aligned_slice(comptime!(t.a_size()), 16usize);
    let mut b_tile = Shared::<[Eight]>::new_aligned_slice(comptime!(t.b_size()), 16usize);
    let mut stage = Shared::<[Four<f32>]>::new_aligned_slice(comptime!(t.stage_size()), 16usize);
    if CUBE_POS < sizes.cubes {
        tile::<E, O>(
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

/// Two products that share an operand, `a b` and `c a` in any order of transposes: the gradients of a projection's input and of its
/// weight. Neither has a residual: any tensor of its type stands in for `none`.
#[cube(launch_unchecked)]
fn pair_kernel<E: Float>(
    dy: &[Eight],
    w: &[Eight],
    x: &[Eight],
    none: &[Four<f32>],
    dx: &mut [Four<E>],
    dw: &mut [Four<f32>],
    of_x: Sizes,
    of_w: Sizes,
    #[comptime] tx: Tiling,
    #[comptime] tw: Tiling,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let (a_size, b_size) = comptime!((tx.a_size().max(tw.a_size()), tx.b_size().max(tw.b_size())));
    let mut a_tile = Shared::<[Eight]>::new_aligned_slice(a_size, 16usize);
    let mut b_tile = Shared::<[Eight]>::new_aligned_slice(b_size, 16usize);
    let stage_size = comptime!(tx.stage_size().max(tw.stage_size()));
    let mut stage = Shared::<[Four<f32>]>::new_aligned_slice(stage_size, 16usize);
    // The longer sums first.
    if CUBE_POS < of_w.cubes {
        tile::<E, f32>(
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
        tile::<E, E>(
            CUBE_POS - of_w.cubes,
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

/// Sums in half precision. There need be no sums of that type: as an operand they can be stored all the same.
#[cube]
#[allow(unused_variables)]
fn halved<O: Float>(sum: &cmma::Matrix<f32>) -> cmma::Matrix<O> {
    intrinsic!(|scope| {
        cmma::cast_with_ident::expand::<f32, O, cmma::Plane>(
            scope,
            sum.clone(),
            cmma::MatrixIdent::A,
        )
    })
}

/// A fragment of a tile: rows (of `A`; columns of `B`) from `along`, inner axis from `inner`. `across` where a row of the tile runs
/// along the former.
#[cube]
fn fragment<E: Float>(
    tile: &Shared<[Eight]>,
    along: usize,
    #[comptime] inner: usize,
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] across: bool,
    #[comptime] stride: usize,
    #[comptime] side: usize,
) -> cmma::Matrix<E> {
    let layout = comptime!(match (ident == cmma::MatrixIdent::A, across) {
        (true, false) | (false, true) => cmma::MatrixLayout::RowMajor,
        _ => cmma::MatrixLayout::ColMajor,
    });
    let mut at = along * stride + comptime!(inner / FETCH);
    if comptime!(across) {
        at = comptime!(inner * stride) + along / FETCH;
    }
    // SAFETY: loaded at once.
    let mut fragment = unsafe { cmma::Matrix::<E>::uninitialized(ident, side, side, side, layout) };
    // The stride counts words of 32 bits.
    cmma::load(&mut fragment, &tile[at..tile.len()], comptime!((stride * 4) as u32));
    fragment
}

fn sizes(p: &Problem, t: Tiling) -> (SizesLaunch, usize) {
    let total = p.m.div_ceil(t.m) * p.n.div_ceil(t.n) * p.r * p.parts;
    let per_part = p.k.div_ceil(p.parts).next_multiple_of(t.k);
    (SizesLaunch::new(p.m, p.n, p.k, p.parts, per_part, total), total)
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
    let residual = match epilogue {
        Epilogue::Residual(residual) => residual,
        _ => out,
    };
    if epilogue.adds_residual() || epilogue.accumulates() {
        assert_eq!(out.dtype, DType::F32, "sums are added up in f32");
    }
    let (sizes, total) = sizes(p, t);
    // SAFETY: a cube writes its own tile, and nothing beyond the matrices is read or written.
    unsafe {
        product_kernel::launch_unchecked(
            &out.client,
            cubes(total),
            CubeDim::new_1d(t.units() as u32),
            a.clone().into_buffer_arg(),
            b.clone().into_buffer_arg(),
            residual.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            sizes,
            t,
            epilogue.adds_residual(),
            epilogue.accumulates(),
            [elem(a.dtype), elem(out.dtype)],
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
    let ((of_x, first), (of_w, second)) = (sizes(px, tx), sizes(pw, tw));
    // SAFETY: as of one product.
    unsafe {
        pair_kernel::launch_unchecked(
            &dx.client,
            cubes(first + second),
            CubeDim::new_1d(tx.units() as u32),
            dy.clone().into_buffer_arg(),
            w.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            dw.clone().into_buffer_arg(),
            dx.clone().into_buffer_arg(),
            dw.clone().into_buffer_arg(),
            of_x,
            of_w,
            tx,
            tw,
            accumulate,
            elem(dx.dtype),
        );
    }
}
