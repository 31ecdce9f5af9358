//! Single-threaded matrix products on slices; callers spread blocks over the thread pool.
//!
//! Blocks are cut by the matrix sizes alone, never by the number of threads, so that a result
//! does not depend on the machine's core count or on what else is in the stack.

use super::Unset;

/// A strided matrix inside a slice.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// `[rows, cols]` with `stride` elements between rows.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || data.len() >= (rows - 1) * stride + cols);
        Self { data, rows, cols, row_stride: stride, col_stride: 1 }
    }

    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// Where a product is written: row-major with a row stride.
pub(crate) struct Out {
    data: *mut f32,
    stride: usize,
}

// SAFETY: an `Out` is made from an exclusive slice, or from disjoint columns of one.
unsafe impl Send for Out {}

impl Out {
    /// `[rows, cols]` with `stride` elements between rows, inside `data`.
    pub(crate) fn new(data: &mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || data.len() >= (rows - 1) * stride + cols);
        Self { data: data.as_mut_ptr(), stride }
    }

    /// The same inside elements without a value yet, for products that overwrite.
    pub(crate) fn unset(data: &mut [Unset], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || data.len() >= (rows - 1) * stride + cols);
        Self { data: data.as_mut_ptr().cast(), stride }
    }
}

/// `out = alpha * out + beta * a b`, with `alpha` 0 (overwrite) or 1 (accumulate).
pub(crate) fn gemm(out: Out, a: View, b: View, accumulate: bool, beta: f32) {
    assert_eq!(a.cols, b.rows, "inner sizes of a product");
    // SAFETY: the views check their extents, and `out` is exclusive.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.data,
            1,
            out.stride as isize,
            accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            beta,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
