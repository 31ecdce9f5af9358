//! Energy, money and CO2: what runs drew, and what that comes to. Numbers in, numbers out.

use isoflop_plan::DeviceConfig;
use serde::{Deserialize, Serialize};

use crate::{Record, RunInfo};

/// Joules of a kilowatt-hour.
pub const JOULES_PER_KWH: f64 = 3.6e6;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// How joules were come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnergySource {
    /// A counter or sensor of the GPU, read through NVIDIA's management library: the whole board.
    Nvml,
    /// Counters of the processor's packages ("running average power limit"): all that runs on them, without main memory.
    Rapl,
    /// A power in watts from the configuration, times seconds: nothing was measured.
    Given,
}

/// An amount of energy, and how it was come by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    pub joules: f64,
    pub source: EnergySource,
}

/// What an hour and a kilowatt-hour of a device come to: three settings of `[device]`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tariff {
    /// Watts that the device draws, for runs whose energy was not counted.
    pub watts: Option<f64>,
    /// Price of an hour of the device, in a currency of the user's.
    pub price_per_hour: Option<f64>,
    /// Grams of CO2 for a kilowatt-hour of electricity.
    pub grams_co2_per_kwh: Option<f64>,
}

/// What runs took together, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spending {
    /// Seconds of the whole device, in steps and evaluations.
    pub device_seconds: f64,
    /// Joules of the cells whose energy is known; `None` where it is known of none.
    pub joules: Option<f64>,
    /// How they were come by, each way once.
    pub sources: Vec<EnergySource>,
    /// Cells that took any time.
    pub cells: usize,
    /// Of these, cells whose energy is not known. Where there are some, `joules` and `grams_co2` lack their part.
    pub cells_without_energy: usize,
    /// Price of `device_seconds`, in the currency of [`Tariff::price_per_hour`].
    pub cost: Option<f64>,
    /// Grams of CO2 of `joules`.
    pub grams_co2: Option<f64>,
}

impl EnergySource {
    /// `NVML`, `RAPL`, `device.watts (not measured)`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Nvml => "NVML",
            Self::Rapl => "RAPL",
            Self::Given => "device.watts (not measured)",
        }
    }
}

impl Tariff {
    /// The settings of a configuration.
    pub fn of(device: &DeviceConfig) -> Self {
        Self {
            watts: device.watts,
            price_per_hour: device.price_per_hour,
            grams_co2_per_kwh: device.grams_co2_per_kwh,
        }
    }

    /// Energy of a run: as recorded, else the given power over its share of the device's time.
    pub fn energy(&self, run: &RunInfo) -> Option<Energy> {
        let given = || {
            let joules = self.watts? * run.device_seconds();
            joules.is_finite().then_some(Energy { joules, source: EnergySource::Given })
        };
        run.energy().or_else(given)
    }

    /// Price of so many seconds of the whole device.
    pub fn cost(&self, device_seconds: f64) -> Option<f64> {
        self.price_per_hour.map(|price| price * device_seconds / SECONDS_PER_HOUR)
    }

    /// Grams of CO2 of so many joules.
    pub fn grams_co2(&self, joules: f64) -> Option<f64> {
        self.grams_co2_per_kwh.map(|grams| grams * joules / JOULES_PER_KWH)
    }
}

impl Spending {
    /// The sum over records, of which each cell should have one.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>, tariff: &Tariff) -> Self {
        let mut sum = Self::default();
        for run in records.into_iter().map(|record| &record.run) {
            let seconds = run.device_seconds();
            if !(seconds > 0.0 && seconds.is_finite()) {
                continue; // such as a cell that failed before its first step
            }
            sum.cells += 1;
            sum.device_seconds += seconds;
            match tariff.energy(run) {
                Some(energy) => {
                    *sum.joules.get_or_insert(0.0) += energy.joules;
                    sum.sources.push(energy.source);
                }
                None => sum.cells_without_energy += 1,
            }
        }
        sum.sources.sort();
        sum.sources.dedup();
        if sum.cells > 0 {
            sum.cost = tariff.cost(sum.device_seconds);
        }
        sum.grams_co2 = sum.joules.and_then(|joules| tariff.grams_co2(joules));
        sum
    }
}

impl RunInfo {
    /// Seconds of the whole device that the cell took, in steps and evaluations.
    pub fn device_seconds(&self) -> f64 {
        (self.train_seconds + self.eval_seconds) * self.device_share
    }

    /// Energy as recorded.
    pub fn energy(&self) -> Option<Energy> {
        let joules = self.energy_joules.filter(|joules| joules.is_finite())?;
        Some(Energy { joules, source: self.energy_source? })
    }
}

#[cfg(test)]
mod tests {
    use isoflop_plan::{Config, DataFacts, Grid};

    use super::*;
    use crate::{RunResult, Status};

    const TARIFF: Tariff =
        Tariff { watts: None, price_per_hour: Some(1.8), grams_co2_per_kwh: Some(400.0) };

    /// A run of 90 s of steps and 10 s of evaluation on half a device.
    fn run(energy: Option<(f64, EnergySource)>) -> RunInfo {
        RunInfo {
            train_seconds: 90.0,
            eval_seconds: 10.0,
            device_share: 0.5,
            energy_joules: energy.map(|e| e.0),
            energy_source: energy.map(|e| e.1),
            ..RunInfo::default()
        }
    }

    fn records(runs: impl IntoIterator<Item = RunInfo>) -> Vec<Record> {
        let config = Config::parse("[grid]\nbudgets = [1e10]\nwidths = [16]\n", "a.toml").unwrap();
        let sha = "ab".to_owned();
        let facts =
            DataFacts { vocab: 256, train_tokens: None, data_sha256: sha, bytes_per_token: None };
        let cell = &Grid::build(&config, &facts).unwrap().cells[0].cell;
        let result = || RunResult::new("a", "ab", cell.clone(), Status::Finished);
        runs.into_iter().map(|run| Record::new(result(), run)).collect()
    }

    #[test]
    fn an_hour_has_its_price_and_a_kilowatt_hour_its_co2() {
        let tariff = Tariff { watts: Some(300.0), ..TARIFF };
        assert_eq!(tariff.cost(7200.0), Some(3.6));
        assert_eq!(tariff.grams_co2(9e6), Some(1000.0));
        assert_eq!(Tariff::default().cost(7200.0), None);
        assert_eq!(Tariff::default().grams_co2(9e6), None);
        // 300 W over 100 s of half a device.
        let given = Some(Energy { joules: 15_000.0, source: EnergySource::Given });
        assert_eq!(tariff.energy(&run(None)), given);
        assert_eq!(TARIFF.energy(&run(None)), None);
        let counted = tariff.energy(&run(Some((7.0, EnergySource::Rapl))));
        assert_eq!(counted, Some(Energy { joules: 7.0, source: EnergySource::Rapl }));
    }

    #[test]
    fn what_is_not_known_is_no_zero() {
        let counted = run(Some((1.8e6, EnergySource::Nvml)));
        let all = Spending::of(&records([counted.clone(), counted.clone()]), &TARIFF);
        assert_eq!((all.cells, all.cells_without_energy), (2, 0));
        assert_eq!((all.device_seconds, all.joules), (100.0, Some(3.6e6)));
        assert_eq!((all.cost, all.grams_co2), (Some(0.05), Some(400.0)));
        let part = Spending::of(&records([counted, run(None)]), &TARIFF);
        assert_eq!((part.cells, part.cells_without_energy), (2, 1));
        assert_eq!((part.joules, part.sources), (Some(1.8e6), vec![EnergySource::Nvml]));
        let none = Spending::of(&records([run(None)]), &TARIFF);
        assert_eq!((none.joules, none.grams_co2, none.cost), (None, None, Some(0.025)));
        let failed = Spending::of(&records([RunInfo::default()]), &TARIFF);
        assert_eq!(failed, Spending::default());
    }

    #[test]
    fn a_line_without_energy_reads_and_is_written_as_before() {
        let line = r#"{"passport":"9f","stack":"s","stack_width":1,"resumed":0,"train_seconds":2.0,"eval_seconds":1.0,"tokens_per_second":null,"flops_per_second":null,"started_utc":"","ended_utc":"","device_share":0.5,"peak_memory_bytes":null}"#;
        let run: RunInfo = serde_json::from_str(line).unwrap();
        assert_eq!((run.energy_joules, run.energy_source, run.energy()), (None, None, None));
        assert_eq!(serde_json::to_string(&run).unwrap(), line);
        let source = Some(EnergySource::Rapl);
        let with = RunInfo { energy_joules: Some(12.5), energy_source: source, ..run };
        let text = serde_json::to_string(&with).unwrap();
        assert!(text.ends_with(r#""energy_joules":12.5,"energy_source":"rapl"}"#), "{text}");
        assert_eq!(serde_json::from_str::<RunInfo>(&text).unwrap(), with);
    }
}
