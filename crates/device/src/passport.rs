//! What a result needs to be compared across machines: the device's part.

use isoflop_model::takes_matrix_units;
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::info::{DeviceInfo, ShaderCompiler};
use super::open::TrainDevice;
use super::peak::{Peak, measure_peak};
use super::versions;

/// Plain words and numbers on the device that trained. Stable from run to run on one machine, the
/// measured peaks aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DevicePassport {
    /// Adapter name as the driver gives it; the CPU model for the CPU.
    pub adapter: String,
    /// `"cpu"`, `"discrete gpu"`, `"integrated gpu"`, `"virtual gpu"`, `"software adapter"`,
    /// `"unclassified adapter"`.
    pub kind: String,
    /// `"flex"`, `"vulkan"`, `"metal"`, `"dx12"`.
    pub backend: String,
    /// `"spirv"` or `"wgsl"`; `None` on the CPU.
    pub shader_compiler: Option<String>,
    /// `"own"` where the model's operations are kernels of their own, with a word on matrix units where
    /// attention in half precision goes to them, `"none"` where they are tensor operations; `None` on
    /// the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<String>,
    /// Driver and its version, where they are told.
    pub driver: Option<String>,
    /// Memory in bytes, where it is told.
    pub memory_bytes: Option<u64>,
    /// Precisions of matrix products that passed the self-test: `"f32"`, `"f16"`, `"bf16"`.
    pub precisions: Vec<String>,
    /// Cores; the CPU alone.
    pub cores: Option<usize>,
    /// Vector instructions; the CPU alone.
    pub simd: Vec<String>,
    /// Operating system: `"linux"`.
    pub os: String,
    /// Processor architecture: `"x86_64"`.
    pub arch: String,
    pub burn: String,
    /// cubecl's version; `None` on the CPU.
    pub cubecl: Option<String>,
    /// wgpu's version; `None` on the CPU.
    pub wgpu: Option<String>,
    /// Measured peak rates, one per precision.
    pub peaks: Vec<Peak>,
}

/// Channels of a head that a passport is about, where what a device does depends on them.
const USUAL_HEAD: usize = 64;

impl TrainDevice {
    /// Measures the peak rates and writes all down. Takes about half a second per precision; `warn` hears of those in which
    /// nothing could be measured.
    pub fn passport(&self, warn: &mut dyn FnMut(String)) -> DevicePassport {
        let mut peaks = Vec::new();
        for &precision in &self.precisions {
            match measure_peak(&self.device, &self.info, precision) {
                Ok(peak) => peaks.push(peak),
                Err(what) => {
                    warn(format!("no peak could be measured in {}: {what}", precision.word()));
                }
            }
        }
        DevicePassport { peaks, ..self.passport_without_peaks() }
    }

    fn kernels_in_words(&self) -> &'static str {
        let matrix = |&p: &Precision| takes_matrix_units(&self.device, p, USUAL_HEAD);
        match self.choices.kernels {
            true if self.precisions.iter().any(matrix) => "own, matrix units in half precision",
            true => "own",
            false => "none",
        }
    }

    /// The passport without measuring anything.
    pub fn passport_without_peaks(&self) -> DevicePassport {
        let info = &self.info;
        let gpu = |version: &str| (!info.is_cpu()).then(|| version.to_owned());
        DevicePassport {
            adapter: info.name.clone(),
            kind: info.kind.to_string().to_lowercase(),
            backend: info.api.map_or("flex".into(), |api| api.to_string().to_lowercase()),
            shader_compiler: self.shader.map(|shader| match shader {
                ShaderCompiler::Spirv => "spirv".into(),
                ShaderCompiler::Wgsl => "wgsl".into(),
            }),
            kernels: (!info.is_cpu()).then(|| self.kernels_in_words().into()),
            driver: driver(info),
            memory_bytes: info.memory_bytes,
            precisions: self.precisions.iter().map(|&p| p.word().into()).collect(),
            cores: info.cores,
            simd: info.simd.clone(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            burn: versions::BURN.into(),
            cubecl: gpu(versions::CUBECL),
            wgpu: gpu(versions::WGPU),
            peaks: Vec::new(),
        }
    }
}

fn driver(info: &DeviceInfo) -> Option<String> {
    let parts: Vec<_> = [&info.driver, &info.driver_info].into_iter().flatten().cloned().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use isoflop_plan::{DeviceConfig, DeviceName};

    use super::*;

    #[test]
    fn the_cpu_has_a_passport_that_survives_json() {
        let opened = super::super::open(&DeviceConfig::named(DeviceName::Cpu)).unwrap();
        let passport = opened.passport(&mut |what| panic!("{what}"));
        assert_eq!((passport.kind.as_str(), passport.backend.as_str()), ("cpu", "flex"));
        assert_eq!(passport.precisions, ["f32"]);
        assert_eq!(passport.wgpu, None);
        assert_eq!(passport.peaks.len(), 1);
        let json = serde_json::to_string(&passport).unwrap();
        let back: DevicePassport = serde_json::from_str(&json).unwrap();
        assert_eq!(back, passport);
    }
}
