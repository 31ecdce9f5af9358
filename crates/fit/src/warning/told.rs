//! Warnings as they are told: those of one kind that differ in a number or a name are one.

use super::Warning;
use super::display::{doubt, times};
use crate::stats::range;
use crate::words::{listed, listed_by};

/// What is doubtful, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub text: String,
    pub advice: &'static str,
}

/// Warnings for people, where the first of each kind stands.
pub fn told(warnings: &[Warning]) -> Vec<Told> {
    let mut kinds: Vec<Vec<&Warning>> = Vec::new();
    for warning in warnings {
        match kinds.iter_mut().find(|kind| alike(kind[0], warning)) {
            Some(kind) => kind.push(warning),
            None => kinds.push(vec![warning]),
        }
    }
    let one = |kind: Vec<&Warning>| {
        let alone = kind.len() == 1;
        let text = if alone { kind[0].to_string() } else { of_many(&kind) };
        Told { text, advice: kind[0].advice() }
    };
    kinds.into_iter().map(one).collect()
}

/// Whether two warnings can be told in one sentence. Of the other kinds there is one for an approach or a law.
fn alike(a: &Warning, b: &Warning) -> bool {
    use Warning::{
        FarExtrapolation, FlatMinimum, InfluentialSlice, MachinesDiffer, MistunedCells, SpoiledRuns,
    };
    match (a, b) {
        (FlatMinimum { .. }, FlatMinimum { .. })
        | (MachinesDiffer { .. }, MachinesDiffer { .. }) => true,
        (SpoiledRuns { of, .. }, SpoiledRuns { of: other, .. }) => of == other,
        (InfluentialSlice { with, .. }, InfluentialSlice { with: other, .. }) => with == other,
        (FarExtrapolation { held_out, .. }, FarExtrapolation { held_out: other, .. }) => {
            held_out == other
        }
        (MistunedCells { about, .. }, MistunedCells { about: other, .. }) => about == other,
        _ => a == b,
    }
}

/// One sentence of several warnings that are alike.
fn of_many(kind: &[&Warning]) -> String {
    let mut flops = Vec::new();
    let mut numbers = Vec::new();
    let mut runs = Vec::new();
    for warning in kind {
        match warning {
            Warning::FlatMinimum { flops: c, factor }
            | Warning::FarExtrapolation { flops: c, factor, .. } => {
                flops.push(format!("{c:.2e}"));
                numbers.push(*factor);
            }
            Warning::InfluentialSlice { flops: c, without, .. } => {
                flops.push(format!("{c:.2e}"));
                numbers.push(*without);
            }
            Warning::MistunedCells { runs: names, .. }
            | Warning::SpoiledRuns { runs: names, .. } => {
                runs.extend(names.iter().cloned());
            }
            _ => {}
        }
    }
    let (low, high) = range(numbers.into_iter());
    let (count, at) = (flops.len(), listed(&flops));
    match kind[0] {
        Warning::FlatMinimum { .. } => format!(
            "{count} flat minima, at {at} FLOPs: N* is known to a factor {low:.1} to {high:.1}"
        ),
        Warning::FarExtrapolation { held_out, .. } => format!(
            "{count} budgets are {} to {} times the largest compute of the runs{}: {at} FLOPs",
            times(low),
            times(high),
            doubt(*held_out)
        ),
        Warning::InfluentialSlice { with, .. } => format!(
            "each of {count} slices alone moves the law's exponent to {with:.3}, from {low:.3} to {high:.3} without it: those at {at} FLOPs"
        ),
        Warning::MistunedCells { about, .. } => {
            Warning::MistunedCells { about: about.clone(), runs }.to_string()
        }
        Warning::SpoiledRuns { of, .. } => {
            Warning::SpoiledRuns { of: of.clone(), runs }.to_string()
        }
        Warning::MachinesDiffer { .. } => {
            let all: Vec<String> = kind.iter().map(|warning| warning.to_string()).collect();
            listed_by(&all, "; ")
        }
        first => first.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_flat_minima_are_one_warning() {
        let flat = |k: i32| Warning::FlatMinimum {
            flops: 10f64.powi(k),
            factor: 3.0 + 0.1 * f64::from(k),
        };
        let mut all: Vec<Warning> = (0..40).map(flat).collect();
        all.insert(20, Warning::FewBudgets { budgets: 4 });
        all.push(Warning::FewBudgets { budgets: 4 });
        let told = told(&all);
        assert_eq!(told.len(), 2);
        assert_eq!(
            told[0].text,
            "40 flat minima, at 1.00e0, 1.00e1, 1.00e2, 1.00e3, 1.00e4, 1.00e5, 1.00e6, 1.00e7 and 32 more FLOPs: N* is known to a factor 3.0 to 6.9"
        );
        assert_eq!(told[1].text, all[20].to_string());
    }

    #[test]
    fn one_warning_reads_as_it_did_and_other_kinds_stay_apart() {
        let far =
            |flops, held_out| Warning::FarExtrapolation { flops, factor: flops / 1e18, held_out };
        let all = [far(1e20, true), far(1e21, false), far(1e22, false)];
        let told: Vec<String> = told(&all).into_iter().map(|t| t.text).collect();
        assert_eq!(told[0], all[0].to_string());
        assert!(told[1].starts_with("2 budgets are 1000 to 10000 times the largest"), "{told:?}");
        assert!(told[1].ends_with("held out: 1.00e21, 1.00e22 FLOPs"), "{told:?}");
    }
}
