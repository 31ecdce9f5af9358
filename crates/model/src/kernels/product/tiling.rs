//! Which tiles a product is cut into.

use burn::cubecl::client::Client;
use burn::cubecl::features::MmaConfig;
use burn::cubecl::prelude::*;
use burn::tensor::{DType, bf16, f16};

use super::super::launch::fixed_plane;

/// Elements of half precision that a unit fetches at a time: 16 bytes.
pub(in crate::kernels) const FETCH: usize = 8;

/// Cubes that a large device works on at a time, about. wgpu does not tell how many processors a device has.
const CUBES: usize = 128;

/// Rows of the inner axis in a part of a product, at least.
const LEAST_PART: usize = 256;

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
    pub a_t: bool,
    pub b_t: bool,
}

impl Tiling {
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

    /// Elements between rows of a fragment on its way out.
    pub const fn stage(self) -> usize {
        self.side + 4
    }

    /// Bytes of shared memory.
    fn bytes(self) -> usize {
        let tiles = Self::size(self.a_tile()) + Self::size(self.b_tile());
        2 * FETCH * tiles + 4 * self.down * self.across * self.side * self.stage()
    }

    /// Whether every unit fetches as much as every other.
    fn is_even(self) -> bool {
        let even = |(rows, cols): (usize, usize)| (rows * cols).is_multiple_of(self.units());
        even(self.a_tile()) && even(self.b_tile())
    }
}

/// Tiles of fragments of 16, with planes of 32, and the rate of a large product in them on an H200 in TFLOP/s (2026-11-27).
const TILES: [(usize, usize, usize, usize, usize, f64); 4] = [
    (128, 256, 32, 2, 4, 250.0),
    (256, 128, 32, 4, 2, 215.0),
    (128, 128, 32, 2, 4, 145.0),
    (64, 128, 64, 2, 2, 137.0),
];

/// Tiles of fragments of 8, with small planes.
const SMALL: (usize, usize, usize, usize, usize, f64) = (32, 32, 16, 2, 2, 1.0);

/// See [`super::fragments`].
pub(super) fn fragments(dtype: DType, client: &Client) -> Option<(usize, usize)> {
    let element = match dtype {
        DType::F16 => f16::elem_type_native(),
        DType::BF16 => bf16::elem_type_native(),
        _ => return None,
    };
    let sums = f32::elem_type_native();
    let has = |side: u32| {
        let fits = |c: &MmaConfig| {
            [c.m, c.n, c.k] == [side; 3]
                && c.a_type == element
                && c.b_type == element
                && c.cd_type == sums
        };
        client.features().matmul.cmma.iter().any(fits)
    };
    let lanes = fixed_plane(client)?;
    let side = [16, 8].into_iter().find(|&side| has(side))?;
    Some((side as usize, lanes))
}

/// Tiles for a product, or `None` where it has to go elsewhere.
pub(super) fn choose(p: &Problem, operand: DType, out: DType, client: &Client) -> Option<Tiling> {
    let (side, lanes) = fragments(operand, client)?;
    // Rows as stored are fetched 16 bytes at a time, and results written 4 elements at a time.
    let inner = |transposed: bool, along: usize| if transposed { along } else { p.k };
    let even = inner(p.a_t, p.m).is_multiple_of(FETCH)
        && inner(!p.b_t, p.n).is_multiple_of(FETCH)
        && p.n.is_multiple_of(4)
        && (side * side).is_multiple_of(8 * lanes.min(side * side / 8));
    let writes = out == DType::F32 || out == operand;
    if !even || !writes || side * side != 8 * lanes {
        return None;
    }
    pick(p, side, lanes, client.properties().hardware.max_shared_memory_size)
}

/// The tiles of the least time, by whole rounds of cubes at each one's rate.
fn pick(p: &Problem, side: usize, lanes: usize, shared: usize) -> Option<Tiling> {
    let all: &[_] = if side == 16 && lanes == 32 { &TILES } else { &[SMALL] };
    let time = |t: &Tiling, rate: f64| {
        let cubes = p.m.div_ceil(t.m) * p.n.div_ceil(t.n) * p.r * p.parts;
        cubes.div_ceil(CUBES) as f64 * (t.m * t.n) as f64 / rate
    };
    all.iter()
        .map(|&(m, n, k, down, across, rate)| {
            let (a_t, b_t) = (p.a_t, p.b_t);
            (Tiling { m, n, k, down, across, side, lanes, a_t, b_t }, rate)
        })
        .filter(|(t, _)| t.bytes() <= shared && t.is_even())
        .min_by(|(a, x), (b, y)| time(a, *x).total_cmp(&time(b, *y)))
        .map(|(t, _)| t)
}

/// Parts of the inner axis that the gradient `[K, N]` of a weight is cut into, a sum over `m` tokens: as many as give a large device
/// work, as long as writing them stays below reading the operands. 1 without matrix units.
pub(crate) fn splits(r: usize, m: usize, [k, n]: [usize; 2], by_matrix: bool) -> usize {
    if !by_matrix {
        return 1;
    }
    let tiles = r * k.div_ceil(128) * n.div_ceil(128);
    let wanted = (2 * CUBES).div_ceil(tiles);
    let traffic = m * (k + n) / (2 * k * n).max(1);
    wanted.min(traffic).min(m / LEAST_PART).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NVIDIA: (usize, usize, usize) = (16, 32, 48 << 10);

    fn tile(r: usize, m: usize, n: usize, k: usize, a_t: bool, b_t: bool) -> Tiling {
        let p = Problem { r, m, n, k, a_t, b_t, parts: 1 };
        pick(&p, NVIDIA.0, NVIDIA.1, NVIDIA.2).unwrap()
    }

    #[test]
    fn tiles_fit_and_large_products_take_the_fastest() {
        for (a_t, b_t) in [(false, false), (false, true), (true, false)] {
            let t = tile(1, 8192, 8192, 8192, a_t, b_t);
            assert_eq!((t.m, t.n), (128, 256), "{t:?}");
            for &(m, n, k, down, across, _) in &TILES {
                let t = Tiling { m, n, k, down, across, side: 16, lanes: 32, a_t, b_t };
                assert!(t.bytes() <= NVIDIA.2 && t.is_even(), "{t:?} takes {}", t.bytes());
            }
        }
        let few = tile(1, 256, 128, 4096, true, false);
        assert_eq!((few.m, few.n), (64, 128), "a few small tiles rather than one large");
    }

    #[test]
    fn gradients_of_small_weights_are_summed_in_parts() {
        assert_eq!(splits(1, 16_384, [512, 1536], false), 1);
        let (small, large) = (splits(1, 16_384, [128, 384], true), splits(8, 16_384, [512, 2752], true));
        assert!(small > 8 && large == 1, "{small} {large}");
        assert_eq!(splits(1, 64, [16, 48], true), 1);
    }
}
