//! A stack's passes on an adapter, by the launches of [`adapter`](crate::adapter).

use burn::tensor::{Int, Tensor, TensorData};

use super::StackModel;
use crate::adapter::packed::{self, Packed};
use crate::adapter::pass::{Batch, Pass};
use crate::batch::Tokens;
use crate::kernels::tensors::{empty, primitive_int, tensor, view};
use crate::ops::clip::kernel::gather;
use crate::ops::embedding::kernel::token_index;
use crate::params::Grads;

impl StackModel {
    pub(super) fn packed_grads(
        &self,
        packed: &Packed,
        inputs: &Tokens,
        targets: &Tokens,
        z: f32,
        scale: f32,
    ) -> (Tensor<1>, Grads) {
        let device = self.device();
        let pass = Pass::new(packed, inputs.sequences(), &device);
        let (parts, loss_scale) = (pass.parts(&device), self.loss_scale(inputs, scale));
        let loss = empty(&packed.flat, [packed.replicas]);
        let batch = self.batch(inputs, targets, true);
        pass.gradients(&batch, [z, scale, loss_scale], &loss, &parts, false);
        let flat = empty(&packed.flat, [packed.flat.meta.num_elements()]);
        gather(&parts.flat, &parts.tables, &flat, 1.0 / loss_scale);
        let (starts, _) = packed::offsets(&self.specs, packed.replicas);
        let views = packed::views(&flat, &starts, &self.specs, packed.replicas);
        (tensor(loss), views.into_iter().map(tensor).collect())
    }

    /// Token ids on the device, and for the backward pass where those of each word stand.
    pub(super) fn batch(&self, inputs: &Tokens, targets: &Tokens, backward: bool) -> Batch {
        let device = self.device();
        let list = |ids: Vec<i32>| {
            let shape = [ids.len()];
            let list = Tensor::<1, Int>::from_data(TensorData::new(ids, shape), &device);
            primitive_int(list)
        };
        let ids = |tokens: &Tokens| {
            let shape = [tokens.replicas, tokens.per_replica(), 1];
            view(&list(tokens.ids().to_vec()), 0, shape)
        };
        let token_index = backward.then(|| {
            let index = token_index(inputs, self.shape.vocab);
            [list(index.starts), list(index.rows)]
        });
        Batch { inputs: ids(inputs), targets: ids(targets), token_index }
    }
}
