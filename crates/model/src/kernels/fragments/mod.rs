//! The fragments of matrices that a device's matrix units multiply.

mod fragment;

use burn::cubecl::client::Client;
use burn::cubecl::features::MmaConfig;
use burn::cubecl::prelude::*;
use burn::tensor::DType;

use super::launch::fixed_plane;
use super::tensors::elem;
pub(crate) use fragment::*;

/// Whether the device multiplies square fragments of this side in a half precision, with sums in `f32`.
pub(crate) fn has_fragments(side: usize, half: DType, client: &Client) -> bool {
    if !matches!(half, DType::F16 | DType::BF16) {
        return false;
    }
    let (element, sums) = (elem(half), f32::elem_type_native());
    let fits = |c: &MmaConfig| {
        [c.m, c.n, c.k] == [side as u32; 3]
            && c.a_type == element
            && c.b_type == element
            && c.cd_type == sums
    };
    client.features().matmul.cmma.iter().any(fits)
}

/// The side of the largest such fragments, and the units of the planes that multiply them.
pub(crate) fn fragments(half: DType, client: &Client) -> Option<(usize, usize)> {
    let lanes = fixed_plane(client)?;
    let side = [16, 8].into_iter().find(|&side| has_fragments(side, half, client))?;
    Some((side, lanes))
}
