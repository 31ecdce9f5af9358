//! The meter of a study, and what is said of it at the end.

use std::sync::Arc;

use isoflop_device::{Meter, TrainDevice, open_meter};
use isoflop_ledger::Spending;
use isoflop_plan::DeviceConfig;
use isoflop_report::spending;

use crate::events::Observer;

/// What counts the energy of a study while it trains, or what would be needed for that.
pub(crate) struct Metering(Result<Arc<Meter>, String>);

impl Metering {
    /// Opens the device's meter. A study trains without one too.
    pub(crate) fn open(device: &TrainDevice, config: &DeviceConfig) -> Self {
        Self(open_meter(&device.info, config.watts).map(Arc::new))
    }

    /// The meter, if there is one.
    pub(crate) fn meter(&self) -> Option<Arc<Meter>> {
        self.0.as_ref().ok().cloned()
    }

    /// Why energy is not known where it is not, in a line.
    fn needed(&self) -> Option<String> {
        match &self.0 {
            Ok(meter) => meter.failure().map(|failure| {
                format!("energy: {meter}, could not always be read ({failure}); cells that it failed under have none")
            }),
            Err(needed) => Some(format!("energy: not counted, since {needed}")),
        }
    }
}

/// Says once what was spent on the cells, and where this process trained some without a meter what would be needed.
pub(crate) fn tell(spending: &Spending, metering: Option<&Metering>, observer: &mut dyn Observer) {
    if let Some(words) = spending::in_words(spending) {
        observer.note(format!("spent: {words}"));
    }
    if spending.cells_without_energy > 0
        && let Some(needed) = metering.and_then(Metering::needed)
    {
        observer.note(needed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use isoflop_device::{Gauge, Reading};
    use isoflop_ledger::EnergySource;

    use super::*;
    use crate::events::Update;

    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Observer for Notes {
        fn tell(&mut self, update: &Update) {
            match update {
                Update::Note { text } => self.0.push((*text).to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn told(spending: &Spending, metering: Option<&Metering>) -> Vec<String> {
        let mut notes = Notes::default();
        tell(spending, metering, &mut notes);
        notes.0
    }

    /// Can be read once.
    struct Once(bool);

    impl Gauge for Once {
        fn read(&mut self) -> Result<Reading, String> {
            match std::mem::replace(&mut self.0, true) {
                false => Ok(Reading::Joules(0.0)),
                true => Err("it is gone".into()),
            }
        }

        fn interval(&self) -> Option<Duration> {
            None
        }
    }

    #[test]
    fn what_would_be_needed_is_said_once_and_only_where_it_is_missing() {
        let none = Metering(Err("the counters are locked".into()));
        let dark = Spending { cells: 2, cells_without_energy: 2, ..Spending::default() };
        let needed = "energy: not counted, since the counters are locked";
        assert_eq!(told(&dark, Some(&none)), [needed]);
        assert!(told(&dark, None).is_empty(), "nothing was trained now");
        let priced = Spending { cost: Some(1.5), ..dark.clone() };
        assert_eq!(told(&priced, Some(&none)), ["spent: cost 1.50", needed]);

        let meter = Meter::open(EnergySource::Rapl, "RAPL".into(), Once(false)).unwrap();
        let metering = Metering(Ok(Arc::new(meter)));
        let bright = Spending {
            device_seconds: 10.0,
            joules: Some(1000.0),
            sources: vec![EnergySource::Rapl],
            cells: 2,
            ..Spending::default()
        };
        let words = "spent: 1.00 kJ by RAPL (100 W on average)";
        assert_eq!(told(&bright, Some(&metering)), [words]);
        assert!(metering.meter().unwrap().joules().is_none());
        let part = Spending { cells_without_energy: 1, ..bright };
        let said = told(&part, Some(&metering));
        assert_eq!(said.len(), 2);
        assert!(said[1].contains("(it is gone)"), "{said:?}");
    }
}
