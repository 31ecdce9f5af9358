//! What a stack goes on from: its replicas, what is measured of their cells, and the file that holds both with the tensors.
//!
//! The file is in safetensors' format. Tensors are bytes here: nothing knows of a device. A file that was cut, mixed up or edited
//! is told as [`Damage`], and what is read fits the stack that it is read for.

mod file;
mod replica;

pub use file::{Checkpoint, Damage, Layout, cells_of, verify, write};
pub use replica::{CellProgress, Replica, is_point};
