//! Budgets below a largest one, and widths around the expected best size of each.
//!
//! | what | rule | source |
//! | --- | --- | --- |
//! | budgets | 5 or 6, x2 to x2.5 apart | at least five, x2 to x3.2 apart, tell a power law from an accident |
//! | widths | the sizes nearest to N* 4^(k/3), k = -3..3, then those nearest to N*; without widths at which the number of heads jumps | seven, within x4 either side of N* |
//! | N* | [`OptimumRule::DEFAULT`] | Hoffmann et al. 2022, table 3; `results/quickstart` finds it within 10% from 2.5e10 to 8e11 FLOPs |
//! | seeds | 4 at the lowest budget, 2 at the next, then 1 | they measure the noise where runs are cheap |

use crate::config::{ModelConfig, OptimumRule};
use crate::{Convention, Shape};

/// Sizes of a slice.
const SIZES: usize = 7;
/// How far sizes reach either side of the expected best one, as a factor.
const SPREAD: f64 = 4.0;
/// Fewest budgets.
const LEAST_BUDGETS: usize = 5;
/// Most budgets.
const MOST_BUDGETS: usize = 6;
/// Closest and farthest that neighbouring budgets lie, as a factor.
const RATIOS: (f64, f64) = (2.0, 2.5);
/// A slice is expected to bracket its minimum where sizes lie this factor below and above the expected best one.
const BRACKET: f64 = 2.0;
/// Budgets that are tried as the lowest, as a factor of ten.
const LOWEST: [f64; 4] = [1.0, 2.0, 3.0, 5.0];
/// Powers of ten of these.
const POWERS: std::ops::RangeInclusive<i32> = 9..=18;
/// Steps from one largest budget to the next, as a factor.
const STEP: f64 = 1.2;
/// Largest budget of all, FLOPs: weeks of a cluster.
const MOST: f64 = 1e22;

/// What a first study trains.
#[derive(Debug, Clone, PartialEq)]
pub struct StarterGrid {
    /// Training FLOPs of each slice, ascending.
    pub budgets: Vec<f64>,
    /// Widths of each slice, ascending.
    pub widths: Vec<Vec<usize>>,
    /// Seeds of each slice.
    pub seeds: Vec<Vec<u64>>,
}

impl StarterGrid {
    /// All that can be asked for, by their largest budget: the smallest is the first whose slices are all expected to bracket
    /// their minimum.
    pub fn all(model: &ModelConfig, vocab: usize) -> Vec<Self> {
        let sizes = Sizes::of(model, vocab);
        let mut lowest =
            POWERS.flat_map(|power| LOWEST.map(|step| two_digits(step * 10f64.powi(power))));
        let Some(lowest) = lowest.find(|budget| sizes.bracket(*budget)) else { return Vec::new() };
        let least = lowest * RATIOS.0.powi(LEAST_BUDGETS as i32 - 1);
        let largest = std::iter::successors(Some(least), |largest| Some(largest * STEP))
            .take_while(|largest| *largest <= MOST);
        largest
            .map(|largest| Self::up_to(largest, lowest, &sizes))
            .take_while(Self::is_whole)
            .collect()
    }

    /// The size that is expected to be best at a budget, in parameters.
    pub fn expected_params(budget: f64) -> f64 {
        OptimumRule::DEFAULT.params(budget)
    }

    fn up_to(largest: f64, lowest: f64, sizes: &Sizes) -> Self {
        let span = largest / lowest;
        let most = RATIOS.0.powi(MOST_BUDGETS as i32 - 1);
        let count = if span >= 0.999 * most { MOST_BUDGETS } else { LEAST_BUDGETS };
        let ratio = span.powf(1.0 / (count - 1) as f64).clamp(RATIOS.0, RATIOS.1);
        let below = |k: usize| two_digits(largest / ratio.powi((count - 1 - k) as i32));
        let budgets: Vec<f64> = (0..count).map(below).collect();
        let seeds = |k: usize| (0..[4, 2].get(k).copied().unwrap_or(1)).collect();
        Self {
            widths: budgets.iter().map(|budget| sizes.around(*budget)).collect(),
            seeds: (0..count).map(seeds).collect(),
            budgets,
        }
    }

    /// Whether the ladder of models is long enough for it.
    fn is_whole(&self) -> bool {
        self.widths.iter().all(|widths| widths.len() == SIZES)
    }
}

/// Widths and sizes of the models there are, smallest first.
struct Sizes(Vec<(usize, f64)>);

impl Sizes {
    fn of(model: &ModelConfig, vocab: usize) -> Self {
        let sized = |shape: &Shape| (shape.width, Convention::Exact.params(shape));
        Self(model.even_ladder(vocab).iter().map(sized).collect())
    }

    fn bracket(&self, budget: f64) -> bool {
        let expected = StarterGrid::expected_params(budget);
        let ends = [self.0.first(), self.0.last()].map(|end| end.map_or(f64::NAN, |(_, n)| *n));
        ends[0] * BRACKET <= expected && expected * BRACKET <= ends[1]
    }

    /// Seven widths around the expected best size; fewer where the models end before.
    fn around(&self, budget: f64) -> Vec<usize> {
        let expected = StarterGrid::expected_params(budget);
        let nearest_to = |params: f64| {
            let mut by_distance = self.0.clone();
            let distance = |n: f64| (n / params).ln().abs();
            by_distance.sort_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
            by_distance
        };
        if self.0.last().is_none_or(|(_, largest)| *largest < expected * SPREAD) {
            return Vec::new();
        }
        let mut widths: Vec<usize> = Vec::new();
        let half = (SIZES / 2) as i32;
        let wanted = (-half..=half).map(|k| expected * SPREAD.powf(f64::from(k) / f64::from(half)));
        let wanted = wanted.filter_map(|params| nearest_to(params).first().copied());
        for (width, _) in wanted.chain(nearest_to(expected)) {
            if widths.len() < SIZES && !widths.contains(&width) {
                widths.push(width);
            }
        }
        widths.sort_unstable();
        widths
    }
}

fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().expect("a number as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(context: usize, vocab: usize) -> Vec<StarterGrid> {
        StarterGrid::all(&ModelConfig { context, ..ModelConfig::default() }, vocab)
    }

    #[test]
    fn every_slice_brackets_the_expected_best_size_with_seven() {
        let model = ModelConfig { context: 64, ..ModelConfig::default() };
        let grids = all(64, 256);
        assert!(grids.len() > 50, "{}", grids.len());
        for grid in &grids {
            assert!((5..=6).contains(&grid.budgets.len()));
            for pair in grid.budgets.windows(2) {
                assert!((1.9..2.7).contains(&(pair[1] / pair[0])), "{grid:?}");
            }
            for (budget, widths) in grid.budgets.iter().zip(&grid.widths) {
                assert_eq!(widths.len(), 7);
                assert!(widths.is_sorted_by(|a, b| a < b));
                let params = |width: usize| {
                    Convention::Exact.params(&model.shape(width, 256).unwrap())
                        / StarterGrid::expected_params(*budget)
                };
                let (least, most) = (params(widths[0]), params(widths[6]));
                assert!(least <= 0.5 && most >= 2.0, "{budget:e}: {least} to {most}");
                assert!(least > 0.18 && most < 6.0, "{budget:e}: {least} to {most}");
            }
        }
        assert!(grids.is_sorted_by(|a, b| a.budgets.last() < b.budgets.last()));
    }

    #[test]
    fn the_smallest_is_a_matter_of_a_minute_and_more_time_buys_a_wider_range() {
        let grids = all(64, 256);
        assert_eq!(grids[0].budgets, [2e10, 4e10, 8e10, 1.6e11, 3.2e11]);
        assert_eq!(grids[0].widths[0], [8, 12, 16, 20, 24, 32, 40]);
        assert_eq!(grids[0].seeds, [&[0, 1, 2, 3][..], &[0, 1], &[0], &[0], &[0]]);
        let spans: Vec<f64> =
            grids.iter().map(|g| g.budgets.last().unwrap() / g.budgets[0]).collect();
        assert!(spans.iter().all(|span| (15.0..110.0).contains(span)), "{spans:?}");
        assert!(spans[20] > 90.0);
    }

    #[test]
    fn a_large_vocabulary_needs_larger_budgets() {
        let (small, large) = (all(64, 256), all(64, 4096));
        assert!(large[0].budgets[0] > 10.0 * small[0].budgets[0]);
    }
}
