//! Tiles of operands on their way to shared memory.

use burn::cubecl::{self, prelude::*};

use crate::kernels::lines::{Line, line_of};

/// The lines of a tile, `(rows, lines)`, that this unit of `units` fetches: those of rows `row..` and lines `col..` of a matrix of
/// `rows` rows of `pieces` pieces of `words` words, which begins at piece `base`; 0 beyond it. Of rows in `halves` the tile has lines
/// `col..` of each, side by side.
#[cube]
pub(super) fn fetch<N: Size>(
    from: &[Vector<u32, N>],
    base: usize,
    row: usize,
    col: usize,
    rows: usize,
    pieces: usize,
    #[comptime] tile: (usize, usize),
    #[comptime] units: usize,
    #[comptime] words: usize,
    #[comptime] halves: bool,
) -> Sequence<Line> {
    let (tile_rows, tile_cols) = comptime!(tile);
    let mut values = Sequence::new();
    #[unroll]
    for i in 0..comptime!(tile_rows * tile_cols / units) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let row = row + index / tile_cols;
        let mut at = base + row * pieces;
        let mut end = pieces;
        let mut within = index % tile_cols;
        if comptime!(halves) {
            let half = comptime!(tile_cols / 2);
            end /= 2;
            at += within / half * end;
            within %= half;
        }
        values.push(line_of::<N>(from, at, col + within, end, row < rows, false, words));
    }
    values
}

/// Puts what [`fetch`] brought into shared memory, where rows are one line longer so that they lie in different banks.
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
