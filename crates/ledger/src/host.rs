//! The machine we run on.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Pid, ProcessesToUpdate, RefreshKind, System};

/// The machine around the device. No name of host or user: passports are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Operating system and version.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// CPU model; `None` where the system does not tell.
    pub cpu: Option<String>,
    /// Cores this process may use.
    pub cores: usize,
    /// Main memory, bytes.
    pub memory_bytes: u64,
}

impl Host {
    /// Asks the system.
    pub fn this() -> Self {
        let kind = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(kind);
        let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        Self {
            os: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
            arch: std::env::consts::ARCH.to_owned(),
            cpu: cpu.filter(|brand| !brand.is_empty()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: system.total_memory(),
        }
    }
}

/// Whether a process of this machine lives.
pub(crate) fn is_alive(process: u32) -> bool {
    let process = Pid::from_u32(process);
    let mut system = System::new();
    system.refresh_processes(ProcessesToUpdate::Some(&[process]), true);
    system.process(process).is_some()
}

/// The present time, UTC, RFC 3339, to the millisecond.
pub fn now_utc() -> String {
    humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string()
}

/// Seconds since 1970 of such a time; `None` where it is none.
pub fn seconds_of_utc(time: &str) -> Option<f64> {
    let time = humantime::parse_rfc3339(time).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64())
}

/// Name of this machine on the network, for people to tell machines apart.
pub(crate) fn host_name() -> String {
    System::host_name().unwrap_or_else(|| "an unnamed host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_alive;

    #[test]
    fn this_process_lives_and_one_that_cannot_be_does_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(i32::MAX as u32));
    }
}
