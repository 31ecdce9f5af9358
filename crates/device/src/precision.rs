//! Which precision `train.precision = "auto"` stands for.

use isoflop_plan::Precision;

use super::info::{DeviceInfo, ShaderCompiler};
use super::open::TrainDevice;

/// Half precisions in the order in which they are preferred: bf16 has the range of f32, so that nothing needs scaling.
pub(super) const HALVES: [Precision; 2] = [Precision::Bf16, Precision::F16];

/// The fastest precision that is right: bf16, else f16, of those that passed the self-test and that the device has matrix
/// units for, else f32. Without matrix units a half precision saves little and costs accuracy.
pub fn auto_precision(passed: &[Precision], with_matrix_units: &[Precision]) -> Precision {
    let fits = |p: &Precision| passed.contains(p) && with_matrix_units.contains(p);
    HALVES.into_iter().find(fits).unwrap_or(Precision::F32)
}

/// Half precisions that an adapter has matrix units for through a compiler: WGSL reaches none.
pub(super) fn with_matrix_units(info: &DeviceInfo, shader: ShaderCompiler) -> &[Precision] {
    match shader {
        ShaderCompiler::Spirv => &info.matrix_units,
        ShaderCompiler::Wgsl => &[],
    }
}

impl TrainDevice {
    /// What `train.precision = "auto"` stands for here, of the precisions that it was opened for.
    pub fn auto_precision(&self) -> Precision {
        match self.shader.filter(|_| self.choices.matrix_units) {
            Some(shader) => auto_precision(&self.precisions, with_matrix_units(&self.info, shader)),
            None => Precision::F32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpu;
    use super::*;
    use Precision::{Bf16, F16, F32};

    #[test]
    fn half_precision_is_taken_where_it_is_right_and_has_matrix_units() {
        let all = [F32, F16, Bf16];
        for (passed, units, expected) in [
            (&all[..], &all[..], Bf16),
            (&all, &[F16], F16),
            (&all, &[Bf16], Bf16),
            (&all, &[], F32),
            (&[F32, F16], &[F16, Bf16], F16),
            (&[F32, Bf16], &[F16], F32),
            (&[F32], &[F16, Bf16], F32),
            (&[], &[], F32),
        ] {
            assert_eq!(auto_precision(passed, units), expected, "{passed:?} {units:?}");
        }
    }

    #[test]
    fn wgsl_reaches_no_matrix_units() {
        let info = DeviceInfo { matrix_units: vec![F16], ..cpu::info() };
        assert_eq!(with_matrix_units(&info, ShaderCompiler::Spirv), [F16]);
        assert!(with_matrix_units(&info, ShaderCompiler::Wgsl).is_empty());
    }
}
