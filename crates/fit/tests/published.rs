//! Published laws against the reference results that they were taken from.

mod support;

use isoflop_fit::published::{Form, PUBLISHED, Published, Verified, published, reconcile};

fn near(got: f64, want: &serde_json::Value, tolerance: f64, what: &str) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= tolerance, "{what}: {got}, wanted {want} within {tolerance}");
}

#[test]
fn pearce_and_songs_conversion_is_met() {
    let Some(gold) = support::gold() else { return };
    let gold = &gold["pearce_2024"];
    let tolerance = gold["tol"].as_f64().unwrap();
    // The laws as their script rounds them.
    for (key, floor, a, alpha, b, beta) in [
        ("epoch", 1.8172, 482.01, 0.3478, 2085.43, 0.3658),
        ("chinchilla", 1.6934, 406.4, 0.3392, 410.7, 0.2849),
    ] {
        let got = reconcile(&Form::Sum { floor, a, alpha, b, beta }).unwrap();
        let want = &gold[key];
        near(got.law, &want["target_a"], tolerance, key);
        near(got.non_embedding.params, &want["kaplan_nonembed_local_a"], tolerance, key);
        near(got.large, &want["large_N_a"], tolerance, key);
        near(got.total.params, &want["total_params_a"], tolerance, key);
        let plain = &want["compute_loss_exponent_nonemb_no_offset"];
        near(got.non_embedding.loss, plain, tolerance, key);
        near(got.non_embedding.loss_above_floor, &want["with_offset"], tolerance, key);
        near(got.total.loss, &want["total_no_offset"], tolerance, key);
        near(got.total.loss_above_floor, &want["total_offset"], tolerance, key);
    }
    assert!(reconcile(&Form::Exponents { params: 0.5, tokens: 0.5 }).is_err());
}

#[test]
fn hoffmann_and_epoch_are_as_in_the_reference() {
    let Some(gold) = support::gold() else { return };
    let hoffmann = &gold["hoffmann_2022"];
    for (key, approach) in [
        ("hoffmann2022-1", "approach1"),
        ("hoffmann2022-2", "approach2"),
        ("hoffmann2022-3", "approach3"),
    ] {
        let (a, b) = published(key).unwrap().exponents();
        // Approach 3 prints a = .46 beside .2849 / (.3392 + .2849) = .4565.
        near(a.unwrap(), &hoffmann[approach]["a"], 5e-3, key);
        near(b.unwrap(), &hoffmann[approach]["b"], 5e-3, key);
    }
    let kaplan = published("kaplan2020").unwrap().exponents();
    near(kaplan.0.unwrap(), &hoffmann["kaplan"]["a"], 1e-12, "kaplan a");
    near(kaplan.1.unwrap(), &hoffmann["kaplan"]["b"], 1e-12, "kaplan b");
    for (key, want) in [
        ("hoffmann2022-3", &hoffmann["approach3"]["unrounded"]),
        ("epoch2024", &gold["epoch_approach3"]["published_point"]),
    ] {
        let Form::Sum { floor, a, alpha, b, beta } = published(key).unwrap().form else { panic!() };
        for (got, name) in [(floor, "E"), (a, "A"), (alpha, "alpha"), (b, "B"), (beta, "beta")] {
            near(got, &want[name], 1e-9, name);
        }
    }
    let covariance = published("epoch2024").unwrap().covariance.unwrap();
    let want = &gold["epoch_approach3"]["bootstrap"]["cov_logA_logB_logE_alpha_beta"];
    for i in 0..5 {
        for j in 0..5 {
            near(covariance[i][j], &want[i][j], 1e-11, "covariance");
        }
    }
}

/// Epoch's own unrounded optimum.
fn epoch_rerun(gold: &serde_json::Value) -> Published {
    let rerun = &gold["epoch_approach3"]["published_point"]["rerun"];
    let number = |v: &serde_json::Value| v.as_f64().unwrap();
    let (a, b, floor) =
        (number(&rerun["ABE"][0]), number(&rerun["ABE"][1]), number(&rerun["ABE"][2]));
    let form =
        Form::Sum { floor, a, alpha: number(&rerun["alpha"]), b, beta: number(&rerun["beta"]) };
    Published { form, ..*published("epoch2024").unwrap() }
}

#[test]
fn flatness_of_the_optimum_is_met() {
    let Some(gold) = support::gold() else { return };
    // Their law is the Huber optimum of Epoch's runs, to seven digits.
    let point = &gold["epoch_approach3"]["huber_point"];
    let number = |k: &str| point[k].as_f64().unwrap();
    let (floor, a, b) = (number("E"), number("A"), number("B"));
    let form = Form::Sum { floor, a, alpha: number("alpha"), b, beta: number("beta") };
    let law = Published { form, ..*published("epoch2024").unwrap() };
    let frontier = law.frontier().unwrap();
    for (flops, key) in [(1e19, "1e+19"), (1e21, "1e+21"), (1e24, "1e+24")] {
        let want = &gold["flatness_epoch_law"][key];
        let at = frontier.at(flops).unwrap();
        let (n, best) = (at.params.point, at.loss_nats.unwrap().point);
        near(n, &want["N"], 1e-6 * n, key);
        near(best, &want["L"], 1e-6, key);
        near(at.tokens_per_param.point, &want["D_over_N"], 3e-5, key);
        for factor in [1.5, 2.0, 4.0, 8.0] {
            let share = |n: f64| frontier.loss_at(n, flops / 6.0 / n).0.point / best - 1.0;
            let pair = &want[format!("N*x{factor}")];
            near(share(n * factor), &pair[0], 1e-7, key);
            near(share(n / factor), &pair[1], 1e-7, key);
        }
        // Theirs are read off a grid.
        for (tolerance, name) in [(0.001, "factor_for_+0.1%"), (0.005, "factor_for_+0.5%")] {
            let range = frontier.sizes_within(flops, tolerance).unwrap();
            near(range.factor_above, &want[name][0], 5e-4 * range.factor_above, key);
            near(range.factor_below, &want[name][1], 5e-4 * range.factor_below, key);
        }
    }
}

#[test]
fn hoffmanns_law_is_as_far_from_epochs_as_they_say() {
    let Some(gold) = support::gold() else { return };
    let columns = |p: &Published| {
        let s = p.sum_of_powers().unwrap();
        [s.log_a, s.log_b, s.log_floor, s.alpha, s.beta]
    };
    let here = columns(&epoch_rerun(&gold));
    let there = columns(published("hoffmann2022-3").unwrap());
    let mut matrix = published("epoch2024").unwrap().covariance.unwrap();
    let mut right: [f64; 5] = std::array::from_fn(|k| there[k] - here[k]);
    let off = right;
    // Gaussian elimination: the covariance is positive definite.
    for k in 0..5 {
        for i in k + 1..5 {
            let factor = matrix[i][k] / matrix[k][k];
            (k..5).for_each(|j| matrix[i][j] -= factor * matrix[k][j]);
            right[i] -= factor * right[k];
        }
    }
    for k in (0..5).rev() {
        let known: f64 = (k + 1..5).map(|j| matrix[k][j] * right[j]).sum();
        right[k] = (right[k] - known) / matrix[k][k];
    }
    let square: f64 = off.iter().zip(right).map(|(a, b)| a * b).sum();
    near(square, &gold["epoch_approach3"]["other"]["chi2_vs_hoffmann"], 0.1, "chi-square");
}

#[test]
fn every_entry_says_where_it_stands_and_how_it_was_checked() {
    for law in PUBLISHED {
        assert!(law.source.len() > 20 && !law.convention.is_empty(), "{}", law.key);
        let (Verified::Recomputed(detail) | Verified::Read(detail) | Verified::Copied(detail)) =
            law.verified;
        assert!(detail.len() > 10, "{}", law.key);
        // A law of the loss plans like a fit of one's own; power laws invert.
        let Ok(at) = law.at(1e19) else { continue };
        let (n, c) = law.params_for_tokens(at.tokens.point).unwrap();
        assert!((n.point / at.params.point - 1.0).abs() < 1e-9, "{}", law.key);
        assert!((c.point / 1e19 - 1.0).abs() < 1e-9, "{}", law.key);
        let (d, c) = law.tokens_for_params(at.params.point).unwrap();
        assert!((d.point / at.tokens.point - 1.0).abs() < 1e-9, "{}", law.key);
        assert!((c.point / 1e19 - 1.0).abs() < 1e-9, "{}", law.key);
    }
}

#[test]
fn nanochats_minima_lie_near_its_laws() {
    // The minima of the log at 1e18 and 1e19 FLOPs; its exponents have two digits.
    for (key, n, d) in [
        ("nanochat2026-head", [110_678_115.0, 381_758_347.0], [1_241_505_403.0, 3_806_871_243.0]),
        ("nanochat2026-total", [416_320_605.0, 988_644_331.0], [1_232_157_011.0, 3_884_841_895.0]),
        ("nanochat2026-layers", [80_259_665.0, 401_213_504.0], [1_315_639_547.0, 3_328_704_512.0]),
    ] {
        for (k, flops) in [1e18, 1e19].into_iter().enumerate() {
            let at = published(key).unwrap().at(flops).unwrap();
            assert!((at.params.point / n[k]).ln().abs() < 0.03, "{key} {flops:e}");
            assert!((at.tokens.point / d[k]).ln().abs() < 0.04, "{key} {flops:e}");
        }
    }
}
