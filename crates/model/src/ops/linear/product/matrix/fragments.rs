//! Fragments of tiles in shared memory.

use burn::cubecl::{self, prelude::*};

use super::tiling::FETCH;
use crate::kernels::fragments::{self, Fragment};
use crate::kernels::lines::Line;

/// Which operand a fragment is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Left,
    Right,
}

/// A fragment of a tile: rows (of the left operand; columns of the right one) from `along`, inner axis from `inner`. `across` where a
/// row of the tile runs along the former.
#[cube]
pub(super) fn fragment<E: Float>(
    tile: &Shared<[Line]>,
    along: usize,
    #[comptime] inner: usize,
    #[comptime] operand: Operand,
    #[comptime] across: bool,
    #[comptime] stride: usize,
    #[comptime] side: usize,
) -> Fragment<E> {
    let mut at = along * stride + comptime!(inner / FETCH);
    if comptime!(across) {
        at = comptime!(inner * stride) + along / FETCH;
    }
    let end = tile.len();
    // The stride counts words of 32 bits.
    let words = comptime!((stride * 4) as u32);
    if comptime!(operand == Operand::Left) {
        fragments::left::<E>(&tile[at..end], words, across, side)
    } else {
        fragments::right::<E>(&tile[at..end], words, comptime!(!across), side)
    }
}
