//! How many launches a step has, and what they read and write: counted where kernels are given their tensors.

use std::cell::Cell;
use std::ops::{Add, Sub};

use burn::cubecl::client::Client;
use burn::cubecl::prelude::BufferArg;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

/// Launches, and the bytes of the tensors that they read and write: each part of a tensor once a launch, however often a kernel comes
/// back to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub launches: u64,
    pub read: u64,
    pub written: u64,
}

impl Traffic {
    pub fn bytes(self) -> u64 {
        self.read + self.written
    }
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            launches: self.launches + other.launches,
            read: self.read + other.read,
            written: self.written + other.written,
        }
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            launches: self.launches - other.launches,
            read: self.read - other.read,
            written: self.written - other.written,
        }
    }
}

thread_local! {
    static OF_THREAD: Cell<Traffic> = const { Cell::new(Traffic { launches: 0, read: 0, written: 0 }) };
}

fn count(launches: u64, read: usize, written: usize) {
    let more = Traffic { launches, read: read as u64, written: written as u64 };
    OF_THREAD.set(OF_THREAD.get() + more);
}

/// That of all launches that `work` makes on this thread.
pub(crate) fn during(work: impl FnOnce()) -> Traffic {
    let before = OF_THREAD.get();
    work();
    OF_THREAD.get() - before
}

fn bytes(tensor: &CubeTensor) -> usize {
    tensor.meta.num_elements() * tensor.dtype.size()
}

/// The client, for a launch.
pub(crate) fn on(client: &Client) -> &Client {
    count(1, 0, 0);
    client
}

/// A tensor that a kernel reads.
pub(crate) fn reads(tensor: &CubeTensor) -> BufferArg {
    count(0, bytes(tensor), 0);
    stands_in(tensor)
}

/// A tensor of which a kernel reads so many elements.
pub(crate) fn reads_some(tensor: &CubeTensor, elements: usize) -> BufferArg {
    count(0, elements * tensor.dtype.size(), 0);
    stands_in(tensor)
}

/// A tensor that a kernel reads where it takes one; else any other stands in.
pub(crate) fn reads_if(tensor: Option<&CubeTensor>, other: &CubeTensor) -> BufferArg {
    tensor.map_or_else(|| stands_in(other), reads)
}

/// A tensor that a kernel writes.
pub(crate) fn writes(tensor: &CubeTensor) -> BufferArg {
    count(0, 0, bytes(tensor));
    stands_in(tensor)
}

/// A tensor of which a kernel writes so many elements.
pub(crate) fn writes_some(tensor: &CubeTensor, elements: usize) -> BufferArg {
    count(0, 0, elements * tensor.dtype.size());
    stands_in(tensor)
}

/// A tensor that a kernel writes, or adds to.
pub(crate) fn writes_or_adds(tensor: &CubeTensor, adds: bool) -> BufferArg {
    if adds { updates(tensor) } else { writes(tensor) }
}

/// A tensor that a kernel changes in place.
pub(crate) fn updates(tensor: &CubeTensor) -> BufferArg {
    updates_some(tensor, tensor.meta.num_elements())
}

/// A tensor of which a kernel changes so many elements in place.
pub(crate) fn updates_some(tensor: &CubeTensor, elements: usize) -> BufferArg {
    let bytes = elements * tensor.dtype.size();
    count(0, bytes, bytes);
    stands_in(tensor)
}

/// A tensor for an argument that a kernel does not look at.
pub(crate) fn stands_in(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// Counts a launch of another crate's kernel.
pub(crate) fn elsewhere(read: &[&CubeTensor], written: &CubeTensor) {
    count(1, read.iter().map(|tensor| bytes(tensor)).sum(), bytes(written));
}

/// The tensor in another type, by a launch where it has not got it.
pub(crate) fn cast(tensor: CubeTensor, dtype: DType) -> CubeTensor {
    if tensor.dtype == dtype {
        return tensor;
    }
    let to = burn_cubecl::kernel::cast(tensor.clone(), dtype);
    elsewhere(&[&tensor], &to);
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_meanwhile_is_told() {
        count(1, 8, 4);
        let inside = during(|| {
            count(2, 100, 10);
            count(1, 1, 0);
        });
        assert_eq!(inside, Traffic { launches: 3, read: 101, written: 10 });
        assert_eq!(inside.bytes(), 111);
        assert_eq!(during(|| ()), Traffic::default());
    }
}
