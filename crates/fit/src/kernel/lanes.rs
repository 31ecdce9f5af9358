//! Sums over rows in lanes, for whatever vector width the machine has.

use super::{Columns, LANES};

/// Sums over rows: the loss, 5 slopes, 15 curvatures (upper triangle by rows).
pub(super) const SUMS: usize = 21;
pub(super) type Lanes = [f64; LANES];
/// What eight rows add to the sums.
pub(super) type Sums = [Lanes; SUMS];

/// A law's part of the sums: straight-line code on eight rows at a time.
pub(super) trait Body {
    /// Adds rows of `(x, y, target, weight)`.
    fn add(&self, x: &Lanes, y: &Lanes, target: &Lanes, weight: &Lanes, sums: &mut Sums);
}

pub(super) fn sum_rows(columns: &Columns, body: &impl Body) -> [f64; SUMS] {
    dispatch(columns, body)
        .map(|l| ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])))
}

#[cfg(target_arch = "x86_64")]
pub(super) fn dispatch(columns: &Columns, body: &impl Body) -> Sums {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
    fn wide(columns: &Columns, body: &impl Body) -> Sums {
        portable(columns, body)
    }
    #[target_feature(enable = "avx2")]
    fn middle(columns: &Columns, body: &impl Body) -> Sums {
        portable(columns, body)
    }
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the features were just detected; the body is safe code.
        unsafe { wide(columns, body) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { middle(columns, body) }
    } else {
        portable(columns, body)
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn dispatch(columns: &Columns, body: &impl Body) -> Sums {
    portable(columns, body)
}

#[inline(always)]
pub(super) fn portable(columns: &Columns, body: &impl Body) -> Sums {
    let mut sums = [[0.0; LANES]; SUMS];
    // Columns are padded to whole blocks.
    let xs = columns.x.as_chunks::<LANES>().0.iter();
    let ys = columns.y.as_chunks::<LANES>().0;
    let targets = columns.target.as_chunks::<LANES>().0;
    let weights = columns.weight.as_chunks::<LANES>().0;
    for (((x, y), target), weight) in xs.zip(ys).zip(targets).zip(weights) {
        body.add(x, y, target, weight, &mut sums);
    }
    sums
}

#[inline(always)]
pub(super) fn each(f: impl Fn(usize) -> f64) -> Lanes {
    let mut out = [0.0; LANES];
    for (i, o) in out.iter_mut().enumerate() {
        *o = f(i);
    }
    out
}

/// The slope of Huber's loss.
#[inline(always)]
pub(super) fn clamped(r: f64, delta: f64) -> f64 {
    let low = if r > -delta { r } else { -delta };
    if low < delta { low } else { delta }
}

/// The weight of `G G'` in the Hessian: that of the residuals within delta, or `psi / r` in its majorant.
#[inline(always)]
pub(super) fn inner<const MAJORANT: bool>(r: f64, delta: f64) -> f64 {
    match (r.abs() <= delta, MAJORANT) {
        (true, _) => 1.0,
        (false, true) => delta / r.abs(),
        (false, false) => 0.0,
    }
}

/// The upper triangle of a symmetric 5 x 5 matrix, from place `6` of the sums on.
pub(super) fn symmetric(sums: &[f64; SUMS]) -> [[f64; 5]; 5] {
    let mut out = [[0.0; 5]; 5];
    let mut next = 6;
    for i in 0..5 {
        for j in i..5 {
            out[i][j] = sums[next];
            out[j][i] = sums[next];
            next += 1;
        }
    }
    out
}
