//! Where tuned kernels are remembered.
//!
//! burn times several kernels for each new shape of a matrix product and keeps the fastest. cubecl
//! remembers the choices (and compiled SPIR-V) in a database, by default under `target/` of
//! whatever Cargo project the process was started in, and does not keep adapters apart. Here they
//! go to the user's cache folder, one database per adapter, driver and shader compiler. A
//! `cubecl.toml` that names another place, or `CUBECL_ENVIRONMENT`, is respected.

use std::path::PathBuf;
use std::sync::Once;

use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn::cubecl::environment;

use super::info::{DeviceInfo, ShaderCompiler};

/// The database that tuned kernels of the device opened last are kept in.
pub fn tuning_store() -> PathBuf {
    use_user_cache();
    environment::path()
}

/// Selects the database of a device, before it is opened.
pub(super) fn use_store_of(info: &DeviceInfo, shader: ShaderCompiler) {
    use_user_cache();
    if std::env::var_os("CUBECL_ENVIRONMENT").is_none() {
        environment::activate(store_name(info, shader));
    }
}

fn use_user_cache() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        if matches!(config.environment.path, CacheConfig::Target) {
            config.environment.path = CacheConfig::Global;
        }
        // `false`: burn was used before and has its configuration, which then stays.
        let _ = CubeClRuntimeConfig::try_set(config);
    });
}

/// `isoflop-<adapter>-<hash of adapter, driver and version>-<compiler>`.
fn store_name(info: &DeviceInfo, shader: ShaderCompiler) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64; // FNV-1a
    let parts = [Some(&info.name), info.driver.as_ref(), info.driver_info.as_ref()];
    for byte in parts.into_iter().flatten().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    let name: String = info
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(24)
        .collect();
    format!("isoflop-{}-{hash:016x}-{shader:?}", name.trim_matches('-')).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::cpu;
    use super::*;

    #[test]
    fn stores_differ_by_adapter_driver_and_compiler() {
        let mut info = cpu::info();
        info.name = "NVIDIA GeForce RTX 4090 / a long name".into();
        let first = store_name(&info, ShaderCompiler::Wgsl);
        assert!(first.starts_with("isoflop-nvidia-geforce-rtx-4090-"), "{first}");
        assert!(first.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{first}");
        assert_ne!(first, store_name(&info, ShaderCompiler::Spirv));
        info.driver_info = Some("580.1".into());
        assert_ne!(first, store_name(&info, ShaderCompiler::Wgsl));
    }
}
