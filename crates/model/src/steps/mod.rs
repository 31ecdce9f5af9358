//! Training steps of a stack: launched the first time, recorded the second, replayed from then on.

mod inputs;
mod micro_batch;
mod recording;

use burn::tensor::Tensor;
use isoflop_plan::Optimizer;

use crate::kernels::Traffic;
use crate::kernels::elementwise::copy;
use crate::kernels::tensors::{empty, tensor, view};
use crate::kernels::traffic::during;
use crate::model::StackModel;
use crate::ops::adamw::ReplicaStep;
use crate::optim::OptimState;
use inputs::SECTION;
pub use micro_batch::MicroBatch;
use recording::{Prepared, Run, key, prepare, words};

/// Steps of a stack. On the CPU, and where there are no kernels, one operation is called after the other.
#[derive(Default)]
pub struct Steps {
    prepared: Option<Prepared>,
    /// Why steps are not recorded.
    refused: Option<String>,
    traffic: Option<Traffic>,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("recorded", &self.is_recorded()).finish_non_exhaustive()
    }
}

impl Steps {
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last step was replayed from a recording.
    pub fn is_recorded(&self) -> bool {
        self.prepared.as_ref().is_some_and(|p| p.graph.is_some())
    }

    /// Why a device's steps are launched one by one, where they are and should not be.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The launches of a step, and what they read and write; `None` on the CPU and where there are no kernels. What the host sends
    /// is not in it.
    pub fn traffic(&self) -> Option<Traffic> {
        self.traffic
    }

    /// One step of all replicas: mean losses `[R]` and gradient norms before clipping `[R]`.
    ///
    /// # Panics
    /// If there is no batch, or `settings` does not name one setting per replica.
    pub fn step(
        &mut self,
        model: &mut StackModel,
        optim: &mut OptimState,
        batches: &[MicroBatch],
        z: f32,
        rule: Optimizer,
        settings: &[ReplicaStep],
    ) -> (Tensor<1>, Tensor<1>) {
        assert_eq!(settings.len(), model.replicas(), "one setting per replica");
        let even =
            batches.windows(2).all(|w| w[0].inputs.per_replica() == w[1].inputs.per_replica());
        if !model.is_packed() || rule != Optimizer::AdamW || !even {
            (self.prepared, self.traffic) = (None, None);
            return one_by_one(model, optim, batches, z, rule, settings);
        }
        let moments = optim.moments(model.specs());
        let key = key(model, &moments, batches, z);
        if self.prepared.as_ref().is_none_or(|p| p.key != key) {
            self.prepared = None; // before memory is taken for the next
            self.prepared = Some(prepare(key, model, batches));
        }
        let prepared = self.prepared.as_mut().expect("just made");
        optim.step += 1;
        prepared.inputs.write(words(model, batches, settings, optim.step));
        let run = Run { model, moments: &moments, batches, z };
        prepared.advance(&run, &mut self.refused);
        let r = model.replicas();
        let results = empty(&prepared.results, [2 * r.next_multiple_of(SECTION)]);
        let copied = during(|| copy(&prepared.results, &results));
        self.traffic = Some(prepared.traffic + copied);
        let norms = r.next_multiple_of(SECTION);
        let [loss, norm] = [0, norms].map(|at| tensor(view(&results, at, [r])));
        (loss, norm)
    }
}

/// By the operations of [`StackModel`] and [`OptimState`].
fn one_by_one(
    model: &mut StackModel,
    optim: &mut OptimState,
    batches: &[MicroBatch],
    z: f32,
    rule: Optimizer,
    settings: &[ReplicaStep],
) -> (Tensor<1>, Tensor<1>) {
    let passes = batches
        .iter()
        .map(|batch| model.loss_and_grads(&batch.inputs, &batch.targets, z, batch.share));
    let sum = passes.reduce(|(loss, grads), (more, others)| {
        (loss + more, grads.into_iter().zip(others).map(|(a, b)| a + b).collect())
    });
    let (loss, grads) = sum.expect("a batch has sequences");
    let norm = optim.update(rule, model, grads, settings);
    (loss, norm)
}
