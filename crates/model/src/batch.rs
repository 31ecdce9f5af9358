//! Token ids of one step of a stack.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Token ids `[R, sequences * context]`, kept on the host and moved to a device when needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    ids: Vec<i32>,
    pub replicas: usize,
    /// Tokens per sequence.
    pub context: usize,
}

impl Tokens {
    /// From ids in row-major order.
    ///
    /// # Panics
    /// If the ids are not whole sequences for every replica.
    pub fn new(ids: Vec<i32>, replicas: usize, context: usize) -> Self {
        assert_eq!(ids.len() % (replicas * context), 0, "whole sequences for every replica");
        Self { ids, replicas, context }
    }

    /// Inputs and targets from sequences of `context + 1` ids each.
    pub fn inputs_and_targets(windows: &[i32], replicas: usize, context: usize) -> (Self, Self) {
        let sequences = windows.chunks_exact(context + 1);
        let inputs = sequences.clone().flat_map(|s| &s[..context]).copied().collect();
        let targets = sequences.flat_map(|s| &s[1..]).copied().collect();
        (Self::new(inputs, replicas, context), Self::new(targets, replicas, context))
    }

    pub fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// Tokens of one replica, M.
    pub fn per_replica(&self) -> usize {
        self.ids.len() / self.replicas
    }

    pub fn sequences(&self) -> usize {
        self.per_replica() / self.context
    }

    /// Some sequences of every replica.
    pub(crate) fn of_sequences(&self, range: std::ops::Range<usize>) -> Self {
        let replicas = self.ids.chunks_exact(self.per_replica());
        let part = range.start * self.context..range.end * self.context;
        let ids = replicas.flat_map(|ids| &ids[part.clone()]).copied().collect();
        Self::new(ids, self.replicas, self.context)
    }

    /// Some of the tokens of every replica, as one sequence each.
    pub(crate) fn of_rows(&self, range: std::ops::Range<usize>) -> Self {
        let replicas = self.ids.chunks_exact(self.per_replica());
        let ids = replicas.flat_map(|ids| &ids[range.clone()]).copied().collect();
        Self::new(ids, self.replicas, range.len())
    }

    /// As `[R, M, 1]`.
    pub(crate) fn tensor(&self, device: &Device) -> Tensor<3, Int> {
        let shape = [self.replicas, self.per_replica(), 1];
        Tensor::from_data(TensorData::new(self.ids.clone(), shape), device)
    }

    /// Rows of a table `[R * vocab, ..]`, flat.
    pub(crate) fn flat_tensor(&self, vocab: usize, device: &Device) -> Tensor<1, Int> {
        let m = self.per_replica();
        let rows: Vec<i32> =
            self.ids.iter().enumerate().map(|(i, &id)| (i / m * vocab) as i32 + id).collect();
        let shape = [rows.len()];
        Tensor::from_data(TensorData::new(rows, shape), device)
    }
}
