//! Approach 1: the lower envelope of training curves.

use isoflop_fit::envelope::{Curve, CurvePoint, EnvelopeOptions, curves_of, fit_envelope};
use isoflop_fit::{FitError, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A law with a = .4 and b = .6: alpha = .3, beta = .2.
fn loss(n: f64, d: f64) -> f64 {
    1.7 + 300.0 / n.powf(0.3) + 60.0 / d.powf(0.2)
}

/// N* of a budget under that law.
fn best(flops: f64) -> f64 {
    (((0.3 * 300.0) / (0.2 * 60.0) * (flops / 6.0).powf(0.2)).ln() / 0.5).exp()
}

/// Curves of `sizes` models around the optima of 1e18 to 1e22 FLOPs, with `steps` points each.
fn curves(sizes: i32, steps: i32) -> Vec<Curve> {
    let (lo, hi) = (best(1e18).ln(), best(1e22).ln());
    let curve = |i: i32| {
        let params = (lo + (hi - lo) * f64::from(i) / f64::from(sizes - 1)).exp();
        let point = |k: i32| {
            let flops = 1e17 * 10f64.powf(6.0 * f64::from(k) / f64::from(steps - 1));
            let tokens = flops / 6.0 / params;
            CurvePoint { tokens, flops, loss_nats: loss(params, tokens) }
        };
        Curve {
            run: format!("model {i}"),
            cell: None,
            params,
            points: (0..steps).map(point).collect(),
        }
    };
    (0..sizes).map(curve).collect()
}

#[test]
fn the_exponents_of_the_law_are_found() {
    let fit = fit_envelope(&curves(40, 400), &EnvelopeOptions::default()).unwrap();
    println!("a {:?} b {:?}, {} models", fit.params, fit.tokens, fit.models);
    assert!((fit.params.point - 0.4).abs() < 0.01, "{}", fit.params.point);
    assert!((fit.tokens.point - 0.6).abs() < 0.01, "{}", fit.tokens.point);
    assert!(fit.params.interval.unwrap().contains(0.4));
    assert!(!fit.finished_runs_only);
    let at = fit.at(1e20).unwrap();
    assert!((at.params.point / best(1e20)).ln().abs() < 0.05, "{:?}", at.params);
    assert!((6.0 * at.params.point * at.tokens.point / 1e20).ln().abs() < 0.02);
}

#[test]
fn the_hull_lies_below_every_point_and_bends_upwards() {
    let curves = curves(12, 60);
    let fit = fit_envelope(&curves, &EnvelopeOptions { draws: 0, ..Default::default() }).unwrap();
    let hull: Vec<(f64, f64)> = fit.hull.iter().map(|p| (p.flops.ln(), p.loss_nats.ln())).collect();
    assert!(hull.len() > 5);
    let slope = |w: &[(f64, f64)]| (w[1].1 - w[0].1) / (w[1].0 - w[0].0);
    let slopes: Vec<f64> = hull.windows(2).map(slope).collect();
    assert!(slopes.windows(2).all(|s| s[0] < s[1]) && slopes.iter().all(|s| *s < 0.0));
    let mut compared = 0;
    for p in curves.iter().flat_map(|c| &c.points) {
        let x = p.flops.ln();
        let Some(k) = hull.windows(2).position(|w| w[0].0 <= x && x <= w[1].0) else { continue };
        let line = hull[k].1 + slopes[k] * (x - hull[k].0);
        assert!(p.loss_nats.ln() >= line - 1e-12);
        compared += 1;
    }
    assert!(compared > 400, "{compared}");
    // The smallest and the largest model bracket nothing, and do not vote.
    for p in &fit.hull {
        let inside = p.params > curves[0].params && p.params < curves[11].params;
        assert_eq!(p.votes, inside, "{}", p.run);
    }
}

#[test]
fn the_order_of_curves_and_points_changes_nothing() {
    let plain = curves(12, 60);
    let mut other = plain.clone();
    other.reverse();
    other.iter_mut().for_each(|c| c.points.reverse());
    let options = EnvelopeOptions { draws: 0, ..Default::default() };
    let (a, b) = (fit_envelope(&plain, &options).unwrap(), fit_envelope(&other, &options).unwrap());
    assert_eq!(a.params, b.params);
    assert_eq!(a.hull, b.hull);
}

#[test]
fn too_few_models_and_bad_points_are_named() {
    let options = EnvelopeOptions { draws: 0, ..Default::default() };
    let error = fit_envelope(&curves(4, 60), &options).unwrap_err();
    assert!(matches!(error, FitError::TooFewMinima { needed: 3, .. }), "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");
    assert_eq!(fit_envelope(&[], &options).unwrap_err(), FitError::Empty);
    // A diverged curve is no part of the envelope, and spoils nothing.
    let mut some = curves(12, 60);
    let clean = fit_envelope(&some, &options).unwrap();
    let points = [f64::NAN, f64::INFINITY, -1.0, 0.0].map(|loss_nats| CurvePoint {
        tokens: 1e9,
        flops: 1e19,
        loss_nats,
    });
    some.push(Curve { run: "diverged".into(), cell: None, params: 1e9, points: points.to_vec() });
    assert_eq!(fit_envelope(&some, &options).unwrap().hull, clean.hull);
}

#[test]
fn rows_of_a_cluster_are_one_curve() {
    let mut rows = Vec::new();
    for curve in curves(12, 60) {
        for (k, p) in curve.points.iter().enumerate() {
            let name = format!("{} at {k}", curve.run);
            let mut row = Observation::new(name, curve.params, p.tokens, p.flops, p.loss_nats);
            row.cluster = Some(curve.run.clone());
            rows.push(row);
        }
    }
    let table = Table::new(rows).unwrap();
    assert_eq!(curves_of(&table), curves(12, 60));
}

/// Finished runs of the law in `budgets` slices of `sizes`, or each at an N and C of its own, with .2% noise.
fn finished(budgets: usize, sizes: usize, shared: bool, seed: u64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::new();
    for k in 0..budgets * sizes {
        let budget = (k / sizes) as f64 / (budgets - 1) as f64;
        let (own, place): (f64, f64) = (random.random(), random.random());
        let flops = 1e18 * 1e3f64.powf(if shared { budget } else { own });
        let place = if shared { (k % sizes) as f64 / (sizes - 1) as f64 } else { place };
        let params = best(flops) * 6f64.powf(2.0 * place - 1.0);
        let tokens = flops / 6.0 / params;
        let noise = 0.002 * random.sample::<f64, _>(StandardNormal);
        let loss = loss(params, tokens) * noise.exp();
        rows.push(Observation::new(format!("{k}"), params, tokens, flops, loss));
    }
    Table::new(rows).unwrap()
}

#[test]
fn finished_runs_of_a_free_design_have_no_envelope_and_those_of_slices_an_honest_one() {
    let options = EnvelopeOptions { draws: 200, ..Default::default() };
    let (mut held, sets) = (0, 60);
    for seed in 0..sets {
        for (budgets, sizes) in [(9, 6), (15, 10), (40, 25)] {
            let free = fit_envelope(&curves_of(&finished(budgets, sizes, false, seed)), &options);
            let error = free.unwrap_err();
            assert!(matches!(error, FitError::NoResult { .. }), "{error}");
            assert!(error.to_string().contains("hint: "), "{error}");
        }
        let fit = fit_envelope(&curves_of(&finished(8, 9, true, seed)), &options).unwrap();
        held += u64::from(fit.params.interval.is_some_and(|i| i.contains(0.4)));
    }
    assert!(held * 100 >= 90 * sets, "{held} of {sets}");
}
