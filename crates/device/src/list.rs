//! Everything that training can run on.

use super::info::DeviceInfo;
use super::{adapters, cpu};

/// All adapters and, last, the CPU, which is always there. Opens nothing and never fails: a
/// machine without GPU, Vulkan loader or display has its CPU.
pub fn list() -> Vec<DeviceInfo> {
    let mut found: Vec<_> = adapters::adapters().into_iter().map(|a| a.info).collect();
    found.push(cpu::info());
    found
}
