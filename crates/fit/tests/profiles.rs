//! Profile likelihood where it is hard to follow: flat, kinked, at a bound, fixed by the law.

use isoflop_fit::intervals::{Profile, ProfileEnd, Target, profile};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::{FitError, Objective, Observation, Table};

/// 6 budgets x 9 sizes of Epoch's law, 0.3% noise.
fn table() -> Table {
    let mut rows = Vec::new();
    for k in 0..6 {
        let flops = 3e17 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..9 {
            let n = 4e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 4.0 - 1.0);
            let d = flops / 6.0 / n;
            let wave = (f64::from(9 * k + i) * 12.9898).sin() * 43_758.545_3;
            let ripple = 0.005 * (2.0 * (wave - wave.floor()) - 1.0);
            let loss = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            rows.push(Observation::new(format!("{k}-{i}"), n, d, flops, loss * ripple.exp()));
        }
    }
    Table::new(rows).unwrap()
}

fn profiled(law: &str, objective: Objective, target: &Target) -> Result<Profile, FitError> {
    let law = LawKind::parse(law).unwrap().law();
    let options = FitOptions { objective, ..Default::default() };
    let fit = fit_law(&table(), law.as_ref(), &options).unwrap();
    profile(&table(), law.as_ref(), fit.result().unwrap(), &options, target)
}

#[test]
fn profiles_are_followed_until_they_reach_the_level() {
    let alpha = Target::Parameter { name: "alpha".into() };
    for (law, target) in [
        ("hoffmann", &alpha),
        ("hoffmann", &Target::Exponent),
        ("offset-c", &alpha),
        ("kaplan", &Target::Exponent),
        ("power-n", &alpha),
    ] {
        for objective in [Objective::default(), Objective::SquaredLog] {
            let found = profiled(law, objective, target).unwrap();
            println!("{law} {}: {} {:?}", objective.name(), found.point, found.interval());
            let what = format!("{law} {}: {:?}", objective.name(), found.ends);
            assert_eq!(found.ends, [ProfileEnd::Reached; 2], "{what}");
            let interval = found.interval().unwrap();
            assert!(interval.lo < found.point && found.point < interval.hi, "{what}");
        }
    }
}

#[test]
fn a_quantity_that_the_law_fixes_is_refused() {
    let error = profiled("tied", Objective::default(), &Target::Exponent).unwrap_err().to_string();
    assert!(error.contains("`tied` fixes this quantity") && error.contains("hint: "), "{error}");
}

#[test]
fn an_end_at_a_bound_is_told_from_one_that_was_not_reached() {
    // Three short slices say little of E: below, it may be next to nothing.
    let few: Vec<Observation> = table()
        .rows()
        .iter()
        .filter(|r| r.flops < 4e18 && r.run.ends_with(['2', '4', '6']))
        .cloned()
        .collect();
    let few = Table::new(few).unwrap();
    let law = LawKind::Hoffmann.law();
    let options = FitOptions { objective: Objective::SquaredLog, ..Default::default() };
    let mut options = options;
    options.intervals.draws = 0;
    let fit = fit_law(&few, law.as_ref(), &options).unwrap();
    println!("{}", fit.outcome);
    let result = fit.result().unwrap();
    let target = Target::Parameter { name: "E".into() };
    let found = profile(&few, law.as_ref(), result, &options, &target).unwrap();
    println!("{:?} {:?} {:?}", found.lo, found.hi, found.ends);
    assert!(found.lo.is_some() == (found.ends[0] == ProfileEnd::Reached));
    assert_ne!(found.ends[0], ProfileEnd::NotReached);
}
