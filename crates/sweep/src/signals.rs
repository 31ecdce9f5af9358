//! Ctrl-C and SIGTERM: the first asks for a checkpoint; a second Ctrl-C, or another signal some seconds later, ends the process at once.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use isoflop::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level;

/// What the watcher does on the first signal, while there is nothing to save.
type Leave = Box<dyn Fn(Signal) + Send>;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(i32);

impl Signal {
    /// What shells report for a process that ended by this signal.
    pub fn exit_code(self) -> u8 {
        128 + self.0 as u8
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            SIGINT => f.write_str("Ctrl-C"),
            SIGTERM => f.write_str("SIGTERM"),
            #[cfg(unix)]
            signal_hook::consts::SIGHUP => f.write_str("SIGHUP"),
            other => write!(f, "signal {other}"),
        }
    }
}

/// The process's ear for signals. Cloning it gives another handle to the same ear.
#[derive(Debug, Clone)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    saving: Arc<AtomicBool>,
}

impl Signals {
    /// Starts listening. Until there is something to save, a signal calls `leave` from another thread, which should say
    /// how to continue and end the process.
    ///
    /// # Errors
    ///
    /// If the system refuses a handler.
    pub fn listen(leave: Leave) -> anyhow::Result<Self> {
        let ear = Self { received: Arc::default(), saving: Arc::default() };
        let first: Arc<OnceLock<(i32, Instant)>> = Arc::default();
        for signal in stop_signals().into_iter().filter(|&signal| !is_left_to_others(signal)) {
            let (received, first) = (ear.received.clone(), first.clone());
            let heard = move || {
                // One step: two threads may each be hearing one of two signals.
                if first.set((signal, Instant::now())).is_ok() {
                    received.store(signal as usize, Ordering::SeqCst);
                } else if let Some((before, at)) = first.get()
                    && ends_at_once(*before, signal, at.elapsed())
                {
                    low_level::exit(128 + signal);
                }
            };
            // SAFETY: it does nothing but read the clock, touch atomics and end the process by `_exit`.
            unsafe { low_level::register(signal, heard) }.context("cannot listen for signals")?;
        }
        let watched = ear.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(50));
                if let Some(signal) = watched.received()
                    && !watched.saving.load(Ordering::SeqCst)
                {
                    leave(signal);
                    return;
                }
            }
        });
        Ok(ear)
    }

    /// The signal that asked to stop, if any.
    pub fn received(&self) -> Option<Signal> {
        match self.received.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(Signal(signal as i32)),
        }
    }
}

/// Leaves signals that ask to stop to the process that started this one, which says what to do: batch systems send theirs to all.
pub fn leave_to_parent() {
    for signal in stop_signals() {
        // SAFETY: it sets no handler of ours, and no other thread runs yet.
        #[cfg(unix)]
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
        #[cfg(not(unix))]
        let _ = signal;
    }
}

/// Has a write beyond a limit on the size of files (`ulimit -f`) fail, where the system would end the process in the midst of it.
pub fn ignore_size_limits() {
    // SAFETY: it sets no handler of ours, and no other thread runs yet.
    #[cfg(unix)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

impl Stop for Signals {
    fn asked(&self) -> Option<String> {
        self.received().map(|signal| signal.to_string())
    }

    /// If a signal has arrived meanwhile, what comes after is the caller's matter too.
    fn saving(&self, under_way: bool) {
        if under_way || self.received().is_none() {
            self.saving.store(under_way, Ordering::SeqCst);
        }
    }
}

/// Whether a signal that comes so long after the first leaves no time to save. `timeout` and batch systems send theirs twice
/// within milliseconds, to the process and to its group; people who press Ctrl-C again mean it.
fn ends_at_once(first: i32, second: i32, after: Duration) -> bool {
    let patience = match (first, second) {
        (SIGINT, SIGINT) => Duration::from_millis(100),
        _ => Duration::from_secs(3),
    };
    after >= patience
}

/// Whether the process was started so that a hang-up does not reach it, as by `nohup`.
#[cfg(unix)]
fn is_left_to_others(signal: i32) -> bool {
    if signal != libc::SIGHUP {
        return false;
    }
    // SAFETY: an all-zero `sigaction` is a valid one, and only asks here.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(not(unix))]
fn is_left_to_others(_: i32) -> bool {
    false
}

fn stop_signals() -> Vec<i32> {
    #[cfg(unix)]
    return vec![SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
    #[cfg(not(unix))]
    return vec![SIGINT, SIGTERM];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_sent_twice_still_save() {
        let ms = Duration::from_millis;
        assert!(!ends_at_once(SIGTERM, SIGTERM, ms(2)), "GNU timeout");
        assert!(!ends_at_once(SIGINT, SIGTERM, ms(500)));
        assert!(!ends_at_once(SIGINT, SIGINT, ms(5)), "to the process and to its group");
        assert!(ends_at_once(SIGINT, SIGINT, ms(300)), "a person");
        assert!(ends_at_once(SIGTERM, SIGTERM, ms(3500)));
    }
}
