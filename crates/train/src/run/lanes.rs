//! Lanes of a stack come and go: where it begins, where cells fork, and where one ends.

use burn::tensor::Device;
use isoflop_model::{OptimState, StackModel, Steps, select};
use isoflop_plan::Stack;

use super::Run;
use crate::checkpoint::State;
use crate::replica::Replica;

impl Run<'_> {
    /// Lets cells whose own way begins here leave the lane that they shared.
    pub(super) fn fork(&mut self) {
        let step = self.step();
        let cells = self.cells();
        let mut lanes: Vec<usize> = (0..self.lanes()).collect();
        for lane in 0..self.lanes() {
            for replica in self.state.replicas[lane].fork(cells, step) {
                lanes.push(lane);
                self.state.replicas.push(replica);
            }
        }
        if lanes.len() > self.latest.len() {
            self.steps = Steps::new(); // its memory is free before more is taken
            self.state.model = select_model(&self.state.model, &lanes);
            self.state.optim = self.state.optim.select(&lanes);
            self.latest = lanes.iter().map(|&l| self.latest[l]).collect();
        }
    }

    /// Drops all lanes but these.
    pub(super) fn keep(&mut self, lanes: &[usize]) {
        self.state.replicas = lanes.iter().map(|&l| self.state.replicas[l].clone()).collect();
        self.latest = lanes.iter().map(|&l| self.latest[l]).collect();
        if !lanes.is_empty() {
            self.steps = Steps::new();
            self.state.model = select_model(&self.state.model, lanes);
            self.state.optim = self.state.optim.select(lanes);
        }
    }
}

/// The weights of these lanes, in this order.
pub(super) fn select_model(model: &StackModel, lanes: &[usize]) -> StackModel {
    if lanes.iter().copied().eq(0..model.replicas()) {
        return model.clone();
    }
    let weights = model.weights().iter().map(|w| select(w, lanes)).collect();
    model.with_weights(weights)
}

/// The state before the first step.
pub(super) fn fresh(stack: &Stack, wanted: &[usize], device: &Device) -> State {
    let replicas = Replica::group(stack, wanted);
    let seeds: Vec<u64> = replicas.iter().map(|r| stack.cells[r.cells[0]].seed).collect();
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
        replica.tracks.iter_mut().for_each(|t| t.resumed += 1);
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
