//! Sums and copies of whole tensors.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::launch::elements;
use crate::kernels::traffic::{on, reads, writes};

#[cube(launch_unchecked)]
fn add_kernel(a: &[f32], b: &[f32], y: &mut [f32], len: usize) {
    if ABSOLUTE_POS < len {
        y[ABSOLUTE_POS] = a[ABSOLUTE_POS] + b[ABSOLUTE_POS];
    }
}

/// `y = a + b` for row-major `f32` tensors of one size; `y` may be one of them.
pub(crate) fn add(a: &CubeTensor, b: &CubeTensor, y: &CubeTensor) {
    let len = y.meta.num_elements();
    let (count, dim) = elements(len);
    let (a, b, to) = (reads(a), reads(b), writes(y));
    // SAFETY: one unit for each element, and units beyond do nothing.
    unsafe { add_kernel::launch_unchecked(on(&y.client), count, dim, a, b, to, len) }
}

#[cube(launch_unchecked)]
fn copy_kernel(from: &[f32], to: &mut [f32], len: usize) {
    if ABSOLUTE_POS < len {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

/// Copies the elements of one tensor to another of as many.
pub(crate) fn copy(from: &CubeTensor, to: &CubeTensor) {
    let len = to.meta.num_elements();
    let (count, dim) = elements(len);
    // SAFETY: one unit for each element.
    unsafe {
        copy_kernel::launch_unchecked(on(&to.client), count, dim, reads(from), writes(to), len);
    }
}
