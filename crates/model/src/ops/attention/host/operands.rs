//! What all tasks read: the projection, gains and tables.

use std::sync::Arc;

use super::super::dims::Dims;
use super::super::rope::{Rope, rope_tables};
use super::rows::load_rows;
use crate::host::Host;
use crate::host::gemm::View;

/// Queries of one block; keys after the block are not computed.
pub(super) const QUERY_BLOCK: usize = 32;

/// What all tasks read.
pub(super) struct Shared<'a> {
    pub dims: Dims,
    pub qkv: &'a [f32],
    pub gains: Option<(&'a [f32], &'a [f32])>,
    pub rope: Arc<Rope>,
}

impl Shared<'_> {
    /// Elements of the projection of one sequence.
    pub fn sequence(&self) -> usize {
        self.dims.context * 3 * self.dims.width()
    }

    /// Queries (part 0) or keys (part 1) of a head, `[T, hd]`, normed and rotated where asked.
    pub fn load(
        &self,
        sequence: &[f32],
        replica: usize,
        part: usize,
        head: usize,
        out: &mut [f32],
    ) {
        let d = self.dims;
        let gains = self.gains.map(|(q, k)| {
            &(if part == 0 { q } else { k })[replica * d.head_dim..(replica + 1) * d.head_dim]
        });
        let offset = part * d.width() + head * d.head_dim;
        load_rows(
            &sequence[offset..],
            3 * d.width(),
            gains,
            &self.rope.cos,
            &self.rope.sin,
            d.head_dim,
            out,
        );
    }

    /// Values of a head, strided inside the projection.
    pub fn values<'b>(&self, sequence: &'b [f32], head: usize, keys: usize) -> View<'b> {
        let d = self.dims;
        let offset = 2 * d.width() + head * d.head_dim;
        View::new(&sequence[offset..], keys, d.head_dim, 3 * d.width())
    }
}

pub(super) fn shared<'a>(
    dims: Dims,
    qkv: &'a Host,
    gains: Option<(&'a Host, &'a Host)>,
) -> Shared<'a> {
    let gains = gains.map(|(q, k)| (q.slice(), k.slice()));
    Shared { dims, qkv: qkv.slice(), gains, rope: rope_tables(dims) }
}
