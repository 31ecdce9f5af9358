//! The speed of steps on SwiftShader, a Vulkan driver that computes on the CPU.
//!
//!     VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json cargo test --release -p isoflop-speed --test wgpu_speed
//!
//! Without it the test says that it is skipped; with `ISOFLOP_REQUIRE_SWIFTSHADER=1` it fails.

use std::time::Instant;

use isoflop_device::{TrainDevice, list, open};
use isoflop_plan::{DeviceConfig, DeviceName, Family, Hyper, Precision, Shader, Shape};
use isoflop_speed::{Load, measure};
use isoflop_train::Workers;

const SHAPE: Shape = Shape {
    family: Family::Llama,
    depth: 2,
    width: 32,
    heads: 2,
    hidden: 56,
    vocab: 64,
    context: 16,
};
const SEQUENCES: usize = 8;

fn swiftshader() -> Option<TrainDevice> {
    let devices = list().devices;
    if !devices.iter().any(|d| d.name.contains("SwiftShader")) {
        let names: Vec<_> = devices.iter().map(|d| d.name.as_str()).collect();
        let required = std::env::var("ISOFLOP_REQUIRE_SWIFTSHADER").is_ok_and(|v| v == "1");
        assert!(!required, "ISOFLOP_REQUIRE_SWIFTSHADER is 1 and there is only {names:?}");
        eprintln!("skipped: no adapter is called SwiftShader, there is {names:?}");
        return None;
    }
    let name = DeviceName::Named("SwiftShader".into());
    let config = DeviceConfig { shader: Shader::Wgsl, ..DeviceConfig::named(name) };
    Some(open(&config).unwrap_or_else(|e| panic!("{e}")))
}

/// Speeds count what was computed, not what was handed over: nothing is left to wait for when a measurement ends.
#[test]
fn a_speed_waits_for_swiftshader() {
    let Some(opened) = swiftshader() else { return };
    let device = &opened.device;
    let hyper = Hyper::for_timing(SEQUENCES, Precision::F32);
    let load =
        Load { shape: &SHAPE, hyper: &hyper, replicas: 2, rounds: 1, seconds: 1.0, launches: true };
    let workers = Workers::new(device, Some(1), 1, 1, None).unwrap();
    device.sync().unwrap();
    let started = Instant::now();
    measure(&load, device, &workers).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    device.sync().unwrap();
    let left = (started.elapsed().as_secs_f64() - seconds) / seconds;
    println!("{:.2}% of {seconds:.1} s left", 100.0 * left);
    assert!(left < 0.05, "{left}");
    opened.wait();
}
