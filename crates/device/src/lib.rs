//! Devices: what there is, what is picked and why, and whether it computes right.
//!
//! [`list`] shows the adapters and the CPU, [`DeviceList::pick`] takes one of them, [`open`] and [`open_for`] pick, open and test,
//! and the [`TrainDevice`] it gives writes the [`DevicePassport`] of a result.
//!
//! ```
//! use isoflop_plan::{DeviceConfig, DeviceName};
//! use isoflop_device::{list, open};
//!
//! let config = DeviceConfig::named(DeviceName::Cpu);
//! let choice = list().pick(&config)?;
//! println!("{}: {}", choice.info, choice.why);
//! let opened = open(&config)?;
//! assert_eq!(opened.device, burn::tensor::Device::flex());
//! # Ok::<(), isoflop_device::DeviceError>(())
//! ```
//!
//! # Shader compilers
//!
//! One binary can hand kernels to Vulkan in two ways. *SPIR-V* comes from cubecl's own compiler and
//! goes to the driver unchecked; it is the faster one and the only one with tensor cores and bf16.
//! *WGSL* goes through naga, which checks it; it is what Metal and DX12 take, and what Vulkan
//! takes when asked (`wgsl_only` says how). Either can be chosen on one adapter at run time.
//!
//! Software adapters take WGSL alone unless SPIR-V is asked for: with cubecl 0.11.3 SPIR-V crashes
//! in the lavapipe of Mesa 22.3, though not in that of Mesa 26.2, and computes wrong numbers on
//! SwiftShader. On any adapter the [`self_test`]
//! has to pass first, and a GPU is tested in a process of its own where the program allows it
//! ([`self_test_child_main`]), since a crash of a driver takes its process along.
//! [`test_thoroughly`] compares every operation at more sizes and goes on behind a failure.
//!
//! # Kernels
//!
//! The model's operations are kernels of their own, or chains of tensor operations that do the same
//! (`device.kernels`). Where `"auto"` is left, the chains take over on a device that the kernels fail
//! the self-test on, and a warning says so. The choice holds for the device that is opened ([`TrainDevice::choices`]): another one, of the
//! same adapter too, may be opened with others.
//!
//! OpenGL is not used.
//!
//! # What is tested, and when
//!
//! f32 always, and the precisions that a [`Request`] names; another one when it is first asked for. Verdicts are remembered in a file of
//! the user's ([`SelfTestCache`]), failures with their reasons too, and hold for one adapter, driver, compiler and build of the program.
//! `train.precision = "auto"` is [`auto_precision`].
//!
//! # Energy
//!
//! [`open_meter`] counts the joules of a device where the machine tells them: NVIDIA's GPUs through their management library,
//! processors under Linux through RAPL. Where it does not, a power in watts may be given, and what would be needed is said.

mod adapters;
mod candidate;
mod compilers;
mod cpu;
mod environment;
mod error;
mod info;
mod list;
mod memory;
mod open;
mod passport;
mod peak;
mod pick;
mod power;
mod precision;
mod products;
mod selftest;
mod setup;
pub mod trial;
mod turns;
pub mod unit_products;
mod versions;
mod wait;
mod wgsl_only;

pub use environment::prepare_environment;
pub use error::{DeviceError, panic_message};
pub use info::{Card, DeviceInfo, DeviceKind, GraphicsApi, ShaderCompiler};
pub use isoflop_model::{kernels::Choices, takes_matrix_units};
pub use list::{DeviceList, ListFailure, list};
pub use memory::{forget_peak_memory, memory_bytes};
pub use open::{OpenEvent, Request, TrainDevice, open, open_for, test_anew};
pub use passport::DevicePassport;
pub use peak::{Peak, measure_peak};
pub use pick::{Choice, pick, pick_each};
pub use power::{Gauge, Meter, Reading, open_meter};
pub use precision::auto_precision;
pub use products::{PassSize, WrongProduct, check_products};
pub use selftest::{
    Check, Finding, Refusal, SelfTest, SelfTestCache, SelfTestFailure, TestStep, self_test,
    self_test_child_main, test_thoroughly,
};
pub use wait::{responds, wait_for};
