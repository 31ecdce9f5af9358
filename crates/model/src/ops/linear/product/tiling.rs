//! Which tiles a product is cut into.

use burn::cubecl::client::Client;
use burn::tensor::DType;

use crate::kernels::Choices;
use crate::kernels::fragments::fragments;
use crate::kernels::lines::{PER_WORD, WORDS};

/// Elements of half precision of a line, which a unit fetches: 16 bytes.
pub(super) const FETCH: usize = PER_WORD * WORDS;

/// Cubes that a large device works on at a time, about. wgpu does not tell how many processors a device has.
const CUBES: usize = 128;

/// Rows of the inner axis in a part of a product, at least.
const LEAST_PART: usize = 512;

/// Sizes of a product, and how its operands are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub r: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a_t: bool,
    pub b_t: bool,
    pub parts: usize,
}

/// Sizes that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tiling {
    /// Rows and columns of a cube's tile, and how far it goes along the inner axis at a time.
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Planes of a cube along rows and columns.
    pub down: usize,
    pub across: usize,
    /// Side of a fragment.
    pub side: usize,
    /// Units of a plane.
    pub lanes: usize,
    /// Words that are fetched at a time of rows as stored, which they divide: 4, a whole line, or 2.
    pub piece: usize,
    pub a_t: bool,
    pub b_t: bool,
    /// Whether fragments go straight to the result, which they divide.
    pub direct: bool,
    /// Whether they become fragments of half precision for that.
    pub convert: bool,
}

impl Tiling {
    /// Elements of half precision that are fetched at a time.
    pub const fn fetched(self) -> usize {
        PER_WORD * self.piece
    }

    pub const fn units(self) -> usize {
        self.down * self.across * self.lanes
    }

    /// Fragments of a plane along rows and columns.
    pub const fn frags(self) -> (usize, usize) {
        (self.m / self.down / self.side, self.n / self.across / self.side)
    }

    /// Rows of the left tile as stored, and its fetches per row.
    pub const fn a_tile(self) -> (usize, usize) {
        if self.a_t { (self.k, self.m / FETCH) } else { (self.m, self.k / FETCH) }
    }

    /// The same of the right tile.
    pub const fn b_tile(self) -> (usize, usize) {
        if self.b_t { (self.n, self.k / FETCH) } else { (self.k, self.n / FETCH) }
    }

    /// Fetches that a tile takes in shared memory: rows are one longer, so that they lie in different banks.
    pub const fn size((rows, cols): (usize, usize)) -> usize {
        rows * (cols + 1)
    }

    pub const fn a_size(self) -> usize {
        Self::size(self.a_tile())
    }

    pub const fn b_size(self) -> usize {
        Self::size(self.b_tile())
    }

    /// Fours of shared memory that fragments leave through.
    pub const fn stage_size(self) -> usize {
        if self.direct { 1 } else { self.down * self.across * self.side * self.stage() / 4 }
    }

    /// Elements between rows of a fragment on its way out.
    pub const fn stage(self) -> usize {
        self.side + 4
    }

    /// Bytes of shared memory.
    fn bytes(self) -> usize {
        2 * FETCH * (self.a_size() + self.b_size()) + 16 * self.stage_size()
    }

    /// Whether every unit fetches as much as every other.
    fn is_even(self) -> bool {
        let even = |(rows, cols): (usize, usize)| (rows * cols).is_multiple_of(self.units());
        even(self.a_tile()) && even(self.b_tile())
    }
}

/// Rows, columns and steps of a tile, planes along its rows and columns, the rate of a long product in TFLOP/s, and what a tile costs
/// beside its inner axis, in steps along that.
type Tile = (usize, usize, usize, usize, usize, f64, f64);

/// Tiles of fragments of 16 with planes of 32, fitted to products of 384 to 8,192 on an H200 (2026-11-27).
const TILES: [Tile; 4] = [
    (128, 256, 32, 2, 4, 262.0, 350.0),
    (256, 128, 32, 4, 2, 260.0, 320.0),
    (128, 128, 64, 2, 4, 235.0, 150.0),
    (64, 128, 64, 2, 2, 155.0, 130.0),
];

/// Tiles of fragments of 8, with small planes.
const SMALL: Tile = (32, 32, 16, 2, 2, 1.0, 0.0);

/// What a device offers for products of operands in half precision.
#[derive(Clone, Copy, Debug)]
struct Offer {
    side: usize,
    lanes: usize,
    /// Bytes of shared memory.
    shared: usize,
    /// Whether sums become fragments of half precision.
    converts: bool,
}

impl Offer {
    /// `None` without matrix units for that, and where they are not to be used.
    fn of(dtype: DType, client: &Client, choices: Choices) -> Option<Self> {
        if !choices.matrix_units {
            return None;
        }
        let (side, lanes) = fragments(dtype, client)?;
        let shared = client.properties().hardware.max_shared_memory_size;
        // Matrices of the whole cube come with the extension that converts fragments, VK_NV_cooperative_matrix2.
        let converts = !client.features().matmul.cube_mma.is_empty() || choices.fragments_convert;
        // A unit takes eight elements of a fragment.
        (side * side == 8 * lanes).then_some(Self { side, lanes, shared, converts })
    }

    /// Tilings of a product, each with its rate.
    fn tilings(self, p: &Problem, out_is_half: bool) -> Vec<(Tiling, Tile)> {
        let Self { side, lanes, .. } = self;
        // Rows as stored are fetched 16 or 8 bytes at a time, and results written 4 elements at a time.
        let rows = [if p.a_t { p.m } else { p.k }, if p.b_t { p.k } else { p.n }];
        let divides = |words: &usize| rows.iter().all(|n| n.is_multiple_of(PER_WORD * words));
        let Some(piece) = [WORDS, WORDS / 2].into_iter().find(divides) else { return Vec::new() };
        if !p.n.is_multiple_of(4) {
            return Vec::new();
        }
        let whole = p.m.is_multiple_of(side) && p.n.is_multiple_of(side);
        let direct = whole && (!out_is_half || self.converts);
        let convert = direct && out_is_half;
        let all: &[Tile] = if side == 16 && lanes == 32 { &TILES } else { &[SMALL] };
        let tilings = all.iter().map(|tile| {
            let &(m, n, k, down, across, ..) = tile;
            let (a_t, b_t) = (p.a_t, p.b_t);
            (Tiling { m, n, k, down, across, side, lanes, piece, a_t, b_t, direct, convert }, *tile)
        });
        tilings.filter(|(t, _)| t.bytes() <= self.shared && t.is_even()).collect()
    }
}

/// Time of a product, in some unit.
fn time(p: &Problem, (m, n, .., rate, overhead): Tile) -> f64 {
    in_rounds(p, m, n, overhead) / rate
}

/// Work of a product in whole rounds of cubes with tiles of `m` by `n`, each of which costs `overhead` steps beside those along its
/// inner axis.
pub(super) fn in_rounds(p: &Problem, m: usize, n: usize, overhead: f64) -> f64 {
    let cubes = p.m.div_ceil(m) * p.n.div_ceil(n) * p.r * p.parts;
    let steps = (p.k / p.parts).max(1) as f64 + overhead;
    // The last round is not quite full: half of it counts as if it were.
    let rounds = (cubes as f64 / CUBES as f64 + 0.5).max(1.0);
    rounds * (m * n) as f64 * steps
}

/// Tiles for a product, or `None` where it has to go elsewhere.
pub(super) fn choose(
    p: &Problem,
    operand: DType,
    out: DType,
    client: &Client,
    choices: Choices,
) -> Option<Tiling> {
    if out != DType::F32 && out != operand {
        return None;
    }
    pick(p, Offer::of(operand, client, choices)?, out != DType::F32)
}

/// The tiles of the least time.
fn pick(p: &Problem, offer: Offer, out_is_half: bool) -> Option<Tiling> {
    let all = offer.tilings(p, out_is_half);
    all.into_iter().min_by(|(_, x), (_, y)| time(p, *x).total_cmp(&time(p, *y))).map(|(t, _)| t)
}

/// Tiles for the gradients of a projection's input, in half precision, and of its weight, in `f32`, in one launch: cubes of one size
/// whose shared memory holds either.
pub(super) fn choose_pair(
    [x, w]: [&Problem; 2],
    operand: DType,
    client: &Client,
    choices: Choices,
) -> Option<[Tiling; 2]> {
    pick_pair([x, w], Offer::of(operand, client, choices)?)
}

fn pick_pair([x, w]: [&Problem; 2], offer: Offer) -> Option<[Tiling; 2]> {
    let mut best: Option<([Tiling; 2], f64)> = None;
    for (tx, rx) in offer.tilings(x, true) {
        for (tw, rw) in offer.tilings(w, false) {
            let tiles = tx.a_size().max(tw.a_size()) + tx.b_size().max(tw.b_size());
            let bytes = 2 * FETCH * tiles + 16 * tx.stage_size().max(tw.stage_size());
            let taken = time(x, rx) + time(w, rw);
            let fits = bytes <= offer.shared && tx.units() == tw.units();
            if fits && best.is_none_or(|(_, other)| taken < other) {
                // Both read the gradient of the result.
                let piece = tx.piece.min(tw.piece);
                best = Some(([tx, tw].map(|t| Tiling { piece, ..t }), taken));
            }
        }
    }
    best.map(|(pair, _)| pair)
}

/// Parts of the inner axis that the gradient `[K, N]` of a weight is cut into, a sum over `m` tokens: as many as give a large device
/// work, as long as writing them stays below reading the operands.
pub(super) fn splits(r: usize, m: usize, [k, n]: [usize; 2]) -> usize {
    let tiles = r * k.div_ceil(128) * n.div_ceil(128);
    let wanted = CUBES.div_ceil(tiles);
    let traffic = m * (k + n) / (2 * k * n).max(1);
    wanted.min(traffic).min(m / LEAST_PART).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NVIDIA: Offer = Offer { side: 16, lanes: 32, shared: 48 << 10, converts: false };

    fn tile(r: usize, m: usize, n: usize, k: usize, a_t: bool, b_t: bool) -> Tiling {
        let p = Problem { r, m, n, k, a_t, b_t, parts: 1 };
        pick(&p, NVIDIA, true).unwrap()
    }

    #[test]
    fn tiles_fit_and_large_products_take_the_fastest() {
        for (a_t, b_t) in [(false, false), (false, true), (true, false)] {
            let t = tile(1, 8192, 8192, 8192, a_t, b_t);
            assert_eq!((t.m, t.n), (128, 256), "{t:?}");
            for &(m, n, k, down, across, ..) in &TILES {
                let t = Tiling { m, n, k, down, across, a_t, b_t, ..t };
                assert!(t.bytes() <= NVIDIA.shared && t.is_even(), "{t:?} takes {}", t.bytes());
            }
        }
        let few = tile(1, 256, 128, 4096, true, false);
        assert_eq!((few.m, few.n), (64, 128), "a few small tiles rather than one large");
    }

    #[test]
    fn rows_of_fours_are_fetched_by_halves_of_lines() {
        let piece = |n, k| tile(1, 1024, n, k, false, false).piece;
        assert_eq!([piece(64, 32), piece(84, 28), piece(144, 28)], [4, 2, 2]);
        let p = Problem { r: 1, m: 64, n: 64, k: 30, a_t: false, b_t: false, parts: 1 };
        assert!(pick(&p, NVIDIA, true).is_none(), "rows of 60 bytes");
        let of_x = Problem { r: 1, m: 1024, n: 28, k: 144, a_t: false, b_t: true, parts: 1 };
        let of_w = Problem { r: 1, m: 28, n: 144, k: 1024, a_t: true, b_t: false, parts: 1 };
        let [x, w] = pick_pair([&of_x, &of_w], NVIDIA).unwrap();
        assert_eq!([x.piece, w.piece], [2, 2]);
    }

    #[test]
    fn gradients_of_small_weights_are_summed_in_parts() {
        let (small, large) = (splits(1, 16_384, [128, 384]), splits(8, 16_384, [512, 2752]));
        assert!(small > 8 && large == 1, "{small} {large}");
        assert_eq!(splits(1, 64, [16, 48]), 1);
    }
}
