//! From a configuration to an open, tested device.

use burn::tensor::Device;
use isoflop_model::kernels::{Choices, Scores, largest_tensor};
use isoflop_plan::{DeviceConfig, Kernels, Precision};

use super::adapters::Adapter;
use super::candidate::Candidate;
use super::compilers::{candidates, reason};
use super::error::DeviceError;
use super::info::{DeviceInfo, ShaderCompiler};
use super::list::{DeviceList, ListFailure, find_adapter, list_adapters};
use super::selftest::{Refusal, SelfTest, SelfTestCache, TestStep};

/// Said where the tensor operations took over.
const NO_KERNELS: &str = "the model's operations run as tensor operations instead of kernels of their own, which is slower";

/// A device that is ready for training.
#[derive(Debug, Clone)]
pub struct TrainDevice {
    /// What burn computes on.
    pub device: Device,
    pub info: DeviceInfo,
    /// Shader compiler in use; `None` on the CPU.
    pub shader: Option<ShaderCompiler>,
    /// How it computes the model's operations, as it was opened. No kernels on the CPU.
    pub choices: Choices,
    /// Why this device and this compiler, in plain words.
    pub why: String,
    /// What the user should know: compilers and precisions that were tried and refused.
    pub warnings: Vec<String>,
    /// Precisions of matrix products that passed the test. Other ones must not be trained in.
    pub precisions: Vec<Precision>,
    /// Bytes of the largest tensor that it can hold; `None` where only the memory bounds it.
    pub tensor_bytes: Option<u64>,
    /// How the device compared with the CPU; `None` on the CPU, which is the reference.
    pub self_test: Option<SelfTest>,
}

impl TrainDevice {
    /// Waits until all that was asked of the device is done. Some drivers crash where a process ends
    /// before that. If the device has failed, whoever reads a result from it is told.
    pub fn wait(&self) {
        if !self.info.is_cpu() {
            let _ = self.device.sync();
        }
    }
}

/// What a device is opened for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Precisions to test, besides f32.
    pub precisions: Vec<Precision>,
    /// Whether to test what `train.precision = "auto"` needs to know: bf16 where the device has matrix units for it, and f16 likewise
    /// where bf16 is not to be had.
    pub auto: bool,
    /// Where verdicts of earlier tests are, and where new ones go.
    pub cache: Option<SelfTestCache>,
    /// Whether to test whatever is remembered.
    pub anew: bool,
}

impl Request {
    /// Every precision, whatever was tested before.
    pub fn all() -> Self {
        Self { precisions: vec![Precision::F16, Precision::Bf16], ..Self::default() }
    }
}

/// What there is to tell while a device is opened.
#[derive(Debug, Clone, PartialEq)]
pub enum OpenEvent {
    Opening {
        device: String,
        shader: ShaderCompiler,
        /// Whether the model's operations are kernels of their own.
        kernels: bool,
    },
    /// It is compared with the CPU.
    Testing(TestStep),
    /// It has passed.
    Tested {
        seconds: f64,
        /// Values compared.
        comparisons: usize,
    },
    /// Kernels for this are timed against each other, once on an adapter.
    Timing(&'static str),
    /// What came of it.
    Timed(String),
    /// What the user should know.
    Warning(String),
}

/// [`open_for`] every precision, with nothing remembered; what there is to warn of is in [`TrainDevice::warnings`].
///
/// # Errors
/// As [`open_for`].
pub fn open(config: &DeviceConfig) -> Result<TrainDevice, DeviceError> {
    let mut told = Vec::new();
    let opened = open_for(config, &Request::all(), &mut |event| {
        if let OpenEvent::Warning(text) = event {
            told.push(text);
        }
    });
    opened.map(|device| TrainDevice { warnings: [told, device.warnings].concat(), ..device })
}

/// Picks, opens and tests the device that a configuration means.
///
/// With `shader = "auto"` a GPU on Vulkan takes SPIR-V if it passes the self-test and WGSL else;
/// a software adapter takes WGSL. A GPU is tested in a process of its own where the program
/// offers that ([`self_test_child_main`](super::self_test_child_main)).
///
/// # Errors
/// If nothing fits the configuration, the driver refuses, or the self-test fails.
pub fn open_for(
    config: &DeviceConfig,
    request: &Request,
    tell: &mut dyn FnMut(OpenEvent),
) -> Result<TrainDevice, DeviceError> {
    open_listed(&list_adapters(), config, request, tell)
}

fn open_listed(
    listed: &(Vec<Adapter>, Vec<ListFailure>),
    config: &DeviceConfig,
    request: &Request,
    tell: &mut dyn FnMut(OpenEvent),
) -> Result<TrainDevice, DeviceError> {
    let devices = DeviceList::of(listed);
    for failure in &devices.failures {
        tell(OpenEvent::Warning(failure.to_string()));
    }
    let choice = devices.pick(config)?;
    match listed.0.iter().find(|a| a.info.id == choice.info.id) {
        Some(adapter) => open_adapter(adapter, config, choice.why, request, tell),
        None => Ok(TrainDevice {
            device: Device::flex(),
            precisions: choice.info.precisions.clone(),
            info: choice.info,
            shader: None,
            choices: Choices { kernels: false, ..Choices::default() },
            why: choice.why,
            warnings: Vec::new(),
            tensor_bytes: None,
            self_test: None,
        }),
    }
}

fn open_adapter(
    adapter: &Adapter,
    config: &DeviceConfig,
    why: String,
    request: &Request,
    tell: &mut dyn FnMut(OpenEvent),
) -> Result<TrainDevice, DeviceError> {
    let (info, asked) = (&adapter.info, config.shader);
    let candidates = candidates(info, asked, config.kernels);
    let mut warnings = Vec::new();
    let mut last = None;
    for &(shader, kernels) in &candidates {
        let candidate = Candidate::begin(adapter, shader, kernels, request, tell);
        match candidate.and_then(Candidate::finish) {
            Ok((device, self_test)) => {
                let fell_back = shader != candidates[0].0;
                let reason = reason(info, asked, shader, fell_back);
                if !kernels && config.kernels == Kernels::Auto {
                    warnings.push(NO_KERNELS.into());
                }
                if let Some(failure) = &self_test.without_matrix_units {
                    warnings.push(format!("attention in half precision keeps off the matrix units (tensor cores): {failure}"));
                }
                for Refusal { precision, failure } in &self_test.refused {
                    let precision = precision.word();
                    warnings.push(format!("{precision} is not used: {failure}"));
                }
                let choices = Choices::of(&device);
                let mut why = format!("{why}; {reason}");
                if choices.scores != Scores::Shared {
                    why += "; attention's scores stay in fragments";
                }
                if let Some(date) = &self_test.remembered {
                    why += &format!("; self-test of {date}");
                }
                return Ok(TrainDevice {
                    tensor_bytes: largest_tensor(&device)
                        .map(|bytes| bytes.min(adapter.handle.limits().max_buffer_size)),
                    choices,
                    device,
                    info: info.clone(),
                    shader: Some(shader),
                    why,
                    warnings,
                    precisions: self_test.precisions.clone(),
                    self_test: Some(self_test),
                });
            }
            Err(error) => {
                let first = error.to_string();
                let first = first.split("\nhint").next().unwrap_or_default().to_owned();
                warnings.push(first);
                last = Some(error);
            }
        }
    }
    Err(last.expect("there is always a compiler to try"))
}

/// Tests an adapter for the start of sweeps, whatever is remembered of it, in every precision: with kernels, and where these fail
/// without.
///
/// # Errors
/// As [`open_for`].
pub fn test_anew(
    info: &DeviceInfo,
    shader: ShaderCompiler,
    cache: Option<SelfTestCache>,
    tell: &mut dyn FnMut(OpenEvent),
) -> Result<SelfTest, DeviceError> {
    let adapter =
        find_adapter(&info.id).map_err(|what| DeviceError::Open { device: info.label(), what })?;
    let request = Request { cache, anew: true, ..Request::all() };
    let mut test = |kernels| Candidate::begin(&adapter, shader, kernels, &request, tell)?.report();
    test(true).or_else(|_| test(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_opens_without_a_test() {
        let name = isoflop_plan::DeviceName::Cpu;
        let config = DeviceConfig::named(name);
        let opened = open(&config).unwrap();
        assert!(opened.info.is_cpu() && opened.self_test.is_none() && opened.shader.is_none());
        assert_eq!(opened.precisions, [Precision::F32]);
    }

    #[test]
    fn a_driver_that_broke_while_it_was_listed_is_told_before_another_device_is_taken() {
        let what = "no such ICD".to_owned();
        let failure = ListFailure { api: crate::GraphicsApi::Vulkan, what };
        let listed = (Vec::new(), vec![failure.clone()]);
        let open = |name| {
            let mut told = Vec::new();
            let config = DeviceConfig::named(name);
            let opened =
                open_listed(&listed, &config, &Request::all(), &mut |event| told.push(event));
            assert_eq!(told, [OpenEvent::Warning(failure.to_string())]);
            opened
        };
        assert!(open(isoflop_plan::DeviceName::Auto).unwrap().info.is_cpu());
        let none = open(isoflop_plan::DeviceName::Gpu).unwrap_err().to_string();
        assert!(none.contains("no such ICD"), "{none}");
    }
}
