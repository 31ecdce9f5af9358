//! The numbers of a step in one buffer.

use burn::cubecl::{bytes::Bytes, server::Handle};
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;

use crate::kernels::tensors::{empty, view};

/// Sections of the step's numbers begin at multiples of this many words (256 bytes).
pub(super) const SECTION: usize = 64;

/// What the device reads anew at every step, in one buffer: ids, targets and token index of every micro-batch, and the factors of the
/// update.
pub(super) struct Inputs {
    words: CubeTensor,
    /// Begin and length of every section.
    pub sections: Vec<(usize, usize)>,
}

impl Inputs {
    pub fn new(lengths: &[usize], like: &CubeTensor) -> Self {
        let mut next = 0;
        let sections = lengths.iter().map(|&len| {
            let at = next;
            next += len.next_multiple_of(SECTION);
            (at, len)
        });
        let sections = sections.collect();
        let words = empty(like, [next]);
        Self { words, sections }
    }

    /// A section as a tensor.
    pub fn section<const D: usize>(
        &self,
        index: usize,
        shape: [usize; D],
        dtype: DType,
    ) -> CubeTensor {
        let part = view(&self.words, self.sections[index].0, shape);
        let (client, device) = (part.client.clone(), part.device.clone());
        CubeTensor::new_contiguous(client, device, Shape::from(shape), part.handle, dtype)
    }

    pub fn write(&self, sections: Vec<Vec<i32>>) {
        let mut words = vec![0i32; self.words.meta.num_elements()];
        for (&(at, len), from) in self.sections.iter().zip(&sections) {
            assert_eq!(from.len(), len, "sections keep their sizes");
            words[at..at + len].copy_from_slice(from);
        }
        let handle: &Handle = &self.words.handle;
        self.words.client.write(handle, Bytes::from_elems(words));
    }
}
