//! The gradient of an embedding, without atomics: every row of the table adds up its own tokens, in
//! their order. Where they stand is worked out on the host, which has the ids anyway.

use burn::cubecl::{self, prelude::*};
use burn::tensor::{Int, Tensor, TensorData};
use burn_cubecl::tensor::CubeTensor;
use rayon::prelude::*;

use crate::batch::Tokens;
use crate::kernels::launch::{Rows, elements, vector};
use crate::kernels::tensors::{dims, elem, empty, primitive, primitive_int, rows_of, tensor};
use crate::kernels::traffic::{on, reads, reads_if, reads_some, writes, writes_or_adds};

/// Chunks of a replica's tokens, at most: frequent words are added up by several units.
const MOST_CHUNKS: usize = 16;

/// Where the tokens of each word stand.
pub(crate) struct TokenIndex {
    /// `[R, chunks, V + 1]`: where a word's tokens begin in `rows`.
    pub starts: Vec<i32>,
    /// `[R, M]`: rows of the replica, by chunk and word.
    pub rows: Vec<i32>,
    /// Chunks that a replica's tokens are cut into.
    pub chunks: usize,
}

/// Sorts the tokens of every chunk by word, equal ones in their order.
pub(crate) fn token_index(tokens: &Tokens, vocab: usize) -> TokenIndex {
    let m = tokens.per_replica();
    let chunks = chunks(m, vocab);
    let per_chunk = m.div_ceil(chunks);
    let mut starts = vec![0i32; tokens.replicas * chunks * (vocab + 1)];
    let mut rows = vec![0i32; tokens.ids().len()];
    let replicas = tokens.ids().par_chunks_exact(m).zip(rows.par_chunks_exact_mut(m));
    let replicas = replicas.zip(starts.par_chunks_exact_mut(chunks * (vocab + 1)));
    replicas.for_each(|((ids, rows), starts)| {
        let mut next = vec![0i32; vocab + 1];
        for (chunk, starts) in starts.chunks_exact_mut(vocab + 1).enumerate() {
            let (first, last) = ((chunk * per_chunk).min(m), ((chunk + 1) * per_chunk).min(m));
            next.fill(0);
            for &id in &ids[first..last] {
                next[id as usize + 1] += 1;
            }
            next[0] = first as i32;
            for word in 0..vocab {
                next[word + 1] += next[word];
            }
            starts.copy_from_slice(&next);
            for row in first..last {
                let at = &mut next[ids[row] as usize];
                rows[*at as usize] = row as i32;
                *at += 1;
            }
        }
    });
    TokenIndex { starts, rows, chunks }
}

/// Rows of the table for every token, with those of their positions added where there are some.
#[cube(launch_unchecked)]
fn forward_kernel<N: Size>(
    table: &[Vector<f32, N>],
    positions: &[Vector<f32, N>],
    ids: &[i32],
    x: &mut [Vector<f32, N>],
    len: usize,
    per_replica: usize,
    context: usize,
    vocab: usize,
    width: usize,
    #[comptime] has_positions: bool,
) {
    let i = ABSOLUTE_POS;
    if i < len {
        let (row, col) = (i / width, i % width);
        let replica = row / per_replica;
        let mut value = table[(replica * vocab + ids[row] as usize) * width + col];
        if comptime!(has_positions) {
            value += positions[(replica * context + row % context) * width + col];
        }
        x[i] = value;
    }
}

/// Some units for each row of a chunk's table. `width` counts vectors.
#[cube(launch_unchecked)]
fn gradient_kernel<E: Float, N: Size>(
    dy: &[Vector<E, N>],
    starts: &[i32],
    positions: &[i32],
    table: &mut [Vector<f32, N>],
    rows: usize,
    per_replica: usize,
    chunks: usize,
    vocab: usize,
    width: usize,
    #[comptime] lanes: usize,
    #[comptime] accumulate: bool,
    #[define(E)] _type: ElemType,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row < rows {
        let (part, word) = (row / vocab, row % vocab);
        let first = part / chunks * per_replica; // of the replica
        let at = part * (vocab + 1) + word;
        let (begin, end) = (starts[at] as usize, starts[at + 1] as usize);
        for col in range_stepped(UNIT_POS_X as usize, width, lanes) {
            let mut sum = Vector::<f32, N>::new(0.0f32);
            for i in begin..end {
                let row = first + positions[first + i] as usize;
                sum += Vector::<f32, N>::cast_from(dy[row * width + col]);
            }
            if comptime!(accumulate) {
                sum += table[row * width + col];
            }
            table[row * width + col] = sum;
        }
    }
}

/// `[R, M, D]` of a table `[R, V, D]` and positions `[R, T, D]` for ids `[R, M]`.
pub(crate) fn forward(
    table: &CubeTensor,
    positions: Option<&CubeTensor>,
    ids: &CubeTensor,
    [m, context]: [usize; 2],
) -> CubeTensor {
    let [r, vocab, width] = dims(table);
    let x = empty(table, [r, m, width]);
    let n = vector(width);
    let len = r * m * width / n;
    let (count, dim) = elements(len);
    // SAFETY: one unit for each vector of `x`, and ids are below `vocab`.
    unsafe {
        forward_kernel::launch_unchecked(
            on(&table.client),
            count,
            dim,
            n,
            reads_some(table, r * m * width),
            reads_if(positions, table),
            reads(ids),
            writes(&x),
            len,
            m,
            context,
            vocab,
            width / n,
            positions.is_some(),
        );
    }
    x
}

/// Chunks that `m` tokens are cut into: the tables of all chunks together are about as large as the activations that they come
/// from.
pub(crate) fn chunks(m: usize, vocab: usize) -> usize {
    (2 * m / vocab).clamp(1, MOST_CHUNKS)
}

/// Gradient of a table as one part for every chunk, `[R, chunks, V * D]`, from `dy` `[R, M, D]`, or added to what is there (`accumulate`).
pub(crate) fn gradient_into(
    dy: &CubeTensor,
    [starts, positions]: [&CubeTensor; 2],
    [chunks, vocab]: [usize; 2],
    table: &CubeTensor,
    accumulate: bool,
) {
    let [r, m, width] = dims(dy);
    let n = vector(width);
    let rows = Rows::apart((width / n).next_power_of_two().clamp(4, 64));
    // SAFETY: units beyond the last row write nothing; `positions` holds rows of the replica.
    unsafe {
        gradient_kernel::launch_unchecked(
            on(&dy.client),
            rows.cubes(r * chunks * vocab),
            rows.dim(),
            n,
            reads(dy),
            reads(starts),
            reads(positions),
            writes_or_adds(table, accumulate),
            r * chunks * vocab,
            m,
            chunks,
            vocab,
            width / n,
            rows.lanes,
            accumulate,
            elem(dy.dtype),
        );
    }
}

/// See [`backward`](super::backward).
pub(super) fn backward(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
    let [r, _, d] = dy.dims();
    let index = token_index(tokens, vocab);
    let lists = [index.starts, index.rows].map(|list| {
        let shape = [list.len()];
        primitive_int(Tensor::<1, Int>::from_data(TensorData::new(list, shape), &dy.device()))
    });
    let dy = rows_of(primitive(dy));
    let parts = empty(&dy, [r, index.chunks, vocab * d]);
    gradient_into(&dy, [&lists[0], &lists[1]], [index.chunks, vocab], &parts, false);
    let parts = tensor::<3>(parts);
    let table = if index.chunks == 1 { parts } else { parts.sum_dim(1) };
    table.reshape([r, vocab, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_stands_at_its_word_once_and_in_order() {
        let (vocab, m) = (5, 33);
        let ids: Vec<i32> = (0..2 * m as i32).map(|i| (i * i + i / 7) % 4).collect();
        let tokens = Tokens::new(ids.clone(), 2, 11);
        let index = token_index(&tokens, vocab);
        assert!(index.chunks > 1);
        for (replica, ids) in ids.chunks_exact(m).enumerate() {
            for word in 0..vocab {
                let mut found: Vec<i32> = Vec::new();
                for chunk in 0..index.chunks {
                    let starts = &index.starts[(replica * index.chunks + chunk) * (vocab + 1)..];
                    let (begin, end) = (starts[word] as usize, starts[word + 1] as usize);
                    found.extend(&index.rows[replica * m..][begin..end]);
                }
                let of_word = |&i: &usize| ids[i] == word as i32;
                let expected: Vec<i32> = (0..m).filter(of_word).map(|i| i as i32).collect();
                assert_eq!(found, expected, "word {word} of replica {replica}");
            }
        }
    }
}
