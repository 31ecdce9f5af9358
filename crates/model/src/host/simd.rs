//! Scalar code shaped so that the compiler turns it into vector instructions.
//!
//! Everything here is `inline(always)`: callers are compiled once per instruction set
//! (`multiversion`) and take these functions with them. No fused multiply-add is used, and sums
//! keep a fixed order, so results do not depend on the instruction set.

/// Lanes of the partial sums.
pub(crate) const LANES: usize = 16;

/// `e^x` in `f32`, within 2 units in the last place for normal results; under -87.3 it is
/// `e^-87.3`, about 1e-38. The polynomial is Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let x = x.clamp(-87.3, 88.3);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    // 2^n from the integer that now sits in the low mantissa bits.
    let exponent = (shifted.to_bits() as i32) << 23;
    f32::from_bits((e.to_bits() as i32).wrapping_add(exponent) as u32)
}

/// Logistic function.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Sum of the lanes, as a tree.
#[inline(always)]
fn fold(acc: [f32; LANES]) -> f32 {
    let a: [f32; 8] = std::array::from_fn(|i| acc[i] + acc[i + 8]);
    let a: [f32; 4] = std::array::from_fn(|i| a[i] + a[i + 4]);
    (a[0] + a[2]) + (a[1] + a[3])
}

/// Asks for the elements from `at` on to be brought near the processor; no more than a hint, so
/// that they need not exist.
#[inline(always)]
pub(crate) fn prefetch(x: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and faults nowhere.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(x.as_ptr().wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (x, at);
}

/// `sum f(a[i], b[i])` over equally long slices, in an order fixed by the length alone.
#[inline(always)]
pub(crate) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut acc = [0.0f32; LANES];
    let (mut xs, mut ys) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (x, y) in (&mut xs).zip(&mut ys) {
        for i in 0..LANES {
            acc[i] += f(x[i], y[i]);
        }
    }
    for (i, (&x, &y)) in xs.remainder().iter().zip(ys.remainder()).enumerate() {
        acc[i] += f(x, y);
    }
    fold(acc)
}

/// `sum f(a[i])`, likewise.
#[inline(always)]
pub(crate) fn sum1(a: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    sum2(a, a, |x, _| f(x))
}

/// Largest element; negative infinity for an empty slice.
#[inline(always)]
pub(crate) fn max(a: &[f32]) -> f32 {
    let mut acc = [f32::NEG_INFINITY; LANES];
    let mut chunks = a.chunks_exact(LANES);
    for x in &mut chunks {
        for i in 0..LANES {
            acc[i] = if x[i] > acc[i] { x[i] } else { acc[i] };
        }
    }
    let rest = chunks.remainder().iter().copied();
    acc.into_iter().chain(rest).fold(f32::NEG_INFINITY, |m, x| if x > m { x } else { m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_ulp() {
        for i in -8700..8800 {
            let x = i as f32 * 0.01;
            let (got, want) = (exp(x), f64::from(x).exp());
            assert!((f64::from(got) / want - 1.0).abs() < 2.4e-7, "exp({x}) = {got}, not {want}");
        }
        assert!(exp(-1000.0) < 2e-38 && exp(1000.0).is_finite());
    }

    #[test]
    fn sums_of_any_length() {
        for n in 0..70 {
            let v: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum1(&v, |x| x), (n * n.max(1) - n) as f32 / 2.0, "n = {n}");
            assert_eq!(max(&v), if n == 0 { f32::NEG_INFINITY } else { n as f32 - 1.0 });
        }
    }
}
