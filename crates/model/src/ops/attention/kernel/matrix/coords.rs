//! Where the tile of a cube is. Everything is counted in pieces of a head's row.

use burn::cubecl::{self, prelude::*};

use super::grid::Grid;
use crate::kernels::lines::PER_WORD;
use crate::ops::attention::dims::Dims;

/// Sizes of a launch that only the running kernel knows.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Sizes {
    /// Cubes with a tile.
    pub total: usize,
    pub context: usize,
    pub heads: usize,
    /// Sequences of a replica.
    pub sequences: usize,
    /// Pieces between rows of queries and keys.
    pub qk_stride: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

impl SizesLaunch {
    /// Those of a launch of a grid; there are `total` cubes.
    pub(super) fn of(d: Dims, qk_stride: usize, grid: Grid) -> (Self, usize) {
        let total = d.replicas * d.sequences * d.heads * d.context.div_ceil(grid.rows());
        let scale = 1.0 / (d.head_dim as f32).sqrt();
        let stride = qk_stride / (PER_WORD * grid.piece);
        (Self::new(total, d.context, d.heads, d.sequences, stride, scale), total)
    }
}

#[derive(CubeType)]
pub(super) struct TileCoords {
    /// Whether this cube has a tile.
    pub is_real: bool,
    /// The first row of the cube's tile.
    pub first: usize,
    /// The first row of this plane's part of it.
    pub first_of_plane: usize,
    pub replica: usize,
    /// Where the rows of the sequence and head begin in the log sums.
    pub rows_at: usize,
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
    #[comptime] grid: Grid,
) -> TileCoords {
    let (context, heads) = (sizes.context, sizes.heads);
    let tiles = context.div_ceil(comptime!(grid.rows()));
    let cube = min(CUBE_POS, sizes.total - 1);
    let sequence_head = cube / tiles;
    let mut block = cube % tiles;
    if comptime!(backwards) {
        block = tiles - 1 - block;
    }
    let first = block * comptime!(grid.rows());
    let (token, head) = (sequence_head / heads * context, sequence_head % heads);
    let pieces = grid.pieces();
    let (width, within) = (heads * pieces, head * pieces);
    let d_at = token * 3 * width + within;
    TileCoords {
        is_real: CUBE_POS < sizes.total,
        first,
        first_of_plane: first + UNIT_POS_Y as usize * comptime!(grid.rows_of_plane()),
        replica: sequence_head / (heads * sizes.sequences),
        rows_at: sequence_head * context,
        width,
        q_at: token * sizes.qk_stride + within,
        v_at: d_at + 2 * width,
        y_at: token * width + within,
        d_at,
    }
}

/// Where a plane's rows of scores and a chunk's columns begin among those of a sequence and head.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Place {
    pub row: usize,
    pub column: usize,
}

#[cube]
impl Place {
    /// Whether some query does not see some key: rows are keys if `rows_are_keys`, else queries.
    pub fn hides(&self, #[comptime] rows_are_keys: bool, #[comptime] grid: Grid) -> bool {
        let mut hides = self.row + 1 < self.column + comptime!(grid.columns());
        if comptime!(rows_are_keys) {
            hides = self.column + 1 < self.row + comptime!(grid.rows_of_plane());
        }
        hides
    }
}

/// Whether the case is at hand of two for which code is written, with what may be hidden (1) and without (0).
#[cube]
pub(super) fn is_case(hides: bool, #[comptime] case: usize) -> bool {
    if comptime!(case == 1) { hides } else { !hides }
}
