//! Groups of cells that train in lock-step as one program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::memory::{Kept, MemoryEstimate, stack_memory};
use crate::{Cell, Hyper, Shape, Stack};

use super::MeasuredWidth;

/// Most replicas where neither the user nor a measurement says. Assumed: small cells gain from
/// company until the device is full.
const DEFAULT_WIDTH: usize = 8;

/// Most replicas of a stack, asked for with `train.stack` or measured.
pub const MOST_REPLICAS: usize = 4096;

/// How large a stack may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackLimits {
    /// Most replicas.
    pub max_width: usize,
    /// Most memory, in bytes; `None` where it is not known.
    pub memory_bytes: Option<u64>,
    /// Sequences per replica and pass, where the user has set them.
    pub micro_batch_sequences: Option<usize>,
    /// The largest tensor that the device can hold, in bytes; `None` where only the memory bounds it.
    pub tensor_bytes: Option<u64>,
    /// What the device's operations keep.
    pub kept: Kept,
}

impl StackLimits {
    /// The limits that a configuration sets.
    pub fn of(config: &Config) -> Self {
        Self {
            max_width: config.train.stack.unwrap_or(DEFAULT_WIDTH),
            memory_bytes: config.device.memory_bytes(),
            micro_batch_sequences: config.train.micro_batch_sequences,
            tensor_bytes: None,
            kept: Kept::All,
        }
    }

    /// Whether a stack is expected to fit, its batch cut as [`Self::micro_batch`] says.
    pub fn hold(&self, stack: &Stack) -> bool {
        let Some(cell) = stack.cells.first() else { return true };
        let sequences = self.micro_batch(stack).unwrap_or(cell.hyper.batch_sequences);
        self.fits(&self.of_stack(stack, sequences), 1)
    }

    /// What so many replicas are expected to need that pass so many sequences each at a time.
    pub fn estimate(
        &self,
        shape: &Shape,
        hyper: &Hyper,
        replicas: usize,
        sequences: usize,
    ) -> MemoryEstimate {
        stack_memory(shape, hyper, replicas, sequences, self.kept)
    }

    /// Whether `stacks` of that at once are expected to fit.
    pub fn fits(&self, one: &MemoryEstimate, stacks: usize) -> bool {
        let all = one.total().saturating_mul(stacks as u64);
        self.memory_bytes.is_none_or(|most| all <= most)
            && self.tensor_bytes.is_none_or(|most| one.largest_tensor <= most)
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
        let cell = stack.cells.first()?;
        let mut sequences = cell.hyper.batch_sequences;
        while sequences > 1 && !self.fits(&self.of_stack(stack, sequences), 1) {
            sequences = sequences.div_ceil(2);
        }
        (sequences < cell.hyper.batch_sequences).then_some(sequences)
    }

    /// Replicas of a stack that are evaluated side by side on so many sequences each: as many as are expected to fit beside
    /// what training keeps, at least 1. An evaluation keeps one block's activations at a time.
    pub fn evaluated_at_once(&self, stack: &Stack, sequences: usize) -> usize {
        let Some(cell) = stack.cells.first() else { return 1 };
        let kept = MemoryEstimate { activations: 0, ..self.of_stack(stack, 1) }.total();
        let block = Shape { depth: 1, ..cell.shape };
        let fits = |replicas: &usize| {
            let pass = self.estimate(&block, &cell.hyper, *replicas, sequences);
            let bytes = kept.saturating_add(pass.activations);
            self.fits(
                &MemoryEstimate {
                    activations: bytes,
                    ..MemoryEstimate::of_tensor(pass.largest_tensor)
                },
                1,
            )
        };
        (1..=stack.cells.len()).rev().find(fits).unwrap_or(1)
    }

    /// Memory that a stack is expected to need, in bytes, its batch cut as [`Self::micro_batch`] says.
    pub fn stack_bytes(&self, stack: &Stack) -> u64 {
        let Some(cell) = stack.cells.first() else { return 0 };
        let batch = cell.hyper.batch_sequences;
        let sequences = self.micro_batch(stack).map_or(batch, |most| most.min(batch));
        self.of_stack(stack, sequences).total()
    }

    /// What a stack is expected to need for so many sequences at a time.
    pub(super) fn of_stack(&self, stack: &Stack, sequences: usize) -> MemoryEstimate {
        let none = MemoryEstimate::of_tensor(0);
        let of =
            |cell: &Cell| self.estimate(&cell.shape, &cell.hyper, stack.cells.len(), sequences);
        stack.cells.first().map_or(none, of)
    }

    /// Widest stack of cells like `cell`; at least 1.
    fn width(&self, cell: &Cell, measured: Option<MeasuredWidth>) -> usize {
        let measured = measured.and_then(|width| width(cell.step_flops()));
        let most = measured.unwrap_or(self.max_width).min(MOST_REPLICAS);
        let fits = |r: &usize| {
            self.fits(&self.estimate(&cell.shape, &cell.hyper, *r, self.sequences(cell)), 1)
        };
        (1..=most).rev().find(fits).unwrap_or(1)
    }
}

/// Cells that can train as one program: of one shape and batch, and of one optimizer and precision,
/// longest first.
pub(super) fn alike<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<Vec<&'a Cell>> {
    let mut alike: BTreeMap<(Shape, usize, String), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        let h = &cell.hyper;
        // All that the replicas of one program share.
        let shared = (h.optimizer, h.precision, h.beta1, h.beta2, h.epsilon, h.z_loss);
        let key = (cell.shape, h.batch_sequences, format!("{shared:?}"));
        alike.entry(key).or_default().push(cell);
    }
    let sorted = |mut cells: Vec<&'a Cell>| {
        cells.sort_by(|a, b| b.steps.cmp(&a.steps).then_with(|| a.id.cmp(&b.id)));
        cells
    };
    alike.into_values().map(sorted).collect()
}

/// Groups of cells that are [`alike`], as few and as even as the limits, and the widths that were
/// measured, allow. The same cells in any order give the same stacks.
pub(super) fn group<'a>(
    cells: impl Iterator<Item = &'a Cell>,
    limits: StackLimits,
    measured: Option<MeasuredWidth>,
) -> Vec<Stack> {
    let mut stacks = Vec::new();
    for cells in alike(cells) {
        let width = limits.width(cells[0], measured);
        if measured.is_some()
            && let Some(shared) = by_replicas(&cells, width, limits)
        {
            stacks.extend(shared);
            continue;
        }
        let groups = cells.len().div_ceil(width);
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

/// Stacks of at most `width` runs where cells share the beginning of a run, each with all the cells of
/// its runs: apart they would train it again. `None` where none do, or where the memory is too small.
fn by_replicas(cells: &[&Cell], width: usize, limits: StackLimits) -> Option<Vec<Stack>> {
    let replicas = stack(cells).replicas(|_| true);
    if replicas.len() == cells.len() {
        return None;
    }
    let (count, groups) = (replicas.len(), replicas.len().div_ceil(width));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups];
    for (i, replica) in replicas.into_iter().enumerate() {
        members[i * groups / count].extend(replica);
    }
    let stacks: Vec<Stack> = members
        .into_iter()
        .map(|mut members| {
            members.sort_unstable(); // longest first, as the cells are
            stack(&members.iter().map(|&i| cells[i]).collect::<Vec<_>>())
        })
        .collect();
    let sequences = limits.sequences(cells[0]);
    let fits = |s: &Stack| limits.fits(&limits.of_stack(s, sequences), 1);
    stacks.iter().all(fits).then_some(stacks)
}

fn stack(cells: &[&Cell]) -> Stack {
    Stack::of(cells.iter().map(|c| (*c).clone()).collect())
}
