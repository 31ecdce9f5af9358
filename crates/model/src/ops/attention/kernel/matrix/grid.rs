//! Sizes of tiles, and the choice among them.

use burn::cubecl::CubeDim;
use burn::cubecl::client::Client;
use burn::cubecl::ir::features::Plane;
use burn::tensor::DType;

use crate::kernels::fragments::has_fragments;
use crate::kernels::launch::{fixed_plane, vector};
use crate::kernels::lines::{PER_WORD, WORDS};

/// Bytes of a line.
const LINE: usize = 16;

/// Elements of a head whose fragments a plane's registers hold.
const LARGEST_HEAD: usize = 128;

/// Sizes of a launch that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    /// Side of a fragment.
    pub side: usize,
    /// Units of a plane.
    pub lanes: usize,
    /// Planes of a cube.
    pub planes: usize,
    /// Fragments of rows of a plane.
    pub down: usize,
    /// Fragments of rows of a tile of the other side, in shared memory.
    pub across: usize,
    /// Those of them whose scores a plane has at a time.
    pub chunk: usize,
    /// Words of a head's row in memory.
    pub words: usize,
    /// Words that are fetched and written at a time: as many as divide those of a head.
    pub piece: usize,
    /// Fragments along a head; what lies beyond its words is 0.
    pub deep: usize,
    /// Whether the units of a plane are always in step, as those of a software adapter are; one that waits for the others of its
    /// plane waits there for all of the cube.
    pub in_step: bool,
    /// Tiles of scores in a plane's scratch: 1, or 2 in the backward pass.
    pub scores: usize,
}

/// Rows and columns of a grid, whatever the side of a fragment.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    planes: usize,
    rows_of_plane: usize,
    others: usize,
    chunk: usize,
}

const fn shape(planes: usize, rows_of_plane: usize, others: usize, chunk: usize) -> Shape {
    Shape { planes, rows_of_plane, others, chunk }
}

/// A kernel's shapes, the best one first.
pub(super) struct Kernel {
    shapes: &'static [Shape],
    scores: usize,
    /// Bytes of shared memory for each row of the cube, and for each row of a tile of the other side.
    extra: [usize; 2],
}

pub(super) const FORWARD: Kernel = Kernel {
    shapes: &[
        shape(8, 16, 64, 32),
        shape(4, 32, 64, 32),
        shape(4, 16, 64, 64),
        shape(4, 16, 64, 32),
        shape(4, 16, 32, 32),
        shape(2, 16, 32, 32),
        shape(1, 16, 16, 16),
        shape(1, 8, 8, 8),
    ],
    scores: 1,
    extra: [0, 0],
};

/// The backward pass of queries.
pub(super) const QUERIES: Kernel = Kernel {
    shapes: &[
        shape(4, 16, 64, 32),
        shape(8, 16, 64, 32),
        shape(4, 32, 64, 32),
        shape(4, 16, 32, 32),
        shape(2, 16, 32, 32),
        shape(1, 16, 16, 16),
        shape(1, 8, 8, 8),
    ],
    scores: 2,
    // A part of a row's delta for each line.
    extra: [64, 0],
};

/// The backward pass of keys and values.
pub(super) const KEYS: Kernel = Kernel {
    shapes: &[
        shape(4, 16, 64, 32),
        shape(8, 16, 64, 32),
        shape(4, 16, 32, 32),
        shape(2, 16, 32, 32),
        shape(1, 16, 16, 16),
        shape(1, 8, 8, 8),
    ],
    scores: 2,
    // Log sum and delta.
    extra: [0, 8],
};

impl Grid {
    /// Without a shape yet.
    fn of(head_dim: usize, side: usize, lanes: usize, in_step: bool) -> Self {
        let words = head_dim / PER_WORD;
        Self {
            side,
            lanes,
            planes: 1,
            down: 1,
            across: 1,
            chunk: 1,
            words,
            piece: vector(words),
            deep: head_dim.div_ceil(side),
            in_step,
            scores: 1,
        }
    }

    pub const fn rows_of_plane(self) -> usize {
        self.down * self.side
    }

    /// Rows of a cube.
    pub const fn rows(self) -> usize {
        self.planes * self.rows_of_plane()
    }

    /// Rows of a tile of the other side.
    pub const fn others(self) -> usize {
        self.across * self.side
    }

    /// Columns of scores that a plane has at a time.
    pub const fn columns(self) -> usize {
        self.chunk * self.side
    }

    /// Lines of a head's row in shared memory.
    pub const fn lines(self) -> usize {
        self.deep * self.side / 8
    }

    /// Pieces of a head's row in memory.
    pub const fn pieces(self) -> usize {
        self.words / self.piece
    }

    /// Whether a head fills its fragments.
    pub const fn is_whole(self) -> bool {
        self.words == WORDS * self.lines()
    }

    /// Lines between rows in shared memory: one more than those of a row, so that neighbouring rows lie in different banks.
    pub const fn stride(self) -> usize {
        self.lines() + 1
    }

    /// Lines between rows of a plane's scratch.
    pub const fn wide(self) -> usize {
        self.scores * self.columns() / 4 + 1
    }

    /// Lines of a plane's scratch.
    pub const fn scratch(self) -> usize {
        self.rows_of_plane() * self.wide()
    }

    /// Units that share a row of scores.
    pub const fn sharers(self) -> usize {
        if self.lanes > self.rows_of_plane() { self.lanes / self.rows_of_plane() } else { 1 }
    }

    /// Rows of scores of a unit.
    pub const fn rows_of_lane(self) -> usize {
        self.rows_of_plane().div_ceil(self.lanes)
    }

    /// Columns of a row that a unit has, next to each other.
    pub const fn columns_of_lane(self) -> usize {
        self.columns() / self.sharers()
    }

    /// Lines from the begin of a row of scores to fragment `j` of P: each unit leaves P of its columns where their scores began.
    pub const fn p_at(self, j: usize) -> usize {
        let (column, own) = (j * self.side, self.columns_of_lane());
        column / own * (own / 4) + column % own / 8
    }

    /// Units of a cube.
    pub const fn units(self) -> usize {
        self.lanes * self.planes
    }

    /// Lines that each unit fetches of `rows` rows.
    pub const fn fetched(self, rows: usize) -> usize {
        (rows * self.lines()).div_ceil(self.units())
    }

    pub fn dim(self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, self.planes as u32)
    }

    /// Lines of shared memory for two tiles of the other side.
    pub const fn tiles(self) -> usize {
        2 * self.others() * self.stride()
    }

    /// This grid with a shape of its kernel; `None` if it does not divide so.
    fn shaped(self, shape: Shape, kernel: &Kernel) -> Option<Self> {
        let Shape { planes, rows_of_plane, others, chunk } = shape;
        let side = self.side;
        if ![rows_of_plane, others, chunk].iter().all(|n| n.is_multiple_of(side)) {
            return None;
        }
        let grid = Self {
            planes,
            down: rows_of_plane / side,
            across: others / side,
            chunk: chunk / side,
            scores: kernel.scores,
            ..self
        };
        let shared_evenly = rows_of_plane.is_multiple_of(grid.lanes)
            || grid.lanes.is_multiple_of(rows_of_plane)
                && grid.columns_of_lane().is_multiple_of(side)
                && (grid.columns_of_lane() >= side);
        (shared_evenly && others.is_multiple_of(chunk) && grid.rows() <= 2 * grid.others())
            .then_some(grid)
    }

    /// Bytes of shared memory.
    fn bytes(self, kernel: &Kernel) -> usize {
        let [of_rows, of_others] = kernel.extra;
        LINE * (self.tiles() + self.planes * self.scratch())
            + of_rows * self.rows()
            + of_others * self.others()
    }

    /// The best grid of a kernel within the shared memory.
    pub(super) fn best(self, kernel: &Kernel, limit: usize) -> Option<Self> {
        self.all(kernel, limit).into_iter().next()
    }

    /// All grids of a kernel within the shared memory.
    pub(super) fn all(self, kernel: &Kernel, limit: usize) -> Vec<Self> {
        let shaped = kernel.shapes.iter().filter_map(|&shape| self.shaped(shape, kernel));
        let mut all: Vec<Self> = shaped.filter(|grid| grid.bytes(kernel) <= limit).collect();
        // The backward pass of small heads has registers to spare for more planes (an H200, 2026-11-27).
        if kernel.scores == 2 && self.deep * self.side <= 32 && all.len() > 1 {
            all.swap(0, 1);
        }
        all
    }
}

/// The sizes of fragments that a device multiplies in a half precision with sums in `f32`, for heads of `head_dim`, an even number;
/// `None` where it has none that fit.
pub(crate) fn grid(head_dim: usize, half: DType, client: &Client) -> Option<Grid> {
    let lanes = fixed_plane(client)?;
    let limit = client.properties().hardware.max_shared_memory_size;
    let in_step = !client.features().plane.contains(Plane::Ops);
    let fits = |grid: &Grid| {
        has_fragments(grid.side, half, client)
            && [&FORWARD, &QUERIES, &KEYS].iter().all(|kernel| grid.best(kernel, limit).is_some())
    };
    if !(PER_WORD..=LARGEST_HEAD).contains(&head_dim) || !head_dim.is_multiple_of(PER_WORD) {
        return None;
    }
    [16, 8].map(|side| Grid::of(head_dim, side, lanes, in_step)).into_iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_has_tiles_on_large_and_small_planes() {
        for (side, lanes, limit) in [(16, 32, 48 << 10), (8, 8, 32 << 10), (16, 64, 64 << 10)] {
            let mut found = [0; 3];
            for head_dim in (16..=128).step_by(16) {
                let grid = Grid::of(head_dim, side, lanes, false);
                for (kernel, found) in [&FORWARD, &QUERIES, &KEYS].into_iter().zip(&mut found) {
                    for grid in grid.all(kernel, limit) {
                        assert!(grid.down > 0 && grid.across > 0 && grid.chunk > 0, "{grid:?}");
                        assert!(grid.bytes(kernel) <= limit && grid.units() <= 1024, "{grid:?}");
                    }
                    *found += usize::from(grid.best(kernel, limit).is_some());
                }
            }
            // Keys have no tiles for planes of 64.
            let all = if lanes == 64 { [8, 5, 0] } else { [8; 3] };
            assert_eq!(found, all, "heads with tiles: fragments of {side}, planes of {lanes}");
        }
    }

    #[test]
    fn rows_of_any_even_head_are_fetched_in_the_widest_pieces() {
        let of = |head_dim, side| {
            let grid = Grid::of(head_dim, side, 32, false);
            (grid.piece, grid.pieces(), grid.lines(), grid.is_whole())
        };
        assert_eq!(of(64, 16), (4, 8, 8, true));
        assert_eq!(of(24, 16), (4, 3, 4, false));
        assert_eq!(of(24, 8), (4, 3, 3, true));
        assert_eq!(of(20, 16), (2, 5, 4, false));
        assert_eq!(of(22, 8), (1, 11, 3, false));
    }
}
