//! Cells that train as one program, and what that costs.

use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Schedule};

/// Cells of one shape and batch that train in lock-step as one program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Stable name: a hash of the cells' ids.
    pub id: String,
    /// The cells, longest first.
    pub cells: Vec<Cell>,
}

impl Stack {
    /// Positions of the wanted cells, grouped into the replicas that the stack starts with: WSD cells
    /// that differ in length alone are one run until the shorter one decays. Longest first.
    pub fn replicas(&self, wanted: impl Fn(&Cell) -> bool) -> Vec<Vec<usize>> {
        let cells = &self.cells;
        let mut replicas: Vec<Vec<usize>> = Vec::new();
        for index in (0..cells.len()).filter(|&i| wanted(&cells[i])) {
            let twin =
                replicas.iter_mut().find(|replica| shares_trunk(&cells[replica[0]], &cells[index]));
            match twin {
                Some(replica) => replica.push(index),
                None => replicas.push(vec![index]),
            }
        }
        for replica in &mut replicas {
            replica.sort_by_key(|&i| (std::cmp::Reverse(cells[i].steps), i));
        }
        replicas
    }

    /// Exact FLOPs that the wanted cells have cost when `step` steps are done; what several of them
    /// share is counted once.
    pub fn spent_flops(&self, wanted: impl Fn(&Cell) -> bool, step: u64) -> f64 {
        let replicas = self.replicas(wanted);
        let cost = |(place, &index): (usize, &usize)| {
            let cell = &self.cells[index];
            let begins = if place == 0 { 0 } else { cell.stable_steps() };
            cell.step_flops() * step.min(cell.steps).saturating_sub(begins) as f64
        };
        replicas.iter().flat_map(|replica| replica.iter().enumerate().map(cost)).sum()
    }

    /// Exact FLOPs of training all cells; what several of them share is counted once.
    pub fn cost_flops(&self) -> f64 {
        self.spent_flops(|_| true, u64::MAX)
    }
}

/// Whether two cells are the same run until the shorter one's decay.
fn shares_trunk(a: &Cell, b: &Cell) -> bool {
    let wsd = matches!(a.hyper.schedule, Schedule::Wsd { .. });
    let warm = |c: &Cell| c.hyper.warmup_steps <= c.stable_steps();
    wsd && a.hyper == b.hyper && a.seed == b.seed && a.steps != b.steps && warm(a) && warm(b)
}
