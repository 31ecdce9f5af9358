//! Which law runs speak for, where nobody has said.
//!
//! Two laws with five parameters each stand at the ends of one family ([`crate::law::Joint`]): Hoffmann's, whose terms add up above a
//! floor, and the joint law without a floor, whose corner between the two terms is free. Runs of some budgets can seldom
//! hold both the floor and the corner. Where the loss still falls ever more steeply, as it does for small models, a floor is what
//! bends the law away from the largest budgets.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{Starts, data, optimum};
use crate::law::{LawKind, Sample};
use crate::objective::Objective;
use crate::table::Table;

/// The laws that are chosen from, the customary first.
const CANDIDATES: [LawKind; 2] = [LawKind::Hoffmann, LawKind::Joint];
/// Log-likelihood, in nats, by which another law has to be ahead of the customary one: odds of 20.
const LEAD: f64 = 3.0;
/// Huber's loss with a fitted scale, near to least squares for normal residuals.
const OBJECTIVE: Objective = Objective::Likelihood { delta: 1.345 };
/// A law that is behind by so much from its data-driven starts is not looked for from others.
const HOPELESS: f64 = 100.0;
/// Runs that the laws are held against, drawn from longer tables: laws that so many cannot tell apart forecast alike.
const MOST_RUNS: usize = 4000;

/// A law and how well it does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Candidate {
    pub law: LawKind,
    /// Log-likelihood of the runs; `None` where the law fitted to them is no result.
    pub log_likelihood: Option<f64>,
}

/// The law chosen, and between which.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LawChoice {
    pub chosen: LawKind,
    pub candidates: Vec<Candidate>,
}

impl LawChoice {
    /// By how much the law chosen is ahead of the other, in nats; `None` where only one is a result.
    pub fn ahead(&self) -> Option<f64> {
        let of = |chosen: bool| {
            let mut all = self.candidates.iter();
            all.find(|c| (c.law == self.chosen) == chosen)?.log_likelihood
        };
        Some(of(true)? - of(false)?)
    }

    /// The choice in a sentence.
    pub fn sentence(&self) -> String {
        let name = self.chosen.law().name();
        match self.ahead() {
            Some(ahead) if ahead >= 0.0 => {
                format!("`{name}` was chosen, its likelihood {ahead:.1} nats ahead of the other's")
            }
            Some(ahead) => format!(
                "`{name}` was kept, the other's likelihood being ahead by {:.1} nats only",
                -ahead
            ),
            None => {
                format!("`{name}` was chosen, the other law fitted to these runs being no result")
            }
        }
    }
}

/// Chooses the law for a table: Hoffmann's, unless the joint law is [`LEAD`] ahead, or is alone a result.
pub fn choose_law(table: &Table, starts: Starts) -> LawChoice {
    let mut sample = Sample::new(table);
    if sample.len() > MOST_RUNS {
        let mut random = ChaCha8Rng::seed_from_u64(starts.seed);
        let drawn = rand::seq::index::sample(&mut random, sample.len(), MOST_RUNS);
        sample = sample.rows(&drawn.into_vec());
    }
    let mut least = f64::NEG_INFINITY;
    let one = |law: LawKind| {
        let fitted = law.law();
        if data(table, fitted.as_ref()).is_err() {
            return Candidate { law, log_likelihood: None };
        }
        let mut best = optimum(fitted.as_ref(), &sample, OBJECTIVE, Starts { wild: 0, ..starts });
        if !(-best.value < least - HOPELESS) {
            best = optimum(fitted.as_ref(), &sample, OBJECTIVE, starts);
        }
        let log_likelihood = best.outcome.is_result().then_some(-best.value);
        least = log_likelihood.unwrap_or(least);
        Candidate { law, log_likelihood }
    };
    let candidates = CANDIDATES.map(one);
    let [customary, other] = candidates.map(|c| c.log_likelihood);
    let ahead = match (customary, other) {
        (Some(customary), Some(other)) => other > customary + LEAD,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    LawChoice { chosen: CANDIDATES[usize::from(ahead)], candidates: candidates.to_vec() }
}
