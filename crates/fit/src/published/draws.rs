//! Laws drawn from the covariance of a published law's parameters.

use nalgebra::{SMatrix, SVector};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::law::SumOfPowers;

/// Pairs of draws, one on either side of the law: what is linear in the parameters keeps its middle.
const PAIRS: usize = 5000;

/// Normal draws around `law` with the covariance of `(ln A, ln B, ln E, alpha, beta)`, always the same ones.
pub(super) fn draws(law: &SumOfPowers, covariance: &[[f64; 5]; 5]) -> Vec<SumOfPowers> {
    // A root by eigenvectors, which also a direction without variance has.
    let eigen = SMatrix::<f64, 5, 5>::from_fn(|i, j| covariance[i][j]).symmetric_eigen();
    let scale = SMatrix::from_diagonal(&eigen.eigenvalues.map(|v| v.max(0.0).sqrt()));
    let root = eigen.eigenvectors * scale;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut out = Vec::with_capacity(2 * PAIRS);
    for _ in 0..PAIRS {
        let z = SVector::<f64, 5>::from_fn(|_, _| random.sample(StandardNormal));
        let step = root * z;
        for sign in [1.0, -1.0] {
            out.push(SumOfPowers {
                log_a: law.log_a + sign * step[0],
                log_b: law.log_b + sign * step[1],
                log_floor: law.log_floor + sign * step[2],
                alpha: law.alpha + sign * step[3],
                beta: law.beta + sign * step[4],
                ..*law
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::published;

    #[test]
    fn draws_have_the_covariance_that_was_published() {
        let epoch = published("epoch2024").unwrap();
        let (law, want) = (epoch.sum_of_powers().unwrap(), epoch.covariance.unwrap());
        let all = draws(&law, &want);
        let columns = |l: &SumOfPowers| [l.log_a, l.log_b, l.log_floor, l.alpha, l.beta];
        let middle = columns(&law);
        for i in 0..5 {
            for j in 0..5 {
                let product = |l: &SumOfPowers| {
                    let c = columns(l);
                    (c[i] - middle[i]) * (c[j] - middle[j])
                };
                let got = all.iter().map(product).sum::<f64>() / all.len() as f64;
                let scale = (want[i][i] * want[j][j]).sqrt();
                assert!((got - want[i][j]).abs() < 0.05 * scale, "{i} {j}: {got} {}", want[i][j]);
            }
        }
    }
}
