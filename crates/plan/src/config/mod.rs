//! The configuration: one TOML file, resolved to plain values with every default filled in.

mod data;
mod device;
mod train;

pub use data::{DataConfig, DataSource, SyntheticConfig, TokenizerConfig};
pub use device::{DeviceConfig, DeviceName, Shader};
pub use train::{Beta2Rule, DecayRule, RateRule, Setting, TrainConfig, WarmupRule};
