//! Tiles: their sizes, and how they come to shared memory. Heads are in quads there, followed by zeros where they do not fill them.

use burn::cubecl::{self, prelude::*};

use crate::kernels::launch::vector;
use crate::kernels::lines::{Line, Quad, WORDS, line_of, write_line};

/// Score of keys that a query does not see.
pub(super) const HIDDEN: f32 = -1.0e30;

/// Units of a cube along each side of a tile.
pub(super) const SIDE: usize = 8;
/// Units of a cube.
pub(super) const UNITS: usize = SIDE * SIDE;
/// Vectors between rows of scores in shared memory: odd, too.
pub(super) const SCORES: usize = SIDE + 1;

/// Sizes of a launch that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Rows of queries and of keys: `SIDE * micro`.
    pub rows: usize,
    /// Rows, and columns, of the scores that a unit has.
    pub micro: usize,
    /// Quads of a head.
    pub quads: usize,
    /// Those of them that a unit has.
    pub cols: usize,
    /// Quads between rows in shared memory: odd, so that rows lie in different banks.
    pub stride: usize,
    /// Elements of a head, and those that are fetched and written at a time: as many as divide it.
    pub head_dim: usize,
    pub piece: usize,
}

impl Tile {
    fn new(micro: usize, head_dim: usize) -> Self {
        let quads = head_dim.div_ceil(WORDS);
        Self {
            rows: SIDE * micro,
            micro,
            quads,
            cols: quads.div_ceil(SIDE),
            stride: quads | 1,
            head_dim,
            piece: vector(head_dim),
        }
    }

    /// Pieces of a head's row in memory.
    pub const fn pieces(self) -> usize {
        self.head_dim / self.piece
    }

    /// Whether a head fills its quads.
    pub const fn is_whole(self) -> bool {
        self.head_dim == WORDS * self.quads
    }

    /// Scores in shared memory, in vectors of [`Tile::micro`]: at `row * SCORES + x` those of columns `x + 8 j`.
    pub const fn scores(self) -> usize {
        self.rows * SCORES
    }

    /// Bytes of shared memory.
    fn bytes(self, tiles: Tiles) -> usize {
        let scores = tiles.scores * self.micro * SCORES;
        4 * self.rows * (tiles.operands * WORDS * self.stride + scores + SIDE)
    }

    /// The largest tile within a device's shared memory.
    pub(super) fn of(head_dim: usize, tiles: Tiles, limit: usize) -> Option<Self> {
        let sizes = [4, 2, 1].map(|micro| Self::new(micro, head_dim));
        sizes.into_iter().find(|tile| tile.bytes(tiles) <= limit)
    }
}

/// Tiles of a kernel in shared memory.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Of rows of heads.
    pub operands: usize,
    pub scores: usize,
}

pub(super) const FORWARD: Tiles = Tiles { operands: 2, scores: 1 };
/// The backward pass of queries.
pub(super) const QUERIES: Tiles = Tiles { operands: 4, scores: 1 };
/// The backward pass of keys and values, which takes the most.
pub(super) const KEYS: Tiles = Tiles { operands: 4, scores: 2 };

/// Whether heads of this size fit into `limit` bytes of shared memory.
pub(crate) fn fits(head_dim: usize, limit: usize) -> bool {
    // The norm of a head is made by one unit for each pair.
    head_dim <= 512 && Tile::of(head_dim, KEYS, limit).is_some()
}

/// Fetches rows `first..` of `from` to a tile; what lies beyond the context or the head is 0.
///
/// Row `t` begins at piece `at + t * stride`.
#[cube]
pub(super) fn fetch<N: Size>(
    from: &[Vector<u32, N>],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    to: &mut Shared<[Quad]>,
    #[comptime] tile: Tile,
) {
    let quads = tile.quads;
    for index in range_stepped(UNIT_POS as usize, comptime!(tile.rows * quads), UNITS) {
        let (row, col) = (index / quads, index % quads);
        let t = first + row;
        let line = line_of::<N>(
            from,
            at + t * stride,
            col,
            tile.pieces(),
            t < context,
            tile.is_whole(),
            tile.piece,
        );
        to[row * tile.stride + col] = Quad::reinterpret(line);
    }
}

/// The products of rows of two tiles: `micro x micro` for each unit, row `UNIT_POS_Y + 8 i` of `a`
/// with row `UNIT_POS_X + 8 j` of `b` at `i * micro + j`.
#[cube]
pub(super) fn products(
    a: &Shared<[Quad]>,
    b: &Shared<[Quad]>,
    #[comptime] tile: Tile,
) -> Array<f32> {
    let micro = tile.micro;
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let mut sums = Array::<f32>::new(comptime!(micro * micro));
    #[unroll]
    for k in 0..comptime!(micro * micro) {
        sums[k] = 0.0;
    }
    for c in 0..tile.quads {
        let mut left = Sequence::<Quad>::new();
        #[unroll]
        for i in 0..micro {
            left.push(a[(y + i * SIDE) * tile.stride + c]);
        }
        #[unroll]
        for j in 0..micro {
            let right = b[(x + j * SIDE) * tile.stride + c];
            #[unroll]
            for i in 0..micro {
                #[unroll]
                for w in 0..WORDS {
                    sums[comptime!(i * micro + j)] += left[i].extract(w) * right.extract(w);
                }
            }
        }
    }
    sums
}

/// The `j`-th quad of a head that a unit has; where there is none, it works on the last one for nothing.
#[cube]
fn own_quad(#[comptime] j: usize, #[comptime] tile: Tile) -> usize {
    min(UNIT_POS_X as usize + comptime!(j * SIDE), comptime!(tile.quads - 1))
}

/// Adds to `sums` (`micro x cols` quads for each unit) the product of scores with a tile: row
/// `UNIT_POS_Y + 8 i`, quad `UNIT_POS_X + 8 j` at `i * cols + j`.
///
/// With `transposed` the rows of the result are the columns of the scores.
#[cube]
pub(super) fn add_product<S: Size>(
    sums: &mut Array<Quad>,
    scores: &Shared<[Vector<f32, S>]>,
    b: &Shared<[Quad]>,
    #[comptime] transposed: bool,
    #[comptime] tile: Tile,
) {
    let (micro, cols) = comptime!((tile.micro, tile.cols));
    let y = UNIT_POS_Y as usize;
    if comptime!(transposed) {
        for k in 0..tile.rows {
            let left = scores[k * SCORES + y];
            #[unroll]
            for j in 0..cols {
                let right = b[k * tile.stride + own_quad(j, tile)];
                #[unroll]
                for i in 0..micro {
                    sums[comptime!(i * cols + j)] += Quad::new(left.extract(i)) * right;
                }
            }
        }
    } else {
        for q in 0..SIDE {
            let mut left = Sequence::<Vector<f32, S>>::new();
            #[unroll]
            for i in 0..micro {
                left.push(scores[(y + i * SIDE) * SCORES + q]);
            }
            #[unroll]
            for e in 0..micro {
                #[unroll]
                for j in 0..cols {
                    let right = b[(q + e * SIDE) * tile.stride + own_quad(j, tile)];
                    #[unroll]
                    for i in 0..micro {
                        sums[comptime!(i * cols + j)] += Quad::new(left[i].extract(e)) * right;
                    }
                }
            }
        }
    }
}

/// `micro x cols` quads of each unit, all 0.
#[cube]
pub(super) fn no_sums(#[comptime] tile: Tile) -> Array<Quad> {
    let mut sums = Array::<Quad>::new(comptime!(tile.micro * tile.cols));
    #[unroll]
    for k in 0..comptime!(tile.micro * tile.cols) {
        sums[k] = Quad::new(0.0f32);
    }
    sums
}

/// Writes `micro x cols` quads of each unit, those of a row times its factor, to rows of a result: row `t` begins at piece
/// `at + t * stride`.
#[cube]
pub(super) fn store<N: Size>(
    sums: &Array<Quad>,
    factors: &Array<f32>,
    to: &mut [Vector<u32, N>],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    #[comptime] tile: Tile,
) {
    #[unroll]
    for i in 0..tile.micro {
        let t = first + UNIT_POS_Y as usize + i * SIDE;
        #[unroll]
        for j in 0..tile.cols {
            let col = UNIT_POS_X as usize + j * SIDE;
            if t < context && col < tile.quads {
                let value = sums[comptime!(i * tile.cols + j)] * Quad::new(factors[i]);
                write_line::<N>(
                    Line::reinterpret(value),
                    to,
                    at + t * stride,
                    col,
                    tile.pieces(),
                    tile.is_whole(),
                    tile.piece,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_usual_sizes_fit_and_large_ones_take_smaller_tiles() {
        let micro = |head_dim, limit| Tile::of(head_dim, KEYS, limit).map(|tile| tile.micro);
        assert_eq!(micro(32, 48 << 10), Some(4));
        assert_eq!(micro(64, 48 << 10), Some(4));
        assert_eq!(micro(64, 32 << 10), Some(2));
        assert_eq!(micro(128, 32 << 10), Some(1));
        assert_eq!(micro(64, 16 << 10), Some(1));
        assert!(!fits(1024, 48 << 10));
    }
}
