//! Rows that are no runs of their own: earlier points of a run's history, and runs under a second name.

use std::collections::{BTreeMap, HashMap};

use crate::left_out::LeftOutReason;
use crate::observation::Observation;

/// A row as it was read: a run, or the name of the row and why it is none.
pub type ReadRow = Result<Observation, (String, LeftOutReason)>;

/// Of histories (rows of one name and N whose tokens rise) keeps the last row; says how many runs have one.
pub fn keep_last_of_histories(rows: &mut [ReadRow]) -> usize {
    let mut by_run: BTreeMap<(String, u64, Option<String>, Option<String>), Vec<usize>> =
        BTreeMap::new();
    for (k, row) in rows.iter().enumerate() {
        if let Ok(r) = row {
            let key = (r.run.clone(), r.params.to_bits(), r.seed.clone(), r.hardware.clone());
            by_run.entry(key).or_default().push(k);
        }
    }
    let mut histories = 0;
    for places in by_run.into_values().filter(|places| places.len() > 1) {
        let tokens = |k: usize| rows[k].as_ref().map_or(f64::NAN, |r| r.tokens);
        let mut all: Vec<f64> = places.iter().map(|&k| tokens(k)).collect();
        all.sort_unstable_by(f64::total_cmp);
        all.dedup();
        // A point or two may be logged twice; where tokens repeat more often, the rows are runs.
        if all.len() < 2 || 10 * (places.len() - all.len()) > places.len() {
            continue;
        }
        histories += 1;
        let last = places.iter().copied().max_by(|a, b| tokens(*a).total_cmp(&tokens(*b)));
        for k in places.into_iter().filter(|k| Some(*k) != last) {
            leave_out(&mut rows[k], LeftOutReason::NotLast);
        }
    }
    histories
}

/// Counts runs once that stand under several names: N, D and the loss equal to the last digit, and nothing that tells them apart.
/// Losses of one or two decimals may be equal by chance, and are let be.
pub fn count_renamed_once(rows: &mut [ReadRow]) {
    let mut seen: HashMap<[u64; 3], Vec<usize>> = HashMap::new();
    for k in 0..rows.len() {
        let Ok(row) = &rows[k] else { continue };
        let hundredths = 100.0 * row.loss_nats;
        if !((hundredths - hundredths.round()).abs() > 1e-6) {
            continue;
        }
        let key = [row.params, row.tokens, row.loss_nats].map(f64::to_bits);
        let same = seen.entry(key).or_default();
        let others = same.iter().filter_map(|&at| rows[at].as_ref().ok());
        // Of runs that were trained alike those of one name are kept, so that one of them stands for all.
        match others.into_iter().find(|other| trained_alike(other, row)) {
            Some(other) if other.run != row.run => {
                leave_out(&mut rows[k], LeftOutReason::Renamed);
            }
            Some(_) => {}
            None => same.push(k),
        }
    }
}

fn trained_alike(a: &Observation, b: &Observation) -> bool {
    let names = |r: &Observation| [r.seed.clone(), r.hardware.clone(), r.shape.clone()];
    let numbers =
        |r: &Observation| [r.learning_rate, r.batch_tokens, r.width, r.depth, r.unique_tokens];
    names(a) == names(b) && numbers(a) == numbers(b)
}

/// Leaves a row out that was a run.
pub fn leave_out(row: &mut ReadRow, reason: LeftOutReason) {
    if let Ok(run) = row {
        *row = Err((std::mem::take(&mut run.run), reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, n: f64, d: f64, loss: f64) -> ReadRow {
        Ok(Observation::new(name, n, d, 6.0 * n * d, loss))
    }

    fn kept(rows: &[ReadRow]) -> Vec<usize> {
        (0..rows.len()).filter(|&k| rows[k].is_ok()).collect()
    }

    #[test]
    fn the_last_row_of_a_history_stays_and_runs_of_one_name_do_too() {
        let mut rows = vec![
            run("a", 1e6, 2e8, 3.5),
            run("a", 1e6, 3e8, 3.3),
            run("a", 1e6, 1e8, 4.0),
            // Two sizes, two repeats: no history.
            run("b", 1e6, 1e8, 4.0),
            run("b", 2e6, 1e8, 3.9),
            run("c", 1e6, 1e8, 4.01),
            run("c", 1e6, 1e8, 4.02),
        ];
        assert_eq!(keep_last_of_histories(&mut rows), 1);
        assert_eq!(kept(&rows), [1, 3, 4, 5, 6]);
        assert_eq!(rows[0], Err(("a".into(), LeftOutReason::NotLast)));
    }

    #[test]
    fn a_run_under_two_names_counts_once() {
        let seeded = |name: &str, seed: &str| {
            run(name, 1e6, 1e8, 4.01234).map(|r| Observation { seed: Some(seed.into()), ..r })
        };
        let mut rows = vec![
            run("a", 1e6, 1e8, 4.01234),
            run("b", 1e6, 1e8, 4.01234),
            run("b", 1e6, 1e8, 4.01234),
            run("c", 1e6, 1e8, 4.01),
            run("d", 1e6, 1e8, 4.01),
            seeded("e", "0"),
            seeded("f", "1"),
        ];
        count_renamed_once(&mut rows);
        assert_eq!(kept(&rows), [0, 3, 4, 5, 6]);
        assert_eq!(rows[1], Err(("b".into(), LeftOutReason::Renamed)));
    }
}
