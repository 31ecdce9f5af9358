//! Runs of one shape that deviate together: tested, told and resampled together.

mod support;

use isoflop_fit::effects::{EffectAnswer, effects};
use isoflop_fit::intervals::{IntervalOptions, Resampling};
use isoflop_fit::isoflop::{IsoflopOptions, Method, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::study::{StudyOptions, one_seed, run};
use isoflop_fit::validate::{ShapeTest, residual_structure};
use isoflop_fit::{Objective, Observation, Table, Warning, shapes};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use support::made::loss;

/// 8 budgets x 9 sizes of a ladder of 23 shapes, with standard deviations of ln L by shape and by run.
fn table(seed: u64, by_shape: f64, by_run: f64) -> Table {
    design(2, 9, seed, by_shape, by_run)
}

/// 8 budgets x `sizes` of a ladder that each budget enters `step` shapes higher.
fn design(step: i32, sizes: i32, seed: u64, by_shape: f64, by_run: f64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || random.sample::<f64, _>(StandardNormal);
    let together: Vec<f64> = (0..40).map(|_| by_shape * normal()).collect();
    let mut rows = Vec::new();
    for k in 0..8 {
        let flops = 1e18 * 2.4f64.powi(k);
        for i in 0..sizes {
            let shape = step * k + i;
            let n = 4e7 * 1.25f64.powi(shape);
            let d = flops / 6.0 / n;
            let off = together[shape as usize] + by_run * normal();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss(n, d) * off.exp()));
        }
    }
    Table::new(rows).unwrap()
}

/// The tests about the law and about the slices.
fn tests(table: &Table) -> [ShapeTest; 2] {
    let mut options = FitOptions { objective: Objective::SquaredLog, ..Default::default() };
    options.intervals.draws = 0;
    let fit = fit_law(table, &Hoffmann, &options).unwrap();
    let law = residual_structure(table, &Hoffmann, fit.result().unwrap()).by_shape;
    let options = IsoflopOptions { draws: 0, ..Default::default() };
    let slices = ShapeTest::of_slices(table, &fit_isoflop(table, &options).unwrap());
    [law.unwrap(), slices.unwrap()]
}

#[test]
fn runs_that_deviate_alone_are_said_to_deviate_together_as_often_as_p_says() {
    let all: Vec<[ShapeTest; 2]> = (0..300).map(|seed| tests(&table(seed, 0.0, 0.005))).collect();
    for k in 0..2 {
        let below = |limit| all.iter().filter(|t| t[k].p < limit).count();
        println!("{}: {} {} {}", all[0][k].about, below(0.5), below(0.05), below(0.001));
        assert!((120..=180).contains(&below(0.5)), "{}", below(0.5));
        assert!((5..=27).contains(&below(0.05)), "{}", below(0.05));
        assert!(below(ShapeTest::LIMIT) <= 2);
    }
}

#[test]
fn runs_that_deviate_together_are_found_and_the_worst_shape_is_named() {
    let found =
        (0..40).filter(|seed| tests(&table(*seed, 0.006, 0.003)).iter().all(|t| t.together));
    let found = found.count();
    println!("{found} of 40");
    assert!(found >= 36, "{found}");
    // One shape alone, 3% above the others.
    let odd = 4e7 * 1.25f64.powi(10);
    let rows = table(7, 0.0, 0.002).rows().to_vec();
    let lifted = rows.into_iter().map(|r| {
        let up = if (r.params / odd - 1.0).abs() < 1e-6 { 1.03 } else { 1.0 };
        Observation { loss_nats: up * r.loss_nats, ..r }
    });
    let table = Table::new(lifted.collect()).unwrap();
    for test in tests(&table) {
        assert_eq!(test.worst.shape, format!("N = {odd:.3e}"), "{test:?}");
        assert!(test.together && test.worst.mean > 0.01 && test.worst.runs == 5, "{test:?}");
    }
    let mut options = StudyOptions::default();
    (options.isoflop.draws, options.envelope.draws, options.fit.intervals.draws) = (0, 0, 0);
    let study = run(&table, &[], &options).unwrap();
    let is = |w: &&Warning| matches!(w, Warning::ShapesDeviate { .. });
    let told: Vec<String> = study.warnings.iter().filter(is).map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{:?}", study.warnings);
    assert!(told.iter().all(|t| t.contains("N = 3.725e8") && t.contains("above")), "{told:?}");
}

#[test]
fn curves_through_every_run_and_shapes_run_once_are_not_tested() {
    let table = table(1, 0.0, 0.005);
    let options = IsoflopOptions { draws: 0, method: Method::Akima, ..Default::default() };
    assert_eq!(ShapeTest::of_slices(&table, &fit_isoflop(&table, &options).unwrap()), None);
    let mut k = 0.0;
    let apart = |r: &Observation| {
        k += 1.0;
        Observation { params: r.params * (1.0 + 0.002 * k), ..r.clone() }
    };
    let apart = Table::new(table.rows().iter().map(apart).collect()).unwrap();
    let fit = fit_isoflop(&apart, &IsoflopOptions { draws: 0, ..Default::default() }).unwrap();
    assert_eq!(ShapeTest::of_slices(&apart, &fit), None);
}

#[test]
fn shapes_are_names_or_sizes_within_a_thousandth() {
    let row = |name: &str, params| Observation::new(name, params, 1e8, 6e14, 3.0);
    let named = |name: &str, params| Observation { shape: Some("a".into()), ..row(name, params) };
    let rows = vec![
        row("0", 1e6),
        named("1", 5e6),
        row("2", 1.0009e6),
        row("3", 1.0015e6),
        named("4", 1e6),
        row("5", 1e6),
    ];
    let found = shapes(&Table::new(rows).unwrap());
    let rows: Vec<&[usize]> = found.iter().map(|s| s.rows.as_slice()).collect();
    assert_eq!(rows, [&[0, 2, 5][..], &[1, 4], &[3]]);
    assert_eq!(found[1].name, "a");
}

#[test]
fn resampling_by_shape_holds_the_truth_where_shapes_deviate_together() {
    let truth = 0.3658 / (0.3478 + 0.3658);
    let covered = |scheme: Resampling| {
        let held = |seed: &u64| {
            // 16 shapes, each trained at every budget.
            let table = design(0, 16, 1000 + seed, 0.01, 0.003);
            let intervals =
                IntervalOptions { resampling: Some(scheme), draws: 200, ..Default::default() };
            let options =
                FitOptions { objective: Objective::SquaredLog, intervals, ..Default::default() };
            let fit = fit_law(&table, &Hoffmann, &options).unwrap();
            let Some(result) = &fit.result else { return false };
            let interval = result.exponents.unwrap().params.interval;
            interval.is_some_and(|i| i.contains(truth))
        };
        (0..200).filter(held).count()
    };
    let (shapes, pairs) = (covered(Resampling::Shapes), covered(Resampling::Pairs));
    println!("of 200: by shape {shapes}, pairs {pairs}");
    assert!(shapes >= 178 && pairs <= 140, "{shapes} {pairs}");
}

#[test]
fn few_shapes_have_no_interval() {
    let rows = table(2, 0.0, 0.005).rows().to_vec();
    let four: Vec<Observation> = rows
        .into_iter()
        .enumerate()
        .map(|(k, r)| Observation { shape: Some(format!("{}", k % 4)), ..r })
        .collect();
    let intervals = IntervalOptions { resampling: Some(Resampling::Shapes), ..Default::default() };
    let options = FitOptions { intervals, ..Default::default() };
    let fit = fit_law(&Table::new(four).unwrap(), &Hoffmann, &options).unwrap();
    let why = fit.result().unwrap().no_interval.clone().unwrap();
    assert!(why.contains("4 shapes"), "{why}");
}

#[test]
fn on_isoflop_slices_tokens_are_refused_with_params() {
    // A rate by rule moves with N, so that N cannot be told from it.
    let rated = |r: &Observation| Observation {
        learning_rate: Some(0.3 * r.params.powf(-0.45)),
        ..r.clone()
    };
    let slices = table(3, 0.0, 0.003);
    let rows: Vec<Observation> = slices.rows().iter().map(rated).collect();
    let found = effects(&Table::new(rows).unwrap(), 0, 0.95, 0).unwrap();
    let of = |name: &str| &found.effects.iter().find(|e| e.factor == name).unwrap().answer;
    assert!(matches!(of("N"), EffectAnswer::Confounded { .. }), "{found:?}");
    let EffectAnswer::Confounded { with, explained } = of("D") else { panic!("{:?}", of("D")) };
    assert_eq!(with, &["N", "C"]);
    assert!(*explained > 0.999, "{explained}");
    // With rates that move apart from N, both have an answer.
    let free = effects(&slices, 0, 0.95, 0).unwrap();
    for factor in ["N", "D"] {
        let answer = &free.effects.iter().find(|e| e.factor == factor).unwrap().answer;
        assert!(matches!(answer, EffectAnswer::Elasticity { .. }), "{factor}: {answer:?}");
    }
}

#[test]
fn a_table_of_one_seed_is_known() {
    let bare = table(4, 0.0, 0.003);
    assert!(!one_seed(&bare));
    let seeded = |every: usize| {
        let rows = bare.rows().iter().enumerate();
        let seed = |(k, r): (usize, &Observation)| Observation {
            seed: Some((k / every).to_string()),
            ..r.clone()
        };
        Table::new(rows.map(seed).collect()).unwrap()
    };
    assert!(one_seed(&seeded(72)) && !one_seed(&seeded(36)));
}
