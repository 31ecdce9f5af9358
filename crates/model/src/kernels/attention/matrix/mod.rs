//! Attention in half precision by the device's matrix units (tensor cores, cooperative matrices).
//!
//! Queries, keys, values and gradients come to shared memory in half precision, and so do the weights of a tile;
//! products are added up in `f32` in square fragments, and softmax and scores are in `f32`. Each plane of a cube has `side`
//! rows of a tile. Fragments cannot be scaled row by row, so the forward pass first makes the log sums of its rows from
//! the scores alone, and then the weights at once.

mod backward;
mod forward;

use burn::cubecl::client::Client;
use burn::cubecl::features::MmaConfig;
use burn::cubecl::prelude::*;
use burn::cubecl::{self, cmma};
use burn::tensor::{DType, bf16, f16};

use super::super::launch::fixed_plane;
pub(super) use backward::launch as backward;
pub(super) use forward::launch as forward;

/// Padding of rows in shared memory, in elements: rows lie in different banks and stay aligned to 16 bytes.
const PAD: usize = 8;

/// Bytes that every tile in shared memory begins at a multiple of: fragments are loaded from and stored to such places only
/// (Vulkan, VUID-RuntimeSpirv-OpCooperativeMatrixLoadKHR-08986).
const ALIGNMENT: usize = 16;

/// Sizes of a launch that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Grid {
    /// Side of a fragment.
    pub side: usize,
    /// Units of a plane.
    pub lanes: usize,
    /// Planes of a cube, and fragments along a tile.
    pub planes: usize,
    /// Fragments along a head.
    pub deep: usize,
}

/// Tiles of a kernel in shared memory.
struct Tiles {
    /// Of rows of heads.
    operands: usize,
    /// Of weights in half precision.
    weights: usize,
}

const FORWARD: Tiles = Tiles { operands: 2, weights: 1 };
/// The backward pass of queries.
const QUERIES: Tiles = Tiles { operands: 4, weights: 1 };
/// The backward pass of keys and values, which takes the most.
const KEYS: Tiles = Tiles { operands: 4, weights: 2 };

impl Grid {
    /// Rows of a tile.
    pub const fn rows(self) -> usize {
        self.planes * self.side
    }

    /// Elements between rows of an operand in shared memory.
    pub const fn stride(self) -> usize {
        self.deep * self.side + PAD
    }

    /// Elements between rows of scores and weights.
    pub const fn wide(self) -> usize {
        self.rows() + PAD
    }

    /// Units that share a row of scores.
    pub const fn sharers(self) -> usize {
        self.lanes / self.side
    }

    /// Units of a cube.
    pub const fn units(self) -> usize {
        self.lanes * self.planes
    }

    fn dim(self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, self.planes as u32)
    }

    /// Bytes of shared memory.
    fn bytes(self, tiles: &Tiles) -> usize {
        let (rows, sharers) = (self.rows(), self.sharers());
        let halves = tiles.operands * self.stride() + tiles.weights * self.wide();
        // One more for a tile of weights that is left out.
        rows * (2 * halves + 4 * self.wide() + 4 * (2 * sharers + 1)) + ALIGNMENT
    }

    /// The largest tile within the shared memory.
    fn largest(self, tiles: &Tiles, limit: usize) -> Option<Self> {
        let grids = [4, 2, 1].map(|planes| Self { planes, ..self });
        let fits =
            |grid: &Self| grid.rows().is_multiple_of(grid.sharers()) && grid.bytes(tiles) <= limit;
        grids.into_iter().find(fits)
    }
}

/// The sizes of fragments that a device multiplies in a half precision with sums in `f32`, for heads of `head_dim`; `None` where
/// it has none that fit.
pub(super) fn grid(head_dim: usize, half: DType, client: &Client) -> Option<Grid> {
    let element = match half {
        DType::F16 => f16::elem_type_native(),
        DType::BF16 => bf16::elem_type_native(),
        _ => return None,
    };
    let sums = f32::elem_type_native();
    let lanes = fixed_plane(client)?;
    let limit = client.properties().hardware.max_shared_memory_size;
    let has = |side: usize| {
        let square = |c: &MmaConfig| [c.m, c.n, c.k] == [side as u32; 3];
        let types = |c: &MmaConfig| c.a_type == element && c.b_type == element && c.cd_type == sums;
        client.features().matmul.cmma.iter().any(|c| square(c) && types(c))
    };
    let fits = |side: &usize| {
        let grid = Grid { side: *side, lanes, planes: 1, deep: head_dim.div_ceil(*side) };
        head_dim.is_multiple_of(*side)
            && lanes.is_multiple_of(*side)
            && has(*side)
            && grid.largest(&KEYS, limit).is_some()
    };
    let side = [16, 8].into_iter().find(fits)?;
    Some(Grid { side, lanes, planes: 1, deep: head_dim / side })
}

/// Fetches rows `first..` of `from` to a tile in half precision; what lies beyond the context is 0. Row `t` begins at
/// `at + t * stride`.
#[cube]
fn fetch<E: Float>(
    from: &[f32],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    to: &mut Shared<[E]>,
    #[comptime] grid: Grid,
) {
    let head = comptime!(grid.deep * grid.side);
    for place in
        range_stepped(UNIT_POS as usize, comptime!(grid.rows() * head), comptime!(grid.units()))
    {
        let (row, col) = (place / head, place % head);
        let t = first + row;
        let mut value = 0.0f32;
        if t < context {
            value = from[at + t * stride + col];
        }
        to[row * comptime!(grid.stride()) + col] = E::cast_from(value);
    }
}

/// Leaves the products of rows of `a` with rows of `b` in `scores`; each plane has its own rows of `a`.
#[cube]
fn products<E: Float>(
    a: &Shared<[E]>,
    b: &Shared<[E]>,
    scores: &mut Shared<[f32]>,
    #[comptime] grid: Grid,
) {
    let (side, stride, wide) = comptime!((grid.side, grid.stride(), grid.wide()));
    let row = UNIT_POS_Y as usize * side;
    #[unroll]
    for j in 0..grid.planes {
        let sum = cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            side,
            side,
            side,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        );
        #[unroll]
        for k in 0..grid.deep {
            let from = row * stride + k * side;
            let left = cmma::Matrix::<E>::from_slice(
                cmma::MatrixIdent::A,
                side,
                side,
                side,
                cmma::MatrixLayout::RowMajor,
                &a[from..a.len()],
                stride as u32,
            );
            let from = j * side * stride + k * side;
            let right = cmma::Matrix::<E>::from_slice(
                cmma::MatrixIdent::B,
                side,
                side,
                side,
                cmma::MatrixLayout::ColMajor,
                &b[from..b.len()],
                stride as u32,
            );
            cmma::execute(&left, &right, &sum, &sum);
        }
        let to = row * wide + j * side;
        let end = scores.len();
        cmma::store(&mut scores[to..end], &sum, wide as u32, cmma::MatrixLayout::RowMajor);
    }
}

/// Sums of a plane: `deep` fragments of 0, for rows of heads.
#[cube]
fn no_sums(#[comptime] grid: Grid) -> Sequence<cmma::Matrix<f32>> {
    let mut sums = Sequence::new();
    #[unroll]
    for _ in 0..grid.deep {
        sums.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            grid.side,
            grid.side,
            grid.side,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    sums
}

/// Adds the product of a tile of weights with `b` to each plane's rows. With `transposed` the rows of the result are the columns of
/// the weights.
#[cube]
fn add_product<E: Float>(
    sums: &mut Sequence<cmma::Matrix<f32>>,
    weights: &Shared<[E]>,
    b: &Shared<[E]>,
    #[comptime] transposed: bool,
    #[comptime] grid: Grid,
) {
    let (side, stride, wide) = comptime!((grid.side, grid.stride(), grid.wide()));
    let row = UNIT_POS_Y as usize * side;
    let layout = comptime!(if transposed {
        cmma::MatrixLayout::ColMajor
    } else {
        cmma::MatrixLayout::RowMajor
    });
    #[unroll]
    for j in 0..grid.planes {
        let mut from = row * wide + j * side;
        if comptime!(transposed) {
            from = j * side * wide + row;
        }
        let left = cmma::Matrix::<E>::from_slice(
            cmma::MatrixIdent::A,
            side,
            side,
            side,
            layout,
            &weights[from..weights.len()],
            wide as u32,
        );
        #[unroll]
        for c in 0..grid.deep {
            let from = j * side * stride + c * side;
            let right = cmma::Matrix::<E>::from_slice(
                cmma::MatrixIdent::B,
                side,
                side,
                side,
                cmma::MatrixLayout::RowMajor,
                &b[from..b.len()],
                stride as u32,
            );
            let sum = &sums[c];
            cmma::execute(&left, &right, sum, sum);
        }
    }
}

/// Writes each plane's rows of sums, times `factor`, to rows `first..` of a gradient or result, through `scores`. All units of the cube
/// come here together.
#[cube]
fn store(
    sums: &Sequence<cmma::Matrix<f32>>,
    factor: f32,
    scores: &mut Shared<[f32]>,
    to: &mut [f32],
    at: usize,
    stride: usize,
    first: usize,
    context: usize,
    is_real: bool,
    #[comptime] grid: Grid,
) {
    let (side, wide) = comptime!((grid.side, grid.wide()));
    let row = UNIT_POS_Y as usize * side;
    #[unroll]
    for c in 0..grid.deep {
        sync_cube();
        let end = scores.len();
        cmma::store(
            &mut scores[row * wide..end],
            &sums[c],
            wide as u32,
            cmma::MatrixLayout::RowMajor,
        );
        sync_cube();
        for place in range_stepped(UNIT_POS_X as usize, comptime!(side * side), grid.lanes) {
            let (i, j) = (row + place / side, place % side);
            if is_real && first + i < context {
                to[at + (first + i) * stride + c * side + j] = factor * scores[i * wide + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_into_shared_memory() {
        let planes = |deep, tiles: &Tiles, limit| {
            Grid { side: 16, lanes: 32, planes: 1, deep }.largest(tiles, limit).map(|g| g.planes)
        };
        assert_eq!(planes(4, &FORWARD, 48 << 10), Some(4));
        assert_eq!(planes(4, &KEYS, 48 << 10), Some(2));
        assert_eq!(planes(8, &KEYS, 48 << 10), Some(2));
        assert_eq!(planes(64, &KEYS, 48 << 10), None);
        // Rows that cannot be shared out evenly.
        let wide = Grid { side: 8, lanes: 256, planes: 1, deep: 1 };
        assert_eq!(wide.largest(&FORWARD, 48 << 10).map(|g| g.planes), Some(4));
        assert_eq!(Grid { lanes: 512, ..wide }.largest(&FORWARD, 48 << 10), None);
    }
}
