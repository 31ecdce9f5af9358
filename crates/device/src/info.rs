//! What is known of a device before it is opened.

use std::fmt;

use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

/// A device that training can run on: a graphics adapter or the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Short name that is unique on this machine, as `device.name` takes it: `"cpu"`, `"vulkan:0"`.
    pub id: String,
    /// What the driver calls the adapter; the model of the CPU.
    pub name: String,
    pub kind: DeviceKind,
    /// How it is reached; `None` for the CPU.
    pub api: Option<GraphicsApi>,
    /// Name of the driver, where it tells.
    pub driver: Option<String>,
    /// Version or more of the driver, where it tells.
    pub driver_info: Option<String>,
    /// Memory in bytes: the largest device-local heap, or the main memory, half of it for an adapter that shares it and does not
    /// tell; `None` where the graphics interface of a card with memory of its own does not tell.
    pub memory_bytes: Option<u64>,
    /// Shader compilers that can be chosen, the faster first; none for the CPU.
    pub shaders: Vec<ShaderCompiler>,
    /// Precisions of matrix products, with the first of [`DeviceInfo::shaders`].
    pub precisions: Vec<Precision>,
    /// Half precisions that it has matrix units (tensor cores) for, with sums in f32; SPIR-V alone reaches them.
    #[serde(default)]
    pub matrix_units: Vec<Precision>,
    /// Whether its driver names the extension to take fragments of matrices element by element, `VK_NV_cooperative_matrix2`; a trial
    /// finds out whether it can.
    #[serde(default)]
    pub fragments_by_element: bool,
    /// Which card an adapter is, so that one card reached through two interfaces counts once.
    pub card: Option<Card>,
    /// Slot on PCI, such as `0000:65:00.0`, where the graphics interface tells: Vulkan alone.
    #[serde(default)]
    pub pci: Option<String>,
    /// Cores this process may use; the CPU alone.
    pub cores: Option<usize>,
    /// Vector instructions, widest last; the CPU alone.
    pub simd: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A card with memory of its own.
    DiscreteGpu,
    /// A GPU that shares the main memory.
    IntegratedGpu,
    /// A GPU as a virtual machine shows it.
    VirtualGpu,
    /// An adapter whose driver does not say what it is.
    Other,
    /// A graphics driver that computes on the CPU: llvmpipe, SwiftShader, WARP.
    Software,
    /// The CPU itself, through burn's Flex backend.
    Cpu,
}

/// Graphics interface, in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GraphicsApi {
    Vulkan,
    Metal,
    Dx12,
}

/// Language that kernels reach the driver in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShaderCompiler {
    /// SPIR-V from cubecl's own compiler, passed to Vulkan as it is. It alone reaches tensor cores.
    Spirv,
    /// WGSL, checked and translated by naga: on every interface.
    Wgsl,
}

/// A card by its PCI numbers, and which of several equal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Card {
    pub vendor: u32,
    pub device: u32,
    /// Counts the cards of this vendor and device on one interface, from 0.
    pub index: usize,
}

impl DeviceInfo {
    /// Whether this is the CPU backend.
    pub fn is_cpu(&self) -> bool {
        self.kind == DeviceKind::Cpu
    }

    /// Whether hardware other than the CPU does the work.
    pub fn is_gpu(&self) -> bool {
        !matches!(self.kind, DeviceKind::Cpu | DeviceKind::Software)
    }

    /// Name and the interface it is reached through: `NVIDIA H200 (Vulkan)`.
    pub fn label(&self) -> String {
        match self.api {
            Some(api) => format!("{} ({api})", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {}, {}", self.id, self.label(), self.kind)
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiscreteGpu => "discrete GPU",
            Self::IntegratedGpu => "integrated GPU",
            Self::VirtualGpu => "virtual GPU",
            Self::Other => "unclassified adapter",
            Self::Software => "software adapter",
            Self::Cpu => "CPU",
        })
    }
}

impl fmt::Display for GraphicsApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vulkan => "Vulkan",
            Self::Metal => "Metal",
            Self::Dx12 => "DX12",
        })
    }
}

impl fmt::Display for ShaderCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spirv => "SPIR-V",
            Self::Wgsl => "WGSL",
        })
    }
}
