//! Stacks waiting for a free worker.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use isoflop_train::Workers;

use crate::error::StudyError;

/// Who says which stack comes next.
pub(crate) trait Supply: Sync {
    /// The index of a stack for a worker that is free; `None` where none is to come.
    fn next(&self) -> Option<usize>;

    /// One worker cannot go on: nobody is to wait for more.
    fn close(&self) {}
}

/// Closes a supply where a worker panics, or the others would wait for ever.
struct CloseOnPanic<'a>(&'a dyn Supply);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

/// Indices of stacks, in the order in which they are taken up.
pub(super) struct Queue {
    order: Vec<usize>,
    waiting: Mutex<VecDeque<usize>>,
}

impl Supply for Queue {
    fn next(&self) -> Option<usize> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Queue {
    /// Stacks by rising cost, for so many workers. Several workers begin with the costliest, so that
    /// none is left with a long one at the end; a single one begins with the cheapest, which gives
    /// results soonest.
    pub fn new(mut stacks: Vec<usize>, workers: usize) -> Self {
        if workers > 1 {
            stacks.reverse();
        }
        Self { waiting: Mutex::new(stacks.iter().copied().collect()), order: stacks }
    }

    /// The stacks in their order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

/// Has the workers do the stacks that come. `work` gives a number to add up, or `None` to stop its worker. Returns the sum, or
/// `None` if any worker stopped.
///
/// # Errors
/// The first error of a worker, after all of them have ended.
pub(super) fn work(
    supply: &dyn Supply,
    workers: &Workers,
    work: impl Fn(usize) -> Result<Option<usize>, StudyError> + Sync,
) -> Result<Option<usize>, StudyError> {
    let work = &work;
    let one = |worker: usize| {
        let _close = CloseOnPanic(supply);
        let mut sum = 0;
        while let Some(index) = supply.next() {
            match workers.run(worker, || work(index))? {
                Some(number) => sum += number,
                None => return Ok(None),
            }
        }
        Ok(Some(sum))
    };
    if workers.count() == 1 {
        return one(0);
    }
    let ends: Vec<Result<Option<usize>, StudyError>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..workers.count()).map(|worker| scope.spawn(move || one(worker))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    let ends: Vec<Option<usize>> = ends.into_iter().collect::<Result<_, StudyError>>()?;
    Ok(ends.into_iter().sum())
}
