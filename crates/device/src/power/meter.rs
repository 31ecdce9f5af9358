//! A meter: joules since it was opened, from whatever a gauge tells.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use isoflop_record::EnergySource;

/// What is read off a counter or a sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Joules since a moment of the gauge's own, which never fall.
    Joules(f64),
    /// The power at this moment, W.
    Watts(f64),
}

/// A counter or a sensor of one device.
pub trait Gauge: Send + 'static {
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&mut self) -> Result<Reading, String>;

    /// How often it has to be read so that nothing is lost; `None` where that does not matter.
    fn interval(&self) -> Option<Duration>;
}

/// Counts what a device draws, whoever uses it, from when it is opened until it is dropped.
pub struct Meter {
    source: EnergySource,
    what: String,
    state: Arc<Mutex<State>>,
    /// Ends the thread that reads the gauge.
    _reader: Option<Sender<()>>,
}

struct State {
    gauge: Box<dyn Gauge>,
    joules: f64,
    last: Option<(Instant, Reading)>,
    failure: Option<String>,
}

impl Meter {
    /// Reads the gauge once, and then as often as it asks for in a thread of its own. `what` says in a few words what is read.
    ///
    /// # Errors
    /// Why the gauge cannot be read.
    pub fn open(source: EnergySource, what: String, gauge: impl Gauge) -> Result<Self, String> {
        let interval = gauge.interval();
        let mut state = State { gauge: Box::new(gauge), joules: 0.0, last: None, failure: None };
        state.read(Instant::now());
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        let state = Arc::new(Mutex::new(state));
        let reader = interval.map(|interval| read_every(interval, state.clone())).transpose()?;
        Ok(Self { source, what, state, _reader: reader })
    }

    /// How its joules are come by.
    pub fn source(&self) -> EnergySource {
        self.source
    }

    /// Joules since it was opened, and the moment that they were read at; `None` while it cannot be read. A counter that moves
    /// in steps, as those of GPUs, is behind by up to one.
    pub fn joules(&self) -> Option<(Instant, f64)> {
        let mut state = lock(&self.state);
        let now = Instant::now();
        state.read(now);
        state.last.map(|_| (now, state.joules))
    }

    /// Why it could not be read the last time that it could not.
    pub fn failure(&self) -> Option<String> {
        lock(&self.state).failure.clone()
    }
}

impl State {
    /// Adds what was drawn since the last reading. Power counts from its reading on, until the next one.
    fn read(&mut self, now: Instant) {
        match self.gauge.read() {
            Ok(reading) => {
                self.joules += match (self.last, reading) {
                    // A counter below its last value began anew, at a time that is not known.
                    (Some((_, Reading::Joules(before))), Reading::Joules(joules)) => {
                        (joules - before).max(0.0)
                    }
                    (Some((then, Reading::Watts(watts))), _) => {
                        watts * now.saturating_duration_since(then).as_secs_f64()
                    }
                    _ => 0.0,
                };
                self.last = Some((now, reading));
            }
            Err(failure) => (self.last, self.failure) = (None, Some(failure)),
        }
    }
}

fn read_every(interval: Duration, state: Arc<Mutex<State>>) -> Result<Sender<()>, String> {
    let (sender, ended): (_, Receiver<()>) = channel();
    let read = move || {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            lock(&state).read(Instant::now());
        }
    };
    let thread = std::thread::Builder::new().name("power".into()).spawn(read);
    thread.map(|_| sender).map_err(|error| format!("no thread could be started for it: {error}"))
}

/// A reader that panicked has left the state of the reading before.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `RAPL, 2 packages`.
impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("source", &self.source).field("what", &self.what).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Tells these, one after the other.
    struct Script(VecDeque<Result<Reading, String>>);

    impl Gauge for Script {
        fn read(&mut self) -> Result<Reading, String> {
            self.0.pop_front().expect("no more was to be read")
        }

        fn interval(&self) -> Option<Duration> {
            None
        }
    }

    /// The joules after each reading, a second apart; none where the reading failed.
    fn joules(script: &[Result<Reading, &str>]) -> Vec<Option<f64>> {
        let gauge = Script(script.iter().map(|r| r.map_err(str::to_owned)).collect());
        let mut state = State { gauge: Box::new(gauge), joules: 0.0, last: None, failure: None };
        let began = Instant::now();
        let mut read = |second| {
            state.read(began + Duration::from_secs(second));
            state.last.map(|_| state.joules)
        };
        (0..script.len() as u64).map(&mut read).collect()
    }

    #[test]
    fn a_counter_is_taken_from_where_it_stood() {
        let script = [100.0, 130.0, 130.0, 20.0, 25.0].map(|j| Ok(Reading::Joules(j)));
        let expected = [0.0, 30.0, 30.0, 30.0, 35.0].map(Some);
        assert_eq!(joules(&script), expected, "it began anew at 20");
    }

    #[test]
    fn power_is_added_up_over_time() {
        let script = [50.0, 70.0, 0.0, 10.0].map(|w| Ok(Reading::Watts(w)));
        assert_eq!(joules(&script), [0.0, 50.0, 120.0, 120.0].map(Some));
    }

    #[test]
    fn what_is_drawn_while_it_cannot_be_read_is_not_made_up() {
        let gone = Err("gone");
        let watts = |w| Ok(Reading::Watts(w));
        assert_eq!(
            joules(&[watts(50.0), watts(50.0), gone, watts(50.0), watts(50.0)]),
            [Some(0.0), Some(50.0), None, Some(50.0), Some(100.0)]
        );
        let gauge = Script([Err("no such file".to_owned())].into());
        let error = Meter::open(EnergySource::Rapl, "a script".into(), gauge).unwrap_err();
        assert_eq!(error, "no such file");
    }

    /// Counts its readings.
    struct Counting(Arc<AtomicUsize>);

    impl Gauge for Counting {
        fn read(&mut self) -> Result<Reading, String> {
            Ok(Reading::Joules(self.0.fetch_add(1, Ordering::SeqCst) as f64))
        }

        fn interval(&self) -> Option<Duration> {
            Some(Duration::from_millis(2))
        }
    }

    #[test]
    fn a_thread_reads_until_the_meter_is_dropped() {
        let count = Arc::new(AtomicUsize::new(0));
        let gauge = Counting(count.clone());
        let meter = Meter::open(EnergySource::Nvml, "a counter".into(), gauge).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while count.load(Ordering::SeqCst) < 5 {
            assert!(Instant::now() < until, "nobody reads it");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(meter.joules().unwrap().1 >= 5.0);
        let state = Arc::downgrade(&meter.state);
        drop(meter);
        while state.upgrade().is_some() {
            assert!(Instant::now() < until, "the thread has not ended");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
