//! What must hold for any data.

use isoflop_fit::envelope::{EnvelopeOptions, curves_of, fit_envelope};
use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, Method, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, LawResult, fit_law};
use isoflop_fit::{Estimate, Objective, Observation, Table};
use proptest::prelude::*;

/// E, A's share at the centre, alpha, beta.
type Law = (f64, f64, f64, f64);

fn laws() -> impl Strategy<Value = Law> {
    (1.2..3.0f64, 0.3..0.7f64, 0.22..0.6f64, 0.22..0.6f64)
}

/// 5 slices x 7 sizes around the law's own optimum, a ripple of `noise` on the losses.
fn rows((e, share, alpha, beta): Law, noise: &[f64]) -> Vec<Observation> {
    let a = share * 1.5 * 3e8f64.powf(alpha);
    let b = (1.0 - share) * 1.5 * 6e9f64.powf(beta);
    let mut out = Vec::new();
    for k in 0..5 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        let centre = ((alpha * a / (beta * b)).ln() + beta * (flops / 6.0).ln()) / (alpha + beta);
        for i in 0..7 {
            let n = (centre + 5f64.ln() * (f64::from(i) / 3.0 - 1.0)).exp();
            let d = flops / 6.0 / n;
            let ripple = 1.0 + noise[(k * 7 + i) as usize];
            let loss = (e + a / n.powf(alpha) + b / d.powf(beta)) * ripple;
            out.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    out
}

fn noises() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-0.004..0.004f64, 35)
}

fn fit(rows: Vec<Observation>, objective: Objective) -> Option<LawResult> {
    let intervals = IntervalOptions { draws: 0, ..Default::default() };
    let options = FitOptions { objective, intervals, ..Default::default() };
    fit_law(&Table::new(rows).unwrap(), &Hoffmann, &options).unwrap().result
}

fn same(
    a: &Option<LawResult>,
    b: &Option<LawResult>,
    unit: impl Fn(&str) -> f64,
) -> Result<(), TestCaseError> {
    let (Some(a), Some(b)) = (a, b) else {
        return Err(TestCaseError::fail("one of the two is no result"));
    };
    for (p, q) in a.parameters.iter().zip(&b.parameters) {
        let ratio = q.estimate.point / (p.estimate.point * unit(&p.name));
        prop_assert!(
            (ratio - 1.0).abs() < 2e-4,
            "{}: {} {}",
            p.name,
            p.estimate.point,
            q.estimate.point
        );
    }
    let exponent = |r: &LawResult| r.exponents.unwrap().params.point;
    prop_assert!((exponent(a) - exponent(b)).abs() < 1e-5);
    Ok(())
}

/// Exponents and minima of approaches 1 and 2, or that neither table has any.
fn same_slices_and_envelope(
    one: Vec<Observation>,
    other: Vec<Observation>,
    methods: &[Method],
) -> Result<(), TestCaseError> {
    let tables = [one, other].map(|r| Table::new(r).unwrap());
    for &method in methods {
        let options = IsoflopOptions { method, draws: 0, ..Default::default() };
        let near =
            |a: &Estimate, b: &Estimate| a.point - b.point < 1e-6 && b.point - a.point < 1e-6;
        slices_are_alike(&tables, &options, near, |a, b| (a.point / b.point).ln().abs() < 1e-5)?;
    }
    let options = EnvelopeOptions { draws: 0, ..Default::default() };
    let [a, b] = [&tables[0], &tables[1]].map(|t| fit_envelope(&curves_of(t), &options).ok());
    prop_assert_eq!(a.is_some(), b.is_some());
    if let (Some(a), Some(b)) = (a, b) {
        prop_assert!((a.params.point - b.params.point).abs() < 1e-9);
        prop_assert!((a.tokens.point - b.tokens.point).abs() < 1e-9);
    }
    Ok(())
}

/// Approach 2 on both tables, by what `exponents` and `minima` call alike, or on neither.
fn slices_are_alike(
    tables: &[Table; 2],
    options: &IsoflopOptions,
    exponents: impl Fn(&Estimate, &Estimate) -> bool,
    minima: impl Fn(&Estimate, &Estimate) -> bool,
) -> Result<(), TestCaseError> {
    let name = options.method.name();
    let [a, b] = [&tables[0], &tables[1]].map(|t| fit_isoflop(t, options).ok());
    prop_assert_eq!(a.is_some(), b.is_some(), "{}", name);
    let (Some(a), Some(b)) = (a, b) else { return Ok(()) };
    for (p, q) in [(&a.params, &b.params), (&a.tokens, &b.tokens)] {
        let (p, q) = (&p.exponent, &q.exponent);
        prop_assert!(exponents(p, q), "{name}: {p:?} {q:?}");
    }
    for (p, q) in a.slices.iter().zip(&b.slices) {
        prop_assert_eq!(p.minimum.is_some(), q.minimum.is_some(), "{}", name);
        let (Some(m), Some(n)) = (p.minimum, q.minimum) else { continue };
        let (m, n) = (&m.params, &n.params);
        prop_assert!(minima(m, n), "{name}: {m:?} {n:?}");
    }
    Ok(())
}

/// Every run once more, under another name, or it would be left out as a duplicate.
fn doubled(rows: &[Observation]) -> Vec<Observation> {
    let again = |r: &Observation| Observation { run: format!("again-{}", r.run), ..r.clone() };
    rows.iter().cloned().chain(rows.iter().map(again)).collect()
}

/// The prior on the corrected method's shape weighs less beside twice the runs: what it decides is small beside what
/// the runs leave open. All else is the same.
fn doubling_moves_little(
    plain: Vec<Observation>,
    twice: Vec<Observation>,
) -> Result<(), TestCaseError> {
    let tables = [&plain, &twice].map(|r| Table::new(r.clone()).unwrap());
    let options = IsoflopOptions { draws: 100, ..Default::default() };
    assert_eq!(options.method, Method::Corrected);
    let near = |a: &Estimate, b: &Estimate| {
        let error = a.standard_error.expect("draws were asked for");
        (a.point - b.point).abs() < error + 1e-9 * a.point
    };
    slices_are_alike(&tables, &options, near, near)?;
    same_slices_and_envelope(plain, twice, &[Method::Parabola, Method::Akima, Method::Porian])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exponents_are_recovered_across_laws(law in laws()) {
        let data = rows(law, &[0.0; 35]);
        for objective in Objective::COMPARED {
            let result = fit(data.clone(), objective).expect("a noise-free law is found");
            prop_assert!((result.parameter("alpha").unwrap().point - law.2).abs() < 1e-6);
            prop_assert!((result.parameter("beta").unwrap().point - law.3).abs() < 1e-6);
            prop_assert!((result.parameter("E").unwrap().point - law.0).abs() < 1e-6);
        }
        let slices = fit_isoflop(&Table::new(data).unwrap(), &IsoflopOptions { draws: 0, ..Default::default() }).unwrap();
        prop_assert!((slices.params.exponent.point - law.3 / (law.2 + law.3)).abs() < 1e-7);
    }

    #[test]
    fn units_change_nothing_but_units(law in laws(), noise in noises()) {
        let plain = rows(law, &noise);
        // N in millions, D in billions, loss in bits.
        let bits = std::f64::consts::LN_2;
        let other: Vec<_> = plain.iter().map(|r| Observation {
            params: r.params / 1e6,
            tokens: r.tokens / 1e9,
            loss_nats: r.loss_nats / bits,
            ..r.clone()
        }).collect();
        for objective in [Objective::default(), Objective::SquaredLog, Objective::SquaredLinear] {
            let (a, b) = (fit(plain.clone(), objective), fit(other.clone(), objective));
            let (alpha, beta) = match &a {
                Some(r) => (r.parameter("alpha").unwrap().point, r.parameter("beta").unwrap().point),
                None => {
                    prop_assert!(b.is_none(), "only one of the two is a result");
                    continue;
                }
            };
            // A carries the units of N^alpha: compare after rounding of the exponent, so loosely.
            same(&a, &b, |name| match name {
                "E" => 1.0 / bits,
                "A" => 1e6f64.powf(-alpha) / bits,
                "B" => 1e9f64.powf(-beta) / bits,
                _ => 1.0,
            })?;
        }
    }

    #[test]
    fn units_change_nothing_in_slices_and_envelope(law in laws(), noise in noises()) {
        let plain = rows(law, &noise);
        // C is counted in the same units as before, as a table of someone else's would have it.
        let other: Vec<_> = plain.iter().map(|r| Observation {
            params: r.params / 1e6,
            tokens: r.tokens / 1e9,
            loss_nats: r.loss_nats / std::f64::consts::LN_2,
            ..r.clone()
        }).collect();
        let tables = [plain, other].map(|r| Table::new(r).unwrap());
        let largest = tables[0].largest_flops();
        for method in Method::COMPARED {
            let options = IsoflopOptions { method, draws: 0, ..Default::default() };
            let [a, b] = [&tables[0], &tables[1]].map(|t| fit_isoflop(t, &options).ok());
            prop_assert_eq!(a.is_some(), b.is_some());
            let (Some(a), Some(b)) = (a, b) else { continue };
            prop_assert!((a.params.exponent.point - b.params.exponent.point).abs() < 1e-6);
            prop_assert!((a.tokens.exponent.point - b.tokens.exponent.point).abs() < 1e-6);
            let [a, b] = [a, b].map(|f| f.at(largest).unwrap());
            prop_assert!((a.params.point / b.params.point / 1e6 - 1.0).abs() < 1e-5);
            prop_assert!((a.tokens.point / b.tokens.point / 1e9 - 1.0).abs() < 1e-5);
        }
        let options = EnvelopeOptions { draws: 0, ..Default::default() };
        let [a, b] = [&tables[0], &tables[1]].map(|t| fit_envelope(&curves_of(t), &options).ok());
        prop_assert_eq!(a.is_some(), b.is_some());
        if let (Some(a), Some(b)) = (a, b) {
            prop_assert!((a.params.point - b.params.point).abs() < 1e-9);
            prop_assert!((a.tokens.point - b.tokens.point).abs() < 1e-9);
        }
    }

    #[test]
    fn row_order_changes_nothing(law in laws(), noise in noises(), seed in any::<u64>()) {
        let plain = rows(law, &noise);
        let mut shuffled = plain.clone();
        // Fisher and Yates with a multiplicative generator.
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        for objective in [Objective::default(), Objective::SquaredLog] {
            same(&fit(plain.clone(), objective), &fit(shuffled.clone(), objective), |_| 1.0)?;
        }
        same_slices_and_envelope(plain, shuffled, &Method::ALL)?;
    }

    #[test]
    fn doubling_all_rows_leaves_the_point_alone(law in laws(), noise in noises()) {
        let plain = rows(law, &noise);
        let twice = doubled(&plain);
        for objective in [Objective::default(), Objective::SquaredLog, Objective::SquaredLinear] {
            same(&fit(plain.clone(), objective), &fit(twice.clone(), objective), |_| 1.0)?;
        }
        doubling_moves_little(plain, twice)?;
    }
}

/// Without its prior the fit pulls alpha to the end of its range, where its steps led beta astray.
#[test]
fn an_exponent_pulled_out_of_its_range_leaves_the_other_one_exact() {
    let law = (2.002862915342204, 0.5745810256485182, 0.23591564246250055, 0.546029611362997);
    let noise = [
        -0.0011547946238933155,
        -0.002500694590124733,
        0.0025260681894209,
        -0.001800416092384522,
        -0.0028326376742295865,
        0.002116909450578437,
        -0.0001971962799509174,
        -0.0007609283488240965,
        -0.0003743588888478089,
        -0.00105731357055025,
        -0.0010755595647501995,
        0.0007687898832287278,
        -0.0026696563670070197,
        -0.0005937252414564042,
        -0.0016380399395555319,
        0.0021205393957622995,
        -0.0011946055214653738,
        -0.00029071376019842304,
        0.002989081449271424,
        -0.0023245423304862896,
        0.0018024299766477288,
        0.0002196722492476951,
        -0.0007457359911713392,
        0.003574956302731872,
        0.003289991528167833,
        0.0004445943924276684,
        0.0024400375966868258,
        -0.003297832654033677,
        0.0019937975208153247,
        0.0003368773029216298,
        0.003290454036815469,
        -0.0013180499136643078,
        -0.003721128630569622,
        0.0032589073321428906,
        -0.0036418436436270376,
    ];
    let plain = rows(law, &noise);
    let bits = |r: &Observation| Observation {
        loss_nats: r.loss_nats / std::f64::consts::LN_2,
        ..r.clone()
    };
    let other = plain.iter().map(bits).collect();
    let options = IsoflopOptions { draws: 0, ..Default::default() };
    let [a, b] =
        [plain, other].map(|rows| fit_isoflop(&Table::new(rows).unwrap(), &options).unwrap());
    for (x, y) in a.slices.iter().zip(&b.slices) {
        let (x, y) = (x.minimum.unwrap().params.point, y.minimum.unwrap().params.point);
        assert!((x / y - 1.0).abs() < 1e-8, "{x} {y}");
    }
}

/// Noise of a kind that leaves the shape to its prior.
#[test]
fn a_prior_that_weighs_less_moves_the_point_within_its_error() {
    let law = (2.8569691021350265, 0.3, 0.22, 0.24771028505619025);
    let mut noise = [0.0; 35];
    for (i, value) in [
        (5, -0.0011398795167669403),
        (6, 0.0028433206398947143),
        (8, -0.002846455914238839),
        (12, -0.0026175633613041934),
        (15, -0.0027995488250500333),
        (17, 0.002946190730851347),
        (23, -0.0030371545531705335),
        (28, 0.0014875352213910692),
        (29, 0.002285076800021538),
        (31, -0.0008541500236905063),
        (33, -0.0028454739687755657),
    ] {
        noise[i] = value;
    }
    let plain = rows(law, &noise);
    let twice = doubled(&plain);
    doubling_moves_little(plain, twice).unwrap();
}
