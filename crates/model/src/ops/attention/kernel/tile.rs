//! Tiles: their sizes, and how they come to shared memory.

use burn::cubecl::{self, prelude::*};

use super::super::dims::Dims;

/// Score of keys that a query does not see.
pub(super) const HIDDEN: f32 = -1.0e30;

/// Units of a cube along each side of a tile.
pub(super) const SIDE: usize = 8;
/// Units of a cube.
pub(super) const UNITS: usize = SIDE * SIDE;

/// Sizes of a launch that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Rows of queries and of keys: `SIDE * micro`.
    pub rows: usize,
    /// Rows, and columns, of the scores that a unit has.
    pub micro: usize,
    /// Columns of a head that a unit has.
    pub cols: usize,
    /// Elements between rows in shared memory: odd, so that rows lie in different banks.
    pub stride: usize,
}

impl Tile {
    fn new(micro: usize, head_dim: usize) -> Self {
        let cols = head_dim.div_ceil(SIDE);
        Self { rows: SIDE * micro, micro, cols, stride: cols * SIDE + 1 }
    }

    /// Bytes of shared memory.
    fn bytes(self, tiles: Tiles) -> usize {
        4 * self.rows * (tiles.operands * self.stride + tiles.scores * (self.rows + 1) + SIDE)
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

/// Sizes of a launch that only the running kernel knows.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Sizes {
    /// Cubes with a tile.
    pub total: usize,
    pub context: usize,
    pub heads: usize,
    pub head_dim: usize,
    /// Elements between rows of queries and keys.
    pub qk_stride: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

impl SizesLaunch {
    /// Those of a launch with tiles of `rows` rows; there are `total` cubes.
    pub(super) fn of(d: Dims, qk_stride: usize, rows: usize) -> (Self, usize) {
        let total = d.replicas * d.sequences * d.heads * d.context.div_ceil(rows);
        let scale = 1.0 / (d.head_dim as f32).sqrt();
        (Self::new(total, d.context, d.heads, d.head_dim, qk_stride, scale), total)
    }
}

/// Where the tile of a cube is.
#[derive(CubeType)]
pub(super) struct TileCoords {
    /// Whether this cube has a tile.
    pub is_real: bool,
    /// Tiles of a context.
    pub tiles: usize,
    /// Which of them this one is.
    pub block: usize,
    /// Sequence and head, of all replicas, in the order of the log sums.
    pub sequence_head: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Where the head's queries begin; its keys begin `width` behind them.
    pub q_at: usize,
    /// Where the head's values begin.
    pub v_at: usize,
    /// Where the head's results begin.
    pub y_at: usize,
    /// Where the head's gradient of the queries begins; those of keys and values follow by `width`.
    pub d_at: usize,
}

/// The tile of this cube. Tiles that see or are seen by the most others begin first: the
/// last ones of queries (`backwards`), the first ones of keys.
#[cube]
pub(super) fn tile_coords(
    sizes: &Sizes,
    #[comptime] backwards: bool,
    #[comptime] rows: usize,
) -> TileCoords {
    let (context, heads, head_dim) = (sizes.context, sizes.heads, sizes.head_dim);
    let tiles = context.div_ceil(rows);
    let cube = min(CUBE_POS, sizes.total - 1);
    let sequence_head = cube / tiles;
    let mut block = cube % tiles;
    if comptime!(backwards) {
        block = tiles - 1 - block;
    }
    let (token, head) = (sequence_head / heads * context, sequence_head % heads);
    let (width, within) = (heads * head_dim, head * head_dim);
    let d_at = token * 3 * width + within;
    TileCoords {
        is_real: CUBE_POS < sizes.total,
        tiles,
        block,
        sequence_head,
        width,
        q_at: token * sizes.qk_stride + within,
        v_at: d_at + 2 * width,
        y_at: token * width + within,
        d_at,
    }
}

/// Fetches rows `first..` of `from` to a tile; what lies beyond the context or the head is 0.
///
/// Row `t` begins at `at + t * stride`.
#[cube]
pub(super) fn fetch(
    from: &[f32],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    head_dim: usize,
    to: &mut Shared<[f32]>,
    #[comptime] tile: Tile,
) {
    let padded = comptime!(tile.cols * SIDE);
    for index in range_stepped(UNIT_POS as usize, comptime!(tile.rows * tile.cols * SIDE), UNITS) {
        let (row, col) = (index / padded, index % padded);
        let t = first + row;
        let mut value = 0.0f32;
        if t < context && col < head_dim {
            value = from[at + t * stride + col];
        }
        to[row * tile.stride + col] = value;
    }
}

/// The products of rows of two tiles: `micro x micro` for each unit, row `UNIT_POS_Y + 8 i` of `a`
/// with row `UNIT_POS_X + 8 j` of `b` at `i * micro + j`.
#[cube]
pub(super) fn products(a: &Shared<[f32]>, b: &Shared<[f32]>, #[comptime] tile: Tile) -> Array<f32> {
    let micro = tile.micro;
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let mut sums = Array::<f32>::new(comptime!(micro * micro));
    #[unroll]
    for k in 0..comptime!(micro * micro) {
        sums[k] = 0.0;
    }
    let mut left = Array::<f32>::new(micro);
    for c in 0..comptime!(tile.cols * SIDE) {
        #[unroll]
        for i in 0..micro {
            left[i] = a[(y + i * SIDE) * tile.stride + c];
        }
        #[unroll]
        for j in 0..micro {
            let right = b[(x + j * SIDE) * tile.stride + c];
            #[unroll]
            for i in 0..micro {
                sums[i * micro + j] += left[i] * right;
            }
        }
    }
    sums
}

/// Adds to `sums` (`micro x cols` for each unit) the product of scores with a tile: row
/// `UNIT_POS_Y + 8 i`, column `UNIT_POS_X + 8 j` at `i * cols + j`.
///
/// With `transposed` the rows of the result are the columns of the scores.
#[cube]
pub(super) fn add_product(
    sums: &mut Array<f32>,
    scores: &Shared<[f32]>,
    b: &Shared<[f32]>,
    #[comptime] transposed: bool,
    #[comptime] tile: Tile,
) {
    let (micro, cols, width) = comptime!((tile.micro, tile.cols, tile.rows + 1));
    let (x, y) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let mut left = Array::<f32>::new(micro);
    for k in 0..tile.rows {
        #[unroll]
        for i in 0..micro {
            let row = y + i * SIDE;
            if comptime!(transposed) {
                left[i] = scores[k * width + row];
            } else {
                left[i] = scores[row * width + k];
            }
        }
        #[unroll]
        for j in 0..cols {
            let right = b[k * tile.stride + x + j * SIDE];
            #[unroll]
            for i in 0..micro {
                sums[i * cols + j] += left[i] * right;
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
