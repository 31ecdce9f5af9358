//! A row in the registers of a few units.

use burn::cubecl::client::Client;
use burn::cubecl::{self, prelude::*};

use super::super::grads::EPSILON;
use crate::kernels::Choices;
use crate::kernels::launch::{Rows, vector};
use crate::kernels::reduce;

/// Sizes that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub rows: Rows,
    /// Vectors of a row for each unit.
    pub each: usize,
    pub layer_norm: bool,
}

impl Shape {
    pub fn new(width: usize, layer_norm: bool, client: &Client, choices: Choices) -> Self {
        let rows = Rows::of_width(width, client, choices);
        Self { rows, each: (width / vector(width)).div_ceil(rows.lanes), layer_norm }
    }
}

/// Sum of a vector's elements.
#[cube]
pub(super) fn total<N: Size>(v: Vector<f32, N>) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for k in 0..v.vector_size() {
        sum += v.extract(k);
    }
    sum
}

/// This unit's part of the row that begins at vector `at`; 0 beyond its `width` vectors.
#[cube]
pub(super) fn part<E: Float, N: Size>(
    x: &[Vector<E, N>],
    at: usize,
    width: usize,
    #[comptime] shape: Shape,
) -> Sequence<Vector<f32, N>> {
    let mut values = Sequence::new();
    #[unroll]
    for i in 0..shape.each {
        let col = UNIT_POS_X as usize + comptime!(i * shape.rows.lanes);
        let mut value = Vector::<f32, N>::new(0.0f32);
        if col < width {
            value = Vector::<f32, N>::cast_from(x[at + col]);
        }
        values.push(value);
    }
    values
}

/// Mean (0 but for LayerNorm) and reciprocal deviation of a row of `width` vectors.
#[cube]
pub(super) fn moments<N: Size>(
    x: &Sequence<Vector<f32, N>>,
    width: usize,
    scratch: &mut Shared<[f32]>,
    #[comptime] shape: Shape,
) -> (f32, f32) {
    let count = f32::cast_from(width * N::value());
    let mut mean = 0.0f32;
    if comptime!(shape.layer_norm) {
        let mut sum = Vector::<f32, N>::new(0.0f32);
        #[unroll]
        for i in 0..shape.each {
            sum += x[i];
        }
        mean = reduce::sum(total(sum), scratch, shape.rows) / count;
    }
    let mut square = Vector::<f32, N>::new(0.0f32);
    #[unroll]
    for i in 0..shape.each {
        let col = UNIT_POS_X as usize + comptime!(i * shape.rows.lanes);
        let d = x[i] - Vector::new(mean);
        if col < width {
            square += d * d;
        }
    }
    let variance = reduce::sum(total(square), scratch, shape.rows) / count;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}
