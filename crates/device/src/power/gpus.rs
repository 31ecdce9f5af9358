//! Which of the management library's GPUs an adapter is.

use crate::info::DeviceInfo;

/// A GPU as NVIDIA's management library lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gpu {
    pub index: u32,
    pub name: String,
    /// Domain, bus and device.
    pub slot: Slot,
    /// PCI numbers of vendor and device.
    pub card: (u32, u32),
}

/// Domain, bus and device on PCI.
pub(super) type Slot = (u32, u32, u32);

/// NVIDIA's number on PCI.
pub(super) const NVIDIA: u32 = 0x10de;

/// The GPU that an adapter is: by its slot, or where the interface does not tell that, as the only one of its kind.
///
/// # Errors
/// Why it is none of them or could be several, in words.
pub(super) fn which<'a>(info: &DeviceInfo, gpus: &'a [Gpu]) -> Result<&'a Gpu, String> {
    let listed: Vec<String> =
        gpus.iter().map(|gpu| format!("{} ({})", gpu.index, gpu.name)).collect();
    let listed = match listed.is_empty() {
        true => "no GPU".into(),
        false => listed.join(", "),
    };
    if let Some(slot) = info.pci.as_deref().and_then(slot) {
        let found = gpus.iter().find(|gpu| gpu.slot == slot);
        return found.ok_or_else(|| {
            format!("NVML lists {listed}, none of them in the slot of {}", info.label())
        });
    }
    let alike = |gpu: &&Gpu| match info.card {
        Some(card) => (card.vendor, card.device) == gpu.card,
        None => gpu.name == info.name,
    };
    match gpus.iter().filter(alike).collect::<Vec<_>>()[..] {
        [gpu] => Ok(gpu),
        [] => Err(format!("NVML lists {listed}, none of which is {}", info.label())),
        _ => Err(format!(
            "NVML lists {listed}, and {} does not tell which of them it is",
            info.label()
        )),
    }
}

/// `0000:65:00.0` and `00000000:65:00.0` as numbers.
pub(super) fn slot(text: &str) -> Option<Slot> {
    let (place, _function) = text.split_once('.')?;
    let mut parts = place.split(':').map(|part| u32::from_str_radix(part, 16).ok());
    let slot = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;
    use crate::info::{Card, DeviceKind, GraphicsApi};

    fn gpus() -> Vec<Gpu> {
        let gpu = |index, bus, device, name: &str| Gpu {
            index,
            name: name.into(),
            slot: (0, bus, 0),
            card: (NVIDIA, device),
        };
        vec![
            gpu(0, 0x17, 0x2330, "NVIDIA H100"),
            gpu(1, 0x65, 0x2330, "NVIDIA H100"),
            gpu(2, 0x66, 0x2684, "NVIDIA GeForce RTX 4090"),
        ]
    }

    fn adapter(name: &str, device: Option<u32>, pci: Option<&str>) -> DeviceInfo {
        DeviceInfo {
            name: name.into(),
            kind: DeviceKind::DiscreteGpu,
            api: Some(GraphicsApi::Vulkan),
            card: device.map(|device| Card { vendor: NVIDIA, device, index: 0 }),
            pci: pci.map(str::to_owned),
            ..cpu::info()
        }
    }

    #[test]
    fn the_slot_decides_between_equal_cards() {
        let second = adapter("NVIDIA H100", Some(0x2330), Some("0000:65:00.0"));
        assert_eq!(which(&second, &gpus()).unwrap().index, 1);
        let elsewhere = adapter("NVIDIA H100", Some(0x2330), Some("0001:65:00.0"));
        let told = which(&elsewhere, &gpus()).unwrap_err();
        assert!(told.contains("1 (NVIDIA H100), 2 (NVIDIA GeForce"), "{told}");
    }

    #[test]
    fn without_a_slot_only_the_one_of_its_kind_will_do() {
        for pci in [None, Some("somewhere")] {
            let only = adapter("a 4090", Some(0x2684), pci);
            assert_eq!(which(&only, &gpus()).unwrap().index, 2);
            let one_of_two = adapter("NVIDIA H100", Some(0x2330), pci);
            let told = which(&one_of_two, &gpus()).unwrap_err();
            assert!(told.contains("does not tell which"), "{told}");
            let other = adapter("NVIDIA A100", Some(0x20b0), pci);
            assert!(which(&other, &gpus()).unwrap_err().contains("none of which"));
        }
        let named = adapter("NVIDIA GeForce RTX 4090", None, None);
        assert_eq!(which(&named, &gpus()).unwrap().index, 2);
        assert!(which(&named, &[]).unwrap_err().contains("lists no GPU"));
    }

    #[test]
    fn slots_are_read_in_both_ways_of_writing() {
        assert_eq!(slot("0000:65:00.0"), Some((0, 0x65, 0)));
        assert_eq!(slot("00000000:AF:1f.0"), Some((0, 0xaf, 0x1f)));
        for text in ["", "65:00.0", "0000:65:00", "0:0:0:0.0", "a:b:z.0"] {
            assert_eq!(slot(text), None, "{text}");
        }
    }
}
