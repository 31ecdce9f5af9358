//! Which tiles a product is cut into that matrix units make.

use burn::cubecl::client::Client;
use burn::tensor::DType;

use super::super::tiling::{Problem, in_rounds};
use crate::kernels::fragments::fragments;
use crate::kernels::lines::{PER_WORD, WORDS};
use crate::kernels::{Choices, Scores};

/// Elements of half precision of a line, which a unit fetches: 16 bytes.
pub(in super::super) const FETCH: usize = PER_WORD * WORDS;

/// Sizes that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Tiling {
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
    /// Whether the right tile has as many columns of the first half of its rows as of the second one.
    pub gated: bool,
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

    /// Columns of a plane: of a gated projection, in either half.
    pub const fn columns_of_plane(self) -> usize {
        self.n / self.across / if self.gated { 2 } else { 1 }
    }

    /// First column of a plane's fragment `j` in the right tile, from that of its first one.
    pub const fn column(self, j: usize) -> usize {
        let own = self.columns_of_plane() / self.side;
        j / own * (self.n / 2) + j % own * self.side
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

/// What SwiGLU has to do with a product's way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    None,
    /// Its gates and what they let through are the halves of the result.
    Forward,
    /// The result is the gradient of their product.
    Backward,
}

/// What a device offers for products of operands in half precision.
#[derive(Clone, Copy, Debug)]
struct Offer {
    side: usize,
    lanes: usize,
    /// Bytes of shared memory.
    shared: usize,
    /// Whether sums become fragments of half precision.
    converts: bool,
    /// Whether fragments are computed with element by element.
    elementwise: bool,
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
        let elementwise = choices.scores != Scores::Shared;
        // A unit takes eight elements of a fragment.
        (side * side == 8 * lanes).then_some(Self { side, lanes, shared, converts, elementwise })
    }

    /// Tilings of a product, each with its rate.
    fn tilings(self, p: &Problem, out_is_half: bool, gate: Gate) -> Vec<(Tiling, Tile)> {
        let Self { side, lanes, .. } = self;
        let gated = gate == Gate::Forward;
        let n = if gated { p.n / 2 } else { p.n };
        // Rows as stored are fetched 16 or 8 bytes at a time, and results written 4 elements at a time.
        let rows = [if p.a_t { p.m } else { p.k }, if p.b_t { p.k } else { n }];
        let divides = |words: &usize| rows.iter().all(|n| n.is_multiple_of(PER_WORD * words));
        let Some(piece) = [WORDS, WORDS / 2].into_iter().find(divides) else { return Vec::new() };
        if !n.is_multiple_of(4) {
            return Vec::new();
        }
        let whole = p.m.is_multiple_of(side) && n.is_multiple_of(side);
        let by_fragments = match gate {
            Gate::None => true,
            Gate::Forward => self.elementwise,
            // What was saved is read row by row.
            Gate::Backward => false,
        };
        let direct = whole && by_fragments && (!out_is_half || self.converts);
        let convert = direct && out_is_half;
        let all: &[Tile] = if side == 16 && lanes == 32 { &TILES } else { &[SMALL] };
        let tilings = all.iter().map(|tile| {
            let &(m, n, k, down, across, ..) = tile;
            let (a_t, b_t) = (p.a_t, p.b_t);
            let tiling = Tiling {
                m,
                n,
                k,
                down,
                across,
                side,
                lanes,
                piece,
                a_t,
                b_t,
                direct,
                convert,
                gated,
            };
            (tiling, *tile)
        });
        tilings.filter(|(t, _)| t.bytes() <= self.shared && t.is_even()).collect()
    }
}

/// Time of a product, in some unit.
fn time(p: &Problem, (m, n, .., rate, overhead): Tile) -> f64 {
    in_rounds(p, m, n, overhead) / rate
}

/// Tiles for a product, or `None` where it has to go elsewhere.
pub(in super::super) fn choose(
    p: &Problem,
    operand: DType,
    out: DType,
    client: &Client,
    choices: Choices,
) -> Option<Tiling> {
    if out != DType::F32 && out != operand {
        return None;
    }
    pick(p, Offer::of(operand, client, choices)?, out != DType::F32, Gate::None)
}

/// Tiles for a projection that SwiGLU follows, `[gate, up]` side by side, with a result in the type of its operands; `None` also where
/// SwiGLU has a launch of its own.
pub(in super::super) fn choose_gated(
    p: &Problem,
    operand: DType,
    client: &Client,
    choices: Choices,
) -> Option<Tiling> {
    if !choices.gates {
        return None;
    }
    pick(p, Offer::of(operand, client, choices)?, true, Gate::Forward)
}

/// The tiles of the least time.
fn pick(p: &Problem, offer: Offer, out_is_half: bool, gate: Gate) -> Option<Tiling> {
    let all = offer.tilings(p, out_is_half, gate);
    all.into_iter().min_by(|(_, x), (_, y)| time(p, *x).total_cmp(&time(p, *y))).map(|(t, _)| t)
}

/// Tiles for the gradients of a projection's input, in half precision, and of its weight, in `f32`, in one launch: cubes of one size
/// whose shared memory holds either. With `gated` the input is that of SwiGLU, whose gradient goes on to its gates.
pub(in super::super) fn choose_pair(
    [x, w]: [&Problem; 2],
    operand: DType,
    gated: bool,
    client: &Client,
    choices: Choices,
) -> Option<[Tiling; 2]> {
    if gated && !choices.gate_gradients {
        return None;
    }
    let gate = if gated { Gate::Backward } else { Gate::None };
    pick_pair([x, w], Offer::of(operand, client, choices)?, gate)
}

fn pick_pair([x, w]: [&Problem; 2], offer: Offer, gate: Gate) -> Option<[Tiling; 2]> {
    let mut best: Option<([Tiling; 2], f64)> = None;
    for (tx, rx) in offer.tilings(x, true, gate) {
        for (tw, rw) in offer.tilings(w, false, Gate::None) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NVIDIA: Offer =
        Offer { side: 16, lanes: 32, shared: 48 << 10, converts: false, elementwise: false };

    fn tile(r: usize, m: usize, n: usize, k: usize, a_t: bool, b_t: bool) -> Tiling {
        let p = Problem { r, m, n, k, a_t, b_t, parts: 1 };
        pick(&p, NVIDIA, true, Gate::None).unwrap()
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
        assert!(pick(&p, NVIDIA, true, Gate::None).is_none(), "rows of 60 bytes");
        let of_x = Problem { r: 1, m: 1024, n: 28, k: 144, a_t: false, b_t: true, parts: 1 };
        let of_w = Problem { r: 1, m: 28, n: 144, k: 1024, a_t: true, b_t: false, parts: 1 };
        let [x, w] = pick_pair([&of_x, &of_w], NVIDIA, Gate::None).unwrap();
        assert_eq!([x.piece, w.piece], [2, 2]);
    }

    #[test]
    fn gates_lie_beside_what_they_let_through() {
        let p = |m, n| Problem { r: 1, m, n, k: 512, a_t: false, b_t: false, parts: 1 };
        for t in TILES.map(|(m, n, k, down, across, ..)| {
            let t = pick(&p(1024, 2752), NVIDIA, true, Gate::Forward).unwrap();
            Tiling { m, n, k, down, across, ..t }
        }) {
            let (_, across) = t.frags();
            let of = |plane: usize, j| plane * t.columns_of_plane() + t.column(j);
            let all = (0..t.across).flat_map(|plane| (0..across).map(move |j| of(plane, j)));
            let mut all: Vec<usize> = all.collect();
            assert!((0..across / 2).all(|j| of(1, j) + t.n / 2 == of(1, j + across / 2)), "{t:?}");
            all.sort_unstable();
            assert_eq!(all, (0..t.n).step_by(t.side).collect::<Vec<_>>(), "{t:?}");
        }
        let new = Offer { converts: true, elementwise: true, ..NVIDIA };
        let direct = |m, n| pick(&p(m, n), new, true, Gate::Forward).map(|t| t.direct);
        // Halves of 1376, of 120 elements and of 6.
        assert_eq!([direct(1024, 2752), direct(1024, 240)], [Some(true), Some(false)]);
        assert_eq!(direct(1024, 12), None);
    }
}
