//! The gradient of an embedding, without atomics: every row of the table adds up its own tokens, in
//! their order. Where they stand is worked out on the host, which has the ids anyway.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Rows, dims, empty, rows_of};
use crate::batch::Tokens;

/// Chunks of a replica's tokens, at most: frequent words are added up by several units.
const MOST_CHUNKS: usize = 16;

/// Where the tokens of each word stand.
pub(crate) struct Places {
    /// `[R, chunks, V + 1]`: where a word's tokens begin in `rows`.
    pub starts: Vec<i32>,
    /// `[R, M]`: rows of the replica, by chunk and word.
    pub rows: Vec<i32>,
    /// Chunks that a replica's tokens are cut into.
    pub chunks: usize,
}

/// Sorts the tokens of every chunk by word, equal ones in their order.
pub(crate) fn places(tokens: &Tokens, vocab: usize) -> Places {
    let m = tokens.per_replica();
    // The tables of all chunks together are about as large as the activations that they come from.
    let chunks = (2 * m / vocab).clamp(1, MOST_CHUNKS);
    let per_chunk = m.div_ceil(chunks);
    let mut starts = Vec::with_capacity(tokens.replicas * chunks * (vocab + 1));
    let mut rows = vec![0i32; tokens.ids().len()];
    for (ids, rows) in tokens.ids().chunks_exact(m).zip(rows.chunks_exact_mut(m)) {
        for chunk in 0..chunks {
            let (first, last) = ((chunk * per_chunk).min(m), ((chunk + 1) * per_chunk).min(m));
            let mut next = vec![0i32; vocab + 1];
            for &id in &ids[first..last] {
                next[id as usize + 1] += 1;
            }
            next[0] = first as i32;
            for word in 0..vocab {
                next[word + 1] += next[word];
            }
            starts.extend_from_slice(&next);
            for row in first..last {
                let place = &mut next[ids[row] as usize];
                rows[*place as usize] = row as i32;
                *place += 1;
            }
        }
    }
    Places { starts, rows, chunks }
}

/// Some units for each row of a chunk's table.
#[cube(launch_unchecked)]
fn gradient_kernel(
    dy: &[f32],
    starts: &[i32],
    places: &[i32],
    table: &mut [f32],
    rows: usize,
    per_replica: usize,
    chunks: usize,
    vocab: usize,
    width: usize,
    #[comptime] lanes: usize,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row < rows {
        let (part, word) = (row / vocab, row % vocab);
        let first = part / chunks * per_replica; // of the replica
        let at = part * (vocab + 1) + word;
        let (begin, end) = (starts[at] as usize, starts[at + 1] as usize);
        for col in range_stepped(UNIT_POS_X as usize, width, lanes) {
            let mut sum = 0.0f32;
            for place in begin..end {
                sum += dy[(first + places[first + place] as usize) * width + col];
            }
            table[row * width + col] = sum;
        }
    }
}

/// Gradient of a table as one part for every chunk, `[R, chunks, V * D]`, from `dy` `[R, M, D]`.
pub(super) fn gradient(
    dy: CubeTensor,
    starts: CubeTensor,
    places: CubeTensor,
    chunks: usize,
    vocab: usize,
) -> CubeTensor {
    let dy = rows_of(dy);
    let (starts, places) = (into_contiguous(starts), into_contiguous(places));
    let [r, m, width] = dims(&dy);
    let table = empty(&dy, [r, chunks, vocab * width]);
    let rows = Rows::with_lanes(width.next_power_of_two().clamp(4, 64), &dy.client);
    let client = dy.client.clone();
    // SAFETY: units beyond the last row write nothing; `places` holds rows of the replica.
    unsafe {
        gradient_kernel::launch_unchecked(
            &client,
            rows.cubes(r * chunks * vocab),
            rows.dim(),
            dy.into_buffer_arg(),
            starts.into_buffer_arg(),
            places.into_buffer_arg(),
            table.clone().into_buffer_arg(),
            r * chunks * vocab,
            m,
            chunks,
            vocab,
            width,
            rows.lanes,
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_stands_at_its_word_once_and_in_order() {
        let (vocab, m) = (5, 33);
        let ids: Vec<i32> = (0..2 * m as i32).map(|i| (i * i + i / 7) % 4).collect();
        let tokens = Tokens::new(ids.clone(), 2, 11);
        let places = places(&tokens, vocab);
        assert!(places.chunks > 1);
        for (replica, ids) in ids.chunks_exact(m).enumerate() {
            for word in 0..vocab {
                let mut found: Vec<i32> = Vec::new();
                for chunk in 0..places.chunks {
                    let starts = &places.starts[(replica * places.chunks + chunk) * (vocab + 1)..];
                    let (begin, end) = (starts[word] as usize, starts[word + 1] as usize);
                    found.extend(&places.rows[replica * m..][begin..end]);
                }
                let of_word = |&i: &usize| ids[i] == word as i32;
                let expected: Vec<i32> = (0..m).filter(of_word).map(|i| i as i32).collect();
                assert_eq!(found, expected, "word {word} of replica {replica}");
            }
        }
    }
}
