//! Tiles of products without matrix units.

use burn::cubecl::client::Client;
use burn::tensor::DType;

use super::super::tiling::{Problem, in_rounds};
use crate::kernels::Choices;
use crate::kernels::launch::vector;
use crate::kernels::lines::WORDS;

/// Bytes of a line.
const LINE: usize = 4 * WORDS;

/// Sizes that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Tiling {
    /// Rows and columns of a cube's tile, and how far it goes along the inner axis at a time.
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Rows and columns of a unit: a multiple of four.
    pub micro: usize,
    pub a_t: bool,
    pub b_t: bool,
    /// Words of an operand's rows that are fetched at a time, and of the result's that are written.
    pub piece: usize,
    pub out: usize,
}

impl Tiling {
    /// Units along the columns and along the rows.
    pub const fn across(self) -> usize {
        self.n / self.micro
    }

    pub const fn down(self) -> usize {
        self.m / self.micro
    }

    pub const fn units(self) -> usize {
        self.across() * self.down()
    }

    /// Rows of the left tile as stored, and its lines.
    pub const fn a_tile(self) -> (usize, usize) {
        if self.a_t { (self.k, self.m / WORDS) } else { (self.m, self.k / WORDS) }
    }

    /// The same of the right tile.
    pub const fn b_tile(self) -> (usize, usize) {
        if self.b_t { (self.n, self.k / WORDS) } else { (self.k, self.n / WORDS) }
    }

    /// Lines of a tile in shared memory.
    pub const fn size((rows, lines): (usize, usize)) -> usize {
        rows * (lines + 1)
    }

    /// Bytes of shared memory.
    const fn bytes(self) -> usize {
        LINE * (Self::size(self.a_tile()) + Self::size(self.b_tile()))
    }
}

/// Rows, columns and steps of a tile, rows and columns of a unit, and what a unit does for each element that it reads of shared memory:
/// a larger tile reads less for as much work.
const TILES: [(usize, usize, usize, usize, f64); 3] =
    [(128, 128, 8, 8, 4.0), (64, 64, 16, 4, 2.0), (32, 32, 16, 4, 1.8)];

/// What a tile costs beside its inner axis, in steps along that.
const OVERHEAD: f64 = 24.0;

/// Tiles for a product of `f32`, or `None` where it has to go elsewhere.
pub(in super::super) fn choose(
    p: &Problem,
    operand: DType,
    out: DType,
    client: &Client,
    choices: Choices,
) -> Option<Tiling> {
    if !takes(operand, choices) || out != DType::F32 {
        return None;
    }
    let (shared, units) = limits(client);
    pick(p, shared, units)
}

/// Tiles for the gradients of a projection's input and of its weight in one launch: cubes of one size.
pub(in super::super) fn choose_pair(
    [x, w]: [&Problem; 2],
    operand: DType,
    client: &Client,
    choices: Choices,
) -> Option<[Tiling; 2]> {
    if !takes(operand, choices) {
        return None;
    }
    let (shared, units) = limits(client);
    pick_pair([x, w], shared, units)
}

fn takes(operand: DType, choices: Choices) -> bool {
    choices.kernels && choices.unit_products && operand == DType::F32
}

/// Bytes of shared memory, and units of a cube.
fn limits(client: &Client) -> (usize, usize) {
    let hardware = &client.properties().hardware;
    (hardware.max_shared_memory_size, hardware.max_units_per_cube as usize)
}

fn pick_pair([x, w]: [&Problem; 2], shared: usize, units: usize) -> Option<[Tiling; 2]> {
    let mut best: Option<([Tiling; 2], f64)> = None;
    for (tx, of_x) in tilings(x, shared, units) {
        for (tw, of_w) in tilings(w, shared, units) {
            let larger = |tile: fn(Tiling) -> (usize, usize)| {
                Tiling::size(tile(tx)).max(Tiling::size(tile(tw)))
            };
            let bytes = LINE * (larger(Tiling::a_tile) + larger(Tiling::b_tile));
            let fits = bytes <= shared && tx.units() == tw.units();
            if fits && best.is_none_or(|(_, time)| of_x + of_w < time) {
                // Both read the gradient of the result.
                let piece = tx.piece.min(tw.piece);
                best = Some(([tx, tw].map(|t| Tiling { piece, ..t }), of_x + of_w));
            }
        }
    }
    best.map(|(pair, _)| pair)
}

fn pick(p: &Problem, shared: usize, units: usize) -> Option<Tiling> {
    let all = tilings(p, shared, units).into_iter();
    all.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(t, _)| t)
}

/// Tilings of a product, each with the time it takes, in some unit.
fn tilings(p: &Problem, shared: usize, units: usize) -> Vec<(Tiling, f64)> {
    let rows = [if p.a_t { p.m } else { p.k }, if p.b_t { p.k } else { p.n }];
    let piece = rows.map(vector).into_iter().min().unwrap_or(1);
    // Columns of a unit lie side by side where the right tile's rows run along them.
    let out = if p.b_t { 1 } else { vector(p.n) };
    let all = TILES.into_iter().map(|(m, n, k, micro, rate)| {
        let (a_t, b_t) = (p.a_t, p.b_t);
        let time = in_rounds(p, m, n, OVERHEAD) / rate;
        (Tiling { m, n, k, micro, a_t, b_t, piece, out }, time)
    });
    all.filter(|(t, _)| t.bytes() <= shared && t.units() <= units).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(m: usize, n: usize, k: usize, a_t: bool, b_t: bool, parts: usize) -> Tiling {
        pick(&Problem { r: 1, m, n, k, a_t, b_t, parts }, 16 << 10, 256).unwrap()
    }

    #[test]
    fn large_products_take_large_tiles_and_units_share_them_evenly() {
        assert_eq!(tile(16_384, 1536, 512, false, false, 1).m, 128);
        assert_eq!(tile(256, 64, 64, false, false, 1).m, 32);
        for (m, n, k, micro, _) in TILES {
            for (a_t, b_t) in [(false, false), (false, true), (true, false)] {
                let t = Tiling { m, n, k, micro, a_t, b_t, piece: 1, out: 1 };
                assert!(t.bytes() <= 16 << 10, "{t:?}");
                for (rows, lines) in [t.a_tile(), t.b_tile()] {
                    assert!((rows * lines).is_multiple_of(t.units()), "{t:?}");
                }
            }
        }
    }

    #[test]
    fn rows_are_fetched_in_the_widest_pieces() {
        let pieces = |m, n, k, a_t, b_t| {
            let t = tile(m, n, k, a_t, b_t, 1);
            (t.piece, t.out)
        };
        assert_eq!(pieces(64, 48, 32, false, false), (4, 4));
        assert_eq!(pieces(64, 50, 32, false, false), (2, 2));
        assert_eq!(pieces(64, 64, 33, false, false), (1, 4));
        assert_eq!(pieces(64, 48, 36, false, true), (4, 1));
    }

    #[test]
    fn both_gradients_of_a_projection_have_cubes_of_one_size() {
        for (m, k, n) in [(16_384, 512, 1536), (64, 16, 40), (4096, 28, 84)] {
            let x = Problem { r: 1, m, n: k, k: n, a_t: false, b_t: true, parts: 1 };
            let w = Problem { r: 1, m: k, n, k: m, a_t: true, b_t: false, parts: 1 };
            let [tx, tw] = pick_pair([&x, &w], 16 << 10, 256).unwrap();
            assert_eq!((tx.units(), tx.piece), (tw.units(), tw.piece));
            assert_eq!((tx.b_t, tw.a_t, tx.out), (true, true, 1));
        }
    }

    #[test]
    fn a_small_device_has_small_tiles_or_none() {
        let p = Problem { r: 1, m: 4096, n: 4096, k: 512, a_t: false, b_t: false, parts: 1 };
        assert_eq!(pick(&p, 16 << 10, 64).unwrap().m, 32);
        assert_eq!(pick(&p, 1 << 10, 256), None);
    }
}
