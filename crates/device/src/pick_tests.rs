//! Every rule of picking, on made-up machines.

use super::super::info::{Card, GraphicsApi, ShaderCompiler};
use super::*;

fn adapter(id: &str, name: &str, kind: DeviceKind) -> DeviceInfo {
    let api = match id.split(':').next() {
        Some("vulkan") => Some(GraphicsApi::Vulkan),
        Some("metal") => Some(GraphicsApi::Metal),
        Some("dx12") => Some(GraphicsApi::Dx12),
        _ => None,
    };
    DeviceInfo {
        id: id.into(),
        name: name.into(),
        kind,
        api,
        driver: Some("a driver".into()),
        driver_info: None,
        memory_bytes: None,
        shaders: vec![ShaderCompiler::Wgsl],
        precisions: Vec::new(),
        matrix_units: Vec::new(),
        fragments_by_element: false,
        card: None,
        pci: None,
        cores: None,
        simd: Vec::new(),
    }
}

fn card(mut info: DeviceInfo, device: u32, index: usize) -> DeviceInfo {
    info.card = Some(Card { vendor: 0x10de, device, index });
    info
}

fn the_cpu() -> DeviceInfo {
    adapter("cpu", "AMD EPYC 9B14", DeviceKind::Cpu)
}

fn config(name: DeviceName) -> DeviceConfig {
    DeviceConfig::named(name)
}

fn name(part: &str) -> DeviceConfig {
    config(DeviceName::Named(part.into()))
}

fn laptop() -> Vec<DeviceInfo> {
    vec![
        adapter("vulkan:0", "Intel(R) Arc(tm) Graphics", DeviceKind::IntegratedGpu),
        adapter("vulkan:1", "NVIDIA GeForce RTX 4070 Laptop GPU", DeviceKind::DiscreteGpu),
        adapter("vulkan:2", "llvmpipe (LLVM 15.0.6, 256 bits)", DeviceKind::Software),
        the_cpu(),
    ]
}

fn picked(config: &DeviceConfig, devices: &[DeviceInfo]) -> String {
    pick(config, devices).unwrap().info.id
}

#[test]
fn auto_prefers_discrete_then_integrated_then_the_cpu() {
    let mut devices = laptop();
    let auto = config(DeviceName::Auto);
    assert_eq!(picked(&auto, &devices), "vulkan:1");
    devices.remove(1);
    assert_eq!(picked(&auto, &devices), "vulkan:0");
    devices.remove(0);
    let choice = pick(&auto, &devices).unwrap();
    assert_eq!(choice.info.id, "cpu");
    assert!(choice.why.contains("llvmpipe"), "{}", choice.why);
    assert!(choice.why.contains("by name"), "{}", choice.why);
    assert_eq!(picked(&auto, &[the_cpu()]), "cpu");
}

#[test]
fn auto_never_takes_virtual_unclassified_or_software_adapters() {
    let auto = config(DeviceName::Auto);
    for kind in [DeviceKind::VirtualGpu, DeviceKind::Other, DeviceKind::Software] {
        let devices = [adapter("vulkan:0", "Something", kind), the_cpu()];
        assert_eq!(picked(&auto, &devices), "cpu", "{kind}");
    }
}

#[test]
fn auto_says_that_there_are_several() {
    let devices = [
        card(adapter("vulkan:0", "NVIDIA H200", DeviceKind::DiscreteGpu), 1, 0),
        card(adapter("vulkan:1", "NVIDIA H200", DeviceKind::DiscreteGpu), 1, 1),
        the_cpu(),
    ];
    let choice = pick(&config(DeviceName::Auto), &devices).unwrap();
    assert_eq!(choice.info.id, "vulkan:0");
    assert!(choice.why.contains("first of 2"), "{}", choice.why);
}

#[test]
fn gpu_takes_a_virtual_one_last_and_never_software() {
    let gpu = config(DeviceName::Gpu);
    assert_eq!(picked(&gpu, &laptop()), "vulkan:1");
    let cloud = [adapter("vulkan:0", "Virtio-GPU Venus", DeviceKind::VirtualGpu), the_cpu()];
    assert_eq!(picked(&gpu, &cloud), "vulkan:0");
    let soft = [adapter("vulkan:0", "SwiftShader Device", DeviceKind::Software), the_cpu()];
    let error = pick(&gpu, &soft).unwrap_err();
    assert!(matches!(error, DeviceError::NoGpu { .. }));
    assert!(error.to_string().contains("SwiftShader"), "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");
}

#[test]
fn the_cpu_is_always_there() {
    assert_eq!(picked(&config(DeviceName::Cpu), &laptop()), "cpu");
}

#[test]
fn a_name_part_is_enough_in_any_case() {
    assert_eq!(picked(&name("LLVMpipe"), &laptop()), "vulkan:2");
    assert_eq!(picked(&name("rtx 4070"), &laptop()), "vulkan:1");
    assert_eq!(picked(&name("Vulkan:0"), &laptop()), "vulkan:0");
}

#[test]
fn a_name_that_fits_several_cards_is_refused_with_the_candidates() {
    let mut devices = laptop();
    devices.push(adapter("vulkan:3", "Intel(R) Data Center GPU", DeviceKind::DiscreteGpu));
    let error = pick(&name("intel"), &devices).unwrap_err();
    let DeviceError::Ambiguous { candidates, .. } = &error else { panic!("{error}") };
    assert_eq!(candidates.len(), 2);
    let text = error.to_string();
    assert!(text.contains("vulkan:0") && text.contains("vulkan:3"), "{text}");
    assert!(text.contains("hint: "), "{text}");
    assert_eq!(picked(&name("vulkan:3"), &devices), "vulkan:3");
}

#[test]
fn a_name_that_nothing_has_lists_what_there_is() {
    let error = pick(&name("radeon"), &laptop()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("radeon") && text.contains("RTX 4070"), "{text}");
    let alone = pick(&name("radeon"), &[the_cpu()]).unwrap_err().to_string();
    assert!(alone.contains("the CPU alone"), "{alone}");
    assert!(pick(&name(" "), &laptop()).is_err(), "an empty name fits nothing");
    assert!(pick(&name("epyc"), &laptop()).is_err(), "the CPU is called \"cpu\"");
}

#[test]
fn one_card_on_two_interfaces_counts_once_and_vulkan_goes_first() {
    let devices = [
        card(adapter("dx12:0", "NVIDIA GeForce RTX 4090", DeviceKind::DiscreteGpu), 7, 0),
        card(adapter("vulkan:0", "NVIDIA GeForce RTX 4090", DeviceKind::DiscreteGpu), 7, 0),
        the_cpu(),
    ];
    assert_eq!(picked(&name("4090"), &devices), "vulkan:0");
    assert_eq!(picked(&name("dx12:0"), &devices), "dx12:0");
    let choice = pick(&config(DeviceName::Auto), &devices).unwrap();
    assert_eq!(choice.info.id, "vulkan:0");
    assert!(choice.why.contains("only discrete GPU"), "{}", choice.why);
    let two = [
        card(adapter("vulkan:0", "NVIDIA H200", DeviceKind::DiscreteGpu), 1, 0),
        card(adapter("vulkan:1", "NVIDIA H200", DeviceKind::DiscreteGpu), 1, 1),
    ];
    assert!(matches!(pick(&name("h200"), &two), Err(DeviceError::Ambiguous { .. })));
}
