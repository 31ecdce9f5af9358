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

impl<'a> Epilogue<'a> {
    /// What is added.
    pub fn residual(self) -> Option<&'a CubeTensor> {
        match self {
            Self::Residual(residual) => Some(residual),
            _ => None,
        }
    }

    pub fn accumulates(self) -> bool {
        matches!(self, Self::Accumulate)
    }
}
