//! Where the weights of a stack lie in one piece of memory, and the parts of their gradients: the tables that kernels on all weights
//! at once read.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Elements of a cube of the update; every weight begins at a multiple of it.
pub(crate) const BLOCK: usize = 1024;

/// Where a weight of all replicas lies, and the parts of its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// First element among the weights.
    pub at: usize,
    pub per_replica: usize,
    pub decays: bool,
    /// First element among the parts.
    pub parts_at: usize,
    pub parts: usize,
    /// Elements from a part to the next, and from a replica to the next.
    pub part_stride: usize,
    pub replica_stride: usize,
}

/// Words of an entry in a table.
pub(crate) const WORDS: usize = 7;

/// Tables of entries on the device.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// [`WORDS`] of every weight.
    pub entries: Tensor<1, Int>,
    /// The entry of every block.
    pub blocks: Tensor<1, Int>,
    pub count: usize,
    pub replicas: usize,
    /// Elements that all begins, lengths and strides are multiples of, up to 4.
    pub even: usize,
}

impl Tables {
    pub fn new(entries: &[Entry], replicas: usize, device: &Device) -> Self {
        let words = entries.iter().flat_map(|e| {
            let numbers = [
                e.at,
                e.per_replica,
                usize::from(e.decays),
                e.parts_at,
                e.parts,
                e.part_stride,
                e.replica_stride,
            ];
            numbers.map(|x| x as i32)
        });
        let blocks = entries.iter().enumerate().flat_map(|(i, e)| {
            std::iter::repeat_n(i as i32, (replicas * e.per_replica).div_ceil(BLOCK))
        });
        let send = |numbers: Vec<i32>| {
            let shape = [numbers.len()];
            Tensor::<1, Int>::from_data(TensorData::new(numbers, shape), device)
        };
        let (words, blocks) = (send(words.collect()), send(blocks.collect()));
        let divides = |n: &usize| {
            entries.iter().all(|e| {
                let numbers = [e.at, e.per_replica, e.parts_at, e.part_stride, e.replica_stride];
                numbers.iter().all(|x| x.is_multiple_of(*n))
            })
        };
        let even = [4, 2].into_iter().find(divides).unwrap_or(1);
        Self { entries: words, blocks, count: entries.len(), replicas, even }
    }

    pub fn blocks(&self) -> usize {
        self.blocks.dims()[0]
    }
}
