//! Tiles of operands in shared memory, and fragments of them.

use burn::cubecl::{self, cmma, prelude::*};

use super::super::tiling::{FETCH, Tiling};
use crate::kernels::lines::{Line, line_of};

/// The lines of a tile that this unit fetches: those of rows `row..` and lines `col..` of a matrix of `rows` rows of `pieces` pieces,
/// which begins at piece `base`; 0 beyond it.
#[cube]
pub(super) fn fetch<N: Size>(
    from: &[Vector<u32, N>],
    base: usize,
    row: usize,
    col: usize,
    rows: usize,
    pieces: usize,
    #[comptime] tile: (usize, usize),
    #[comptime] t: Tiling,
) -> Sequence<Line> {
    let units = t.units();
    let (tile_rows, tile_cols) = comptime!(tile);
    let mut values = Sequence::new();
    #[unroll]
    for i in 0..comptime!(tile_rows * tile_cols / units) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let row = row + index / tile_cols;
        let col = col + index % tile_cols;
        let at = base + row * pieces;
        values.push(line_of::<N>(from, at, col, pieces, row < rows, false, t.piece));
    }
    values
}

/// Puts what [`fetch`] brought into shared memory.
#[cube]
pub(super) fn keep(
    values: &Sequence<Line>,
    to: &mut Shared<[Line]>,
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

/// A fragment of a tile: rows (of `A`; columns of `B`) from `along`, inner axis from `inner`. `across` where a row of the tile runs
/// along the former.
#[cube]
pub(super) fn fragment<E: Float>(
    tile: &Shared<[Line]>,
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

/// Sums in half precision. There need be no sums of that type: as an operand they can be stored all the same.
#[cube]
#[allow(unused_variables)]
pub(super) fn halved<O: Float>(sum: &cmma::Matrix<f32>) -> cmma::Matrix<O> {
    intrinsic!(|scope| {
        cmma::cast_with_ident::expand::<f32, O, cmma::Plane>(
            scope,
            sum.clone(),
            cmma::MatrixIdent::A,
        )
    })
}
