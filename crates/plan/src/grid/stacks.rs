//! Groups of cells that train in lock-step as one program.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::memory::stack_memory;
use crate::{Cell, Shape, Stack};

/// Most replicas where neither the user nor a measurement says. Assumed: small cells gain from
/// company until the device is full, which a handful of them achieves on a CPU.
const DEFAULT_WIDTH: usize = 8;

/// How large a stack may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackLimits {
    /// Most replicas.
    pub max_width: usize,
    /// Most memory, in bytes; `None` where it is not known.
    pub memory_bytes: Option<u64>,
    /// Sequences per replica and pass, where the user has set them.
    pub micro_batch_sequences: Option<usize>,
}

impl StackLimits {
    /// The limits that a configuration sets.
    pub fn of(config: &Config) -> Self {
        Self {
            max_width: config.train.stack.unwrap_or(DEFAULT_WIDTH),
            memory_bytes: config.device.memory_bytes,
            micro_batch_sequences: config.train.micro_batch_sequences,
        }
    }

    /// Sequences of a cell that pass at a time.
    pub(super) fn sequences(&self, cell: &Cell) -> usize {
        let batch = cell.hyper.batch_sequences;
        self.micro_batch_sequences.map_or(batch, |most| most.min(batch))
    }

    /// Sequences of every replica that pass at a time: what the user has set, else the largest half,
    /// quarter ... of the batch that is expected to fit; `None` where the whole batch is.
    pub fn micro_batch(&self, stack: &Stack) -> Option<usize> {
        if self.micro_batch_sequences.is_some() {
            return self.micro_batch_sequences;
        }
        let (cell, most) = (stack.cells.first()?, self.memory_bytes?);
        let mut sequences = cell.hyper.batch_sequences;
        while sequences > 1 && self.bytes(stack, sequences) > most {
            sequences = sequences.div_ceil(2);
        }
        (sequences < cell.hyper.batch_sequences).then_some(sequences)
    }

    /// Memory that a stack is expected to need, in bytes, its batch cut as [`Self::micro_batch`] says.
    pub fn stack_bytes(&self, stack: &Stack) -> u64 {
        let Some(cell) = stack.cells.first() else { return 0 };
        let batch = cell.hyper.batch_sequences;
        self.bytes(stack, self.micro_batch(stack).map_or(batch, |most| most.min(batch)))
    }

    /// The same for so many sequences at a time.
    pub(super) fn bytes(&self, stack: &Stack, sequences: usize) -> u64 {
        let Some(cell) = stack.cells.first() else { return 0 };
        stack_memory(&cell.shape, &cell.hyper, stack.cells.len(), sequences).total()
    }

    /// Widest stack of cells like `cell`; at least 1.
    fn width(&self, cell: &Cell) -> usize {
        let fits = |r: &usize| {
            let estimate = stack_memory(&cell.shape, &cell.hyper, *r, self.sequences(cell));
            self.memory_bytes.is_none_or(|most| estimate.total() <= most)
        };
        (1..=self.max_width).rev().find(fits).unwrap_or(1)
    }
}

/// Groups cells of one shape and batch, and of one optimizer and precision, longest first, in as
/// few and as even groups as the limits allow. The same cells in any order give the same stacks.
pub(super) fn group<'a>(cells: impl Iterator<Item = &'a Cell>, limits: StackLimits) -> Vec<Stack> {
    let mut alike: BTreeMap<(Shape, usize, String), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        let h = &cell.hyper;
        // All that the replicas of one program share.
        let shared = (h.optimizer, h.precision, h.beta1, h.beta2, h.epsilon, h.z_loss);
        let key = (cell.shape, h.batch_sequences, format!("{shared:?}"));
        alike.entry(key).or_default().push(cell);
    }
    let mut stacks = Vec::new();
    for mut cells in alike.into_values() {
        cells.sort_by(|a, b| b.steps.cmp(&a.steps).then_with(|| a.id.cmp(&b.id)));
        let groups = cells.len().div_ceil(limits.width(cells[0]));
        // The first `longer` groups have one cell more than the rest.
        let (size, longer) = (cells.len() / groups, cells.len() % groups);
        let mut rest = cells.as_slice();
        for i in 0..groups {
            let (group, tail) = rest.split_at(size + usize::from(i < longer));
            rest = tail;
            stacks.push(stack(group));
        }
    }
    stacks.sort_by(|a, b| a.cost_flops().total_cmp(&b.cost_flops()).then_with(|| a.id.cmp(&b.id)));
    stacks
}

fn stack(cells: &[&Cell]) -> Stack {
    let mut hash = Sha256::new();
    for cell in cells {
        hash.update(cell.id.0.as_bytes());
    }
    let id = hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    Stack { id, cells: cells.iter().map(|c| (*c).clone()).collect() }
}
