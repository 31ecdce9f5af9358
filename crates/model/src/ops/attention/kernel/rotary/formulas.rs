//! What both precisions share: which head a unit works on, and the formulas for its pairs of coordinates.

use burn::cubecl::{self, prelude::*};

use super::super::super::dims::Dims;
use crate::ops::norm::EPSILON;

/// Heads of tokens that one cube adds up for the gradient of the gains, at least.
const HEADS_PER_CUBE: usize = 512;
/// Cubes along a replica's tokens and heads, at most.
const MOST_CHUNKS: usize = 256;

/// Chunks of a replica's tokens and heads in the backward pass.
pub(crate) fn chunks(d: Dims) -> usize {
    let heads = d.sequences * d.context * d.heads;
    heads.div_ceil(HEADS_PER_CUBE).clamp(1, MOST_CHUNKS)
}

/// Sizes of a launch.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct Sizes {
    /// Tokens of a replica.
    pub per_replica: usize,
    pub context: usize,
    /// Heads of a token.
    pub heads: usize,
    /// Heads of a chunk of the backward pass.
    pub per_chunk: usize,
}

impl SizesLaunch {
    pub(super) fn of(d: Dims) -> Self {
        let m = d.sequences * d.context;
        Self::new(m, d.context, d.heads, (m * d.heads).div_ceil(chunks(d)))
    }
}

/// A head of a query or a key.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Head {
    /// Whether there is one: units beyond the last head work on it too, for all of a cube meet in the sums.
    pub is_real: bool,
    /// Token of all replicas.
    pub token: usize,
    /// Among the heads of a token's queries, keys and values.
    pub of_token: usize,
}

#[cube]
impl Head {
    /// Head `index` of `total` in the order token, query or key, head.
    pub fn of_forward(index: usize, total: usize, sizes: &Sizes) -> Head {
        let is_real = index < total;
        let index = min(index, total - 1);
        Head { is_real, token: index / (2 * sizes.heads), of_token: index % (2 * sizes.heads) }
    }

    /// Head `index` of a replica's queries (`kind` 0) or keys (`kind` 1), in chunks that end before `last`.
    pub fn of_backward(
        index: usize,
        last: usize,
        kind: usize,
        replica: usize,
        sizes: &Sizes,
    ) -> Head {
        let is_real = index < last;
        let index = min(index, sizes.per_replica * sizes.heads - 1);
        Head {
            is_real,
            token: replica * sizes.per_replica + index / sizes.heads,
            of_token: kind * sizes.heads + index % sizes.heads,
        }
    }

    /// Where it begins in a projection, in heads.
    pub fn in_projection(self, sizes: &Sizes) -> usize {
        self.token * 3 * sizes.heads + self.of_token
    }

    /// Where it begins among queries and keys side by side, in heads.
    pub fn in_queries_keys(self, sizes: &Sizes) -> usize {
        self.token * 2 * sizes.heads + self.of_token
    }
}

/// Pairs rotated by their angles.
#[cube]
pub(super) fn rotate<N: Size>(
    low: Vector<f32, N>,
    high: Vector<f32, N>,
    cos: Vector<f32, N>,
    sin: Vector<f32, N>,
) -> (Vector<f32, N>, Vector<f32, N>) {
    (low * cos - high * sin, high * cos + low * sin)
}

/// Gradient of [`rotate`]: pairs rotated back.
#[cube]
pub(super) fn rotate_back<N: Size>(
    low: Vector<f32, N>,
    high: Vector<f32, N>,
    cos: Vector<f32, N>,
    sin: Vector<f32, N>,
) -> (Vector<f32, N>, Vector<f32, N>) {
    (low * cos + high * sin, high * cos - low * sin)
}

/// Reciprocal root of the mean square of a head, from the sum of its squares.
#[cube]
pub(super) fn rstd_of(square: f32, head_dim: f32) -> f32 {
    1.0 / (square / head_dim + EPSILON).sqrt()
}

/// Gradient of the norm's input: `rstd (dxhat - xhat mean(dxhat xhat))`, of which `dot` is the mean.
#[cube]
pub(super) fn norm_gradient<N: Size>(
    dxhat: Vector<f32, N>,
    xhat: Vector<f32, N>,
    dot: f32,
    rstd: f32,
) -> Vector<f32, N> {
    (dxhat - xhat * Vector::new(dot)) * Vector::new(rstd)
}
