//! Everything that training can run on.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use isoflop_plan::DeviceConfig;
use serde::Serialize;

use super::adapters::{self, Adapter};
use super::cpu;
use super::error::{DeviceError, panic_message};
use super::info::{DeviceInfo, GraphicsApi};
use super::pick::{Choice, pick, pick_each};

/// What there is, and what could not be found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceList {
    /// Adapters, Vulkan's first, and last the CPU, which is always there.
    pub devices: Vec<DeviceInfo>,
    /// Graphics interfaces whose adapters are missing.
    pub failures: Vec<ListFailure>,
}

/// A driver broke down while the adapters of its interface were listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListFailure {
    pub api: GraphicsApi,
    /// The driver's or wgpu's words.
    pub what: String,
}

/// All adapters and the CPU. Opens nothing and never fails: a machine without GPU, Vulkan loader or display has its CPU, and an
/// interface that breaks down is told beside the devices of the others.
pub fn list() -> DeviceList {
    DeviceList::of(&list_adapters())
}

impl DeviceList {
    pub(super) fn of((adapters, failures): &(Vec<Adapter>, Vec<ListFailure>)) -> Self {
        let mut devices: Vec<_> = adapters.iter().map(|a| a.info.clone()).collect();
        devices.push(cpu::info());
        Self { devices, failures: failures.clone() }
    }

    /// [`pick`], with a word on interfaces that are missing where nothing fits.
    ///
    /// # Errors
    /// As [`pick`].
    pub fn pick(&self, config: &DeviceConfig) -> Result<Choice, DeviceError> {
        pick(config, &self.devices).map_err(|error| error.without(&self.failures))
    }

    /// [`pick_each`], likewise.
    ///
    /// # Errors
    /// As [`pick_each`].
    pub fn pick_each(&self, config: &DeviceConfig) -> Result<Vec<Choice>, DeviceError> {
        pick_each(config, &self.devices).map_err(|error| error.without(&self.failures))
    }
}

/// The adapters of every interface that this system may have.
pub(super) fn list_adapters() -> (Vec<Adapter>, Vec<ListFailure>) {
    let apis = [
        (GraphicsApi::Vulkan, true),
        (GraphicsApi::Metal, cfg!(target_vendor = "apple")),
        (GraphicsApi::Dx12, cfg!(windows)),
    ];
    each(apis.into_iter().filter(|api| api.1).map(|api| api.0), adapters::of)
}

/// What each interface lists. One that panics does not take the others along.
fn each<T>(
    apis: impl IntoIterator<Item = GraphicsApi>,
    list: impl Fn(GraphicsApi) -> Vec<T>,
) -> (Vec<T>, Vec<ListFailure>) {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for api in apis {
        match catch_unwind(AssertUnwindSafe(|| list(api))) {
            Ok(listed) => found.extend(listed),
            Err(panic) => failures.push(ListFailure { api, what: panic_message(&*panic) }),
        }
    }
    (found, failures)
}

/// The adapter of this short name.
///
/// # Errors
/// In words, if it is gone.
pub(super) fn find_adapter(id: &str) -> Result<Adapter, String> {
    let (adapters, failures) = list_adapters();
    let found = adapters.into_iter().find(|a| a.info.id == id);
    found.ok_or_else(|| {
        let why: String = failures.iter().map(|f| format!("; {}", f.in_words())).collect();
        format!("there is no {id} any more{why}")
    })
}

impl ListFailure {
    /// Without a hint.
    pub(super) fn in_words(&self) -> String {
        let Self { api, what } = self;
        format!(
            "{api} adapters are left out, for a driver broke down while they were listed: {what}"
        )
    }

    fn hint(&self) -> &'static str {
        match self.api {
            GraphicsApi::Vulkan => {
                "update the graphics driver; `vulkaninfo --summary` shows which one breaks, and VK_DRIVER_FILES names the one to use instead"
            }
            GraphicsApi::Metal => "update macOS",
            GraphicsApi::Dx12 => "update the graphics driver",
        }
    }
}

impl fmt::Display for ListFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.in_words(), self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::super::info::DeviceKind;
    use super::*;

    const ALL: [GraphicsApi; 3] = [GraphicsApi::Vulkan, GraphicsApi::Metal, GraphicsApi::Dx12];

    /// A machine whose drivers for one interface panic.
    fn machine(broken: GraphicsApi) -> DeviceList {
        let list = |api: GraphicsApi| {
            assert_ne!(api, broken, "no such ICD");
            let id = format!("{api}:0").to_lowercase();
            let info = DeviceInfo { id, name: "A card".into(), api: Some(api), ..cpu::info() };
            vec![DeviceInfo { kind: DeviceKind::DiscreteGpu, ..info }]
        };
        let (mut devices, failures) = each(ALL, list);
        devices.push(cpu::info());
        DeviceList { devices, failures }
    }

    #[test]
    fn a_driver_that_panics_is_told_and_the_others_are_listed() {
        for broken in ALL {
            let list = machine(broken);
            let apis: Vec<_> = list.devices.iter().filter_map(|d| d.api).collect();
            let expected: Vec<_> = ALL.into_iter().filter(|&api| api != broken).collect();
            assert_eq!(apis, expected);
            let [failure] = &list.failures[..] else { panic!("{:?}", list.failures) };
            assert_eq!(failure.api, broken);
            let text = failure.to_string();
            assert!(text.contains("no such ICD") && text.contains("\nhint: "), "{text}");
            assert!(text.starts_with(&broken.to_string()), "{text}");
        }
    }

    #[test]
    fn nothing_is_told_where_nothing_panics() {
        let (found, failures) = each(ALL, |api| vec![api]);
        assert_eq!((found, failures), (ALL.to_vec(), Vec::new()));
        let (found, failures) = each(ALL, |_| Vec::<u8>::new());
        assert_eq!((found, failures), (Vec::new(), Vec::new()), "no adapters are no failure");
    }

    #[test]
    fn who_asks_for_a_missing_device_hears_of_the_failure() {
        let list = machine(GraphicsApi::Vulkan);
        for name in ["vulkan:0", "no such name"] {
            let name = isoflop_plan::DeviceName::Named(name.into());
            let error = list.pick(&DeviceConfig::named(name)).unwrap_err().to_string();
            assert!(error.contains("Vulkan") && error.contains("no such ICD"), "{error}");
            assert_eq!(error.matches("\nhint: ").count(), 1, "{error}");
        }
        let name = isoflop_plan::DeviceName::Gpu;
        assert_eq!(list.pick(&DeviceConfig::named(name)).unwrap().info.id, "metal:0");
    }
}
