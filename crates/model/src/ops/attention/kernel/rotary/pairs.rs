//! Eight pairs of coordinates of a head: a line of its lower and one of its upper half.

use burn::cubecl::{self, prelude::*};

use super::formulas::{norm_gradient, rotate, rotate_back};
use crate::kernels::lines::{Line, Quad, pack, sum_of, unpack};

#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Pairs {
    pub low: Quad,
    pub low_more: Quad,
    pub high: Quad,
    pub high_more: Quad,
}

#[cube]
impl Pairs {
    /// Lines `at` and `at + lanes`.
    pub fn read<E: Float>(from: &[Line], at: usize, #[comptime] lanes: usize) -> Pairs {
        let (low, high) = (from[at], from[at + lanes]);
        Pairs {
            low: unpack::<E>(low, false),
            low_more: unpack::<E>(low, true),
            high: unpack::<E>(high, false),
            high_more: unpack::<E>(high, true),
        }
    }

    /// Gains of a query or a key, from quad `at` on.
    pub fn gains(
        of_queries: &[Quad],
        of_keys: &[Quad],
        is_query: bool,
        at: usize,
        #[comptime] lanes: usize,
    ) -> Pairs {
        let upper = at + comptime!(2 * lanes);
        let mut low = of_keys[at];
        let mut low_more = of_keys[at + 1];
        let mut high = of_keys[upper];
        let mut high_more = of_keys[upper + 1];
        if is_query {
            low = of_queries[at];
            low_more = of_queries[at + 1];
            high = of_queries[upper];
            high_more = of_queries[upper + 1];
        }
        Pairs { low, low_more, high, high_more }
    }

    pub fn write<E: Float>(self, to: &mut [Line], at: usize, #[comptime] lanes: usize) {
        to[at] = pack::<E>(Line::reinterpret(self.low), Line::reinterpret(self.low_more));
        to[at + lanes] = pack::<E>(Line::reinterpret(self.high), Line::reinterpret(self.high_more));
    }

    pub fn times(self, other: Pairs) -> Pairs {
        Pairs {
            low: self.low * other.low,
            low_more: self.low_more * other.low_more,
            high: self.high * other.high,
            high_more: self.high_more * other.high_more,
        }
    }

    pub fn scaled(self, factor: f32) -> Pairs {
        let factor = Quad::new(factor);
        Pairs {
            low: self.low * factor,
            low_more: self.low_more * factor,
            high: self.high * factor,
            high_more: self.high_more * factor,
        }
    }

    pub fn sum(self) -> f32 {
        sum_of((self.low + self.low_more) + (self.high + self.high_more))
    }

    /// By angles of which `cos` and `sin` begin at quad `at`.
    pub fn rotated(self, cos: &[Quad], sin: &[Quad], at: usize) -> Pairs {
        let (low, high) = rotate::<Const<4>>(self.low, self.high, cos[at], sin[at]);
        let (low_more, high_more) =
            rotate::<Const<4>>(self.low_more, self.high_more, cos[at + 1], sin[at + 1]);
        Pairs { low, low_more, high, high_more }
    }

    /// The same back.
    pub fn rotated_back(self, cos: &[Quad], sin: &[Quad], at: usize) -> Pairs {
        let (low, high) = rotate_back::<Const<4>>(self.low, self.high, cos[at], sin[at]);
        let (low_more, high_more) =
            rotate_back::<Const<4>>(self.low_more, self.high_more, cos[at + 1], sin[at + 1]);
        Pairs { low, low_more, high, high_more }
    }

    /// See [`norm_gradient`]; this is `dxhat`.
    pub fn norm_gradient(self, xhat: Pairs, dot: f32, rstd: f32) -> Pairs {
        Pairs {
            low: norm_gradient::<Const<4>>(self.low, xhat.low, dot, rstd),
            low_more: norm_gradient::<Const<4>>(self.low_more, xhat.low_more, dot, rstd),
            high: norm_gradient::<Const<4>>(self.high, xhat.high, dot, rstd),
            high_more: norm_gradient::<Const<4>>(self.high_more, xhat.high_more, dot, rstd),
        }
    }
}
