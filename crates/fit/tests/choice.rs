//! Which law is chosen where nobody has said.

mod support;

use isoflop_fit::Table;
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{Starts, choose_law};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use support::truths::{Truth, hoffmann, kaplan, study};

fn made(truth: Truth, seed: u64) -> Table {
    study(truth, 0.005, &mut ChaCha8Rng::seed_from_u64(seed))
}

#[test]
fn each_law_is_chosen_where_it_is_true() {
    for (truth, law) in [(hoffmann as Truth, LawKind::Hoffmann), (kaplan, LawKind::Joint)] {
        let chosen = |seed| choose_law(&made(truth, seed), Starts::default()).chosen == law;
        let right = (0..20).filter(|seed| chosen(*seed)).count();
        assert!(right >= 19, "{law:?}: {right} of 20");
    }
}

#[test]
fn the_choice_says_by_how_much() {
    let table = made(kaplan, 0);
    let choice = choose_law(&table, Starts::default());
    let ahead = choice.ahead().unwrap();
    assert!(ahead > 3.0, "{ahead}");
    assert!(choice.sentence().contains(&format!("{ahead:.1} nats ahead")), "{}", choice.sentence());
    // One budget holds no law at all: the customary one is the one that then refuses.
    let one = table.filter("held out", |r| r.flops < 1.5e18).unwrap();
    let choice = choose_law(&one, Starts::default());
    assert_eq!((choice.chosen, choice.ahead()), (LawKind::Hoffmann, None));
}
