//! Vulkan with WGSL shaders, in a build that could compile to SPIR-V.
//!
//! cubecl takes SPIR-V wherever the adapter *that it is handed* has the needed Vulkan features, and
//! offers no switch. It asks two questions of that adapter through `wgpu-hal`: is the instance at
//! least version 1.1 (or does it have `VK_KHR_get_physical_device_properties2`), and has the
//! physical device a memory model and buffer device addresses? So the logical device is opened
//! here as for any WGSL program, and cubecl is handed another view of the *same* physical device:
//! one of a `wgpu-hal` instance that shares the raw Vulkan instance but is declared as version 1.0
//! without extensions. cubecl then takes its WGSL path as on any other interface, from start to
//! end: the compiler, the memory allocation, the types it registers. Nothing is patched, and
//! nothing but that one question is answered differently: the view's features and limits are
//! overwritten with those of the logical device, so f16 stays usable where the driver has it.
//!
//! Limits: WGSL has no tensor cores (cooperative matrices), no bf16 and no 64-bit buffer bindings.
//! Float atomics are left out on purpose: with them burn may sum by atomic adds in no fixed order,
//! without them the same inputs give the same sums.

use burn::cubecl::future::block_on;
use burn::cubecl::wgpu::{WgpuSetup, wgpu};
use wgpu::hal::api::Vulkan;

use super::adapters::instance;

/// Vulkan 1.0, as `VK_MAKE_API_VERSION` packs it.
const VULKAN_1_0: u32 = 1 << 22;

/// Largest buffer of a software adapter, in bytes.
const SOFTWARE_BUFFER: u64 = 128 << 20;

/// Features that WGSL kernels of cubecl can use.
const WANTED: wgpu::Features = wgpu::Features::SHADER_F16
    .union(wgpu::Features::SHADER_F64)
    .union(wgpu::Features::SHADER_INT64)
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::SUBGROUP_BARRIER)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);

/// Opens a Vulkan adapter such that cubecl compiles to WGSL.
///
/// # Errors
/// The driver's words, if it refuses the device.
pub(super) fn setup(adapter: &wgpu::Adapter) -> Result<WgpuSetup, String> {
    let features = adapter.features() & WANTED;
    let mut limits = adapter.limits();
    if adapter.get_info().device_type == wgpu::DeviceType::Cpu {
        // cubecl's first measurement of the memory's speed takes several of the largest buffers, and
        // hangs where the driver has no room for them. SwiftShader has 2 GiB in all.
        limits.max_buffer_size = limits.max_buffer_size.min(SOFTWARE_BUFFER);
        limits.max_storage_buffer_binding_size =
            limits.max_storage_buffer_binding_size.min(SOFTWARE_BUFFER);
    }
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: limits.clone(),
        // cubecl pools its allocations itself.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let (device, queue) =
        block_on(adapter.request_device(&descriptor)).map_err(|e| e.to_string())?;
    let view = old_view(adapter, features, limits)
        .map_err(|why| format!("the adapter cannot be shown to a Vulkan 1.0 instance: {why}"))?;
    Ok(WgpuSetup {
        instance: instance().clone(),
        adapter: view,
        device,
        queue,
        backend: wgpu::Backend::Vulkan,
    })
}

/// The adapter as an instance of Vulkan 1.0 without extensions sees it, with given features.
fn old_view(
    adapter: &wgpu::Adapter,
    features: wgpu::Features,
    limits: wgpu::Limits,
) -> Result<wgpu::Adapter, String> {
    // SAFETY: the raw handles are shared, not moved: the callback keeps the adapter, and with it
    // the raw instance, alive for as long as the second instance, which then does not destroy it.
    // The version and extensions declared are a subset of what the raw instance was made with.
    unsafe {
        let real = adapter.as_hal::<Vulkan>().ok_or("it is not of Vulkan")?;
        let shared = real.shared_instance();
        let keep = adapter.clone();
        let old = wgpu::hal::vulkan::Instance::from_raw(
            shared.entry().clone(),
            shared.raw_instance().clone(),
            VULKAN_1_0,
            0,
            None,
            Vec::new(),
            wgpu::InstanceFlags::empty(),
            wgpu::MemoryBudgetThresholds::default(),
            false,
            Some(Box::new(move || drop(keep))),
        )
        .map_err(|e| e.to_string())?;
        let exposed = old.expose_adapter(real.raw_physical_device());
        let mut exposed = exposed.ok_or("its driver does not show it")?;
        exposed.info = adapter.get_info();
        exposed.features = features;
        exposed.capabilities.limits = limits;
        Ok(instance().create_adapter_from_hal::<Vulkan>(exposed))
    }
}
