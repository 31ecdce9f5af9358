//! What a device draws: counted where the machine tells it, from a given power where it does not, never guessed.
//!
//! A meter counts the device with all that runs on it, idle power and other programs' work included.

mod given;
#[cfg(any(target_os = "linux", windows))]
mod gpus;
mod meter;
#[cfg(any(target_os = "linux", windows))]
mod nvml;
mod rapl;

use std::path::Path;

use isoflop_record::EnergySource;

use super::info::{DeviceInfo, DeviceKind, GraphicsApi};
use given::Given;
pub use meter::{Gauge, Meter, Reading};
use rapl::Rapl;

/// The meter of a device: its own where it has one that can be read, else `watts` over time.
///
/// # Errors
/// What would be needed to have one, in a line.
pub fn open_meter(info: &DeviceInfo, watts: Option<f64>) -> Result<Meter, String> {
    or_given(counted(info), watts)
}

fn or_given(counted: Result<Meter, String>, watts: Option<f64>) -> Result<Meter, String> {
    counted.or_else(|needed| match watts {
        Some(watts) => {
            let what = format!("{watts} W by `device.watts`, not measured");
            Meter::open(EnergySource::Given, what, Given { watts })
        }
        None => Err(needed),
    })
}

/// Where training on a device is counted. Software adapters compute on the processor.
fn counted(info: &DeviceInfo) -> Result<Meter, String> {
    match info.kind {
        DeviceKind::Cpu | DeviceKind::Software => processor(),
        _ if info.api == Some(GraphicsApi::Metal) => Err(APPLE.into()),
        _ => gpu(info),
    }
}

const APPLE: &str = "macOS tells what its chips draw to root alone (`sudo powermetrics` shows it); set `device.watts`";

fn processor() -> Result<Meter, String> {
    if cfg!(target_os = "linux") {
        packages(Path::new(rapl::ROOT))
    } else if cfg!(target_vendor = "apple") {
        Err(APPLE.into())
    } else {
        Err("the processor's energy counters are read on Linux alone; set `device.watts`".into())
    }
}

fn packages(root: &Path) -> Result<Meter, String> {
    let rapl = Rapl::open(root)?;
    let plural = if rapl.packages() == 1 { "" } else { "s" };
    let what = format!("RAPL, {} processor package{plural}", rapl.packages());
    Meter::open(EnergySource::Rapl, what, rapl)
}

#[cfg(any(target_os = "linux", windows))]
fn gpu(info: &DeviceInfo) -> Result<Meter, String> {
    let nvidia = info.card.is_some_and(|card| card.vendor == gpus::NVIDIA);
    if !nvidia && !info.name.contains("NVIDIA") {
        return Err(no_gauge(info));
    }
    let opened = nvml::NvmlGauge::open(info)
        .and_then(|(gauge, what)| Meter::open(EnergySource::Nvml, what, gauge));
    opened.map_err(|needed| format!("{needed}; without it set `device.watts`"))
}

#[cfg(not(any(target_os = "linux", windows)))]
fn gpu(info: &DeviceInfo) -> Result<Meter, String> {
    Err(no_gauge(info))
}

fn no_gauge(info: &DeviceInfo) -> String {
    format!(
        "no energy counter of {} is read (NVIDIA's GPUs and processors under Linux have one); set `device.watts`",
        info.label()
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::cpu;
    use crate::info::Card;

    fn card(api: GraphicsApi, vendor: u32) -> DeviceInfo {
        DeviceInfo {
            name: "A card".into(),
            kind: DeviceKind::DiscreteGpu,
            api: Some(api),
            card: Some(Card { vendor, device: 1, index: 0 }),
            ..cpu::info()
        }
    }

    #[test]
    fn what_is_needed_is_told_in_a_line() {
        let amd = card(GraphicsApi::Vulkan, 0x1002);
        let needed = open_meter(&amd, None).unwrap_err();
        assert!(needed.starts_with("no energy counter of A card (Vulkan) is read"), "{needed}");
        // No machine has a GPU of this number, whether it has the library or not.
        let nvidia = card(GraphicsApi::Vulkan, 0x10de);
        let metal = card(GraphicsApi::Metal, 0x106b);
        for info in [amd, nvidia, metal] {
            let needed = open_meter(&info, None).unwrap_err();
            assert!(needed.ends_with("set `device.watts`") && !needed.contains('\n'), "{needed}");
        }
    }

    #[test]
    fn a_given_power_is_taken_where_nothing_counts() {
        let began = Instant::now();
        let meter = open_meter(&card(GraphicsApi::Vulkan, 0x1002), Some(200.0)).unwrap();
        let opened = Instant::now();
        assert_eq!(meter.source(), EnergySource::Given);
        assert_eq!(meter.to_string(), "200 W by `device.watts`, not measured");
        std::thread::sleep(Duration::from_millis(20));
        let (at, joules) = meter.joules().unwrap();
        let (most, least) = (at.duration_since(began), at.duration_since(opened));
        assert!(joules <= 200.0 * most.as_secs_f64() + 1e-9, "{joules}");
        assert!(joules >= 200.0 * least.as_secs_f64() - 1e-9, "{joules}");
    }

    /// Where a file's name may hold a colon.
    #[cfg(unix)]
    #[test]
    fn packages_are_a_meter_until_they_cannot_be_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("intel-rapl:0");
        std::fs::create_dir(&folder).unwrap();
        for (file, text) in
            [("name", "package-0"), ("energy_uj", "17"), ("max_energy_range_uj", "1000000")]
        {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let meter = or_given(packages(root.path()), Some(90.0)).unwrap();
        assert_eq!(meter.source(), EnergySource::Rapl, "a counter goes before a given power");
        assert_eq!(meter.to_string(), "RAPL, 1 processor package");
        std::fs::write(folder.join("energy_uj"), "250017").unwrap();
        assert_eq!(meter.joules().unwrap().1, 0.25);
        std::fs::remove_file(folder.join("energy_uj")).unwrap();
        assert_eq!(meter.joules(), None);
        assert!(meter.failure().unwrap().contains("cannot be read"));
    }
}
