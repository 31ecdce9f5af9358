//! Resamples of curves; of very many points, those that can lie on the envelope of one.
//!
//! A resample holds a unit with probability 1 - 1/e. A point of the k-th convex layer is on its hull only where each of the layers
//! below has lost one of the two points that the point lies above: less than once in `1.6^k`.

use std::collections::{BTreeSet, HashSet};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Spot, lower_hull};

/// Points from which on the others are passed over.
pub(super) const MANY: usize = 20_000;
/// Layers that are kept, and smallest and largest models, which bound who votes.
const LAYERS: usize = 50;

/// Those points, in their order, which is that of the hull.
pub(super) fn candidates(points: &[Spot]) -> Vec<Spot> {
    let mut kept = vec![false; points.len()];
    let mut by_size: Vec<usize> = (0..points.len()).collect();
    let size = |a: &usize, b: &usize| points[*a].n.total_cmp(&points[*b].n);
    for end in [LAYERS, points.len() - LAYERS] {
        by_size.select_nth_unstable_by(end, size);
    }
    let ends = by_size[..LAYERS].iter().chain(&by_size[points.len() - LAYERS..]);
    ends.for_each(|&i| kept[i] = true);
    let mut left: Vec<usize> = (0..points.len()).collect();
    for _ in 0..LAYERS {
        let spots: Vec<Spot> = left.iter().map(|&i| points[i]).collect();
        let hull = lower_hull(&spots);
        // Both are in the order of the points.
        let mut next = hull.iter().peekable();
        left.retain(|&i| {
            let on = next.peek().is_some_and(|h| same(h, &points[i]));
            if on {
                next.next();
                kept[i] = true;
            }
            !on
        });
        if left.is_empty() {
            break;
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(p, _)| *p).collect()
}

fn same(a: &Spot, b: &Spot) -> bool {
    (a.run, a.c, a.l) == (b.run, b.c, b.l)
}

/// Which units a resample holds.
pub(super) enum Chosen {
    All(Vec<bool>),
    /// Of many units, those that can matter.
    Some(HashSet<usize>),
}

impl Chosen {
    pub fn has(&self, unit: usize) -> bool {
        match self {
            Chosen::All(chosen) => chosen[unit],
            Chosen::Some(chosen) => chosen.contains(&unit),
        }
    }
}

/// A resample of as many units, with replacement. Of many each is in it for itself with probability `1 - (1 - 1/n)^n`.
pub(super) fn drawn_units(
    units: usize,
    that_matter: impl Iterator<Item = usize>,
    random: &mut ChaCha8Rng,
) -> Chosen {
    if units > MANY {
        let share = 1.0 - (-1.0f64).exp();
        let each: BTreeSet<usize> = that_matter.collect();
        return Chosen::Some(each.into_iter().filter(|_| random.random_bool(share)).collect());
    }
    let mut chosen = vec![false; units];
    for _ in 0..units {
        chosen[random.random_range(0..units)] = true;
    }
    Chosen::All(chosen)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn hulls_of_resamples_are_of_candidates() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut points: Vec<Spot> = (0..5000)
            .map(|run| {
                let (c, n): (f64, f64) =
                    (random.random_range(0.0..9.0), random.random_range(0.0..6.0));
                let l =
                    1.0 - 0.1 * c + 0.02 * (n - 0.5 * c).powi(2) + 0.002 * random.random::<f64>();
                Spot { run, c, l, n, d: c - n }
            })
            .collect();
        points.sort_by(|a, b| a.c.total_cmp(&b.c));
        let some = candidates(&points);
        assert!(some.len() < 1500, "{}", some.len());
        for _ in 0..200 {
            let chosen: Vec<bool> = (0..points.len()).map(|_| random.random_bool(0.632)).collect();
            let drawn = |of: &[Spot]| {
                let drawn: Vec<Spot> = of.iter().filter(|s| chosen[s.run]).copied().collect();
                lower_hull(&drawn).iter().map(|s| s.run).collect::<Vec<_>>()
            };
            assert_eq!(drawn(&points), drawn(&some));
        }
    }
}
