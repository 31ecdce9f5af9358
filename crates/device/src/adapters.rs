//! The graphics adapters of this machine.

use std::ffi::CStr;
use std::sync::OnceLock;

use burn::cubecl::future::block_on;
use burn::cubecl::ir::features::MmaConfig;
use burn::cubecl::ir::{
    DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties,
};
use burn::cubecl::wgpu::{vulkan, wgpu};
use isoflop_plan::Precision;

use super::cpu;
use super::info::{Card, DeviceInfo, DeviceKind, GraphicsApi, ShaderCompiler};

/// An adapter and what is known of it.
pub(super) struct Adapter {
    pub info: DeviceInfo,
    pub handle: wgpu::Adapter,
}

/// The one instance that adapters are listed and opened with. It lives as long as the process:
/// Vulkan loaders crash when instances come and go on several threads.
pub(super) fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
            ..wgpu::InstanceDescriptor::new_without_display_handle_from_env()
        })
    })
}

/// The adapters of one interface, in its own order.
///
/// # Panics
/// Where a driver breaks down while it is asked.
pub(super) fn of(api: GraphicsApi) -> Vec<Adapter> {
    let (backends, key) = match api {
        GraphicsApi::Vulkan => (wgpu::Backends::VULKAN, "vulkan"),
        GraphicsApi::Metal => (wgpu::Backends::METAL, "metal"),
        GraphicsApi::Dx12 => (wgpu::Backends::DX12, "dx12"),
    };
    let mut found: Vec<Adapter> = Vec::new();
    let handles = block_on(instance().enumerate_adapters(backends));
    for (index, handle) in handles.into_iter().enumerate() {
        let given = handle.get_info();
        let alike = |a: &&Adapter| {
            let card = a.info.card;
            card.is_some_and(|c| (c.vendor, c.device) == (given.vendor, given.device))
        };
        let card = Card {
            vendor: given.vendor,
            device: given.device,
            index: found.iter().filter(alike).count(),
        };
        let info = describe(&handle, given, api, format!("{key}:{index}"), card);
        found.push(Adapter { info, handle });
    }
    found
}

fn describe(
    handle: &wgpu::Adapter,
    given: wgpu::AdapterInfo,
    api: GraphicsApi,
    id: String,
    card: Card,
) -> DeviceInfo {
    let native = native(handle);
    let mut shaders = vec![ShaderCompiler::Wgsl];
    let mut precisions = vec![Precision::F32];
    if native.spirv {
        shaders.insert(0, ShaderCompiler::Spirv);
        precisions.extend(native.halves);
    } else if handle.features().contains(wgpu::Features::SHADER_F16) {
        precisions.push(Precision::F16);
    }
    DeviceInfo {
        id,
        name: given.name,
        kind: match given.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
            wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            wgpu::DeviceType::Other => DeviceKind::Other,
        },
        api: Some(api),
        driver: known(given.driver),
        driver_info: known(given.driver_info),
        memory_bytes: native.memory_bytes.or_else(|| shared_memory(given.device_type)),
        shaders,
        precisions,
        matrix_units: native.matrix_units,
        fragments_by_element: native.fragments_by_element,
        card: (given.vendor != 0).then_some(card),
        // DX12's is that of the first card of its kind.
        pci: known(given.device_pci_bus_id).filter(|_| api == GraphicsApi::Vulkan),
        cores: None,
        simd: Vec::new(),
    }
}

/// What an adapter may have of the main memory, where it has none of its own and does not tell: half, as Windows lets it.
fn shared_memory(kind: wgpu::DeviceType) -> Option<u64> {
    let shares = kind == wgpu::DeviceType::IntegratedGpu;
    cpu::info().memory_bytes.filter(|_| shares).map(|bytes| bytes / 2)
}

/// What cubecl's Vulkan runtime would do with an adapter.
#[derive(Default)]
struct Native {
    spirv: bool,
    halves: Vec<Precision>,
    matrix_units: Vec<Precision>,
    fragments_by_element: bool,
    memory_bytes: Option<u64>,
}

/// Asks cubecl itself, without opening the device.
fn native(handle: &wgpu::Adapter) -> Native {
    if handle.get_info().backend != wgpu::Backend::Vulkan {
        return Native::default();
    }
    let mut props = blank();
    let mut options = Default::default();
    let spirv = vulkan::register_vulkan_features(handle, &mut props, &mut options);
    let has = |kind| props.supports_type(ElemType::Float(kind));
    let mut halves = Vec::new();
    if has(FloatKind::F16) {
        halves.push(Precision::F16);
    }
    if has(FloatKind::BF16) {
        halves.push(Precision::Bf16);
    }
    let units = |&(_, kind): &(Precision, FloatKind)| {
        let (half, single) = (ElemType::Float(kind), ElemType::Float(FloatKind::F32));
        let of = |c: &MmaConfig| c.a_type == half && c.b_type == half && c.cd_type == single;
        spirv && props.features.matmul.cmma.iter().any(of)
    };
    let kinds = [(Precision::F16, FloatKind::F16), (Precision::Bf16, FloatKind::BF16)];
    let matrix_units = kinds.into_iter().filter(units).map(|(precision, _)| precision).collect();
    Native {
        spirv,
        halves,
        matrix_units,
        fragments_by_element: spirv && has_extension(handle, c"VK_NV_cooperative_matrix2"),
        memory_bytes: props.memory.max_memory(),
    }
}

/// Whether a driver has an extension of Vulkan.
fn has_extension(handle: &wgpu::Adapter, name: &CStr) -> bool {
    // SAFETY: the adapter is only asked.
    let native = unsafe { handle.as_hal::<wgpu::hal::api::Vulkan>() };
    native.is_some_and(|native| native.physical_device_capabilities().supports_extension(name))
}

/// Properties for cubecl to write its findings into.
fn blank() -> DeviceProperties {
    let hardware = HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 8,
        plane_size_max: 128,
        max_bindings: 8,
        max_shared_memory_size: 0,
        max_cube_count: (1, 1, 1),
        max_units_per_cube: 1,
        max_cube_dim: (1, 1, 1),
        num_streaming_multiprocessors: None,
        num_cpu_cores: None,
        last_level_cache_size: None,
        num_tensor_cores: None,
        min_tensor_cores_dim: None,
        max_vector_size: 4,
        cube_mma_reserved_shared_memory: 0,
    };
    let identity =
        DeviceIdentity { name: String::new(), fingerprint: String::new(), physical: None };
    DeviceProperties::new(
        Default::default(),
        MemoryDeviceProperties::new(0, 1),
        hardware,
        burn::tensor::TimingMethod::System,
        identity,
    )
}

/// A driver that does not say writes `?` or nothing.
fn known(text: String) -> Option<String> {
    Some(text).filter(|t| !t.is_empty() && t != "?")
}
