//! `[device]`: where the training runs. Nothing here may change a result beyond rounding.

use super::key::{Effect::Nothing, Key, key};
use super::takes::{List, above_to, from_to, number, text, whole, words};
use super::value::{Field, Refused, Value, Word};
use super::words::words;

/// Resolved `[device]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceConfig {
    pub name: DeviceName,
    /// Which shader compiler, on devices that have a choice.
    pub shader: Shader,
    /// Whether the model's operations are kernels of their own, on devices other than the CPU.
    pub kernels: Kernels,
    /// Memory the training may use, in GiB; `None` asks the device.
    pub memory_gib: Option<f64>,
    /// Stacks that train at once, the processor's threads shared among them; `None` chooses: as many
    /// as there are threads and memory on the CPU, one on a GPU.
    pub stacks_at_once: Option<usize>,
    /// Watts that the device draws while it trains, taken where no meter counts them.
    pub watts: Option<f64>,
    /// Price of an hour of the device, in a currency of the user's.
    pub price_per_hour: Option<f64>,
    /// Grams of CO2 for a kilowatt-hour of electricity.
    pub grams_co2_per_kwh: Option<f64>,
}

/// Choice of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// Discrete GPU, else integrated GPU, else the CPU; never a software adapter.
    Auto,
    Cpu,
    /// The first GPU in the order of `Auto`; an error where there is none.
    Gpu,
    /// Every discrete and integrated GPU, each with a process of its own; the CPU where there is none.
    All,
    /// The adapter whose name contains this text (any case).
    Named(String),
    /// These together, each with a process of its own. None of them is `All` or `Several`.
    Several(Vec<DeviceName>),
}

/// Choice of a shader compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shader {
    /// The faster of those that pass the start-up self-test.
    Auto,
    /// SPIR-V (Vulkan).
    Spirv,
    Wgsl,
}

/// Choice between the project's kernels and chains of tensor operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Kernels, where they pass the start-up self-test.
    Auto,
    On,
    Off,
}

words!(Shader: "auto" = Self::Auto, "spirv" = Self::Spirv, "wgsl" = Self::Wgsl);
words!(Kernels: "auto" = Self::Auto, "on" = Self::On, "off" = Self::Off);

impl DeviceConfig {
    /// A device with everything else left to the program.
    pub fn named(name: DeviceName) -> Self {
        Self {
            name,
            shader: Shader::Auto,
            kernels: Kernels::Auto,
            memory_gib: None,
            stacks_at_once: None,
            watts: None,
            price_per_hour: None,
            grams_co2_per_kwh: None,
        }
    }

    /// Memory the training may use, in bytes; `None` asks the device.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory_gib.map(|gib| (gib * (1u64 << 30) as f64) as u64)
    }
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self::named(DeviceName::Auto)
    }
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("name", text("part of an adapter's name").or(&["auto", "cpu", "gpu", "all"]).listed(List::Words), "\"auto\"",
        "the device to train on, or several", Nothing, |c| Some(&mut c.device.name)),
    key("shader", words(Shader::NAMES), "\"auto\"",
        "the shader compiler", Nothing, |c| Some(&mut c.device.shader)),
    key("kernels", words(Kernels::NAMES), "\"auto\"",
        "the model's operations as kernels of their own, or as tensor operations; not on the CPU", Nothing,
        |c| Some(&mut c.device.kernels)),
    key("memory_gib", number(above_to(0.0, 4096.0), "GiB").or(&["auto"]), "16",
        "memory that training may use", Nothing, |c| Some(&mut c.device.memory_gib)),
    key("stacks_at_once", whole(1, 256, "stacks").or(&["auto"]), "2",
        "stacks that train at once, sharing the processor's threads; on a GPU 1", Nothing,
        |c| Some(&mut c.device.stacks_at_once)),
    key("watts", number(above_to(0.0, 1e6), "W"), "350",
        "power that the device draws while it trains, where no meter counts it; joules are marked as given", Nothing,
        |c| Some(&mut c.device.watts)),
    key("price_per_hour", number(from_to(0.0, 1e6), ""), "2.5",
        "price of an hour of the device, electricity included, in any currency", Nothing, |c| Some(&mut c.device.price_per_hour)),
    key("grams_co2_per_kwh", number(from_to(0.0, 1e4), "g"), "380",
        "CO2 for a kilowatt-hour of the electricity used", Nothing, |c| Some(&mut c.device.grams_co2_per_kwh)),
];

impl DeviceName {
    /// What a word or a text means.
    pub fn of(text: &str) -> Self {
        match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            "all" => Self::All,
            part => Self::Named(part.to_owned()),
        }
    }

    /// What several words or texts mean together.
    ///
    /// # Errors
    /// The word that does not go into a list.
    pub fn of_each<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, &'static str> {
        let mut names: Vec<Self> = texts.into_iter().map(Self::of).collect();
        match names.len() {
            1 => Ok(names.remove(0)),
            _ if names.contains(&Self::All) => Err("all"),
            _ if names.contains(&Self::Auto) => Err("auto"),
            _ => Ok(Self::Several(names)),
        }
    }

    /// As it is written, but for a list.
    fn text(&self) -> &str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::All => "all",
            Self::Named(part) => part,
            Self::Several(_) => "",
        }
    }

    /// Whether several devices are meant, as far as the name tells.
    pub fn is_several(&self) -> bool {
        matches!(self, Self::All | Self::Several(_))
    }

    /// Those that it names, one or several.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(names) => names,
            one => std::slice::from_ref(one),
        }
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.each().iter().map(Self::text).collect();
        f.write_str(&names.join(", "))
    }
}

impl Field for DeviceName {
    fn set(&mut self, value: Value) -> Result<(), Refused> {
        let texts: Vec<&str> = match &value {
            Value::List(items) => items.iter().filter_map(Value::text).collect(),
            _ => Vec::new(),
        };
        *self = Self::of_each(texts).map_err(|word| Refused {
            expected: "devices by name".into(),
            hint: format!("\"{word}\" stands alone, without a list"),
        })?;
        Ok(())
    }

    fn get(&self) -> Value {
        let text = |name: &Self| Value::Text(name.text().into());
        Value::List(self.each().iter().map(text).collect())
    }
}
