//! Which law is chosen where nobody has said.

use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{Starts, choose_law};
use isoflop_fit::{Observation, Table};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

fn study(truth: fn(f64, f64) -> f64, seed: u64) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::new();
    for k in 0..5 {
        let flops = 1e18 * 2f64.powi(k);
        for i in 0..7 {
            let n = 1e8 * (flops / 1e18).sqrt() * 2f64.powi(i - 3);
            let (d, z) = (flops / 6.0 / n, random.sample::<f64, _>(StandardNormal));
            let loss = truth(n, d) * (0.005 * z).exp();
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss));
        }
    }
    Table::new(rows).unwrap()
}

#[test]
fn each_law_is_chosen_where_it_is_true() {
    let hoffmann = |n: f64, d: f64| 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
    let kaplan = |n: f64, d: f64| ((8.8e13 / n).powf(0.8) + 5.4e13 / d).powf(0.095);
    for (truth, law) in
        [(hoffmann as fn(f64, f64) -> f64, LawKind::Hoffmann), (kaplan, LawKind::Joint)]
    {
        let chosen = |seed| choose_law(&study(truth, seed), Starts::default()).chosen == law;
        let right = (0..20).filter(|seed| chosen(*seed)).count();
        assert!(right >= 19, "{law:?}: {right} of 20");
    }
}

#[test]
fn the_choice_says_by_how_much() {
    let table = study(|n, d| ((8.8e13 / n).powf(0.8) + 5.4e13 / d).powf(0.095), 0);
    let choice = choose_law(&table, Starts::default());
    let ahead = choice.ahead().unwrap();
    assert!(ahead > 3.0, "{ahead}");
    assert!(choice.sentence().contains(&format!("{ahead:.1} nats ahead")), "{}", choice.sentence());
    // One budget holds no law at all: the customary one is the one that then refuses.
    let one = table.filter("held out", |r| r.flops < 1.5e18).unwrap();
    let choice = choose_law(&one, Starts::default());
    assert_eq!((choice.chosen, choice.ahead()), (LawKind::Hoffmann, None));
}
