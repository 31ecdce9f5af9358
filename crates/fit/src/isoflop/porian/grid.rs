//! Akima's curve of one slice, on a grid.

use super::super::{SliceRefusal, akima};

/// Grid points per size, as far as 5,000 in all.
const FINENESS: usize = 25;
const MOST_POINTS: usize = 5000;

/// Akima's curve over ascending places, looked at on a grid.
pub(super) struct Grid {
    x: Vec<f64>,
    at: Vec<f64>,
    fineness: usize,
}

impl Grid {
    pub fn new(x: Vec<f64>) -> Grid {
        let gaps = x.len() - 1;
        let fineness = FINENESS.min(MOST_POINTS / gaps).max(2);
        let points = fineness * gaps;
        let step = (x[gaps] - x[0]) / (points - 1) as f64;
        let at = (0..points).map(|k| x[0] + step * k as f64).collect();
        Grid { x, at, fineness }
    }

    /// Of the places, as the grid has it.
    pub fn spacing(&self) -> f64 {
        let step = (self.x[self.x.len() - 1] - self.x[0]) / (self.at.len() - 1) as f64;
        self.fineness as f64 * step
    }

    /// ln L on the grid.
    fn values(&self, loss: &[f64]) -> Vec<f64> {
        let y: Vec<f64> = loss.iter().map(|l| l.ln()).collect();
        let slopes = akima::slopes(&self.x, &y);
        let mut k = 0;
        let one = |at: &f64| {
            while k + 2 < self.x.len() && self.x[k + 1] <= *at {
                k += 1;
            }
            akima::hermite(&self.x, &y, &slopes, k, *at)
        };
        self.at.iter().map(one).collect()
    }

    /// Place and ln L of the lowest point.
    pub fn lowest(&self, loss: &[f64]) -> Result<(f64, f64), SliceRefusal> {
        let values = self.values(loss);
        match least(&values) {
            0 => Err(SliceRefusal::FallsTowardsSmall),
            k if k + 1 == values.len() => Err(SliceRefusal::FallsTowardsLarge),
            k => Ok((self.at[k], values[k])),
        }
    }

    /// Second derivative of ln L at the lowest point, by differences on the grid.
    pub fn bend(&self, loss: &[f64]) -> f64 {
        let values = self.values(loss);
        let step = self.at[1] - self.at[0];
        let k = least(&values).clamp(1, values.len() - 2);
        (values[k - 1] - 2.0 * values[k] + values[k + 1]) / (step * step)
    }

    /// (N, loss).
    pub fn plot(&self, loss: &[f64]) -> Vec<(f64, f64)> {
        let every = self.at.len().div_ceil(200);
        let values = self.values(loss);
        let both = self.at.iter().zip(values).step_by(every);
        both.map(|(x, y)| (x.exp(), y.exp())).collect()
    }
}

/// The number of the first least value.
fn least(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |b, k| if values[k] < values[b] { k } else { b })
}
