//! Rows that are no runs of their own: earlier points of a run's history, runs under a second name, and settings that another did
//! better with.

use crate::left_out::LeftOutReason;
use crate::observation::Observation;
use crate::stats::median;

/// A row as it was read: a run, or the name of the row and why it is none.
pub type ReadRow = Result<Observation, (String, LeftOutReason)>;

/// Of histories (rows of one name and N whose tokens rise) keeps the last row; says how many runs have one.
pub fn keep_last_of_histories(rows: &mut [ReadRow]) -> usize {
    fn key(row: &Observation) -> (&str, u64, Option<&str>, Option<&str>) {
        (&row.run, row.params.to_bits(), row.seed.as_deref(), row.hardware.as_deref())
    }
    let mut histories = 0;
    for places in alike(rows, key) {
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

/// Rows of one key, where there are several: their places, ascending.
pub(crate) fn alike<'a, K: Ord>(
    rows: &'a [ReadRow],
    key: impl Fn(&'a Observation) -> K,
) -> Vec<Vec<usize>> {
    let key = |k: usize| rows[k].as_ref().ok().map(&key);
    let mut order: Vec<usize> = (0..rows.len()).filter(|&k| rows[k].is_ok()).collect();
    order.sort_by_key(|&k| key(k));
    let several = order.chunk_by(|&a, &b| key(a) == key(b)).filter(|places| places.len() > 1);
    several.map(<[usize]>::to_vec).collect()
}

/// Counts runs once that stand under several names: N, D and the loss equal to the last digit, and nothing that tells them apart.
/// Losses of one or two decimals may be equal by chance, and are let be.
pub fn count_renamed_once(rows: &mut [ReadRow]) {
    let exact = |row: &Observation| {
        let hundredths = 100.0 * row.loss_nats;
        (hundredths - hundredths.round()).abs() > 1e-6
    };
    for places in alike(rows, |r| [r.params, r.tokens, r.loss_nats].map(f64::to_bits)) {
        if !rows[places[0]].as_ref().is_ok_and(exact) {
            continue;
        }
        let mut seen: Vec<usize> = Vec::new();
        for k in places {
            let Ok(row) = &rows[k] else { continue };
            let others = seen.iter().filter_map(|&at| rows[at].as_ref().ok());
            // Of runs that were trained alike those of one name are kept, so that one of them stands for all.
            match others.into_iter().find(|other| trained_alike(other, row)) {
                Some(other) if other.run != row.run => {
                    leave_out(&mut rows[k], LeftOutReason::Renamed);
                }
                Some(_) => {}
                None => seen.push(k),
            }
        }
    }
}

fn trained_alike(a: &Observation, b: &Observation) -> bool {
    let names = |r: &Observation| [r.seed.clone(), r.hardware.clone(), r.shape.clone()];
    let numbers =
        |r: &Observation| [r.learning_rate, r.batch_tokens, r.width, r.depth, r.unique_tokens];
    names(a) == names(b) && numbers(a) == numbers(b)
}

/// A search over settings (learning rates, batches) at a few pairs of N and D, of which the best are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Pairs of N and D.
    pub pairs: usize,
    /// Rows left out.
    pub worse: usize,
    /// How far the loss of the middle setting is above the best of its pair, as a share, in the middle of the pairs.
    pub off: f64,
    /// Rows of a loss beyond [`FAR_OFF`] times the best of their pair: diverged, or far from tuned.
    pub far_off: Vec<String>,
}

/// Of one pair's settings: a loss so many times the best.
pub const FAR_OFF: f64 = 1.5;
/// Seeds lie closer together than this, as a share of the loss, and settings do not.
const SEEDS_WITHIN: f64 = 0.02;
/// Fewest rows of a pair that tell settings from seeds.
const LEAST_SETTINGS: usize = 4;

/// Where most rows are settings of few pairs of N and D, keeps the best of each pair: the loss that the others came to says nothing of
/// N and D, and they are no independent runs. Rows with seeds are left as they are.
pub fn keep_best_settings(rows: &mut [ReadRow]) -> Option<Settings> {
    fn key(r: &Observation) -> [u64; 6] {
        let bits = |v: Option<f64>| v.map_or(0, f64::to_bits);
        let (shape, unique) = ([bits(r.width), bits(r.depth)], bits(r.unique_tokens));
        let (params, tokens, budget) =
            (r.params.to_bits(), r.tokens.to_bits(), bits(r.budget_flops));
        [params, tokens, shape[0], shape[1], unique, budget]
    }
    if rows
        .iter()
        .flatten()
        .any(|r| r.seed.is_some() || r.cluster.is_some() || r.hardware.is_some())
    {
        return None;
    }
    let losses: Vec<f64> =
        rows.iter().map(|row| row.as_ref().map_or(f64::NAN, |r| r.loss_nats)).collect();
    let loss = |k: usize| losses[k];
    let usable = |k: &usize| loss(*k).is_finite() && loss(*k) > 0.0;
    let all = (0..rows.len()).filter(usable).count();
    let mut pairs = alike(rows, key);
    let mut offs = Vec::new();
    // Runs of pairs of many, and of pairs of several.
    let (mut many, mut several) = (0, 0);
    for places in &mut pairs {
        places.retain(usable);
        places.sort_by(|a, b| loss(*a).total_cmp(&loss(*b)));
        several += places.len();
        if places.len() >= LEAST_SETTINGS {
            offs.push(loss(places[places.len() / 2]) / loss(places[0]) - 1.0);
            many += places.len();
        }
    }
    if 2 * many <= all || offs.is_empty() {
        return None;
    }
    let off = median(&mut offs);
    if !(off > SEEDS_WITHIN) {
        return None;
    }
    pairs.retain(|places| !places.is_empty());
    let count = pairs.len() + all - several;
    let mut found = Settings { pairs: count, worse: 0, off, far_off: Vec::new() };
    for places in pairs {
        let least = loss(places[0]);
        found.worse += places.len() - 1;
        for k in places.into_iter().skip(1) {
            let far = rows[k].as_ref().is_ok_and(|r| r.loss_nats > FAR_OFF * least);
            if let (true, Ok(row)) = (far, &rows[k]) {
                found.far_off.push(row.run.clone());
            }
            leave_out(&mut rows[k], LeftOutReason::WorseSetting);
        }
    }
    Some(found)
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

    #[test]
    fn the_best_of_each_pair_s_settings_stays_and_seeds_do_all() {
        let table = |spread: f64| -> Vec<ReadRow> {
            (0..40)
                .map(|k| {
                    let (pair, setting) = (k / 10, k % 10);
                    let loss = 3.0 + 0.1 * f64::from(pair);
                    let off = spread * f64::from((setting * 7 + 3) % 10);
                    let diverged = if k == 25 { 2.0 } else { 1.0 };
                    run(
                        &format!("{k}"),
                        1e6 * f64::from(pair + 1),
                        1e8,
                        loss * (1.0 + off) * diverged,
                    )
                })
                .collect()
        };
        let mut rows = table(0.01);
        let found = keep_best_settings(&mut rows).unwrap();
        assert_eq!((found.pairs, found.worse, found.far_off), (4, 36, vec!["25".to_string()]));
        assert!((found.off - 0.05).abs() < 1e-9, "{}", found.off);
        assert_eq!(kept(&rows), [1, 11, 21, 31]);
        assert_eq!(rows[0], Err(("0".into(), LeftOutReason::WorseSetting)));
        assert_eq!(keep_best_settings(&mut table(0.001)), None);
        let mut seeded = table(0.01);
        seeded.iter_mut().flatten().for_each(|r| r.seed = Some(r.run.clone()));
        assert_eq!(keep_best_settings(&mut seeded), None);
    }
}
