//! Replicas of a stack come and go: where it begins, where cells fork, and where one ends.

use burn::tensor::Device;
use isoflop_checkpoint::Replica;
use isoflop_device::Meter;
use isoflop_model::{OptimState, StackModel, Steps, select};
use isoflop_plan::Stack;
use isoflop_record::Energy;

use super::Run;
use crate::checkpoint::State;

impl Run<'_> {
    /// Lets cells whose own way begins here leave the replica that they shared. Whether any did.
    pub(super) fn fork(&mut self) -> bool {
        let step = self.step();
        let cells = self.cells();
        // The replica that each one's weights come from.
        let mut sources: Vec<usize> = (0..self.width()).collect();
        for index in 0..self.width() {
            for forked in self.state.replicas[index].fork(cells, step) {
                sources.push(index);
                self.state.replicas.push(forked);
            }
        }
        let forks = sources.len() > self.latest.len();
        if forks {
            self.steps = Steps::new(); // its memory is free before more is taken
            self.state.model = select_model(&self.state.model, &sources);
            self.state.optim = self.state.optim.select(&sources);
            self.latest = sources.iter().map(|&i| self.latest[i]).collect();
            self.smoothed = sources.iter().map(|&i| self.smoothed[i]).collect();
        }
        forks
    }

    /// Drops all replicas but these.
    pub(super) fn keep(&mut self, replicas: &[usize]) {
        self.state.replicas = replicas.iter().map(|&i| self.state.replicas[i].clone()).collect();
        self.latest = replicas.iter().map(|&i| self.latest[i]).collect();
        self.smoothed = replicas.iter().map(|&i| self.smoothed[i]).collect();
        if !replicas.is_empty() {
            self.steps = Steps::new();
            self.state.model = select_model(&self.state.model, replicas);
            self.state.optim = self.state.optim.select(replicas);
        }
    }
}

/// The weights of these replicas, in this order.
pub(super) fn select_model(model: &StackModel, replicas: &[usize]) -> StackModel {
    if replicas.iter().copied().eq(0..model.replicas()) {
        return model.clone();
    }
    let weights = model.weights().iter().map(|w| select(w, replicas)).collect();
    model.with_weights(weights)
}

/// The state before the first step.
pub(super) fn fresh(
    stack: &Stack,
    wanted: &[usize],
    device: &Device,
    meter: Option<&Meter>,
) -> State {
    let energy = meter.map(|meter| Energy { joules: 0.0, source: meter.source() });
    let replicas = Replica::group(stack, wanted, energy);
    let seeds: Vec<u64> = replicas.iter().map(|r| stack.cells[r.cells[0]].init_seed()).collect();
    let first = &stack.cells[0];
    let model = StackModel::init(&first.shape, &seeds, first.hyper.precision, device);
    let optim = OptimState::new(&model);
    State { model, optim, replicas }
}

/// Whether a loaded state has all of these cells. One that ended has left it; if its record never
/// reached the disk, as on a full one, it is wanted all the same.
pub(super) fn holds(state: &State, wanted: &[usize]) -> bool {
    wanted.iter().all(|cell| state.replicas.iter().any(|r| r.cells.contains(cell)))
}

/// A loaded state without the cells that are finished elsewhere.
pub(super) fn resumed(mut state: State, wanted: &[usize]) -> State {
    for replica in &mut state.replicas {
        replica.retain(|cell| wanted.contains(&cell));
        replica.progress.iter_mut().for_each(|p| p.resumed += 1);
    }
    let keep: Vec<usize> =
        (0..state.replicas.len()).filter(|&i| !state.replicas[i].cells.is_empty()).collect();
    if keep.len() < state.replicas.len() && !keep.is_empty() {
        state.model = select_model(&state.model, &keep);
        state.optim = state.optim.select(&keep);
    }
    state.replicas.retain(|r| !r.cells.is_empty());
    state
}
