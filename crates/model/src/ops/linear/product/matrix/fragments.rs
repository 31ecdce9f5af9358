//! Fragments of tiles in shared memory.

use burn::cubecl::{self, cmma, prelude::*};

use super::super::tiling::FETCH;
use crate::kernels::lines::Line;

/// A fragment of a tile: rows (of `A`; columns of `B`) from `along`, inner axis from `inner`. `across` where a row of the tile runs
/// along the former.
#[cube]
pub(super) fn fragment<E: Float>(
    tile: &Shared<[Line]>,
    along: usize,
    #[comptime] inner: usize,
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] across: bool,
    #[comptime] stride: usize,
    #[comptime] side: usize,
) -> cmma::Matrix<E> {
    let layout = comptime!(match (ident == cmma::MatrixIdent::A, across) {
        (true, false) | (false, true) => cmma::MatrixLayout::RowMajor,
        _ => cmma::MatrixLayout::ColMajor,
    });
    let mut at = along * stride + comptime!(inner / FETCH);
    if comptime!(across) {
        at = comptime!(inner * stride) + along / FETCH;
    }
    // SAFETY: loaded at once.
    let mut fragment = unsafe { cmma::Matrix::<E>::uninitialized(ident, side, side, side, layout) };
    // The stride counts words of 32 bits.
    cmma::load(&mut fragment, &tile[at..tile.len()], comptime!((stride * 4) as u32));
    fragment
}

/// Sums in half precision. There need be no sums of that type: as an operand they can be stored all the same.
#[cube]
#[allow(unused_variables)]
pub(super) fn halved<O: Float>(sum: &cmma::Matrix<f32>) -> cmma::Matrix<O> {
    intrinsic!(|scope| {
        cmma::cast_with_ident::expand::<f32, O, cmma::Plane>(
            scope,
            sum.clone(),
            cmma::MatrixIdent::A,
        )
    })
}
