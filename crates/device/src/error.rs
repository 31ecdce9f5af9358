//! Why no device could be had.

use super::info::ShaderCompiler;
use super::list::ListFailure;
use super::selftest::SelfTestFailure;

/// Errors of [`open`](super::open) and of what it is made of. Each ends in a hint.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No adapter has this text in its name.
    #[error(
        "`device.name` is {wanted:?}, and no adapter is called so; there {there}\nhint: `sweep devices` lists the devices; \"cpu\" and \"auto\" always work"
    )]
    NoMatch { wanted: String, there: String },
    /// Several cards have this text in their names.
    #[error(
        "`device.name` is {wanted:?}, which fits {}\nhint: write more of the name, or the short name at the left",
        list(candidates)
    )]
    Ambiguous { wanted: String, candidates: Vec<String> },
    /// Two names mean one device.
    #[error(
        "`device.name` has {first} twice{}\nhint: name each device once",
        as_other(first, second)
    )]
    Twice { first: String, second: String },
    /// A GPU was asked for and there is none.
    #[error(
        "`device.name` is \"gpu\", and no GPU was found; there {there}\nhint: install the GPU's Vulkan driver (`vulkaninfo --summary` shows what the system sees), or set `device.name = \"auto\"` to use the CPU"
    )]
    NoGpu { there: String },
    /// The adapter cannot take this shader compiler.
    #[error("`device.shader` is \"{}\", which {device} cannot take: {why}\nhint: set `device.shader = \"auto\"`", key(*.shader))]
    Shader { device: String, shader: ShaderCompiler, why: String },
    #[error(
        "{device} could not be opened: {what}\nhint: another program may hold its memory, or the driver may be too old; `device.name = \"cpu\"` always works"
    )]
    Open { device: String, what: String },
    /// The device computes something else than the CPU.
    #[error("{device} with {shader} shaders fails the self-test{}: {failure}\nhint: {}; `device.name = \"cpu\"` always works", of_date(.since), other_shader(*.shader))]
    SelfTest {
        device: String,
        shader: ShaderCompiler,
        /// When it did, where that is remembered.
        since: Option<String>,
        /// The operation, the deviation and what was allowed, or what broke.
        failure: SelfTestFailure,
    },
}

impl DeviceError {
    /// With a word on interfaces whose adapters could not be listed, where no device was found.
    pub(super) fn without(mut self, failures: &[ListFailure]) -> Self {
        if let Self::NoMatch { there, .. } | Self::NoGpu { there } = &mut self {
            for failure in failures {
                *there += &format!("; {}", failure.in_words());
            }
        }
        self
    }
}

fn as_other(first: &str, second: &str) -> String {
    if first == second { String::new() } else { format!(", also as {second}") }
}

fn list(candidates: &[String]) -> String {
    let lines: String = candidates.iter().map(|c| format!("\n  {c}")).collect();
    format!("{} devices:{lines}", candidates.len())
}

fn key(shader: ShaderCompiler) -> &'static str {
    match shader {
        ShaderCompiler::Spirv => "spirv",
        ShaderCompiler::Wgsl => "wgsl",
    }
}

fn of_date(since: &Option<String>) -> String {
    match since {
        Some(date) => format!(" (made on {date}; `sweep devices --test` makes it anew)"),
        None => String::new(),
    }
}

fn other_shader(shader: ShaderCompiler) -> &'static str {
    match shader {
        ShaderCompiler::Spirv => "`device.shader = \"wgsl\"` avoids the driver's SPIR-V path",
        ShaderCompiler::Wgsl => "update the graphics driver",
    }
}

/// What a panic said.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no reason was given").to_owned()
}
