//! Which shader compilers are tried on an adapter, with kernels and without.

use isoflop_plan::{Kernels, Shader};

use super::info::{DeviceInfo, DeviceKind, ShaderCompiler};

/// Compilers to try, with and without kernels, in order.
pub(super) fn candidates(
    info: &DeviceInfo,
    asked: Shader,
    kernels: Kernels,
) -> Vec<(ShaderCompiler, bool)> {
    let with: &[bool] = match kernels {
        Kernels::Auto => &[true, false],
        Kernels::On => &[true],
        Kernels::Off => &[false],
    };
    // The faster compiler without kernels before the slower one with them: it alone has tensor cores.
    let shaders = compilers(info, asked).into_iter();
    shaders.flat_map(|shader| with.iter().map(move |&with| (shader, with))).collect()
}

/// Why this compiler, in plain words.
pub(super) fn reason(
    info: &DeviceInfo,
    asked: Shader,
    shader: ShaderCompiler,
    fell_back: bool,
) -> String {
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

/// Compilers to try, in order.
fn compilers(info: &DeviceInfo, asked: Shader) -> Vec<ShaderCompiler> {
    match asked {
        Shader::Spirv => vec![ShaderCompiler::Spirv],
        Shader::Wgsl => vec![ShaderCompiler::Wgsl],
        Shader::Auto if info.kind == DeviceKind::Software => vec![ShaderCompiler::Wgsl],
        Shader::Auto => info.shaders.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpu;
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
}
