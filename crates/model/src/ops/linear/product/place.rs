//! Which tile of a product a cube takes.

use burn::cubecl::{self, prelude::*};

use super::tiling::Problem;

/// Tiles along the rows that are gone through before the next column of tiles, so that operands are still in the cache.
const GROUP: usize = 8;

/// Sizes of a product in a launch.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct Sizes {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub parts: usize,
    pub per_part: usize,
    /// Cubes of this product.
    pub cubes: usize,
}

impl SizesLaunch {
    /// Those of a product in tiles of `m` by `n` that go `k` along the inner axis at a time, and its cubes.
    pub(super) fn of(p: &Problem, [m, n, k]: [usize; 3]) -> (Self, usize) {
        let total = p.m.div_ceil(m) * p.n.div_ceil(n) * p.r * p.parts;
        let per_part = p.k.div_ceil(p.parts).next_multiple_of(k);
        (Self::new(p.m, p.n, p.k, p.parts, per_part, total), total)
    }
}

#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Place {
    /// First row and column of the tile.
    pub row: usize,
    pub col: usize,
    pub replica: usize,
    /// Among all parts of all replicas: where the result goes.
    pub slot: usize,
    /// The part's stretch of the inner axis.
    pub first: usize,
    pub last: usize,
}

/// Tile `index` of all tiles, of `tile_m` by `tile_n`, of all replicas and parts.
#[cube]
pub(super) fn place(
    index: usize,
    sizes: &Sizes,
    #[comptime] tile_m: usize,
    #[comptime] tile_n: usize,
) -> Place {
    let (tiles_down, tiles_across) = (sizes.m.div_ceil(tile_m), sizes.n.div_ceil(tile_n));
    let (slot, index) = (index / (tiles_down * tiles_across), index % (tiles_down * tiles_across));
    let per_group = GROUP * tiles_across;
    let (group, inside) = (index / per_group, index % per_group);
    let in_group = min(tiles_down - group * GROUP, GROUP);
    let (replica, part) = (slot / sizes.parts, slot % sizes.parts);
    // Parts are whole steps: where they are many, the last ones can be empty.
    let first = min(part * sizes.per_part, sizes.k);
    Place {
        row: (group * GROUP + inside % in_group) * tile_m,
        col: inside / in_group * tile_n,
        replica,
        slot,
        first,
        last: min(first + sizes.per_part, sizes.k),
    }
}
