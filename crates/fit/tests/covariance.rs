//! R^2 of the power laws, and how the parameters of a law move together.

mod support;

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, fit_isoflop};
use isoflop_fit::law::{Hoffmann, Law};
use isoflop_fit::parametric::{FitOptions, LawResult, fit_law};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use support::{made, table, truths};

fn fitted(draws: usize) -> LawResult {
    let intervals = IntervalOptions { draws, ..Default::default() };
    let options = FitOptions { intervals, ..Default::default() };
    fit_law(&table("chinchilla"), &Hoffmann, &options).unwrap().result.unwrap()
}

#[test]
fn the_covariance_is_that_of_the_refits() {
    let fit = fitted(500);
    let found = fit.covariance.as_ref().unwrap();
    assert_eq!(found.parameters, ["E", "ln A", "alpha", "ln B", "beta"]);
    assert_eq!(found.draws, fit.refits.len());
    let natural = |z: &[f64]| {
        let v = Hoffmann.natural(z, &fit.centre);
        [v[0], v[1].ln(), v[2], v[3].ln(), v[4]]
    };
    let all: Vec<[f64; 5]> = fit.refits.iter().map(natural).collect();
    let n = all.len() as f64;
    let mean = |k: usize| all.iter().map(|v| v[k]).sum::<f64>() / n;
    for i in 0..5 {
        for j in 0..5 {
            let products = all.iter().map(|v| (v[i] - mean(i)) * (v[j] - mean(j)));
            let want = products.sum::<f64>() / (n - 1.0);
            let got = found.covariance[i][j];
            assert!((got - want).abs() <= 1e-9 * want.abs(), "{i} {j}: {got}, wanted {want}");
        }
        assert!((found.correlation[i][i].unwrap() - 1.0).abs() < 1e-12);
    }
    // The spread that stands beside the parameter.
    for (k, name) in [(0, "E"), (2, "alpha"), (4, "beta")] {
        let error = fit.parameter(name).unwrap().standard_error.unwrap();
        assert!((found.covariance[k][k].sqrt() / error - 1.0).abs() < 1e-9, "{name}");
    }
    // A coefficient and its exponent are known together alone.
    assert!(found.correlation[1][2].unwrap() > 0.99 && found.correlation[3][4].unwrap() > 0.99);
}

#[test]
fn a_few_refits_have_no_covariance() {
    assert!(fitted(0).covariance.is_none());
    assert!(fitted(49).covariance.is_none());
}

#[test]
fn power_laws_without_noise_explain_all_and_noise_takes_some_of_it() {
    let options = IsoflopOptions { draws: 0, ..Default::default() };
    let made = |noise| {
        let study = truths::study(truths::hoffmann, noise, &mut ChaCha8Rng::seed_from_u64(1));
        fit_isoflop(&study, &options).unwrap()
    };
    let (exact, noisy) = (made(0.0), made(0.005));
    for (exact, noisy) in [(&exact.params, &noisy.params), (&exact.tokens, &noisy.tokens)] {
        let [exact, noisy] = [exact, noisy].map(|law| law.r_squared.unwrap());
        assert!(exact > 0.999_99 && noisy < exact && noisy > 0.5, "{exact} {noisy}");
    }
    // The floor bends ln L*.
    let loss = exact.loss.r_squared.unwrap();
    assert!(loss > 0.9 && loss < 0.999_99, "{loss}");
    assert!(exact.loss.exponent.point < 0.0);
}

#[test]
fn approaches_say_what_their_power_laws_explain_and_the_law_does_not() {
    let study = made::study(made::slices(6), 0);
    for row in &study.exponents {
        let both = [row.params_r_squared, row.tokens_r_squared];
        let (has, given) = (both.iter().all(Option::is_some), row.params.is_some());
        assert_eq!(has, given && row.approach != "3 law", "{row:?}");
        assert!(both.iter().flatten().all(|r| *r > 0.5 && *r < 1.0), "{row:?}");
    }
}
