//! Planning, published laws, effects, profiles and the posterior.

mod support;

use isoflop_fit::bayes::{PosteriorOptions, Prior, posterior};
use isoflop_fit::effects::{EffectAnswer, effects};
use isoflop_fit::intervals::{IntervalOptions, Target, profile};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::plan::{LeastBudget, next_runs};
use isoflop_fit::published::{PUBLISHED, published};
use isoflop_fit::{Estimate, Objective, Observation, Table};

const LAW: [f64; 5] = [1.8172, 482.01, 0.3478, 2085.43, 0.3658];

fn loss(n: f64, d: f64) -> f64 {
    LAW[0] + LAW[1] / n.powf(LAW[2]) + LAW[3] / d.powf(LAW[4])
}

/// A 7 x 7 design with a ripple of `noise` in ln L.
fn table(noise: f64) -> Table {
    let mut rows = Vec::new();
    for i in 0..7 {
        for j in 0..7 {
            let n = 3e7 * 2f64.powi(i);
            let d = 1e9 * 2f64.powi(j);
            let wave = ((i * 7 + j) as f64 * 12.9898).sin() * 43758.5453;
            let z = 2.0 * (wave - wave.floor()) - 1.0;
            rows.push(Observation::new(
                format!("{i}-{j}"),
                n,
                d,
                6.0 * n * d,
                loss(n, d) * (noise * z).exp(),
            ));
        }
    }
    Table::new(rows).unwrap()
}

#[test]
fn flatness_of_the_optimum_is_met() {
    let options = FitOptions { objective: Objective::SquaredLog, ..Default::default() };
    let fit = fit_law(&table(0.0), &Hoffmann, &options).unwrap();
    support::flat_as_computed(fit.result().unwrap().frontier.as_ref().unwrap());
}

#[test]
fn inverse_questions_agree_with_the_frontier() {
    let fit = fit_law(&table(0.003), &Hoffmann, &FitOptions::default()).unwrap();
    let result = fit.result().unwrap();
    let frontier = result.frontier.as_ref().unwrap();
    let at = frontier.at(1e21).unwrap();
    let best = at.loss_nats.unwrap().point;
    let LeastBudget { flops, best: split, .. } = frontier.budget_for(best).unwrap();
    assert!((flops.point / 1e21 - 1.0).abs() < 1e-9);
    assert!((split.params.point / at.params.point - 1.0).abs() < 1e-9);
    assert!(flops.interval.unwrap().contains(1e21));
    let (n, c) = frontier.params_for_tokens(at.tokens.point).unwrap();
    assert!((n.point / at.params.point - 1.0).abs() < 1e-9 && (c.point / 1e21 - 1.0).abs() < 1e-9);
    let (d, c) = frontier.tokens_for_params(at.params.point).unwrap();
    assert!((d.point / at.tokens.point - 1.0).abs() < 1e-9 && (c.point / 1e21 - 1.0).abs() < 1e-9);
    let small = frontier.overtraining(best, 0.5 * at.params.point, 0.0).unwrap();
    assert!(small.extra.point > 1.0 && small.extra.point < 1.3, "{:?}", small.extra);
    let served = frontier.best_for_lifetime(best, 1e13).unwrap();
    assert!(served.params.point < at.params.point);
    let neighbour = frontier.overtraining(best, 1.02 * served.params.point, 1e13).unwrap();
    assert!(neighbour.lifetime_flops.point >= served.lifetime_flops.point);
    assert!(frontier.budget_for(1.0).is_err(), "below the floor");
    assert!(frontier.at(-1.0).is_err());
    let next = next_runs(&table(0.003), &Hoffmann, result, 5).unwrap();
    assert_eq!(next.len(), 5);
    assert!(next.iter().all(|r| r.after < r.before && r.worth <= 1.0));
}

#[test]
fn published_laws_answer_as_published() {
    let at = |key: &str, flops: f64| published(key).unwrap().at(flops).unwrap();
    // Hoffmann et al., table 3.
    assert!((at("hoffmann2022-1", 5.76e23).params.point / 67e9 - 1.0).abs() < 1e-3);
    assert!((at("hoffmann2022-1", 5.76e23).tokens.point / 1.5e12 - 1.0).abs() < 1e-3);
    // Kaplan et al.: 1.3e9 parameters and 2e10 tokens at 1 PF-day.
    assert!(
        (at("kaplan2020", 8.64e19).params.point / 1.3e9 - 1.0).abs() < 2e-2,
        "{}",
        at("kaplan2020", 8.64e19).params.point
    );
    assert!(
        (at("kaplan2020", 8.64e19).tokens.point / 2e10 - 1.0).abs() < 2e-2,
        "{}",
        at("kaplan2020", 8.64e19).tokens.point
    );
    // Epoch's bootstrap at 1e21 FLOPs.
    let epoch = at("epoch2024", 1e21);
    let interval = epoch.params.interval.unwrap();
    assert!(
        (interval.lo / 2.4188e9 - 1.0).abs() < 0.05 && (interval.hi / 3.288e9 - 1.0).abs() < 0.05,
        "{interval:?}"
    );
    for law in PUBLISHED {
        let (a, b) = law.exponents();
        println!(
            "{}: {a:?} {b:?} {:?}",
            law.key,
            law.at(1e21).map(|x| (x.params.point, x.tokens.point)).ok()
        );
        for e in [a, b].into_iter().flatten() {
            assert!(e > 0.1 && e < 0.9);
        }
    }
    assert!(published("nobody").unwrap_err().to_string().contains("epoch2024"));
}

#[test]
fn effects_are_found_and_confounding_is_refused() {
    let mut rows = Vec::new();
    for i in 0..5 {
        for j in 0..5 {
            for k in 0..3 {
                let (n, d) = (1e7 * 2f64.powi(i), 1e9 * 2f64.powi(j));
                let lr = 1e-3 * 2f64.powi(k - 1);
                let mut row = Observation::new(format!("{i}{j}{k}"), n, d, 6.0 * n * d, 1.0);
                row.learning_rate = Some(lr);
                row.batch_tokens = Some(n.sqrt());
                row.hardware = Some(["a", "b"][((i + j + k) % 2) as usize].into());
                let off = (lr / 1.2e-3).ln();
                let machine = if row.hardware.as_deref() == Some("b") { 0.002 } else { 0.0 };
                row.loss_nats =
                    (1.0 - 0.05 * n.ln() - 0.07 * d.ln() + 0.01 * off * off + machine).exp();
                rows.push(row);
            }
        }
    }
    let found = effects(&Table::new(rows).unwrap(), 200, 0.95, 1).unwrap();
    let of = |name: &str| &found.effects.iter().find(|e| e.factor == name).unwrap().answer;
    for (name, truth) in [("D", -0.07), ("hardware b against a", 0.002)] {
        let EffectAnswer::Elasticity { estimate, .. } = of(name) else {
            panic!("{name}: {:?}", of(name))
        };
        assert!((estimate.point - truth).abs() < 1e-9, "{name} {estimate:?}");
    }
    let EffectAnswer::Elasticity { optimum, .. } = of("learning rate") else { panic!() };
    assert!((optimum.unwrap() / 1.2e-3 - 1.0).abs() < 1e-6);
    // The batch only ever varied together with N.
    for name in ["N", "batch"] {
        let EffectAnswer::Confounded { with, .. } = of(name) else {
            panic!("{name}: {:?}", of(name))
        };
        assert_eq!(with, &[if name == "N" { "batch" } else { "N" }]);
    }
}

#[test]
fn profiles_agree_with_the_bootstrap() {
    let table = table(0.01);
    for objective in [Objective::SquaredLog, Objective::default()] {
        let intervals = IntervalOptions { draws: 500, ..Default::default() };
        let options = FitOptions { objective, intervals, ..Default::default() };
        let fit = fit_law(&table, &Hoffmann, &options).unwrap();
        let result = fit.result().unwrap();
        for (target, bootstrap) in [
            (Target::Parameter { name: "alpha".into() }, *result.parameter("alpha").unwrap()),
            (Target::Parameter { name: "E".into() }, *result.parameter("E").unwrap()),
            (Target::Exponent, result.exponents.unwrap().params),
            (
                Target::Params { flops: 1e21 },
                result.frontier.as_ref().unwrap().at(1e21).unwrap().params,
            ),
        ] {
            let profile = profile(&table, &Hoffmann, result, &options, &target).unwrap();
            let (p, b) = (profile.interval().unwrap(), bootstrap.interval.unwrap());
            println!(
                "{} {target:?}: profile [{:.5}, {:.5}] bootstrap [{:.5}, {:.5}]",
                objective.name(),
                p.lo,
                p.hi,
                b.lo,
                b.hi
            );
            assert!(p.contains(profile.point));
            let ratio = (p.hi - p.lo) / (b.hi - b.lo);
            assert!(ratio > 0.4 && ratio < 2.5, "{target:?} {ratio}");
            assert!((profile.point / bootstrap.point - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn the_posterior_mixes_and_agrees_with_the_fit() {
    let table = table(0.01);
    let fit = fit_law(
        &table,
        &Hoffmann,
        &FitOptions { objective: Objective::SquaredLog, ..Default::default() },
    )
    .unwrap();
    let started = std::time::Instant::now();
    // Of some hundred chains one is caught where E is next to nothing, and refused for it; that of seed 0 is one.
    let sampler = PosteriorOptions { seed: 1, ..Default::default() };
    let free = posterior(&table, &sampler).unwrap();
    println!("{:?} {:?} {} divergent", started.elapsed(), free.marginals, free.divergent);
    let a = free.marginal("a").unwrap();
    let point = fit.result().unwrap().exponents.unwrap().params.point;
    assert!(a.estimate.interval.unwrap().contains(point));
    let truth = LAW[4] / (LAW[2] + LAW[4]);
    assert!(a.estimate.interval.unwrap().contains(truth));
    let prior = Prior::published(published("epoch2024").unwrap(), 1.0).unwrap();
    let tight = posterior(&table, &PosteriorOptions { prior, ..sampler }).unwrap();
    let width = |p: &isoflop_fit::bayes::Posterior| {
        p.at(1e22).unwrap().params.interval.map(|i| (i.hi / i.lo).ln()).unwrap()
    };
    assert!(width(&tight) < width(&free), "{} {}", width(&tight), width(&free));
    assert!(
        Prior::basis(published("epoch2024").unwrap(), 2.0).contains("its standard errors, times 2")
    );
    let bare = published("muennighoff2023").unwrap();
    assert!(Prior::basis(bare, 2.0).contains("no standard errors were published, 0.03 is assumed"));
    let Prior::Given { alpha, .. } = Prior::published(bare, 2.0).unwrap() else { panic!() };
    assert_eq!(alpha.unwrap().1, 2.0 * Prior::ASSUMED);
    // One step cannot mix.
    let hopeless = posterior(&table, &PosteriorOptions { steps: 8, ..Default::default() });
    let error = hopeless.unwrap_err().to_string();
    assert!(error.contains("mix") && error.contains("`--prior`"), "{error}");
}

#[test]
fn intervals_of_a_loss_to_reach_are_possible_and_hold_those_of_the_budget() {
    let published = published("epoch2024").unwrap().frontier().unwrap();
    let fit = fit_law(&table(0.003), &Hoffmann, &FitOptions::default()).unwrap();
    let fitted = fit.result().unwrap().frontier.clone().unwrap();
    let width = |e: Estimate| e.interval.map(|i| (i.hi / i.lo).ln()).unwrap();
    for (law, loss) in [(&published, 2.1), (&published, 1.95), (&fitted, 2.1)] {
        let target = law.budget_for(loss).unwrap();
        // N and D of a loss are known less well than those of a budget.
        let split = law.at(target.flops.point).unwrap();
        let [ours, fixed] = [target.best.params, split.params].map(width);
        assert!(loss > 2.0 || ours > 1.2 * fixed, "{ours} {fixed}");
        assert!(ours + width(target.best.tokens) > width(target.flops));
        assert_eq!(target.no_interval, None);
        let n = target.best.params.point;
        for share in [2.0, 0.5, 0.25] {
            // No model takes less than the least budget.
            let other = law.overtraining(loss, share * n, 0.0).unwrap();
            let Some(extra) = other.extra.interval else {
                assert!(other.no_interval.unwrap().contains(" cannot reach it"));
                continue;
            };
            assert!(extra.lo >= 1.0 && extra.lo <= other.extra.point, "{extra:?}");
        }
        let served = law.best_for_lifetime(loss, 1e13).unwrap();
        assert!(served.params.interval.unwrap().contains(served.params.point));
        assert!(served.extra.interval.unwrap().lo >= 1.0);
    }
    // So near the floor that many laws do not reach it at all.
    let far = published.budget_for(1.82).unwrap();
    assert!(far.flops.interval.is_none() && far.best.params.interval.is_none());
    let why = far.no_interval.unwrap();
    assert!(why.contains("of 10000 draws from the law's covariance cannot reach it"), "{why}");
    assert!(published.at_level(0.99999).is_err(), "beyond the draws");
}

#[test]
fn sizes_far_out_are_found_or_refused() {
    let law = published("epoch2024").unwrap().frontier().unwrap();
    let range = law.sizes_within(1e300, 0.001).unwrap();
    assert!(range.smallest.point > 0.0 && range.largest.point.is_finite(), "{range:?}");
    assert!(law.sizes_within(1e300, 1e300).is_err());
}

#[test]
fn few_draws_for_the_level_give_no_interval_and_a_reason() {
    let with = |draws: usize, level: f64| {
        let intervals = IntervalOptions { draws, level, ..Default::default() };
        let options = FitOptions { intervals, ..Default::default() };
        let fit = fit_law(&table(0.003), &Hoffmann, &options).unwrap();
        let result = fit.result().unwrap();
        let exponent = result.exponents.unwrap().params;
        assert_eq!(exponent.interval.is_none(), draws == 0 || result.no_interval.is_some());
        result.no_interval.clone()
    };
    assert_eq!((with(0, 0.95), with(40, 0.95), with(200, 0.99)), (None, None, None));
    assert!(with(39, 0.95).unwrap().contains("39 draws"));
    assert!(with(200, 0.999999).unwrap().contains("take 2000000"));
}
