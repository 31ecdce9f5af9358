//! Short trials of stacks of a grid, as the grid would train them.

use burn::tensor::Device;
use isoflop_plan::{Cell, Hyper, Shape, StackLimits};
use isoflop_train::Workers;

use crate::timing::{Load, Speed, measure};

/// Rounds of one trial, of which the median counts: other work on the machine must not decide.
const ROUNDS: usize = 3;

/// Where trials are made, and within which limits.
pub struct Trials<'a> {
    /// The device's name, in words.
    pub label: String,
    /// What burn computes on.
    pub device: &'a Device,
    /// The places at which stacks train at once; all of them are busy in a trial.
    pub workers: &'a Workers,
    /// What the device holds.
    pub limits: StackLimits,
}

/// What there is to tell while trials are made.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A trial begins; on an adapter its kernels are compiled first.
    Begins {
        /// Shape of its models.
        shape: Shape,
        /// Replicas of each stack.
        replicas: usize,
    },
    /// A trial came to nothing.
    Failed {
        /// Shape of its models.
        shape: Shape,
        /// Replicas of each stack.
        replicas: usize,
        /// Why, and what to do.
        why: String,
    },
    /// The width that pays was found.
    Widest {
        /// Shape of its models.
        shape: Shape,
        /// The width, in replicas.
        replicas: usize,
        /// Its tokens per second over those of one replica alone.
        speedup: f64,
    },
}

impl Trials<'_> {
    /// Times stacks of so many cells like this one for about so many seconds; `None` where they do not fit or fail.
    pub(crate) fn time(
        &self,
        cell: &Cell,
        replicas: usize,
        seconds: f64,
        tell: &mut dyn FnMut(News),
    ) -> Option<Speed> {
        if !self.fits(cell, replicas) {
            return None;
        }
        let shape = cell.shape;
        tell(News::Begins { shape, replicas });
        let hyper = self.hyper(cell);
        let load = Load {
            shape: &shape,
            hyper: &hyper,
            replicas,
            rounds: ROUNDS,
            seconds,
            launches: false,
        };
        match measure(&load, self.device, self.workers) {
            Ok(speed) => Some(speed),
            Err(error) => {
                tell(News::Failed { shape, replicas, why: error.to_string() });
                None
            }
        }
    }

    /// With as much of a batch as passes at a time.
    fn hyper(&self, cell: &Cell) -> Hyper {
        let batch = cell.hyper.batch_sequences;
        let most = self.limits.micro_batch_sequences.unwrap_or(batch);
        Hyper { batch_sequences: batch.min(most), ..cell.hyper }
    }

    /// Whether all workers together have the memory.
    fn fits(&self, cell: &Cell, replicas: usize) -> bool {
        let hyper = self.hyper(cell);
        let need = self.limits.estimate(&cell.shape, &hyper, replicas, hyper.batch_sequences);
        self.limits.fits(&need, self.workers.count())
    }
}

/// At most `most` of `len` indices, evenly spread, the first and the last among them.
pub(crate) fn spread(len: usize, most: usize) -> Vec<usize> {
    let count = len.min(most);
    let mut indices: Vec<usize> = match count {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..count).map(|i| i * (len - 1) / (count - 1)).collect(),
    };
    indices.dedup();
    indices
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn samples_reach_both_ends() {
        assert_eq!(spread(0, 4), Vec::<usize>::new());
        assert_eq!(spread(1, 4), [0]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(8, 4), [0, 2, 4, 7]);
    }
}
