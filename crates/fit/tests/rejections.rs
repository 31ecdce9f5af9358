//! Tests of published laws: how often they reject a law that holds, and one that does not.

mod support;

use isoflop_fit::Objective;
use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::published::{Fits, LawTest, Null, published, test_law};
use isoflop_fit::{FitError, Table};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use support::truths;

const TABLES: u64 = 200;

fn options(objective: Objective, draws: usize) -> FitOptions {
    let intervals = IntervalOptions { draws, ..Default::default() };
    FitOptions { objective, intervals, ..Default::default() }
}

/// Everything that a table allows to be tested, of one published law.
fn tested(table: &Table, key: &str, options: &FitOptions) -> LawTest {
    let draws = options.intervals.draws;
    let slices = fit_isoflop(table, &IsoflopOptions { draws, ..Default::default() }).unwrap();
    let law = fit_law(table, &Hoffmann, options).unwrap();
    let fits = Fits { slices: Some(&slices), law: law.result.as_ref() };
    test_law(table, published(key).unwrap(), fits, options).unwrap()
}

/// The share of tables of a truth that reject a law by each of the tests.
fn rejected(truth: truths::Truth, key: &str, objective: Objective) -> Vec<(Null, f64)> {
    let mut counts: Vec<(Null, f64)> = Vec::new();
    for seed in 0..TABLES {
        let table = truths::study(truth, 0.003, &mut ChaCha8Rng::seed_from_u64(seed));
        let test = tested(&table, key, &options(objective, 199));
        assert_eq!(test.refused, []);
        for one in test.tests {
            assert!(one.p > 0.0 && one.p <= 1.0 && one.statistic >= 0.0, "{one:?}");
            let share = f64::from(u8::from(one.rejected)) / TABLES as f64;
            match counts.iter_mut().find(|(null, _)| *null == one.null) {
                Some((_, sum)) => *sum += share,
                None => counts.push((one.null, share)),
            }
        }
    }
    counts
}

/// Muennighoff et al.'s law at unlimited data.
fn muennighoff(n: f64, d: f64) -> f64 {
    1.869143678 + 520.8249517 / n.powf(0.3526596) + 1487.716094 / d.powf(0.3526596)
}

#[test]
fn a_law_that_holds_is_rejected_as_often_as_is_said() {
    for objective in [Objective::Huber { delta: 1e-3 }, Objective::SquaredLog] {
        let shares = rejected(muennighoff, "muennighoff2023", objective);
        assert_eq!(shares.len(), 4, "{shares:?}");
        for (null, share) in &shares {
            println!("{objective:?} {null:?}: {share:.3}");
        }
        for (null, share) in shares {
            assert!((0.015..=0.095).contains(&share), "{objective:?} {null:?}: {share}");
        }
    }
}

#[test]
fn another_law_is_rejected() {
    let shares = rejected(truths::hoffmann, "hoffmann2022-3", Objective::Huber { delta: 1e-3 });
    println!("{shares:?}");
    for (null, share) in shares {
        assert!(share > 0.8, "{null:?}: {share}");
    }
}

#[test]
fn other_units_of_the_loss_reject_the_whole_law_and_not_its_exponents() {
    let table = truths::study(muennighoff, 0.003, &mut ChaCha8Rng::seed_from_u64(1));
    let in_bits = |row: &isoflop_fit::Observation| isoflop_fit::Observation {
        loss_nats: row.loss_nats / std::f64::consts::LN_2,
        ..row.clone()
    };
    let bits = Table::new(table.rows().iter().map(in_bits).collect()).unwrap();
    let test = tested(&bits, "muennighoff2023", &options(Objective::default(), 500));
    let p = |null: Null| test.tests.iter().find(|t| t.null == null).unwrap().p;
    assert!(p(Null::WholeLaw) < 0.01 && p(Null::Exponents) > 0.05, "{test:?}");
}

#[test]
fn what_cannot_be_tested_is_told() {
    let table = truths::study(muennighoff, 0.003, &mut ChaCha8Rng::seed_from_u64(1));
    let options = options(Objective::default(), 0);
    let none = Fits::default();
    let of = |key| test_law(&table, published(key).unwrap(), none, &options);
    assert!(matches!(of("steplaw2025"), Err(FitError::BadOption { .. })));
    let test = of("hoffmann2022-3").unwrap();
    assert!(test.tests.is_empty() && test.refused[0].to_string().contains("`draws` is 0"));
    let test = of("porian2024").unwrap();
    assert!(test.refused[0].to_string().contains("no approach has an interval"), "{test:?}");
}
