//! A tile of a product, by the units of a cube.

use burn::cubecl::{self, prelude::*};

use super::super::memory::{fetch, keep};
use super::super::place::{Sizes, place};
use super::tiling::Tiling;
use crate::kernels::lines::{Line, Quad, WORDS};

/// This unit's sums of tile `index`, `micro` rows of `micro`.
#[cube]
pub(super) fn tile_product<N: Size>(
    index: usize,
    a: &[Vector<u32, N>],
    b: &[Vector<u32, N>],
    sizes: &Sizes,
    a_tile: &mut Shared<[Line]>,
    b_tile: &mut Shared<[Line]>,
    #[comptime] t: Tiling,
) -> Array<f32> {
    let (units, words, micro) = comptime!((t.units(), t.piece, t.micro));
    let (a_shape, b_shape) = comptime!((t.a_tile(), t.b_tile()));
    let (m, n, k) = (sizes.m, sizes.n, sizes.k);
    let here = place(index, sizes, t.m, t.n);
    let (a_at, b_at) = (here.replica * m * k / words, here.replica * k * n / words);
    let (x, y) = (UNIT_POS as usize % t.across(), UNIT_POS as usize / t.across());
    let mut sums = Array::<f32>::new(comptime!(micro * micro));
    #[unroll]
    for i in 0..comptime!(micro * micro) {
        sums[i] = 0.0;
    }
    let steps = (here.last - here.first).div_ceil(t.k);
    // Fetches one step further than there is: nothing is read there.
    for step in 0..steps + 1 {
        let inner = here.first + step * t.k;
        let next_a = if comptime!(t.a_t) {
            let col = here.row / WORDS;
            fetch::<N>(a, a_at, inner, col, here.last, m / words, a_shape, units, words, false)
        } else {
            let rows = select(inner < here.last, m, 0);
            fetch::<N>(
                a,
                a_at,
                here.row,
                inner / WORDS,
                rows,
                k / words,
                a_shape,
                units,
                words,
                false,
            )
        };
        let next_b = if comptime!(t.b_t) {
            let rows = select(inner < here.last, n, 0);
            fetch::<N>(
                b,
                b_at,
                here.col,
                inner / WORDS,
                rows,
                k / words,
                b_shape,
                units,
                words,
                false,
            )
        } else {
            let col = here.col / WORDS;
            fetch::<N>(b, b_at, inner, col, here.last, n / words, b_shape, units, words, false)
        };
        if step > 0 {
            for four in 0..comptime!(t.k / WORDS) {
                let left =
                    fours(&*a_tile, y, four, t.a_t, comptime!(a_shape.1 + 1), t.down(), micro);
                let right = fours(
                    &*b_tile,
                    x,
                    four,
                    comptime!(!t.b_t),
                    comptime!(b_shape.1 + 1),
                    t.across(),
                    micro,
                );
                #[unroll]
                for step in 0..WORDS {
                    #[unroll]
                    for i in 0..micro {
                        let factor = one_of(&left, i, step, t.a_t, micro);
                        #[unroll]
                        for j in 0..micro {
                            let other = one_of(&right, j, step, comptime!(!t.b_t), micro);
                            sums[comptime!(i * micro + j)] += factor * other;
                        }
                    }
                }
            }
        }
        sync_cube();
        keep(&next_a, a_tile, a_shape, units);
        keep(&next_b, b_tile, b_shape, units);
        sync_cube();
    }
    sums
}

/// Four steps along the inner axis of this unit's rows (of the left tile; columns of the right one), the unit being the `own`-th of `count`:
/// a line along the inner axis for each of them or, where rows of the tile run `across` that, lines of four of them for each step.
#[cube]
fn fours(
    tile: &Shared<[Line]>,
    own: usize,
    four: usize,
    #[comptime] across: bool,
    #[comptime] stride: usize,
    #[comptime] count: usize,
    #[comptime] micro: usize,
) -> Sequence<Quad> {
    let mut quads = Sequence::new();
    #[unroll]
    for i in 0..micro {
        let lines = comptime!(micro / WORDS);
        let mut at = (own + comptime!(i * count)) * stride + four;
        if comptime!(across) {
            at =
                (four * WORDS + comptime!(i / lines)) * stride + own + comptime!(i % lines * count);
        }
        quads.push(Quad::reinterpret(tile[at]));
    }
    quads
}

/// Element `step` along the inner axis of the `i`-th row or column of [`fours`].
#[cube]
fn one_of(
    quads: &Sequence<Quad>,
    #[comptime] i: usize,
    #[comptime] step: usize,
    #[comptime] across: bool,
    #[comptime] micro: usize,
) -> f32 {
    if comptime!(across) {
        quads[comptime!(step * (micro / WORDS) + i / WORDS)].extract(comptime!(i % WORDS))
    } else {
        quads[i].extract(step)
    }
}

/// Where the `i`-th row or column of a unit, the `own`-th of `count`, lies in the tile.
#[cube]
fn place_of(
    own: usize,
    #[comptime] i: usize,
    #[comptime] across: bool,
    #[comptime] count: usize,
) -> usize {
    if comptime!(across) {
        (own + comptime!(i / WORDS * count)) * WORDS + comptime!(i % WORDS)
    } else {
        own + comptime!(i * count)
    }
}

/// Writes this unit's sums of tile `index`.
#[cube]
pub(super) fn write<O: Size>(
    index: usize,
    sums: &Array<f32>,
    residual: &[Vector<f32, O>],
    out: &mut [Vector<f32, O>],
    sizes: &Sizes,
    #[comptime] t: Tiling,
    #[comptime] adds_residual: bool,
    #[comptime] accumulate: bool,
) {
    let (words, micro) = comptime!((t.out, t.micro));
    let (m, n) = (sizes.m, sizes.n);
    let here = place(index, sizes, t.m, t.n);
    let (x, y) = (UNIT_POS as usize % t.across(), UNIT_POS as usize / t.across());
    let out_at = here.slot * m * n;
    #[unroll]
    for i in 0..micro {
        let row = here.row + place_of(y, i, t.a_t, t.down());
        #[unroll]
        for piece in 0..comptime!(micro / words) {
            let first = comptime!(piece * words);
            let col = here.col + place_of(x, first, comptime!(!t.b_t), t.across());
            if row < m && col < n {
                let at = (out_at + row * n + col) / words;
                let mut value = Vector::<f32, O>::new(0.0f32);
                #[unroll]
                for w in 0..words {
                    value.insert(w, sums[comptime!(i * micro + first + w)]);
                }
                if comptime!(adds_residual) {
                    value += residual[at];
                }
                if comptime!(accumulate) {
                    value += out[at];
                }
                out[at] = value;
            }
        }
    }
}
