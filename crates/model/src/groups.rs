//! How the CPU shares a batch out: groups of sequences that go through the whole model side by side.
//!
//! An operation of a small model lasts little longer than it takes to wake a thread. A group is one
//! task from the embedding to the gradients, so that threads meet once in a step, and its
//! activations stay in the cache of the core that works on it. Operations inside a group still offer
//! their parts to threads that have nothing else to do. Groups are cut by sizes alone, never by the
//! number of threads, and added in order, so that results depend on neither.

use burn::tensor::Tensor;
use isoflop_plan::Shape;
use rayon::prelude::*;

use crate::batch::Tokens;
use crate::host::Host;
use crate::params::Grads;

/// Tokens of one group, at least, where there is more than one.
const TOKENS: usize = 512;
/// Groups of a batch, at most.
const MOST: usize = 16;
/// Elements of one task of the sum.
const BLOCK: usize = 16 * 1024;

/// Groups of a batch.
///
/// Every group has gradients of its own. The copies stay within the scores, softmax and gradient of
/// the logits that [`stack_memory`](isoflop_plan::stack_memory) counts and the CPU's operations do
/// not keep, so that its estimate holds.
pub(crate) fn count(shape: &Shape, tokens: &Tokens) -> usize {
    let scores = 2 * shape.depth * shape.heads * shape.context;
    let unused = tokens.per_replica() as u64 * (scores + 2 * shape.vocab) as u64;
    let copies = unused / shape.params().total().max(1);
    let most = usize::try_from(copies).unwrap_or(MOST).saturating_add(1).min(MOST);
    (tokens.per_replica() / TOKENS).min(tokens.sequences()).clamp(1, most)
}

/// What `work` makes of each of `count` groups of inputs and targets and the group's share of the
/// batch, in order.
pub(crate) fn each<T: Send>(
    inputs: &Tokens,
    targets: &Tokens,
    count: usize,
    work: impl Fn(&Tokens, &Tokens, f32) -> T + Sync,
) -> Vec<T> {
    let sequences = inputs.sequences();
    let groups = (0..count).into_par_iter().with_max_len(1).map(|i| {
        let range = i * sequences / count..(i + 1) * sequences / count;
        let share = range.len() as f32 / sequences as f32;
        work(&inputs.of_sequences(range.clone()), &targets.of_sequences(range), share)
    });
    groups.collect()
}

/// The sum of the groups' losses, `[R]` each.
pub(crate) fn sum_losses(losses: impl IntoIterator<Item = Tensor<1>>) -> Tensor<1> {
    losses.into_iter().reduce(|a, b| a + b).expect("a batch has a group")
}

/// The sum of the groups' gradients.
pub(crate) fn sum_grads(groups: impl IntoIterator<Item = Grads>) -> Grads {
    let mut groups = groups.into_iter().map(|g| g.into_iter().map(Host::new).collect());
    let mut total: Vec<Host> = groups.next().expect("a batch has a group");
    let others: Vec<Vec<Host>> = groups.collect();
    let mut blocks = Vec::new();
    for (weight, sum) in total.iter_mut().enumerate() {
        let parts = sum.slice_mut().chunks_mut(BLOCK).enumerate();
        blocks.extend(parts.map(|(i, part)| (weight, i * BLOCK, part)));
    }
    blocks.into_par_iter().for_each(|(weight, start, sum)| {
        for other in &others {
            let other = &other[weight].slice()[start..start + sum.len()];
            sum.iter_mut().zip(other).for_each(|(s, g)| *s += g);
        }
    });
    total.into_iter().map(Host::into_tensor).collect()
}
