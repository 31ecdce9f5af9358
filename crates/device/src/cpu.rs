//! The CPU as a device.

use isoflop_plan::Precision;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::info::{DeviceInfo, DeviceKind};

/// The CPU that burn's Flex backend computes on.
pub(super) fn info() -> DeviceInfo {
    let kind = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind);
    let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
    let name = brand.filter(|b| !b.is_empty());
    DeviceInfo {
        id: "cpu".into(),
        name: name.unwrap_or_else(|| format!("{} CPU", std::env::consts::ARCH)),
        kind: DeviceKind::Cpu,
        api: None,
        driver: None,
        driver_info: None,
        memory_bytes: Some(system.total_memory()).filter(|&bytes| bytes > 0),
        shaders: Vec::new(),
        precisions: vec![Precision::F32],
        matrix_units: Vec::new(),
        fragments_by_element: false,
        card: None,
        pci: None,
        cores: Some(std::thread::available_parallelism().map_or(1, usize::from)),
        simd: simd().into_iter().map(str::to_owned).collect(),
    }
}

/// Vector instructions that this processor has and the matrix products can use.
#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<&'static str> {
    let found = [
        ("SSE2", is_x86_feature_detected!("sse2")),
        ("AVX", is_x86_feature_detected!("avx")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
    ];
    found.into_iter().filter(|f| f.1).map(|f| f.0).collect()
}

/// Vector instructions that this processor has and the matrix products can use.
#[cfg(target_arch = "aarch64")]
fn simd() -> Vec<&'static str> {
    let found = [
        ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
        ("SVE", std::arch::is_aarch64_feature_detected!("sve")),
    ];
    found.into_iter().filter(|f| f.1).map(|f| f.0).collect()
}

/// Vector instructions: not known on this architecture.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd() -> Vec<&'static str> {
    Vec::new()
}
