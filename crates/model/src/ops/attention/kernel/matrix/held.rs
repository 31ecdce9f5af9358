//! Scores that stay in the fragments that matrix units have made them in: weights of the softmax and gradients are taken element by
//! element, and are the left operand of the next product at once. No score goes through shared memory, and planes wait for nothing
//! between two tiles.
//!
//! What is added to scores before `exp`, and to dP, are numbers of whole rows or columns: the sums of these products begin with them.

use burn::cubecl::{self, prelude::*};

use super::coords::{Place, is_case};
use super::grid::Grid;
use super::tile::{no_sums, right};
use crate::kernels::fragments::{Fragment, add_product_to, as_left, map, ones, sums_of, times};
use crate::kernels::lines::Line;

/// `exp` of scores times `factor`. With `hides`, scores whose key comes after their query become 0: rows are keys if
/// `rows_are_keys`, else queries.
#[cube]
fn weights(
    scores: &Fragment<f32>,
    factor: f32,
    first: Place,
    #[comptime] hides: bool,
    #[comptime] rows_are_keys: bool,
) -> Fragment<f32> {
    map(scores, |row, column, score| {
        let weight = (score * factor).exp();
        if comptime!(hides) {
            let row = first.row + row as usize;
            let column = first.column + column as usize;
            let mut is_seen = column <= row;
            if comptime!(rows_are_keys) {
                is_seen = row <= column;
            }
            select(is_seen, weight, f32::new(0.0))
        } else {
            weight
        }
    })
}

/// Adds the products of a plane's rows with a fragment of a tile's rows, the first one at line `at`, to their sums.
#[cube]
fn add_scores<E: Float>(
    to: &Sequence<Fragment<f32>>,
    rows: &Sequence<Fragment<E>>,
    tile: &Shared<[Line]>,
    at: usize,
    #[comptime] grid: Grid,
) {
    #[unroll]
    for k in 0..grid.deep {
        let other = right::<E>(tile, at + comptime!(k * grid.side / 8), true, grid);
        #[unroll]
        for i in 0..grid.down {
            add_product_to::<E>(&to[i], &rows[comptime!(i * grid.deep + k)], &other);
        }
    }
}

/// Sums for each fragment of a plane's rows that begin as the numbers of these rows, the first one at `at`.
#[cube]
fn sums_of_rows(
    numbers: &Shared<[f32]>,
    at: usize,
    #[comptime] grid: Grid,
) -> Sequence<Fragment<f32>> {
    let mut all = Sequence::new();
    #[unroll]
    for i in 0..grid.down {
        let first = at + comptime!(i * grid.side);
        all.push(sums_of(&numbers[first..first + grid.side], false, grid.side));
    }
    all
}

/// Sums for each fragment of a plane's rows that begin as the numbers of the columns from `at` on.
#[cube]
fn sums_of_columns(
    numbers: &Shared<[f32]>,
    at: usize,
    #[comptime] grid: Grid,
) -> Sequence<Fragment<f32>> {
    let mut all = Sequence::new();
    #[unroll]
    for _ in 0..grid.down {
        all.push(sums_of(&numbers[at..at + grid.side], true, grid.side));
    }
    all
}

/// Where fragment `i` of a plane's rows and `j` of a chunk's columns are.
#[cube]
fn place_of(
    first: Place,
    #[comptime] i: usize,
    #[comptime] j: usize,
    #[comptime] grid: Grid,
) -> Place {
    Place {
        row: first.row + comptime!(i * grid.side),
        column: first.column + comptime!(j * grid.side),
    }
}

/// Adds the products of P or dS, a fragment for each fragment of a plane's rows, with a fragment of a tile's rows to their sums.
#[cube]
fn add_rows<E: Float>(
    to: &Sequence<Fragment<f32>>,
    left: &Sequence<Fragment<E>>,
    tile: &Shared<[Line]>,
    at: usize,
    #[comptime] grid: Grid,
) {
    #[unroll]
    for k in 0..grid.deep {
        let other = right::<E>(tile, at + comptime!(k * grid.side / 8), false, grid);
        #[unroll]
        for i in 0..grid.down {
            add_product_to::<E>(&to[comptime!(i * grid.deep + k)], &left[i], &other);
        }
    }
}

/// Forward pass: adds a chunk of keys and values to the results of a plane's queries and to the sums of their weights, which every
/// column of `totals` has.
#[cube]
pub(super) fn attend<E: Float>(
    results: &Sequence<Fragment<f32>>,
    totals: &Sequence<Fragment<f32>>,
    queries: &Sequence<Fragment<E>>,
    tiles: &Shared<[Line]>,
    of_chunk: usize,
    factor: f32,
    first: Place,
    #[comptime] grid: Grid,
) {
    let side = grid.side;
    let one = ones::<E>(side);
    let hides = first.hides(false, grid);
    #[unroll]
    for case in 0..2usize {
        if is_case(hides, case) {
            #[unroll]
            for j in 0..grid.chunk {
                let at = of_chunk + comptime!(j * side * grid.stride());
                let s = no_sums(grid.down, side);
                add_scores::<E>(&s, queries, tiles, at, grid);
                let mut p = Sequence::<Fragment<E>>::new();
                #[unroll]
                for i in 0..grid.down {
                    let here = place_of(first, i, j, grid);
                    let weights = weights(&s[i], factor, here, comptime!(case == 1), false);
                    p.push(as_left::<E>(&weights));
                    add_product_to::<E>(&totals[i], &p[i], &one);
                }
                add_rows::<E>(results, &p, tiles, at + comptime!(grid.tiles() / 2), grid);
            }
        }
    }
}

/// Backward pass of queries: adds what a chunk of keys and values gives to the gradients of a plane's queries. `numbers`
/// has two for each row: what is added to scores, the plane's rows' from `shifts` on, and to dP, from `deltas` on.
#[cube]
pub(super) fn add_query_gradients<E: Float>(
    gradients: &Sequence<Fragment<f32>>,
    queries: &Sequence<Fragment<E>>,
    dys: &Sequence<Fragment<E>>,
    tiles: &Shared<[Line]>,
    of_chunk: usize,
    numbers: &Shared<[f32]>,
    shifts: usize,
    deltas: usize,
    factor: f32,
    first: Place,
    #[comptime] grid: Grid,
) {
    let side = grid.side;
    let hides = first.hides(false, grid);
    #[unroll]
    for case in 0..2usize {
        if is_case(hides, case) {
            #[unroll]
            for j in 0..grid.chunk {
                let at = of_chunk + comptime!(j * side * grid.stride());
                let s = sums_of_rows(numbers, shifts, grid);
                add_scores::<E>(&s, queries, tiles, at, grid);
                let dp = sums_of_rows(numbers, deltas, grid);
                add_scores::<E>(&dp, dys, tiles, at + comptime!(grid.tiles() / 2), grid);
                let mut ds = Sequence::<Fragment<E>>::new();
                #[unroll]
                for i in 0..grid.down {
                    let here = place_of(first, i, j, grid);
                    let p = weights(&s[i], factor, here, comptime!(case == 1), false);
                    ds.push(as_left::<E>(&times(&p, &dp[i])));
                }
                add_rows::<E>(gradients, &ds, tiles, at, grid);
            }
        }
    }
}

/// Backward pass of keys and values: adds what a chunk of queries gives to the gradients of a plane's. `shifts` and `deltas` have a
/// number for each row of the tile of queries, the chunk's from `own` on. Rows of scores are keys.
#[cube]
pub(super) fn add_key_gradients<E: Float>(
    dk: &Sequence<Fragment<f32>>,
    dv: &Sequence<Fragment<f32>>,
    keys: &Sequence<Fragment<E>>,
    values: &Sequence<Fragment<E>>,
    tiles: &Shared<[Line]>,
    of_chunk: usize,
    shifts: &Shared<[f32]>,
    deltas: &Shared<[f32]>,
    own: usize,
    factor: f32,
    first: Place,
    #[comptime] grid: Grid,
) {
    let side = grid.side;
    let hides = first.hides(true, grid);
    #[unroll]
    for case in 0..2usize {
        if is_case(hides, case) {
            #[unroll]
            for j in 0..grid.chunk {
                let at = of_chunk + comptime!(j * side * grid.stride());
                let of_dys = at + comptime!(grid.tiles() / 2);
                let column = own + comptime!(j * side);
                let s = sums_of_columns(shifts, column, grid);
                add_scores::<E>(&s, keys, tiles, at, grid);
                let dp = sums_of_columns(deltas, column, grid);
                add_scores::<E>(&dp, values, tiles, of_dys, grid);
                let mut ps = Sequence::<Fragment<E>>::new();
                let mut ds = Sequence::<Fragment<E>>::new();
                #[unroll]
                for i in 0..grid.down {
                    let here = place_of(first, i, j, grid);
                    let p = weights(&s[i], factor, here, comptime!(case == 1), true);
                    ps.push(as_left::<E>(&p));
                    ds.push(as_left::<E>(&times(&p, &dp[i])));
                }
                add_rows::<E>(dv, &ps, tiles, of_dys, grid);
                add_rows::<E>(dk, &ds, tiles, at, grid);
            }
        }
    }
}
