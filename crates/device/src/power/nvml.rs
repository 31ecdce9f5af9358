//! NVIDIA's management library, which comes with the driver and is loaded when it is first asked for.
//!
//! It counts the whole board, with all that runs on it. GPUs from Volta on count the joules themselves; of older ones the power
//! is sampled.

use std::sync::OnceLock;
use std::time::Duration;

use nvml_wrapper::{Device, Nvml};

use super::gpus::{Gpu, which};
use super::meter::{Gauge, Reading};
use crate::info::DeviceInfo;

/// Time between samples of a power.
const SAMPLE: Duration = Duration::from_millis(100);

/// One GPU's counter, or its sensor where it does not count.
pub(super) struct NvmlGauge {
    device: Device<'static>,
    counts: bool,
}

impl NvmlGauge {
    /// The gauge of an adapter, and what it is in words.
    ///
    /// # Errors
    /// What would be needed, in words.
    pub(super) fn open(info: &DeviceInfo) -> Result<(Self, String), String> {
        let nvml = library()?;
        let gpus = gpus(nvml)?;
        let gpu = which(info, &gpus)?;
        let device = nvml.device_by_index(gpu.index).map_err(|error| error.to_string())?;
        let counts = device.total_energy_consumption().is_ok();
        let way = if counts { "its own counter" } else { "its power, 10 times a second" };
        let what = format!("NVML, GPU {} ({}), {way}", gpu.index, gpu.name);
        Ok((Self { device, counts }, what))
    }
}

impl Gauge for NvmlGauge {
    fn read(&mut self) -> Result<Reading, String> {
        let told = match self.counts {
            true => {
                self.device.total_energy_consumption().map(|mj| Reading::Joules(mj as f64 * 1e-3))
            }
            false => self.device.power_usage().map(|mw| Reading::Watts(f64::from(mw) * 1e-3)),
        };
        told.map_err(|error| format!("NVML tells neither its energy nor its power: {error}"))
    }

    fn interval(&self) -> Option<Duration> {
        (!self.counts).then_some(SAMPLE)
    }
}

/// The library, which stays loaded.
fn library() -> Result<&'static Nvml, String> {
    static LIBRARY: OnceLock<Result<Nvml, String>> = OnceLock::new();
    let loaded = LIBRARY.get_or_init(|| {
        Nvml::init().map_err(|error| {
            format!("NVIDIA's management library (NVML), which comes with the driver, cannot be used: {error}")
        })
    });
    loaded.as_ref().map_err(String::clone)
}

fn gpus(nvml: &Nvml) -> Result<Vec<Gpu>, String> {
    let told = |error: nvml_wrapper::error::NvmlError| format!("NVML lists no GPUs: {error}");
    let mut gpus = Vec::new();
    for index in 0..nvml.device_count().map_err(told)? {
        // One that this process may not use is none of its adapters.
        let Ok(device) = nvml.device_by_index(index) else { continue };
        let pci = device.pci_info().map_err(told)?;
        gpus.push(Gpu {
            index,
            name: device.name().map_err(told)?,
            slot: (pci.domain, pci.bus, pci.device),
            card: (pci.pci_device_id & 0xffff, pci.pci_device_id >> 16),
        });
    }
    Ok(gpus)
}
