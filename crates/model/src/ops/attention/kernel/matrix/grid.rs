//! Sizes of tiles, and the choice among them.

use burn::cubecl::CubeDim;
use burn::cubecl::client::Client;
use burn::cubecl::ir::features::Plane;
use burn::tensor::DType;

use crate::kernels::Scores;
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
    /// Tiles of scores in a plane's scratch: 1, or 2 in the backward pass where scores go through it.
    pub scores: usize,
    /// Whether scores stay in fragments; else they go through a plane's scratch.
    pub held: bool,
}

/// A grid but for its heads, in fragments: registers hold as many of any side.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    planes: usize,
    down: usize,
    across: usize,
    chunk: usize,
}

const fn shape(planes: usize, down: usize, across: usize, chunk: usize) -> Shape {
    Shape { planes, down, across, chunk }
}

/// A kernel's shapes, the best one first.
pub(super) struct Kernel {
    shapes: &'static [Shape],
    scores: usize,
    /// Bytes of shared memory for each row of the cube, and for each row of a tile of the other side.
    extra: [usize; 2],
    /// More of them for each row of the cube where scores stay in fragments.
    extra_held: usize,
}

pub(super) const FORWARD: Kernel = Kernel {
    shapes: &[
        shape(8, 1, 4, 2),
        shape(4, 2, 4, 2),
        shape(4, 1, 4, 4),
        shape(4, 1, 4, 2),
        shape(4, 1, 2, 2),
        shape(2, 1, 2, 2),
        shape(1, 1, 1, 1),
    ],
    scores: 1,
    extra: [0, 0],
    extra_held: 0,
};

/// The backward pass of queries.
pub(super) const QUERIES: Kernel = Kernel {
    shapes: &[
        shape(4, 1, 4, 2),
        shape(8, 1, 4, 2),
        shape(4, 2, 4, 2),
        shape(4, 1, 2, 2),
        shape(2, 1, 2, 2),
        shape(1, 1, 1, 1),
    ],
    scores: 2,
    // A part of a row's delta for each line.
    extra: [64, 0],
    // What is added to a row's scores, and to its dP.
    extra_held: 8,
};

/// The backward pass of keys and values.
pub(super) const KEYS: Kernel = Kernel {
    shapes: &[
        shape(4, 1, 4, 2),
        shape(8, 1, 4, 2),
        shape(4, 1, 2, 2),
        shape(2, 1, 2, 2),
        // Planes of more units than a fragment of 8 has rows share these out.
        shape(4, 2, 4, 4),
        shape(2, 2, 2, 2),
        shape(1, 1, 1, 1),
    ],
    scores: 2,
    // What is added to scores, and delta.
    extra: [0, 8],
    extra_held: 0,
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
            held: false,
        }
    }

    pub const fn rows_of_plane(self) -> usize {
        self.down * self.side
    }

    /// Rows of a cube.
    pub const fn rows(self) -> usize {
        self.planes * self.rows_of_plane()
    }

    /// Numbers in shared memory of the rows of a cube in the backward pass of queries: a part of a row's delta for each line, and two more
    /// where scores stay in fragments.
    pub const fn parts(self) -> usize {
        let more = if self.held { 2 } else { 0 };
        self.rows() * (self.lines() + more)
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
    fn shaped(self, shape: Shape, kernel: &Kernel, held: bool) -> Option<Self> {
        let Shape { planes, down, across, chunk } = shape;
        let scores = if held { 1 } else { kernel.scores };
        let grid = Self { planes, down, across, chunk, scores, held, ..self };
        let rows_of_plane = grid.rows_of_plane();
        let shared_evenly = rows_of_plane.is_multiple_of(grid.lanes)
            || grid.lanes.is_multiple_of(rows_of_plane)
                && grid.columns_of_lane().is_multiple_of(self.side)
                && grid.columns_of_lane() >= self.side;
        (shared_evenly && across.is_multiple_of(chunk) && grid.rows() <= 2 * grid.others())
            .then_some(grid)
    }

    /// Bytes of shared memory.
    fn bytes(self, kernel: &Kernel) -> usize {
        let [of_rows, of_others] = kernel.extra;
        let of_rows = of_rows + if self.held { kernel.extra_held } else { 0 };
        LINE * (self.tiles() + self.planes * self.scratch())
            + of_rows * self.rows()
            + of_others * self.others()
    }

    /// The best grid of a kernel within the shared memory.
    pub(super) fn best(self, kernel: &Kernel, scores: Scores, limit: usize) -> Option<Self> {
        self.all(kernel, scores, limit).into_iter().next()
    }

    /// Whether all kernels have a grid within the shared memory.
    pub(super) fn has_tiles(self, scores: Scores, limit: usize) -> bool {
        let kernels = [&FORWARD, &QUERIES, &KEYS];
        kernels.iter().all(|kernel| self.best(kernel, scores, limit).is_some())
    }

    /// All grids of a kernel within the shared memory.
    pub(super) fn all(self, kernel: &Kernel, scores: Scores, limit: usize) -> Vec<Self> {
        let held = scores != Scores::Shared;
        let shapes = if held { self.shapes_held(kernel, scores) } else { kernel.shapes.to_vec() };
        let shaped = shapes.into_iter().filter_map(|shape| self.shaped(shape, kernel, held));
        let mut all: Vec<Self> = shaped.filter(|grid| grid.bytes(kernel) <= limit).collect();
        // The backward pass of small heads has registers to spare for more planes (an H200, 2026-11-27).
        if !held && kernel.scores == 2 && self.deep <= 2 && all.len() > 1 {
            all.swap(0, 1);
        }
        all
    }

    /// Shapes where scores stay in fragments.
    fn shapes_held(self, kernel: &Kernel, scores: Scores) -> Vec<Shape> {
        let is_wide = self.deep <= 2 || scores == Scores::WideFragments && self.deep <= 4;
        let down = if is_wide { 2 } else { 1 };
        // The forward pass has no gradients to keep.
        let most = if kernel.scores == 1 && !is_wide { 8 } else { 4 };
        let mut all = vec![(most, 4), (4, 4), (4, 2), (2, 2), (1, 2)];
        all.dedup();
        all.into_iter().map(|(planes, across)| shape(planes, down, across, 2)).collect()
    }
}

/// The sizes of fragments that a device multiplies in a half precision with sums in `f32`, for heads of `head_dim`, an even number;
/// `None` where it has none that fit.
pub(crate) fn grid(head_dim: usize, half: DType, client: &Client) -> Option<Grid> {
    let lanes = fixed_plane(client)?;
    let limit = client.properties().hardware.max_shared_memory_size;
    let in_step = !client.features().plane.contains(Plane::Ops);
    let fits = |grid: &Grid| {
        has_fragments(grid.side, half, client) && grid.has_tiles(Scores::Shared, limit)
    };
    if !(PER_WORD..=LARGEST_HEAD).contains(&head_dim) || !head_dim.is_multiple_of(PER_WORD) {
        return None;
    }
    [16, 8].map(|side| Grid::of(head_dim, side, lanes, in_step)).into_iter().find(fits)
}

#[cfg(test)]
#[path = "grid_tests.rs"]
mod tests;
