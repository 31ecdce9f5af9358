//! What a result needs to be compared across machines.

use std::collections::BTreeMap;

use isoflop_durable::hex;
use isoflop_plan::{NUMERICS_VERSION, Precision};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::host::Host;

/// Machine, software and data behind a record.
///
/// The hash leaves out what is measured anew each time ([`Passport::peaks`]), so that two runs on one machine carry
/// one passport.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passport {
    /// The device that trained.
    pub device: DevicePassport,
    /// The machine around it.
    pub host: Host,
    /// Software versions.
    pub versions: Versions,
    /// SHA-256 of the tokenised data, in hex.
    pub data_sha256: String,
    /// Measured peak speeds of matrix products, one per precision that was measured.
    pub peaks: Vec<PeakFlops>,
}

/// The device that trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePassport {
    /// Adapter name as the driver gives it; the CPU model for the CPU backend.
    pub adapter: String,
    /// `"cpu"`, `"discrete gpu"`, `"integrated gpu"`, `"software"` ...
    pub kind: String,
    /// `"flex"`, `"vulkan"`, `"metal"`, `"dx12"` ...
    pub backend: String,
    /// Shader compiler: `"spirv"`, `"wgsl"`; `None` on the CPU.
    pub shader_compiler: Option<String>,
    /// Driver and its version; `None` on the CPU or where the driver does not tell.
    pub driver: Option<String>,
    /// Precisions of the matrix products that the study used (`"f32"`, `"bf16"` ...).
    pub precisions: Vec<String>,
    /// Anything else the backend tells, by name.
    pub details: BTreeMap<String, String>,
}

/// A measured speed of square matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakFlops {
    /// Precision of the operands.
    pub precision: Precision,
    /// Best rate seen, FLOP/s.
    pub flops_per_second: f64,
    /// Side of the matrices it was seen at.
    pub side: usize,
}

/// Software versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// This project.
    pub isoflop: String,
    /// Numerics version of the training code, [`NUMERICS_VERSION`].
    pub numerics: u32,
    /// Commit it was built from, where known at build time.
    pub commit: Option<String>,
    pub burn: String,
    /// wgpu; `None` where it took no part.
    pub wgpu: Option<String>,
}

impl Passport {
    /// The fastest matrix products seen at a precision, FLOP/s; `None` where it was not measured.
    pub fn peak_flops_per_second(&self, precision: Precision) -> Option<f64> {
        self.peaks.iter().find(|peak| peak.precision == precision).map(|peak| peak.flops_per_second)
    }

    /// Stable name: 16 hex digits of SHA-256 over all but the measured speed.
    pub fn hash(&self) -> String {
        let identity = Self { peaks: Vec::new(), ..self.clone() };
        let bytes = serde_json::to_vec(&identity).expect("a passport is plain data");
        hex(&Sha256::digest(&bytes)[..8])
    }
}

impl Versions {
    /// This build, with the versions of what it was linked with.
    pub fn new(burn: &str, wgpu: Option<&str>, commit: Option<&str>) -> Self {
        Self {
            isoflop: env!("CARGO_PKG_VERSION").to_owned(),
            numerics: NUMERICS_VERSION,
            commit: commit.map(str::to_owned),
            burn: burn.to_owned(),
            wgpu: wgpu.map(str::to_owned),
        }
    }
}
