//! What is done with sums before they are written.

use burn_cubecl::tensor::CubeTensor;

/// What becomes of the sums of a product.
#[derive(Clone, Copy)]
pub(crate) enum Epilogue<'a> {
    /// They are written in the type of the result.
    Store,
    /// They are added to this `f32` tensor of the result's size; the result is `f32`.
    Residual(&'a CubeTensor),
    /// They are added to what the result holds, which is `f32`.
    Accumulate,
}

impl Epilogue<'_> {
    pub fn adds_residual(self) -> bool {
        matches!(self, Self::Residual(_))
    }

    pub fn accumulates(self) -> bool {
        matches!(self, Self::Accumulate)
    }
}
