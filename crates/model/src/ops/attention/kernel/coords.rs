//! Where the tile of a cube is; places in memory are in pieces.

use burn::cubecl::{self, prelude::*};

use super::super::dims::Dims;
use super::tile::Tile;

/// Sizes of a launch that only the running kernel knows.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Sizes {
    /// Cubes with a tile.
    pub total: usize,
    pub context: usize,
    pub heads: usize,
    /// Pieces between rows of queries and keys.
    pub qk_stride: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

impl SizesLaunch {
    /// Those of a launch with such tiles; there are `total` cubes.
    pub(super) fn of(d: Dims, qk_stride: usize, tile: Tile) -> (Self, usize) {
        let total = d.replicas * d.sequences * d.heads * d.context.div_ceil(tile.rows);
        let scale = 1.0 / (d.head_dim as f32).sqrt();
        (Self::new(total, d.context, d.heads, qk_stride / tile.piece, scale), total)
    }
}

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
    #[comptime] tile: Tile,
) -> TileCoords {
    let (context, heads, pieces) = (sizes.context, sizes.heads, tile.pieces());
    let tiles = context.div_ceil(tile.rows);
    let cube = min(CUBE_POS, sizes.total - 1);
    let sequence_head = cube / tiles;
    let mut block = cube % tiles;
    if comptime!(backwards) {
        block = tiles - 1 - block;
    }
    let (token, head) = (sequence_head / heads * context, sequence_head % heads);
    let (width, within) = (heads * pieces, head * pieces);
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
