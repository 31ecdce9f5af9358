//! Exponential and logarithm without branches or tables, so that loops over them vectorise.

/// `e^x` to about 1 ulp for |x| < 708; beyond that it saturates (it never gives 0 or infinity).
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Adding 1.5 * 2^52 rounds to an integer, left in the low bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x < 708.0 { x } else { 708.0 };
    let x = if x > -708.0 { x } else { -708.0 };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HI) - k * LN2_LO;
    // Taylor on |r| < ln 2 / 2: the first term left out is below 1e-17.
    let r2 = r * r;
    let r4 = r2 * r2;
    let p01 = 1.0 + r;
    let p23 = 0.5 + r * (1.0 / 6.0);
    let p45 = 1.0 / 24.0 + r * (1.0 / 120.0);
    let p67 = 1.0 / 720.0 + r * (1.0 / 5_040.0);
    let p89 = 1.0 / 40_320.0 + r * (1.0 / 362_880.0);
    let p1011 = 1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0);
    let p1213 = 1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0);
    let low = p01 + r2 * p23;
    let mid = p45 + r2 * p67;
    let high = (p89 + r2 * p1011) + r4 * p1213;
    let p = low + r4 * (mid + r4 * high);
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// Natural logarithm of a positive normal number, to about 1 ulp.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO52: f64 = 4_503_599_627_370_496.0;
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    let bits = x.to_bits();
    let exponent = f64::from_bits((bits >> 52) | TWO52.to_bits()) - TWO52 - 1023.0;
    let m = f64::from_bits((bits & MANTISSA) | ONE);
    let big = m > std::f64::consts::SQRT_2;
    let m = if big { 0.5 * m } else { m };
    let k = if big { exponent + 1.0 } else { exponent };
    // ln m = f - s (f - 2 s^2 (1/3 + s^2/5 + ...)), f = m - 1, s = f / (2 + f)
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let a = (1.0 / 3.0 + z * (1.0 / 5.0)) + z2 * (1.0 / 7.0 + z * (1.0 / 9.0));
    let b = (1.0 / 11.0 + z * (1.0 / 13.0)) + z2 * (1.0 / 15.0 + z * (1.0 / 17.0));
    let tail = z * (a + z4 * (b + z4 * (1.0 / 19.0 + z * (1.0 / 21.0))));
    k * LN2_HI + (f - (s * (f - 2.0 * tail) - k * LN2_LO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_matches_std() {
        let mut worst = 0.0f64;
        for i in -70_000..70_000 {
            let x = i as f64 * 0.010_013;
            worst = worst.max((exp(x) / x.exp() - 1.0).abs());
        }
        assert!(worst < 5e-16, "{worst:e}");
        assert!(exp(-1e9) > 0.0 && exp(1e9).is_finite());
    }

    #[test]
    fn logarithm_matches_std() {
        let mut worst = 0.0f64;
        for i in 1..200_000 {
            for x in [i as f64 * 1.234_567e-5, i as f64 * 1e30, 1.0 / (i as f64 * 1e20)] {
                let truth = x.ln();
                worst = worst.max((ln(x) - truth).abs() / truth.abs().max(1e-3));
            }
        }
        assert!(worst < 5e-16, "{worst:e}");
        assert_eq!(ln(1.0), 0.0);
    }
}
