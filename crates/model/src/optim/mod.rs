//! Update rules over all weights of a stack, with settings per replica.

mod muon;

use burn::tensor::Tensor;
use isoflop_plan::Optimizer;

use crate::adapter::packed;
use crate::adapter::update::{self, Moments};
use crate::kernels::tensors::tensor;
use crate::model::StackModel;
use crate::ops::adamw::{self, ReplicaStep, Slot};
use crate::ops::clip::{self, grad_norms};
use crate::params::{Grads, ParamSpec};

/// Moments of every weight, `[R, rows, cols]` each, and the steps taken.
#[derive(Debug, Clone)]
pub struct OptimState {
    pub step: u64,
    /// First moments (momentum).
    pub first: Vec<Tensor<3>>,
    pub second: Vec<Tensor<3>>,
    /// On adapters with kernels: the memory that both lie in.
    packed: Option<Moments>,
}

impl OptimState {
    /// Zero moments for a model.
    pub fn new(model: &StackModel) -> Self {
        let zeros =
            || model.weights().iter().map(|w| Tensor::zeros(w.dims(), &w.device())).collect();
        Self::resumed(0, zeros(), zeros())
    }

    /// After so many steps, with moments as a checkpoint holds them.
    pub fn resumed(step: u64, first: Vec<Tensor<3>>, second: Vec<Tensor<3>>) -> Self {
        Self { step, first, second, packed: None }
    }

    /// The memory of the moments, which they are moved to the first time.
    pub(crate) fn moments(&mut self, specs: &[ParamSpec]) -> Moments {
        if let Some(packed) = &self.packed {
            return packed.clone();
        }
        let move_to_one = |tensors: &mut Vec<Tensor<3>>| {
            let (flat, views) = packed::pack(std::mem::take(tensors), specs);
            *tensors = views.into_iter().map(tensor).collect();
            flat
        };
        let (first, second) = (move_to_one(&mut self.first), move_to_one(&mut self.second));
        let moments = Moments { id: packed::next_id(), first, second };
        self.packed = Some(moments.clone());
        moments
    }

    /// One update in place. Returns the gradient norm of each replica before clipping, `[R]`.
    ///
    /// # Panics
    /// If `replicas` does not name one setting per replica.
    pub fn update(
        &mut self,
        rule: Optimizer,
        model: &mut StackModel,
        grads: Grads,
        replicas: &[ReplicaStep],
    ) -> Tensor<1> {
        assert_eq!(replicas.len(), model.replicas(), "one setting per replica");
        self.step += 1;
        if rule == Optimizer::AdamW
            && let Some(packed) = model.packed()
        {
            let moments = self.moments(model.specs());
            let factors = adamw::factors(replicas, self.step);
            let norms =
                update::update_by_gradients(packed, &moments, grads, model.specs(), factors);
            return tensor(norms);
        }
        // What follows puts other tensors in their places.
        self.packed = None;
        let norms = grad_norms(&grads);
        let scales = clip::scales(&norms, replicas);
        let specs: Vec<ParamSpec> = model.specs().to_vec();
        let moments = self.first.iter_mut().zip(&mut self.second);
        let slots = model.weights_mut().iter_mut().zip(moments);
        let mut adamw = Vec::new();
        for ((spec, grad), (weight, (first, second))) in specs.iter().zip(grads).zip(slots) {
            let slot = Slot { weight, first, second };
            if rule == Optimizer::Muon && spec.is_block_matrix() {
                muon::update(slot, grad, &scales, replicas, parts(spec));
            } else {
                adamw.push((slot, grad, spec.decay));
            }
        }
        adamw::update(adamw, &scales, replicas, self.step);
        model.store();
        norms
    }

    /// The state of the named replicas alone.
    pub fn select(&self, keep: &[usize]) -> Self {
        let pick = |v: &[Tensor<3>]| v.iter().map(|t| select(t, keep)).collect();
        Self::resumed(self.step, pick(&self.first), pick(&self.second))
    }
}

/// The named replicas of a weight, `[R, ..] -> [keep, ..]`.
pub fn select(tensor: &Tensor<3>, keep: &[usize]) -> Tensor<3> {
    let parts = keep.iter().map(|&i| tensor.clone().narrow(0, i, 1)).collect();
    Tensor::cat(parts, 0)
}

/// Independent matrices that one weight holds side by side.
fn parts(spec: &ParamSpec) -> usize {
    match spec.name.rsplit('.').next() {
        Some("qkv") => 3,
        Some("gate_up") => 2,
        _ => 1,
    }
}
