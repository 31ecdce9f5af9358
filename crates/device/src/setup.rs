//! Opening one adapter with one shader compiler.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::cubecl::Device as CubeDevice;
use burn::cubecl::future::block_on;
use burn::cubecl::wgpu::{RuntimeOptions, WgpuSetup, try_init_device, vulkan, wgpu};
use burn::tensor::Device;
use isoflop_model::kernels::{Choices, Planes};

use super::adapters::{Adapter, instance};
use super::error::{DeviceError, panic_message};
use super::info::{DeviceInfo, DeviceKind, GraphicsApi, ShaderCompiler};
use super::wgsl_only;

/// Launches of one submission where [`may_be_watched`]; cubecl's default is 32.
const SHORT_SUBMISSION: usize = 8;

/// Opens an adapter, for the model's operations as kernels or not. Each call makes a device of its own; drivers give several.
///
/// # Errors
/// If the adapter cannot take the shader compiler, or the driver refuses.
pub(super) fn open(
    adapter: &Adapter,
    shader: ShaderCompiler,
    kernels: bool,
) -> Result<Device, DeviceError> {
    let info = &adapter.info;
    if !info.shaders.contains(&shader) {
        let why = match info.api {
            Some(GraphicsApi::Vulkan) => {
                "its driver lacks the Vulkan memory model or buffer device addresses"
            }
            _ => "SPIR-V is for Vulkan",
        };
        return Err(DeviceError::Shader { device: info.label(), shader, why: why.into() });
    }
    let opened = catch_unwind(AssertUnwindSafe(|| register(adapter, shader)));
    let device = opened
        .unwrap_or_else(|panic| Err(panic_message(panic.as_ref())))
        .map_err(|what| DeviceError::Open { device: info.label(), what })?;
    // cubecl trusts no software adapter's planes; the self-test finds out.
    let able = adapter.handle.features().contains(wgpu::Features::SUBGROUP);
    let trusted = info.kind == DeviceKind::Software && able;
    let planes = if trusted { Planes::On } else { Planes::Reported };
    Choices { kernels, planes, ..Choices::default() }.set(&device);
    Ok(device)
}

/// Hands the adapter to burn, and makes sure that it took the compiler that was meant.
fn register(adapter: &Adapter, shader: ShaderCompiler) -> Result<Device, String> {
    let setup = match (adapter.info.api, shader) {
        (Some(GraphicsApi::Vulkan), ShaderCompiler::Wgsl) => wgsl_only::setup(&adapter.handle)?,
        (Some(GraphicsApi::Vulkan), ShaderCompiler::Spirv) => spirv(&adapter.handle)?,
        _ => plain(&adapter.handle)?,
    };
    let tasks = may_be_watched(&adapter.info).then_some(SHORT_SUBMISSION);
    let options = RuntimeOptions::with_tasks_max(tasks).map_err(|e| e.to_string())?;
    let device = try_init_device(setup, options).map_err(|e| e.to_string())?;
    let got = CubeDevice::Wgpu(device.clone()).client().name();
    let meant = match shader {
        ShaderCompiler::Spirv => "wgpu<spirv>",
        ShaderCompiler::Wgsl => "wgpu<wgsl>",
    };
    if got != meant {
        return Err(format!("burn opened it as {got}, not {meant}"));
    }
    Ok(Device::from(device))
}

/// Whether the system may take a submission of some seconds for a hang and reset the device: where it draws the desktop, and under
/// Windows and macOS.
fn may_be_watched(info: &DeviceInfo) -> bool {
    cfg!(windows)
        || info.kind == DeviceKind::IntegratedGpu
        || matches!(info.api, Some(GraphicsApi::Metal | GraphicsApi::Dx12))
}

/// Vulkan with every feature that cubecl's SPIR-V can use.
fn spirv(adapter: &wgpu::Adapter) -> Result<WgpuSetup, String> {
    let opened = block_on(vulkan::try_request_vulkan_device(adapter)).map_err(|e| e.to_string())?;
    let (device, queue) = opened.ok_or("the driver takes no SPIR-V of cubecl's")?;
    Ok(setup_of(adapter, device, queue))
}

/// Metal and DX12.
fn plain(adapter: &wgpu::Adapter) -> Result<WgpuSetup, String> {
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        // SAFETY: cubecl asks for the same; no experimental feature is used by WGSL kernels, but a
        // device must have all that the adapter shows, for cubecl looks at the adapter alone.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        ..Default::default()
    };
    let (device, queue) =
        block_on(adapter.request_device(&descriptor)).map_err(|e| e.to_string())?;
    Ok(setup_of(adapter, device, queue))
}

fn setup_of(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> WgpuSetup {
    WgpuSetup {
        instance: instance().clone(),
        adapter: adapter.clone(),
        device,
        queue,
        backend: adapter.get_info().backend,
    }
}
