//! Which device a configuration means. Pure: a list in, a choice out.

use isoflop_plan::{DeviceConfig, DeviceName};

use super::error::DeviceError;
use super::info::{DeviceInfo, DeviceKind};

/// A device and why it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub info: DeviceInfo,
    /// In plain words, to be shown to the user.
    pub why: String,
}

/// Picks from `devices`, a list as [`list`](super::list) gives it.
///
/// `auto` takes a discrete GPU, else an integrated one, else the CPU. `gpu` takes a virtual or
/// unclassified adapter too, after those. Software adapters are taken only by name.
/// A name fits a device whose short name it is, or whose name or driver contains it, in any case.
/// Of one card that is reached through several interfaces the first of
/// [`GraphicsApi`](super::GraphicsApi) counts.
///
/// # Errors
/// If no device fits, or a name fits several cards.
pub fn pick(config: &DeviceConfig, devices: &[DeviceInfo]) -> Result<Choice, DeviceError> {
    match &config.name {
        DeviceName::Auto => auto(devices),
        DeviceName::Cpu => cpu(devices, "`device.name` is \"cpu\"".into()),
        DeviceName::Gpu => gpu(devices),
        DeviceName::Named(part) => named(part, devices),
    }
}

fn auto(devices: &[DeviceInfo]) -> Result<Choice, DeviceError> {
    for (kind, rule) in [
        (DeviceKind::DiscreteGpu, "discrete GPUs go before integrated ones and the CPU"),
        (DeviceKind::IntegratedGpu, "there is no discrete one, and any goes before the CPU"),
    ] {
        let found = of_kind(kind, devices);
        if let Some(&info) = found.first() {
            let which = match found.len() {
                1 => format!("it is the only {kind}"),
                n => format!("it is the first of {n} {kind}s"),
            };
            return Ok(Choice { info: info.clone(), why: format!("{which}; {rule}") });
        }
    }
    let mut why = String::from("there is no discrete or integrated GPU");
    let others: Vec<_> = devices.iter().filter(|d| !d.is_cpu()).map(DeviceInfo::label).collect();
    if !others.is_empty() {
        why += &format!("; {} would be used only by name", others.join(", "));
    }
    cpu(devices, why)
}

fn gpu(devices: &[DeviceInfo]) -> Result<Choice, DeviceError> {
    use DeviceKind::{DiscreteGpu, IntegratedGpu, Other, VirtualGpu};
    for kind in [DiscreteGpu, IntegratedGpu, VirtualGpu, Other] {
        if let Some(&info) = of_kind(kind, devices).first() {
            let why = format!("`device.name` is \"gpu\", and it is the first {kind}");
            return Ok(Choice { info: info.clone(), why });
        }
    }
    Err(DeviceError::NoGpu { there: there(devices) })
}

fn cpu(devices: &[DeviceInfo], why: String) -> Result<Choice, DeviceError> {
    match devices.iter().find(|d| d.is_cpu()) {
        Some(info) => Ok(Choice { info: info.clone(), why }),
        None => Err(DeviceError::NoMatch { wanted: "cpu".into(), there: there(devices) }),
    }
}

fn named(part: &str, devices: &[DeviceInfo]) -> Result<Choice, DeviceError> {
    let wanted = part.trim().to_lowercase();
    if let Some(info) = devices.iter().find(|d| d.id == wanted) {
        let why = format!("`device.name` is {part:?}, its short name");
        return Ok(Choice { info: info.clone(), why });
    }
    let fits = |d: &&DeviceInfo| {
        let driver = d.driver.as_deref().unwrap_or_default();
        !d.is_cpu()
            && !wanted.is_empty()
            && (d.name.to_lowercase().contains(&wanted) || driver.to_lowercase().contains(&wanted))
    };
    let found = one_per_card(devices.iter().filter(fits).collect());
    match found[..] {
        [] => Err(DeviceError::NoMatch { wanted: part.into(), there: there(devices) }),
        [info] => {
            let why = format!("`device.name` is {part:?}, which fits it alone");
            Ok(Choice { info: info.clone(), why })
        }
        _ => Err(DeviceError::Ambiguous {
            wanted: part.into(),
            candidates: found.iter().map(|d| d.to_string()).collect(),
        }),
    }
}

/// Cards of a kind that may be taken unasked.
fn of_kind(kind: DeviceKind, devices: &[DeviceInfo]) -> Vec<&DeviceInfo> {
    one_per_card(devices.iter().filter(|d| d.kind == kind).collect())
}

/// Each card once, through the first interface that reaches it, in the order of the list.
fn one_per_card(mut devices: Vec<&DeviceInfo>) -> Vec<&DeviceInfo> {
    devices.sort_by_key(|d| d.api);
    let mut kept: Vec<&DeviceInfo> = Vec::new();
    for device in devices {
        let again =
            |k: &&DeviceInfo| k.card.is_some() && k.card == device.card && k.api != device.api;
        if !kept.iter().any(again) {
            kept.push(device);
        }
    }
    kept
}

/// `is the CPU alone`, or `are: ...`.
fn there(devices: &[DeviceInfo]) -> String {
    let adapters: Vec<_> = devices.iter().filter(|d| !d.is_cpu()).collect();
    match adapters[..] {
        [] => "is the CPU alone".into(),
        [one] => format!("is the CPU and {}, a {}", one.label(), one.kind),
        _ => {
            let all: Vec<_> =
                adapters.iter().map(|d| format!("{} ({})", d.label(), d.kind)).collect();
            format!("are the CPU, {}", all.join(", "))
        }
    }
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;
