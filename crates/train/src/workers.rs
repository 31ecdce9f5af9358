//! How the processor's threads are shared among stacks that train at once.
//!
//! A small model cannot keep several threads busy: its operations last microseconds, as long as it
//! takes to wake a thread. Several stacks with a thread each can. Results do not depend on it, for
//! operations cut their work by sizes alone. The work runs on a thread of the pool, even where there
//! is one worker: from outside, every operation would wake the pool and wait for it.

use burn::tensor::Device;
use isoflop_model::is_host;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::TrainError;

/// Places for stacks to train at, each with threads of its own.
pub struct Workers {
    /// Empty on a GPU, where the caller's thread does the work.
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// Workers for `stacks` stacks of which each needs at most `stack_bytes` of memory.
    ///
    /// `wanted` of them; else, on the CPU, as many as there are threads, stacks and places in
    /// `memory_bytes`, and one on a GPU, whose queue is one. A GPU has one whatever is wanted.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(
        device: &Device,
        wanted: Option<usize>,
        stacks: usize,
        stack_bytes: u64,
        memory_bytes: Option<u64>,
    ) -> Result<Self, TrainError> {
        if !is_host(device) {
            return Ok(Self { pools: Vec::new() });
        }
        let threads = rayon::current_num_threads();
        let fit = memory_bytes.map_or(u64::MAX, |bytes| bytes / stack_bytes.max(1));
        let fit = usize::try_from(fit).unwrap_or(usize::MAX);
        let count = wanted.unwrap_or(threads.min(fit)).min(stacks).max(1);
        let pool = |index: usize| {
            // The first pools have one thread more where they do not divide evenly.
            let own = threads / count + usize::from(index < threads % count);
            ThreadPoolBuilder::new()
                .num_threads(own.max(1))
                .thread_name(move |thread| format!("worker-{index}-{thread}"))
                .build()
                .map_err(|error| TrainError::Threads { count, what: error.to_string() })
        };
        Ok(Self { pools: (0..count).map(pool).collect::<Result<_, _>>()? })
    }

    /// How many stacks train at once.
    pub fn count(&self) -> usize {
        self.pools.len().max(1)
    }

    /// Does something with the threads of one worker, counted from 0.
    ///
    /// # Panics
    /// If there is no such worker.
    pub fn run<T: Send>(&self, worker: usize, work: impl FnOnce() -> T + Send) -> T {
        assert!(worker < self.count(), "worker {worker} of {}", self.count());
        match self.pools.get(worker) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(wanted: Option<usize>, stacks: usize, bytes: u64, memory: Option<u64>) -> usize {
        let workers = Workers::new(&Device::flex(), wanted, stacks, bytes, memory).unwrap();
        workers.count()
    }

    #[test]
    fn as_many_as_threads_stacks_and_memory_allow() {
        let threads = rayon::current_num_threads();
        assert_eq!(count(None, 1000, 1, None), threads);
        assert_eq!(count(None, 1, 1, None), 1);
        assert_eq!(count(None, 1000, 10, Some(19)), 1);
        assert_eq!(count(Some(3), 1000, 10, Some(19)), 3);
        assert_eq!(count(Some(3), 2, 1, None), 2);
    }

    #[test]
    fn every_worker_has_its_own_threads() {
        let workers = Workers::new(&Device::flex(), Some(2), 2, 1, None).unwrap();
        let names: Vec<_> = (0..2)
            .map(|i| workers.run(i, || std::thread::current().name().map(str::to_owned)))
            .collect();
        assert_eq!(names, [Some("worker-0-0".into()), Some("worker-1-0".into())]);
    }
}
