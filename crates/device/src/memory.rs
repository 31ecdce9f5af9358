//! Memory in use.

use burn::tensor::Device;

/// Most bytes that the device's allocator (a GPU) or this process (the CPU) has held; `None`
/// where nothing tells.
pub fn memory_bytes(device: &Device) -> Option<u64> {
    if !isoflop_model::is_host(device) {
        return device.memory_pool_usage().map(|usage| usage.bytes_reserved);
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Starts [`memory_bytes`] anew from what is held now; a GPU's allocator gives back what is free. Whether the system could do
/// that: elsewhere a peak may be older.
#[must_use]
pub fn forget_peak_memory(device: &Device) -> bool {
    if isoflop_model::is_host(device) {
        // Linux: 5 resets the peak resident set; elsewhere there is no such file.
        return std::fs::write("/proc/self/clear_refs", "5").is_ok();
    }
    device.memory_cleanup();
    true
}
