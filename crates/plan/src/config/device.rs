//! `[device]`: where the training runs. Nothing here may change a result beyond rounding.

use super::entries::Entries;
use super::range::above_to;
use super::section::Section;
use super::train::Setting;

const GIB: f64 = (1u64 << 30) as f64;
const SHADERS: &[(&str, Shader)] =
    &[("auto", Shader::Auto), ("spirv", Shader::Spirv), ("wgsl", Shader::Wgsl)];
const KERNELS: &[(&str, Kernels)] =
    &[("auto", Kernels::Auto), ("on", Kernels::On), ("off", Kernels::Off)];

/// Resolved `[device]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceConfig {
    /// Which device.
    pub name: DeviceName,
    /// Which shader compiler, on devices that have a choice.
    pub shader: Shader,
    /// Whether the model's operations are kernels of their own, on devices other than the CPU.
    pub kernels: Kernels,
    /// Memory the training may use, in bytes; `None` asks the device.
    pub memory_bytes: Option<u64>,
    /// Stacks that train at once, the processor's threads shared among them; `None` chooses: as many
    /// as there are threads and memory on the CPU, one on a GPU.
    pub stacks_at_once: Option<usize>,
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

/// Choice between the project's kernels and chains of tensor operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Kernels, where they pass the start-up self-test.
    Auto,
    /// Kernels.
    On,
    /// Tensor operations.
    Off,
}

impl DeviceConfig {
    /// A device with everything else left to the program.
    pub fn named(name: DeviceName) -> Self {
        Self {
            name,
            shader: Shader::Auto,
            kernels: Kernels::Auto,
            memory_bytes: None,
            stacks_at_once: None,
        }
    }

    pub(crate) fn read(s: Section<'_>) -> Self {
        let name = match s.text("name").as_deref() {
            None | Some("auto") => DeviceName::Auto,
            Some("cpu") => DeviceName::Cpu,
            Some("gpu") => DeviceName::Gpu,
            Some(part) => DeviceName::Named(part.into()),
        };
        let shader = s.choice("shader", SHADERS).unwrap_or(Shader::Auto);
        let kernels = s.choice("kernels", KERNELS).unwrap_or(Kernels::Auto);
        let memory_bytes = match s.number_or("memory_gib", above_to(0.0, 4096.0), &[("auto", ())]) {
            Some(Setting::Value(gib)) => Some((gib * GIB) as u64),
            _ => None,
        };
        let stacks_at_once = s.whole_or("stacks_at_once", 1..=256, "auto").flatten();
        s.finish();
        let stacks_at_once = stacks_at_once.map(|n| n as usize);
        Self { name, shader, kernels, memory_bytes, stacks_at_once }
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("device");
        e.text(
            "name",
            match &self.name {
                DeviceName::Auto => "auto",
                DeviceName::Cpu => "cpu",
                DeviceName::Gpu => "gpu",
                DeviceName::Named(part) => part,
            },
        );
        let shader = SHADERS.iter().find(|(_, s)| *s == self.shader);
        e.text("shader", shader.map_or("auto", |(name, _)| name));
        let kernels = KERNELS.iter().find(|(_, k)| *k == self.kernels);
        e.text("kernels", kernels.map_or("auto", |(name, _)| name));
        e.number_or("memory_gib", self.memory_bytes.map(|b| b as f64 / GIB), "auto");
        e.whole_or("stacks_at_once", self.stacks_at_once, "auto");
        e
    }
}
