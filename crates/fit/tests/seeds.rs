//! Repeated seeds: in the noise of approach 2 and in the intervals of approach 3.

use isoflop_fit::intervals::{IntervalOptions, Resampling};
use isoflop_fit::isoflop::{IsoflopOptions, Noise, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{Estimate, Objective, Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

fn normal(random: &mut ChaCha8Rng) -> f64 {
    random.sample(StandardNormal)
}

/// 6 slices x 7 sizes, each cell with `seeds` seeds; `cell` and `seed` are standard deviations of ln L.
fn table(seeds: usize, cell: f64, seed: f64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut rows = Vec::new();
    for k in 0..6 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..7 {
            let n = 8e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 3.0 - 1.0);
            let d = flops / 6.0 / n;
            let law = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            let shared = cell * normal(&mut random);
            for s in 0..seeds {
                let loss = law * (shared + seed * normal(&mut random)).exp();
                let mut row = Observation::new(format!("{k}-{i}-{s}"), n, d, flops, loss);
                row.seed = Some(s.to_string());
                rows.push(row);
            }
        }
    }
    Table::new(rows).unwrap()
}

fn exponent(table: &Table, resampling: Option<Resampling>) -> (Estimate, Option<Resampling>) {
    let intervals = IntervalOptions { resampling, draws: 600, ..Default::default() };
    let options = FitOptions { objective: Objective::SquaredLog, intervals, ..Default::default() };
    let fit = fit_law(table, &Hoffmann, &options).unwrap();
    let result = fit.result().unwrap();
    (result.exponents.unwrap().params, result.resampling)
}

#[test]
fn seeds_of_one_cell_are_one_cluster() {
    let table = table(3, 0.005, 0.002);
    let clusters = table.clusters();
    assert_eq!(clusters.len(), 42);
    assert_eq!(clusters[1], [3, 4, 5]);
    // Without seeds nothing says that they belong together.
    let bare = |r: &Observation| Observation { seed: None, ..r.clone() };
    let bare = Table::new(table.rows().iter().map(bare).collect()).unwrap();
    assert_eq!(bare.clusters().len(), bare.len());
    // Checkpoints of one training and seeds of one cell: what hangs together by either, goes together.
    let mut rows: Vec<Observation> = table.rows()[..6].to_vec();
    rows[0].cluster = Some("x".into());
    rows[5].cluster = Some("x".into());
    assert_eq!(Table::new(rows).unwrap().clusters(), [[0, 1, 2, 3, 4, 5]]);
}

#[test]
fn repeated_seeds_do_not_pretend_to_be_new_cells() {
    // What a cell misses the law by is shared by its seeds, so four seeds tell hardly more than one ...
    let (once, scheme) = exponent(&table(1, 0.005, 0.0005), None);
    assert_eq!(scheme, Some(Resampling::Pairs));
    let four = table(4, 0.005, 0.0005);
    let (clustered, scheme) = exponent(&four, None);
    assert_eq!(scheme, Some(Resampling::Clusters));
    let (pairs, _) = exponent(&four, Some(Resampling::Pairs));
    let error = |e: &Estimate| e.standard_error.unwrap();
    println!("once {} clustered {} pairs {}", error(&once), error(&clustered), error(&pairs));
    assert!((error(&clustered) / error(&once)).ln().abs() < 0.35);
    // Within their slices they are drawn together as well.
    let within = |t: &Table| error(&exponent(t, Some(Resampling::Slices)).0);
    let (one, all) = (within(&table(1, 0.005, 0.0005)), within(&four));
    assert!((all / one).ln().abs() < 0.35, "{one} {all}");
    // ... while runs resampled one by one would halve the interval.
    assert!(error(&pairs) < 0.65 * error(&clustered));
}

#[test]
fn the_seeds_of_a_cell_share_one_vote() {
    let once = table(1, 0.005, 0.0);
    // The lowest budget four times over, to the last bit.
    let mut rows = once.rows().to_vec();
    for row in once.rows().iter().filter(|r| r.run.starts_with("0-")) {
        rows.extend((1..4).map(|s| Observation {
            run: format!("{}{s}", row.run),
            seed: Some(s.to_string()),
            ..row.clone()
        }));
    }
    let four = Table::new(rows).unwrap();
    assert_eq!((once.len(), four.len()), (42, 63));
    for objective in [
        Objective::Huber { delta: 1e-3 },
        Objective::SquaredLog,
        Objective::Likelihood { delta: 1.345 },
    ] {
        let intervals = IntervalOptions { draws: 0, ..Default::default() };
        let options = FitOptions { objective, intervals, ..Default::default() };
        let a = |t: &Table| {
            let fit = fit_law(t, &Hoffmann, &options).unwrap();
            fit.result().unwrap().exponents.unwrap().params.point
        };
        // The centre of the logarithms moves with the runs, so that sums round otherwise.
        assert!((a(&once) - a(&four)).abs() < 1e-6, "{objective:?}: {} {}", a(&once), a(&four));
    }
}

#[test]
fn seed_noise_widens_the_intervals_of_both_approaches() {
    let (quiet, loud) = (table(3, 0.001, 0.001), table(3, 0.001, 0.006));
    let law = |t: &Table| exponent(t, None).0.standard_error.unwrap();
    assert!(law(&loud) > 2.0 * law(&quiet), "{} {}", law(&loud), law(&quiet));
    let slices = |t: &Table, noise| {
        let options = IsoflopOptions { noise, draws: 400, ..Default::default() };
        fit_isoflop(t, &options).unwrap()
    };
    let (a, b) = (slices(&quiet, Noise::Seeds), slices(&loud, Noise::Seeds));
    // 84 degrees of freedom: the spread is known to 8%.
    assert!((a.noise_sd / 0.001).ln().abs() < 0.25, "{}", a.noise_sd);
    assert!((b.noise_sd / 0.006).ln().abs() < 0.25, "{}", b.noise_sd);
    let error = |f: &isoflop_fit::isoflop::IsoflopFit| f.params.exponent.standard_error.unwrap();
    assert!(error(&b) > 2.0 * error(&a));
    // Unless asked otherwise, the larger of seed noise and residuals enters.
    assert!(slices(&loud, Noise::Residual).noise_sd >= b.noise_sd);
}

#[test]
fn seeds_drawn_with_their_cell_are_no_clusters_ignored() {
    use isoflop_fit::Warning;
    use isoflop_fit::study::{StudyOptions, run};
    let warned = |resampling| {
        let mut options = StudyOptions::default();
        (options.isoflop.draws, options.envelope.draws) = (0, 0);
        options.fit.intervals =
            IntervalOptions { resampling: Some(resampling), draws: 50, ..Default::default() };
        let found = run(&table(3, 0.005, 0.002), &[], &options).unwrap();
        found.warnings.iter().any(|w| matches!(w, Warning::ClustersIgnored { .. }))
    };
    assert!(warned(Resampling::Pairs) && !warned(Resampling::Slices));
}

#[test]
fn the_noise_of_seeds_that_nobody_repeated_is_refused_and_not_taken_for_none() {
    let options = IsoflopOptions { noise: Noise::Seeds, draws: 100, ..Default::default() };
    let error = fit_isoflop(&table(1, 0.005, 0.002), &options).unwrap_err().to_string();
    assert!(error.contains("no two runs differ in their seed alone"), "{error}");
    assert!(error.contains("hint: "), "{error}");
}
