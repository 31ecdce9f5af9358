//! What can go wrong while a stack trains.

use std::path::PathBuf;

use isoflop_data::DataError;
use isoflop_device::WrongProduct;

/// Errors of [`run_stack`](crate::run_stack).
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A checkpoint could not be written or read.
    #[error("checkpoint {}: {source}\nhint: look at the folder's free space and permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A checkpoint does not hold what the stack needs.
    #[error("checkpoint {}: {what}\nhint: delete this file to train the stack from its start", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    #[error(
        "the device failed in step {step} of stack {stack}: {what}\nhint: a smaller `train.stack` or `train.micro_batch_sequences` needs less memory; `sweep devices` lists the devices"
    )]
    Device {
        stack: String,
        /// Steps done.
        step: u64,
        /// The device's words.
        what: String,
    },
    /// The device computes a matrix product wrong.
    #[error("stack {stack}: {wrong}\nhint: {}", WrongProduct::hint())]
    Product {
        stack: String,
        /// What differs from the CPU.
        wrong: WrongProduct,
    },
    /// The stack and the data do not fit together.
    #[error("stack {stack}: {what}\nhint: run `sweep plan` on this configuration")]
    Mismatch {
        stack: String,
        /// What does not fit.
        what: String,
    },
    /// The data does not hold a window of the stack's context on each side.
    #[error("stack {stack}: {source}")]
    Data {
        stack: String,
        /// What is too small.
        source: DataError,
    },
    /// The system gave no threads.
    #[error(
        "cannot start the threads of {count} stacks at once: {what}\nhint: a smaller `device.stacks_at_once` needs fewer"
    )]
    Threads {
        /// Stacks that were to train at once.
        count: usize,
        /// The system's words.
        what: String,
    },
}
