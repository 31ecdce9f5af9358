//! `sweep devices`: what there is, and what would be picked and why, and whether it computes right.

mod test;

use std::process::ExitCode;

use isoflop_device::{DeviceInfo, list, open_meter};
use isoflop_plan::{DeviceConfig, DeviceName};

use crate::cli::DevicesArgs;
use crate::{print, progress};

/// Prints the devices, or tests one.
pub fn run(args: &DevicesArgs) -> anyhow::Result<ExitCode> {
    match args.test {
        true => test::run(args),
        false => show(args).map(|()| ExitCode::SUCCESS),
    }
}

fn show(args: &DevicesArgs) -> anyhow::Result<()> {
    let listed = list();
    let mut observer = progress::observer(&args.output);
    for failure in &listed.failures {
        observer.warn(failure.to_string());
    }
    let name = args.device.as_deref().unwrap_or("auto");
    let config = DeviceConfig::named(DeviceName::of(name));
    let choice = listed.pick(&config);
    if args.output.json {
        let picked = choice
            .as_ref()
            .ok()
            .map(|choice| serde_json::json!({ "id": choice.info.id, "why": choice.why }));
        let json = serde_json::json!({
            "schema": 1,
            "devices": listed.devices,
            "not_listed": listed.failures,
            "asked_for": name,
            "picked": picked,
            "energy": listed.devices.iter().map(energy).collect::<Vec<_>>(),
        });
        print::json(&json)?;
        choice?;
        return Ok(());
    }
    for device in &listed.devices {
        let mut facts = Vec::new();
        facts.extend(
            device
                .memory_bytes
                .map(|bytes| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)),
        );
        facts.extend(device.cores.map(|cores| format!("{cores} cores")));
        facts.extend(device.driver.clone());
        let precisions: Vec<String> = device
            .precisions
            .iter()
            .map(|precision| format!("{precision:?}").to_lowercase())
            .collect();
        facts.push(precisions.join(" "));
        facts.extend(device.shaders.iter().map(ToString::to_string));
        print::text(&format!("{device}: {}\n", facts.join(", ")))?;
        let energy = match open_meter(device, None) {
            Ok(meter) => meter.to_string(),
            Err(needed) => format!("not counted, since {needed}"),
        };
        print::text(&format!("{:<10} energy: {energy}\n", ""))?;
    }
    let choice = choice?;
    print::text(&format!("\n{name} picks {}: {}\n", choice.info.id, choice.why))
}

/// What counts a device's energy, or what would be needed.
fn energy(device: &DeviceInfo) -> serde_json::Value {
    match open_meter(device, None) {
        Ok(meter) => serde_json::json!({
            "id": device.id,
            "source": meter.source(),
            "meter": meter.to_string(),
        }),
        Err(needed) => serde_json::json!({ "id": device.id, "source": null, "needed": needed }),
    }
}
