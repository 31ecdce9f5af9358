//! The sums themselves, in lanes, for whatever vector width the machine has.

use super::{Columns, LANES, exp, ln};

/// Sums over rows: the loss, 5 slopes, 15 curvatures (upper triangle by rows).
pub(super) const SUMS: usize = 21;
type Lanes = [f64; LANES];

pub(super) fn sum_rows(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [f64; SUMS] {
    let lanes = dispatch(columns, log, theta, delta);
    lanes.map(|l| ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])))
}

#[cfg(target_arch = "x86_64")]
fn dispatch(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
    fn wide(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
        portable(columns, log, theta, delta)
    }
    #[target_feature(enable = "avx2")]
    fn middle(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
        portable(columns, log, theta, delta)
    }
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the features were just detected; the body is safe code.
        unsafe { wide(columns, log, theta, delta) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { middle(columns, log, theta, delta) }
    } else {
        portable(columns, log, theta, delta)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn dispatch(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    portable(columns, log, theta, delta)
}

#[inline(always)]
fn portable(columns: &Columns, log: bool, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    if log { body::<true>(columns, theta, delta) } else { body::<false>(columns, theta, delta) }
}

#[inline(always)]
fn each(f: impl Fn(usize) -> f64) -> Lanes {
    let mut out = [0.0; LANES];
    for (i, o) in out.iter_mut().enumerate() {
        *o = f(i);
    }
    out
}

/// With `phi` the model (or its logarithm), `G` its gradient, `r = target - phi` and `psi` the
/// slope of the loss: gradient `-sum w psi G`, Hessian `sum w (psi' G G' - psi phi'')`.
#[inline(always)]
fn body<const LOG: bool>(columns: &Columns, theta: &[f64; 5], delta: f64) -> [Lanes; SUMS] {
    let [e, a, alpha, b, beta] = *theta;
    let floor = exp(e);
    let mut sums = [[0.0; LANES]; SUMS];
    // Columns are padded to whole blocks.
    let xs = columns.x.as_chunks::<LANES>().0.iter();
    let ys = columns.y.as_chunks::<LANES>().0;
    let targets = columns.target.as_chunks::<LANES>().0;
    let weights = columns.weight.as_chunks::<LANES>().0;
    for (((x, y), target), weight) in xs.zip(ys).zip(targets).zip(weights) {
        let u = each(|i| exp(a - alpha * x[i]));
        let v = each(|i| exp(b - beta * y[i]));
        let f = each(|i| (floor + u[i]) + v[i]);
        let scale = each(|i| if LOG { 1.0 / f[i] } else { 1.0 });
        let model = each(|i| if LOG { ln(f[i]) } else { f[i] });
        let r = each(|i| target[i] - model[i]);
        let psi = each(|i| {
            let low = if r[i] > -delta { r[i] } else { -delta };
            if low < delta { low } else { delta }
        });
        let inside = each(|i| if r[i].abs() <= delta { weight[i] } else { 0.0 });
        let slope = each(|i| weight[i] * psi[i]);
        // Coefficient of G G': psi' from the residual, psi from the logarithm's own curvature.
        let outer = each(|i| if LOG { inside[i] + slope[i] } else { inside[i] });
        let p0 = each(|i| floor * scale[i]);
        let p1 = each(|i| u[i] * scale[i]);
        let p2 = each(|i| -x[i] * p1[i]);
        let p3 = each(|i| v[i] * scale[i]);
        let p4 = each(|i| -y[i] * p3[i]);
        let o0 = each(|i| outer[i] * p0[i]);
        let o1 = each(|i| outer[i] * p1[i]);
        let o2 = each(|i| outer[i] * p2[i]);
        let o3 = each(|i| outer[i] * p3[i]);
        let o4 = each(|i| outer[i] * p4[i]);
        for i in 0..LANES {
            sums[0][i] += slope[i] * (r[i] - 0.5 * psi[i]);
            sums[1][i] -= slope[i] * p0[i];
            sums[2][i] -= slope[i] * p1[i];
            sums[3][i] -= slope[i] * p2[i];
            sums[4][i] -= slope[i] * p3[i];
            sums[5][i] -= slope[i] * p4[i];
            sums[6][i] += o0[i] * p0[i] - slope[i] * p0[i];
            sums[7][i] += o0[i] * p1[i];
            sums[8][i] += o0[i] * p2[i];
            sums[9][i] += o0[i] * p3[i];
            sums[10][i] += o0[i] * p4[i];
            sums[11][i] += o1[i] * p1[i] - slope[i] * p1[i];
            sums[12][i] += o1[i] * p2[i] - slope[i] * p2[i];
            sums[13][i] += o1[i] * p3[i];
            sums[14][i] += o1[i] * p4[i];
            sums[15][i] += o2[i] * p2[i] + slope[i] * x[i] * p2[i];
            sums[16][i] += o2[i] * p3[i];
            sums[17][i] += o2[i] * p4[i];
            sums[18][i] += o3[i] * p3[i] - slope[i] * p3[i];
            sums[19][i] += o3[i] * p4[i] - slope[i] * p4[i];
            sums[20][i] += o4[i] * p4[i] + slope[i] * y[i] * p4[i];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::power_sum::tests::columns;
    use super::*;

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let c = columns();
        let theta = [0.3, -0.4, 0.35, -0.8, 0.28];
        for log in [true, false] {
            assert_eq!(dispatch(&c, log, &theta, 0.05), portable(&c, log, &theta, 0.05));
        }
    }
}
