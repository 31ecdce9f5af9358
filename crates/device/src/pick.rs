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

/// Picks from `devices`, a list as [`list`](super::list) gives it. Of several that are meant, the first.
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
    let mut all = pick_each(config, devices)?;
    let first = all.remove(0);
    Ok(match all.len() {
        0 => first,
        others => Choice { why: format!("the first of {} that are meant", others + 1), ..first },
    })
}

/// Picks every device that is meant, as [`pick`]; there is at least one. `all` takes the discrete and the integrated GPUs, else
/// the CPU.
///
/// # Errors
/// If one of those that are named fits none or several cards, or two names fit the same one.
pub fn pick_each(
    config: &DeviceConfig,
    devices: &[DeviceInfo],
) -> Result<Vec<Choice>, DeviceError> {
    let mut picked: Vec<Choice> = Vec::new();
    for name in config.name.each() {
        let choices = match name {
            DeviceName::Auto => vec![auto(devices)?],
            DeviceName::Cpu => vec![cpu(devices, "`device.name` is \"cpu\"".into())?],
            DeviceName::Gpu => vec![gpu(devices)?],
            DeviceName::All => all(devices)?,
            DeviceName::Named(part) => vec![named(part, devices)?],
            // No list has one in it.
            DeviceName::Several(_) => Vec::new(),
        };
        for choice in choices {
            let card =
                |other: &Choice| other.info.card.is_some() && other.info.card == choice.info.card;
            let same = |other: &&Choice| other.info.id == choice.info.id || card(other);
            if let Some(other) = picked.iter().find(same) {
                let [first, second] = [&other.info, &choice.info].map(DeviceInfo::label);
                return Err(DeviceError::Twice { first, second });
            }
            picked.push(choice);
        }
    }
    Ok(picked)
}

/// Every GPU that may be taken unasked, discrete ones first.
fn all(devices: &[DeviceInfo]) -> Result<Vec<Choice>, DeviceError> {
    let kinds = [DeviceKind::DiscreteGpu, DeviceKind::IntegratedGpu];
    let found: Vec<&DeviceInfo> =
        kinds.into_iter().flat_map(|kind| of_kind(kind, devices)).collect();
    if found.is_empty() {
        return Ok(vec![auto(devices)?]);
    }
    let why = |info: &DeviceInfo| format!("`device.name` is \"all\", and it is a {}", info.kind);
    Ok(found.into_iter().map(|info| Choice { info: info.clone(), why: why(info) }).collect())
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
