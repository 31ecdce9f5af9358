//! Cells that train as one program, and what that costs.

use isoflop_durable::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// A stack of these cells, longest first.
    pub fn of(cells: Vec<Cell>) -> Self {
        let mut hash = Sha256::new();
        for cell in &cells {
            hash.update(cell.id.0.as_bytes());
        }
        let id = hex(&hash.finalize()[..8]);
        Self { id, cells }
    }

    /// Two stacks with half of the wanted cells' replicas each; `None` where these are one.
    pub fn halves(&self, wanted: impl Fn(&Cell) -> bool) -> Option<[Self; 2]> {
        let replicas = self.replicas(wanted);
        let (first, second) = replicas.split_at(replicas.len() / 2);
        let of = |replicas: &[Vec<usize>]| {
            let mut cells = replicas.concat();
            cells.sort_unstable();
            Self::of(cells.into_iter().map(|i| self.cells[i].clone()).collect())
        };
        (!first.is_empty()).then(|| [of(first), of(second)])
    }

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

#[cfg(test)]
mod tests {
    use crate::{Config, DataFacts, Grid};

    #[test]
    fn halves_have_every_wanted_cell_once_and_keep_trunks_together() {
        let text = "[model]\ncontext = 64\n[grid]\nbudgets = [1e10, 2e10]\nwidths = [16]\nseeds = [0, 1, 2]\n[train]\nschedule = \"wsd\"\nbatch_tokens = 128\nlearning_rate = 1e-3\nwarmup_steps = 4\n";
        let config = Config::parse(text, "a.toml").unwrap();
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        let stack = &Grid::build(&config, &facts).unwrap().stacks[0];
        let replicas = stack.replicas(|_| true).len();
        assert!(replicas >= 3 && stack.cells.len() > replicas, "{stack:?}");
        let [first, second] = stack.halves(|_| true).unwrap();
        let both = [&first, &second].map(|half| half.replicas(|_| true).len());
        assert_eq!((both[0] + both[1], both[0]), (replicas, replicas / 2));
        let mut ids: Vec<_> = first.cells.iter().chain(&second.cells).map(|c| &c.id).collect();
        let mut all: Vec<_> = stack.cells.iter().map(|cell| &cell.id).collect();
        ids.sort();
        all.sort();
        assert_eq!(ids, all);
        assert_ne!(first.id, stack.id);

        let one = stack.cells[0].id.clone();
        assert_eq!(stack.halves(|cell| cell.id == one), None);
    }
}
