//! The passport of this process: device, machine, software, data.

use isoflop_device::{Peak, TrainDevice};
use isoflop_ledger::{DevicePassport, Host, Passport, PeakFlops, Versions};
use isoflop_plan::{Config, PrecisionChoice};

use crate::events::Observer;

/// Commit that this program was built from, where the build knew one.
pub(crate) const COMMIT: Option<&str> = option_env!("ISOFLOP_COMMIT");

/// Everything that is known without measuring.
pub(crate) fn without_peaks(config: &Config, device: &TrainDevice, data_sha256: &str) -> Passport {
    by(config, assemble(device.passport_without_peaks(), data_sha256))
}

/// The same with the device's measured peaks: about half a second per precision.
pub(crate) fn measured(
    config: &Config,
    device: &TrainDevice,
    data_sha256: &str,
    observer: &mut dyn Observer,
) -> Passport {
    by(config, assemble(device.passport(&mut |what| observer.warn(what)), data_sha256))
}

/// With who chose the precision, where the configuration did not.
fn by(config: &Config, mut passport: Passport) -> Passport {
    if let PrecisionChoice::Auto(Some(precision)) = config.train.precision {
        let text = format!("{}, chosen by auto", precision.word());
        passport.device.details.insert("precision of products".into(), text);
    }
    passport
}

/// Everything but the data, which took no part, with a peak measured elsewhere.
pub fn without_data(device: &TrainDevice, peak: Option<Peak>) -> serde_json::Value {
    let peaks = peak.into_iter().collect();
    let part = isoflop_device::DevicePassport { peaks, ..device.passport_without_peaks() };
    let Passport { device, host, versions, data_sha256: _, peaks } = assemble(part, "");
    serde_json::json!({ "device": device, "host": host, "versions": versions, "peaks": peaks })
}

fn assemble(part: isoflop_device::DevicePassport, data_sha256: &str) -> Passport {
    let details = [
        ("memory_bytes", part.memory_bytes.map(|bytes| bytes.to_string())),
        ("cores", part.cores.map(|cores| cores.to_string())),
        ("simd", (!part.simd.is_empty()).then(|| part.simd.join(" "))),
        ("cubecl", part.cubecl),
        ("kernels", part.kernels),
    ];
    let peak = |peak: Peak| PeakFlops {
        precision: peak.precision,
        flops_per_second: peak.flops_per_second,
        side: peak.side,
    };
    Passport {
        device: DevicePassport {
            adapter: part.adapter,
            kind: part.kind,
            backend: part.backend,
            shader_compiler: part.shader_compiler,
            driver: part.driver,
            precisions: part.precisions,
            details: details.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))).collect(),
        },
        host: Host::this(),
        versions: Versions::new(&part.burn, part.wgpu.as_deref(), COMMIT),
        data_sha256: data_sha256.to_owned(),
        peaks: part.peaks.into_iter().map(peak).collect(),
    }
}
