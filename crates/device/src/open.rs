//! From a configuration to an open, tested device.

use burn::tensor::Device;
use isoflop_model::kernels::{Choices, largest_tensor};
use isoflop_plan::{DeviceConfig, Kernels, Precision, Shader};

use super::adapters::{self, Adapter};
use super::cpu;
use super::error::DeviceError;
use super::info::{DeviceInfo, DeviceKind, ShaderCompiler};
use super::pick::pick;
use super::selftest::{Memory, Refusal, SelfTest, TestStep};
use super::trial::Trial;

/// Said where the tensor operations took over.
const NO_KERNELS: &str = "the model's operations run as tensor operations instead of kernels of their own, which is slower";

/// A device that is ready for training.
#[derive(Debug, Clone)]
pub struct TrainDevice {
    /// What burn computes on.
    pub device: Device,
    /// What it is.
    pub info: DeviceInfo,
    /// Shader compiler in use; `None` on the CPU.
    pub shader: Option<ShaderCompiler>,
    /// Whether the model's operations are kernels of their own; never on the CPU.
    pub kernels: bool,
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
    pub memory: Option<Memory>,
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
pub enum Opening {
    /// An adapter is opened.
    Opens {
        /// Its name.
        device: String,
        /// With which compiler.
        shader: ShaderCompiler,
        /// Whether the model's operations are kernels of their own.
        kernels: bool,
    },
    /// It is compared with the CPU.
    Tests(TestStep),
    /// It has passed.
    Tested {
        /// Time that it took.
        seconds: f64,
        /// Values compared.
        comparisons: usize,
    },
    /// What the user should know.
    Doubt(String),
}

/// [`open_for`] every precision, with nothing remembered and nothing told.
///
/// # Errors
/// As [`open_for`].
pub fn open(config: &DeviceConfig) -> Result<TrainDevice, DeviceError> {
    open_for(config, &Request::all(), &mut |_| {})
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
    tell: &mut dyn FnMut(Opening),
) -> Result<TrainDevice, DeviceError> {
    let adapters = adapters::adapters();
    let mut devices: Vec<_> = adapters.iter().map(|a| a.info.clone()).collect();
    devices.push(cpu::info());
    let choice = pick(config, &devices)?;
    match adapters.iter().find(|a| a.info.id == choice.info.id) {
        Some(adapter) => open_adapter(adapter, config, choice.why, request, tell),
        None => Ok(TrainDevice {
            device: Device::flex(),
            precisions: choice.info.precisions.clone(),
            info: choice.info,
            shader: None,
            kernels: false,
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
    tell: &mut dyn FnMut(Opening),
) -> Result<TrainDevice, DeviceError> {
    let (info, asked) = (&adapter.info, config.shader);
    let candidates = candidates(info, asked, config.kernels);
    let mut warnings = Vec::new();
    let mut last = None;
    for &(shader, kernels) in &candidates {
        let trial = Trial::begin(adapter, shader, kernels, request, tell);
        match trial.and_then(Trial::finish) {
            Ok((device, self_test)) => {
                let fell_back = shader != candidates[0].0;
                let reason = reason(info, asked, shader, fell_back);
                if !kernels && config.kernels == Kernels::Auto {
                    warnings.push(NO_KERNELS.into());
                }
                let matrix_units = self_test.without_matrix_units.is_none();
                Choices { matrix_units, ..Choices::of(&device) }.set(&device);
                if let Some(failure) = &self_test.without_matrix_units {
                    warnings.push(format!("attention in half precision keeps off the matrix units (tensor cores): {failure}"));
                }
                for Refusal { precision, failure } in &self_test.refused {
                    let precision = precision.word();
                    warnings.push(format!("{precision} is not used: {failure}"));
                }
                return Ok(TrainDevice {
                    tensor_bytes: largest_tensor(&device)
                        .map(|bytes| bytes.min(adapter.handle.limits().max_buffer_size)),
                    device,
                    info: info.clone(),
                    shader: Some(shader),
                    kernels,
                    why: match &self_test.remembered {
                        Some(date) => format!("{why}; {reason}; self-test of {date}"),
                        None => format!("{why}; {reason}"),
                    },
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

/// Compilers to try, with and without kernels, in order.
fn candidates(info: &DeviceInfo, asked: Shader, kernels: Kernels) -> Vec<(ShaderCompiler, bool)> {
    let with: &[bool] = match kernels {
        Kernels::Auto => &[true, false],
        Kernels::On => &[true],
        Kernels::Off => &[false],
    };
    // The faster compiler without kernels before the slower one with them: it alone has tensor cores.
    let shaders = compilers(info, asked).into_iter();
    shaders.flat_map(|shader| with.iter().map(move |&with| (shader, with))).collect()
}

/// Compilers to try, in order.
fn compilers(info: &DeviceInfo, asked: Shader) -> Vec<ShaderCompiler> {
    match asked {
        Shader::Spirv => vec![ShaderCompiler::Spirv],
        Shader::Wgsl => vec![ShaderCompiler::Wgsl],
        Shader::Auto if info.kind == DeviceKind::Software => vec![ShaderCompiler::Wgsl],
        Shader::Auto => info.shaders.clone(),
    }
}

fn reason(info: &DeviceInfo, asked: Shader, shader: ShaderCompiler, fell_back: bool) -> String {
    match asked {
        Shader::Spirv | Shader::Wgsl => format!("{shader} shaders, as `device.shader` asks"),
        Shader::Auto if fell_back => format!("{shader} shaders, because SPIR-V failed"),
        Shader::Auto if info.kind == DeviceKind::Software => {
            format!("{shader} shaders, the only ones that software adapters compute right with")
        }
        Shader::Auto if info.shaders.len() > 1 => format!("{shader} shaders, the faster kind"),
        Shader::Auto => format!("{shader} shaders, the only kind it takes"),
    }
}

/// Tests an adapter for the start of sweeps, whatever is remembered of it, in every precision: with kernels, and where these fail
/// without.
///
/// # Errors
/// As [`open_for`].
pub fn test_anew(
    info: &DeviceInfo,
    shader: ShaderCompiler,
    memory: Option<Memory>,
    tell: &mut dyn FnMut(Opening),
) -> Result<SelfTest, DeviceError> {
    let adapters = adapters::adapters();
    let adapter = adapters.iter().find(|a| a.info.id == info.id).ok_or(DeviceError::Open {
        device: info.label(),
        what: "it is not there any more".into(),
    })?;
    let request = Request { memory, anew: true, ..Request::all() };
    let mut test = |kernels| Trial::begin(adapter, shader, kernels, &request, tell)?.report();
    test(true).or_else(|_| test(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(kind: DeviceKind, shaders: &[ShaderCompiler]) -> DeviceInfo {
        DeviceInfo { kind, shaders: shaders.to_vec(), ..cpu::info() }
    }

    #[test]
    fn auto_tries_spirv_first_on_gpus_and_never_on_software() {
        use ShaderCompiler::{Spirv, Wgsl};
        let card = gpu(DeviceKind::DiscreteGpu, &[Spirv, Wgsl]);
        assert_eq!(compilers(&card, Shader::Auto), [Spirv, Wgsl]);
        assert_eq!(compilers(&card, Shader::Wgsl), [Wgsl]);
        let old = gpu(DeviceKind::IntegratedGpu, &[Wgsl]);
        assert_eq!(compilers(&old, Shader::Auto), [Wgsl]);
        assert_eq!(compilers(&old, Shader::Spirv), [Spirv], "and is then refused");
        let both = [(Spirv, true), (Spirv, false), (Wgsl, true), (Wgsl, false)];
        assert_eq!(candidates(&card, Shader::Auto, Kernels::Auto), both);
        assert_eq!(candidates(&card, Shader::Wgsl, Kernels::On), [(Wgsl, true)]);
        assert_eq!(candidates(&card, Shader::Wgsl, Kernels::Off), [(Wgsl, false)]);
        let soft = gpu(DeviceKind::Software, &[Spirv, Wgsl]);
        assert_eq!(compilers(&soft, Shader::Auto), [Wgsl]);
        assert_eq!(compilers(&soft, Shader::Spirv), [Spirv]);
    }

    #[test]
    fn the_cpu_opens_without_a_test() {
        let name = isoflop_plan::DeviceName::Cpu;
        let config = DeviceConfig::named(name);
        let opened = open(&config).unwrap();
        assert!(opened.info.is_cpu() && opened.self_test.is_none() && opened.shader.is_none());
        assert_eq!(opened.precisions, [Precision::F32]);
    }
}
