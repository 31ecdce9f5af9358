//! `[device]`: where the training runs. Nothing here may change a result beyond rounding.

/// Resolved `[device]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceConfig {
    /// Which device.
    pub name: DeviceName,
    /// Which shader compiler, on devices that have a choice.
    pub shader: Shader,
    /// Memory the training may use, in bytes; `None` asks the device.
    pub memory_bytes: Option<u64>,
}

/// Choice of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// Discrete GPU, else integrated GPU, else the CPU; never a software adapter.
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU in the order of `Auto`; an error where there is none.
    Gpu,
    /// The adapter whose name contains this text (any case).
    Named(String),
}

/// Choice of a shader compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shader {
    /// The faster of those that pass the start-up self-test.
    Auto,
    /// SPIR-V (Vulkan).
    Spirv,
    /// WGSL.
    Wgsl,
}
