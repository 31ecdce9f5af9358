//! One replica of a stack: the cells it stands for, and what is measured of them.

use isoflop_plan::{Cell, Stack};
use serde::{Deserialize, Serialize};

use isoflop_record::{CurvePoint, Energy};

/// What is measured of one cell: losses added up since the last point of its curve, and the points so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CellProgress {
    sum: f64,
    pub(crate) count: u64,
    pub curve: Vec<CurvePoint>,
    pub valid_curve: Vec<(u64, f64)>,
    pub train_seconds: f64,
    pub eval_seconds: f64,
    /// What was drawn in both; `None` once a part of it was not counted.
    #[serde(default)]
    pub energy: Option<Energy>,
    pub resumed: u32,
    /// This cell's share of the steps that were computed; shared steps are divided.
    #[serde(default)]
    pub computed_steps: f64,
    /// Loss of the first step and a running mean, to notice a loss that runs away.
    first_loss: Option<f64>,
    running: Option<f64>,
}

impl CellProgress {
    /// Steps whose losses are in it; `None` where its curve does not go forward.
    pub(crate) fn steps(&self) -> Option<u64> {
        let forward = self.curve.is_sorted_by(|a, b| a.step < b.step);
        let closed = self.curve.last().map_or(0, |point| point.step);
        forward.then(|| closed.checked_add(self.count)).flatten()
    }
}

/// What carries one cell's weights in a stack. It stands for several cells while these are still the same run: WSD runs that
/// differ in length alone share their stable part. It follows the schedule of the longest, which comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Positions in the stack's list of cells.
    pub cells: Vec<usize>,
    /// One entry per cell. Checkpoints call them `tracks`.
    #[serde(rename = "tracks")]
    pub progress: Vec<CellProgress>,
    /// Step and reason of a divergence that was noticed.
    pub lost: Option<(u64, String)>,
}

impl Replica {
    /// The replicas that a stack starts with: cells that share a beginning are put together. `energy` is none yet of what is
    /// counted.
    pub fn group(stack: &Stack, wanted: &[usize], energy: Option<Energy>) -> Vec<Self> {
        let wanted = |cell: &Cell| wanted.iter().any(|&i| stack.cells[i].id == cell.id);
        let replica = |cells: Vec<usize>| Self {
            progress: vec![CellProgress { energy, ..CellProgress::default() }; cells.len()],
            cells,
            lost: None,
        };
        stack.replicas(wanted).into_iter().map(replica).collect()
    }

    /// Cells that take their own way before step `step`; they leave this replica for one each.
    pub fn fork(&mut self, cells: &[Cell], step: u64) -> Vec<Self> {
        let mut forked = Vec::new();
        let mut at = 1;
        while at < self.cells.len() {
            let cell = &cells[self.cells[at]];
            if cell.stable_steps() <= step {
                let (cell, progress) = (self.cells.remove(at), self.progress.remove(at));
                forked.push(Self { cells: vec![cell], progress: vec![progress], lost: None });
            } else {
                at += 1;
            }
        }
        forked
    }

    /// Drops the cells that are not wanted.
    pub fn retain(&mut self, wanted: impl Fn(usize) -> bool) {
        let both = self.cells.drain(..).zip(self.progress.drain(..)).filter(|(c, _)| wanted(*c));
        (self.cells, self.progress) = both.collect::<Vec<_>>().into_iter().unzip();
    }

    /// Adds the loss of step `step`, taken at the rate that `learning_rate` gives; closes a curve point of every cell that is due
    /// one.
    pub fn record(
        &mut self,
        cells: &[Cell],
        step: u64,
        (loss, grad_norm): (f64, f64),
        curve_points: usize,
        learning_rate: impl Fn(&Cell) -> f64,
    ) {
        for (&index, progress) in self.cells.iter().zip(&mut self.progress) {
            let cell = &cells[index];
            progress.sum += loss;
            progress.count += 1;
            progress.first_loss.get_or_insert(loss);
            progress.running = Some(running_mean(progress.running, loss));
            if is_point(step + 1, cell.steps, curve_points as u64) {
                progress.curve.push(CurvePoint {
                    step: step + 1,
                    tokens: (step + 1) * cell.batch_tokens(),
                    loss_nats: progress.sum / progress.count as f64,
                    learning_rate: learning_rate(cell),
                    grad_norm: Some(grad_norm),
                });
                (progress.sum, progress.count) = (0.0, 0);
            }
        }
    }

    /// Why this step's numbers mean that the run is lost, if they do.
    pub fn trouble(&self, loss: f64, grad_norm: f64, vocab: usize) -> Option<String> {
        let uniform = (vocab as f64).ln();
        let first = self.progress[0].first_loss.unwrap_or(uniform);
        // One batch of a few odd sequences may be worse than guessing; a stretch of them is not.
        let running = running_mean(self.progress[0].running, loss);
        if !loss.is_finite() {
            Some(format!("the training loss is {loss}"))
        } else if !grad_norm.is_finite() {
            Some(format!("the gradient norm is {grad_norm}"))
        } else if running > 2.0 * uniform.max(first) {
            Some(format!(
                "the mean training loss {running:.3} is over twice the first ({first:.3})"
            ))
        } else {
            None
        }
    }
}

/// Steps that the running mean of the loss looks back over, about.
const RUNNING_STEPS: f64 = 20.0;

fn running_mean(mean: Option<f64>, loss: f64) -> f64 {
    mean.map_or(loss, |mean| mean + (loss - mean) / RUNNING_STEPS)
}

/// Whether `step` of `steps` closes one of `points` evenly spread intervals.
pub fn is_point(step: u64, steps: u64, points: u64) -> bool {
    let points = points.clamp(1, steps);
    step * points / steps > (step - 1) * points / steps
}

#[cfg(test)]
mod tests {
    use super::{CellProgress, is_point};

    #[test]
    fn points_are_as_many_as_asked_and_end_the_run() {
        for (steps, points) in [(100u64, 10u64), (7, 3), (5, 50), (1, 1), (1000, 64)] {
            let at: Vec<u64> = (1..=steps).filter(|&s| is_point(s, steps, points)).collect();
            assert_eq!(at.len() as u64, points.min(steps));
            assert_eq!(at.last(), Some(&steps));
        }
    }

    #[test]
    fn a_checkpoint_from_before_energy_was_counted_is_read() {
        let mut old = serde_json::to_value(CellProgress::default()).unwrap();
        old.as_object_mut().unwrap().remove("energy").expect("it is written now");
        let read: CellProgress = serde_json::from_value(old).unwrap();
        assert_eq!(read, CellProgress::default());
        assert_eq!(read.energy, None, "what was drawn is not known");
    }
}
