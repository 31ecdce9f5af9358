//! What a stack's steps and evaluations draw, handed out to its cells as their seconds are.

use std::time::Instant;

use isoflop_device::Meter;
use isoflop_record::Energy;

/// Seconds between two readings of the meter where nothing else asks for one: reading may take longer than a small model's step.
const READ_SECONDS: f64 = 0.1;

/// A stack's share of what its device draws.
///
/// The meter is read where the share of a cell changes, and ten times a second. What it counted since the last reading is the
/// stack's by its share of the device, and the cells' by the seconds of that time that were steps or evaluations.
pub(crate) struct Draw<'a> {
    meter: Option<&'a Meter>,
    device_share: f64,
    /// The last reading.
    from: Option<(Instant, f64)>,
    read_at: Instant,
    /// Seconds of steps or evaluations since.
    timed: f64,
}

impl<'a> Draw<'a> {
    /// Begins to count for a stack with so large a share of the device.
    pub(crate) fn new(meter: Option<&'a Meter>, device_share: f64) -> Self {
        let mut draw =
            Self { meter, device_share, from: None, read_at: Instant::now(), timed: 0.0 };
        draw.restart();
        draw
    }

    /// Leaves out what was drawn since the last reading.
    pub(crate) fn restart(&mut self) {
        self.from = self.meter.and_then(Meter::joules);
        (self.read_at, self.timed) = (Instant::now(), 0.0);
    }

    /// So many seconds, which end now, were steps or an evaluation.
    pub(crate) fn timed(&mut self, seconds: f64) {
        self.timed += seconds;
    }

    /// Whether the last reading is long ago.
    pub(crate) fn is_due(&self) -> bool {
        self.meter.is_some() && self.read_at.elapsed().as_secs_f64() >= READ_SECONDS
    }

    /// What the timed seconds since the last reading drew; `None` where it was not counted.
    pub(crate) fn take(&mut self) -> Option<Energy> {
        let (from, timed) = (self.from, self.timed);
        self.restart();
        let ((began, before), (ended, after)) = (from?, self.from?);
        let seconds = ended.duration_since(began).as_secs_f64();
        // Clocks of the two are read one after the other.
        let share = if seconds > 0.0 { (timed / seconds).min(1.0) } else { 0.0 };
        let joules = (after - before) * share * self.device_share;
        Some(Energy { joules, source: self.meter?.source() })
    }
}

/// Adds a share of what was drawn. The sum is known where all of it is and was come by in one way.
pub(crate) fn add(sum: &mut Option<Energy>, drawn: Option<Energy>, share: f64) {
    let before = sum.take();
    *sum = before
        .zip(drawn)
        .filter(|(before, drawn)| before.source == drawn.source)
        .map(|(before, drawn)| Energy { joules: before.joules + drawn.joules * share, ..before });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use isoflop_device::{Gauge, Reading};
    use isoflop_record::EnergySource;

    use super::*;

    /// Ten joules between one reading and the next.
    struct Tens(f64);

    impl Gauge for Tens {
        fn read(&mut self) -> Result<Reading, String> {
            self.0 += 10.0;
            Ok(Reading::Joules(self.0))
        }

        fn interval(&self) -> Option<Duration> {
            None
        }
    }

    #[test]
    fn a_stack_has_its_share_of_the_time_and_the_device() {
        let meter = Meter::open(EnergySource::Rapl, "a counter".into(), Tens(0.0)).unwrap();
        let mut draw = Draw::new(Some(&meter), 0.25);
        draw.timed(1e9); // all of the time
        let energy = |joules| Some(Energy { joules, source: EnergySource::Rapl });
        assert_eq!(draw.take(), energy(2.5));
        assert_eq!(draw.take(), energy(0.0), "none of it was steps");
        draw.timed(1e9);
        draw.restart();
        assert_eq!(draw.take(), energy(0.0), "it was left out");
        assert_eq!(Draw::new(None, 1.0).take(), None);
    }

    #[test]
    fn sums_are_of_one_source_and_whole() {
        let energy = |joules, source| Some(Energy { joules, source });
        let mut sum = energy(1.0, EnergySource::Nvml);
        add(&mut sum, energy(8.0, EnergySource::Nvml), 0.25);
        assert_eq!(sum, energy(3.0, EnergySource::Nvml));
        for more in [energy(8.0, EnergySource::Given), None] {
            let mut sum = sum;
            add(&mut sum, more, 0.5);
            assert_eq!(sum, None);
            add(&mut sum, energy(8.0, EnergySource::Nvml), 1.0);
            assert_eq!(sum, None);
        }
    }
}
