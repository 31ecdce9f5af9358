//! Tiles in half precision: how they come to shared memory, and fragments of them. Heads that do not fill their fragments are
//! followed by zeros there; in memory they are not.

use burn::cubecl::{self, prelude::*};

use super::grid::Grid;
use crate::kernels::fragments::{self, Fragment, add_product_to};
use crate::kernels::lines::{Line, Quad, line_of, pack, write_line};

/// The units of a plane wait for each other, and see what the others have left in shared memory.
#[cube]
pub(super) fn meet(#[comptime] grid: Grid) {
    if comptime!(!grid.in_step) {
        sync_plane();
    }
}

/// Fetches rows `first..` of `from` to registers, `grid.fetched(rows)` lines for each unit; rows beyond the context are 0.
/// Row `t` begins at piece `at + t * stride`.
#[cube]
pub(super) fn fetch<N: Size>(
    from: &[Vector<u32, N>],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    to: &mut Array<Line>,
    #[comptime] rows: usize,
    #[comptime] grid: Grid,
) {
    let (lines, units) = comptime!((grid.lines(), grid.units()));
    let is_even = comptime!((rows * lines).is_multiple_of(units));
    #[unroll]
    for i in 0..comptime!(grid.fetched(rows)) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let t = first + index / lines;
        let mut is_there = t < context;
        if comptime!(!is_even) {
            is_there = is_there && index < comptime!(rows * lines);
        }
        to[i] = line_of::<N>(
            from,
            at + t * stride,
            index % lines,
            grid.pieces(),
            is_there,
            grid.is_whole(),
            grid.piece,
        );
    }
}

/// Leaves fetched rows in shared memory, the first one at line `at`.
#[cube]
#[allow(clippy::if_same_then_else)] // one is decided when the kernel is compiled
pub(super) fn leave(
    fetched: &Array<Line>,
    to: &mut Shared<[Line]>,
    #[comptime] at: usize,
    #[comptime] rows: usize,
    #[comptime] grid: Grid,
) {
    let (lines, units, stride) = comptime!((grid.lines(), grid.units(), grid.stride()));
    let is_even = comptime!((rows * lines).is_multiple_of(units));
    #[unroll]
    for i in 0..comptime!(grid.fetched(rows)) {
        let index = UNIT_POS as usize + comptime!(i * units);
        let to_line = at + index / lines * stride + index % lines;
        if comptime!(is_even) {
            to[to_line] = fetched[i];
        } else if index < comptime!(rows * lines) {
            to[to_line] = fetched[i];
        }
    }
}

/// Fetches what rows `first..` of a sequence have one number each of, `other` beyond the context.
#[cube]
pub(super) fn fetch_numbers(
    from: &[f32],
    at: usize,
    first: usize,
    context: usize,
    other: f32,
    to: &mut Array<f32>,
    #[comptime] grid: Grid,
) {
    #[unroll]
    for i in 0..comptime!(grid.others().div_ceil(grid.units())) {
        let t = first + UNIT_POS as usize + comptime!(i * grid.units());
        let mut value = other;
        if t < context {
            value = from[at + t];
        }
        to[i] = value;
    }
}

/// Leaves fetched numbers in shared memory, times `scale` and plus `offset`.
#[cube]
pub(super) fn leave_numbers(
    fetched: &Array<f32>,
    scale: f32,
    offset: f32,
    to: &mut Shared<[f32]>,
    #[comptime] grid: Grid,
) {
    #[unroll]
    for i in 0..comptime!(grid.others().div_ceil(grid.units())) {
        let index = UNIT_POS as usize + comptime!(i * grid.units());
        if index < comptime!(grid.others()) {
            to[index] = offset + scale * fetched[i];
        }
    }
}

/// A fragment of rows to multiply from the left, its first row at line `at` of memory with `stride` lines for each row.
#[cube]
fn left<E: Float>(
    from: &Shared<[Line]>,
    at: usize,
    #[comptime] stride: usize,
    #[comptime] side: usize,
) -> Fragment<E> {
    let end = from.len();
    fragments::left::<E>(&from[at..end], comptime!(4 * stride as u32), false, side)
}

/// A fragment to multiply from the right: rows of memory are its rows or, with `transposed`, its columns.
#[cube]
pub(super) fn right<E: Float>(
    from: &Shared<[Line]>,
    at: usize,
    #[comptime] transposed: bool,
    #[comptime] grid: Grid,
) -> Fragment<E> {
    let end = from.len();
    fragments::right::<E>(
        &from[at..end],
        comptime!(4 * grid.stride() as u32),
        transposed,
        grid.side,
    )
}

/// `count` fragments of sums, all 0.
#[cube]
pub(super) fn no_sums(
    #[comptime] count: usize,
    #[comptime] side: usize,
) -> Sequence<Fragment<f32>> {
    let mut sums = Sequence::new();
    #[unroll]
    for _ in 0..count {
        sums.push(fragments::sums(0.0f32, side));
    }
    sums
}

/// The fragments of a plane's rows of a tile: fragment `k` along the head of the `i`-th ones at `i * deep + k`.
#[cube]
pub(super) fn rows_of_plane<E: Float>(
    from: &Shared<[Line]>,
    #[comptime] grid: Grid,
) -> Sequence<Fragment<E>> {
    let first = UNIT_POS_Y as usize * comptime!(grid.rows_of_plane() * grid.stride());
    let mut fragments = Sequence::new();
    #[unroll]
    for i in 0..grid.down {
        #[unroll]
        for k in 0..grid.deep {
            let at = first + comptime!(i * grid.side * grid.stride() + k * grid.side / 8);
            fragments.push(left::<E>(from, at, comptime!(grid.stride()), grid.side));
        }
    }
    fragments
}

/// Leaves the products of a plane's rows with `chunk` fragments of rows of a tile, the first one at line `tile_at`, in `scratch` from
/// line `at`.
#[cube]
pub(super) fn products<E: Float>(
    rows: &Sequence<Fragment<E>>,
    tile: &Shared<[Line]>,
    tile_at: usize,
    scratch: &mut Shared<[Line]>,
    at: usize,
    #[comptime] grid: Grid,
) {
    let (side, deep, wide) = comptime!((grid.side, grid.deep, grid.wide()));
    #[unroll]
    for j in 0..grid.chunk {
        let sums = no_sums(grid.down, side);
        #[unroll]
        for k in 0..deep {
            let from = tile_at + comptime!(j * side * grid.stride() + k * side / 8);
            let other = right::<E>(tile, from, true, grid);
            #[unroll]
            for i in 0..grid.down {
                add_product_to::<E>(&sums[i], &rows[comptime!(i * deep + k)], &other);
            }
        }
        #[unroll]
        for i in 0..grid.down {
            let to = at + comptime!(i * side * wide + j * side / 4);
            let end = scratch.len();
            fragments::store(&mut scratch[to..end], &sums[i], comptime!(4 * wide as u32));
        }
    }
}

/// Adds the product of a plane's P or dS, which its units have left in `scratch` from line `at`, with `chunk` fragments of rows
/// of a tile.
#[cube]
pub(super) fn add_product<E: Float>(
    sums: &Sequence<Fragment<f32>>,
    scratch: &Shared<[Line]>,
    at: usize,
    tile: &Shared<[Line]>,
    tile_at: usize,
    #[comptime] grid: Grid,
) {
    let (side, deep, wide) = comptime!((grid.side, grid.deep, grid.wide()));
    #[unroll]
    for j in 0..grid.chunk {
        let mut p = Sequence::<Fragment<E>>::new();
        #[unroll]
        for i in 0..grid.down {
            let from = at + comptime!(i * side * wide + grid.p_at(j));
            p.push(left::<E>(scratch, from, wide, side));
        }
        #[unroll]
        for c in 0..deep {
            let from = tile_at + comptime!(j * side * grid.stride() + c * side / 8);
            let other = right::<E>(tile, from, false, grid);
            #[unroll]
            for i in 0..grid.down {
                add_product_to::<E>(&sums[comptime!(i * deep + c)], &p[i], &other);
            }
        }
    }
}

/// Writes a plane's rows of sums, each row times its factor in `factors`, to rows `first..` of a result whose row `t` begins at piece
/// `to_at + t * stride`. Through the plane's scratch from line `at`.
#[cube]
pub(super) fn store<E: Float, N: Size>(
    sums: &Sequence<Fragment<f32>>,
    factors: &Array<f32>,
    scratch: &mut Shared<[Line]>,
    at: usize,
    to: &mut [Vector<u32, N>],
    to_at: usize,
    stride: usize,
    first: usize,
    context: usize,
    is_real: bool,
    #[comptime] grid: Grid,
) {
    let (side, deep, wide) = comptime!((grid.side, grid.deep, grid.wide()));
    let lane = UNIT_POS_X as usize;
    // Fragments along the head that go through the scratch together.
    let together = comptime!(grid.chunk.min(grid.deep));
    #[unroll]
    for round in 0..comptime!(deep.div_ceil(together)) {
        let count = comptime!(together.min(deep - round * together));
        leave_scaled(sums, factors, scratch, at, comptime!(round * together), count, grid);
        let across = comptime!(count * side / 8);
        for index in range_stepped(lane, comptime!(grid.rows_of_plane() * across), grid.lanes) {
            let (row, col) = (index / across, index % across);
            let from = at + row * wide + 2 * col;
            if is_real && first + row < context {
                let line = pack::<E>(scratch[from], scratch[from + 1]);
                let col = comptime!(round * together * side / 8) + col;
                write_line::<N>(
                    line,
                    to,
                    to_at + (first + row) * stride,
                    col,
                    grid.pieces(),
                    grid.is_whole(),
                    grid.piece,
                );
            }
        }
    }
}

/// Leaves a plane's rows of sums, each row times its factor in `factors`, in its scratch from line `at`: `count` fragments along the head
/// from `begin` on.
#[cube]
pub(super) fn leave_scaled(
    sums: &Sequence<Fragment<f32>>,
    factors: &Array<f32>,
    scratch: &mut Shared<[Line]>,
    at: usize,
    #[comptime] begin: usize,
    #[comptime] count: usize,
    #[comptime] grid: Grid,
) {
    let (side, deep, wide) = comptime!((grid.side, grid.deep, grid.wide()));
    meet(grid);
    #[unroll]
    for i in 0..grid.down {
        #[unroll]
        for c in 0..count {
            let to_line = at + comptime!(i * side * wide + c * side / 4);
            let end = scratch.len();
            fragments::store(
                &mut scratch[to_line..end],
                &sums[comptime!(i * deep + begin + c)],
                comptime!(4 * wide as u32),
            );
        }
    }
    meet(grid);
    scale(scratch, at, factors, comptime!(count * side / 4), grid);
    meet(grid);
}

/// Multiplies a plane's rows of `lines` lines of `f32` in its scratch by a factor each; each unit has the factors of its own rows.
#[cube]
fn scale(
    scratch: &mut Shared<[Line]>,
    at: usize,
    factors: &Array<f32>,
    #[comptime] lines: usize,
    #[comptime] grid: Grid,
) {
    let (row, part) = row_of_lane(grid);
    #[unroll]
    for e in 0..comptime!(grid.rows_of_lane()) {
        let from = at + (row + comptime!(e * grid.lanes)) * comptime!(grid.wide());
        for col in range_stepped(part, lines, comptime!(grid.sharers())) {
            let value = Quad::reinterpret(scratch[from + col]) * Quad::new(factors[e]);
            scratch[from + col] = Line::reinterpret(value);
        }
    }
}

/// The first row of its plane that a unit has, and which of the units that share it this one is.
#[cube]
pub(super) fn row_of_lane(#[comptime] grid: Grid) -> (usize, usize) {
    let lane = UNIT_POS_X as usize;
    if comptime!(grid.sharers() > 1) {
        (lane % comptime!(grid.rows_of_plane()), lane / comptime!(grid.rows_of_plane()))
    } else {
        (lane, 0usize.runtime())
    }
}
