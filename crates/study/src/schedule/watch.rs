//! A device that hangs says nothing: what a stack waits for is told once it takes long.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use isoflop_train::Event;

/// Silence of this length is told, then of twice the length, and so on.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same while kernels are compiled, which may take minutes.
const COMPILING: Duration = Duration::from_secs(300);
/// Silence of this many times the longest so far is told, where that is longer: steps of large models take their time.
const LONGER: u32 = 10;

/// When each running stack was last heard of.
#[derive(Default)]
pub(super) struct Watch {
    signs: Mutex<BTreeMap<usize, Sign>>,
}

struct Sign {
    at: Instant,
    /// What comes next.
    waits_for: &'static str,
    patience: Duration,
    longest: Duration,
}

impl Watch {
    /// A running stack gave a sign of life.
    pub(super) fn sign(&self, stack: usize, event: &Event) {
        let waits_for = match event {
            Event::Compiling { .. } => "kernels to be compiled",
            Event::Saving { .. } => "a checkpoint to be written",
            Event::Evaluating { .. } => "the held-out loss",
            _ => "the next step",
        };
        self.sign_at(stack, waits_for, Instant::now());
    }

    fn sign_at(&self, stack: usize, waits_for: &'static str, now: Instant) {
        let mut signs = self.lock();
        let longest = signs.get(&stack).map_or(Duration::ZERO, |old| old.longest.max(now - old.at));
        let least = if waits_for.contains("compiled") { COMPILING } else { PATIENCE };
        let patience = least.max(longest * LONGER);
        signs.insert(stack, Sign { at: now, waits_for, patience, longest });
    }

    /// Nothing more is expected of a stack.
    pub(super) fn end(&self, stack: usize) {
        self.lock().remove(&stack);
    }

    /// What is to be told now.
    fn overdue(&self, now: Instant) -> Vec<(usize, String)> {
        let mut told = Vec::new();
        for (stack, sign) in self.lock().iter_mut() {
            let silent = now.saturating_duration_since(sign.at);
            if silent >= sign.patience {
                sign.patience = silent * 2;
                told.push((
                    *stack,
                    format!(
                        "no sign of the device for {} s: it is waited for {}; if it hangs, Ctrl-C twice leaves, and the same command goes on from the last checkpoint",
                        silent.as_secs(),
                        sign.waits_for
                    ),
                ));
            }
        }
        told
    }

    /// Does the work, and tells meanwhile of stacks that say nothing.
    pub(super) fn during<T>(
        &self,
        tell: impl Fn(usize, String) + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let (done, ended) = channel::<()>();
        let tell = &tell;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) =
                    ended.recv_timeout(Duration::from_secs(1))
                {
                    for (stack, text) in self.overdue(Instant::now()) {
                        tell(stack, text);
                    }
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Sign>> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, from: Instant) -> Instant {
        from + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_told_then_at_twice_the_length() {
        let (watch, start) = (Watch::default(), Instant::now());
        watch.sign_at(3, "the next step", start);
        assert_eq!(watch.overdue(after(59, start)), []);
        let [(3, text)] = &watch.overdue(after(61, start))[..] else { panic!() };
        assert!(text.contains("61 s") && text.contains("the next step"), "{text}");
        assert_eq!(watch.overdue(after(100, start)), []);
        assert_eq!(watch.overdue(after(123, start)).len(), 1);
        watch.sign_at(3, "the next step", after(130, start));
        watch.end(3);
        assert_eq!(watch.overdue(after(9999, start)), []);
    }

    #[test]
    fn what_takes_long_is_given_time() {
        let (watch, start) = (Watch::default(), Instant::now());
        watch.sign_at(0, "kernels to be compiled", start);
        assert_eq!(watch.overdue(after(299, start)), []);
        watch.sign_at(0, "the next step", after(299, start));
        watch.sign_at(0, "the next step", after(320, start));
        // The longest silence was 299 s.
        assert_eq!(watch.overdue(after(320 + 2989, start)), []);
        assert_eq!(watch.overdue(after(320 + 2991, start)).len(), 1);
    }

    #[test]
    fn the_result_is_that_of_the_work() {
        assert_eq!(Watch::default().during(|_, _| {}, || 7), 7);
    }
}
