//! What `sweep predict` prints.

use anyhow::bail;
use isoflop_fit::forecast::Forecaster;
use isoflop_fit::parametric::{Allocation, LawChoice};
use isoflop_fit::plan::{Lifetime, Overtraining, SizeRange};
use isoflop_fit::published::{Published, Reconciled};
use isoflop_fit::study::Answer;
use isoflop_fit::validate::HeldOut;
use isoflop_fit::{Estimate, LeftOut, Outcome, Warning};
use serde::Serialize;

use super::register::Registered;
use crate::commands::fit::SCHEMA;
use crate::runs::RunsSource;

/// Everything that the command prints.
#[derive(Debug, Serialize)]
pub struct Predicted {
    /// Version of this shape.
    pub schema: u32,
    /// The law, in words.
    pub law: String,
    /// Its source, for a published one.
    pub published: Option<&'static Published>,
    /// What studies that count as Kaplan et al. did would have found under a published law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_kaplan_counts: Option<Reconciled>,
    /// The fit to runs, what is doubtful about it included; `None` for a published law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Doubts>,
    /// Why no answer of a published law has an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<String>,
    /// Doubts about answers of a published law.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Splits of budgets.
    pub budgets: Vec<Budget>,
    /// Learning rate and batch, where published: of every split, and of the N and D asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tuning: Vec<Tuned>,
    /// The loss of the N and D asked about, where both are given.
    pub at: Option<At>,
    /// Answer to --target-loss.
    pub target: Option<Target>,
    /// Answer to --for-tokens: (N, budget).
    pub for_tokens: Option<(Estimate, Estimate)>,
    /// Answer to --for-params: (D, budget).
    pub for_params: Option<(Estimate, Estimate)>,
    /// Where the forecast was written down, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered: Option<Registered>,
}

/// How the law that answers was fitted to runs, and what to know before trusting it.
#[derive(Debug, Serialize)]
pub struct Doubts {
    /// Where the runs came from.
    pub source: RunsSource,
    /// Runs used.
    pub rows: usize,
    /// Rows that the fit did not see.
    pub left_out: Vec<LeftOut>,
    /// How the law was chosen, where it was.
    pub law_choice: Option<LawChoice>,
    /// How it ended.
    pub outcome: Outcome,
    /// Bootstrap refits.
    pub draws: usize,
    /// Those that did not converge.
    pub failed_draws: usize,
    /// Why there are no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
    /// Forecasts of the largest budgets from the rest.
    pub held_out: Vec<Answer<HeldOut>>,
    /// How law and slice minima are weighed, and how they did on held-out budgets.
    pub forecast: Forecaster,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
pub struct Budget {
    /// The best split: of runs, by slice minima and law together.
    pub best: Allocation,
    /// By each alone, where runs were fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_slices: Option<Allocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_law: Option<Allocation>,
    /// Sizes within a tolerance.
    pub sizes: Vec<SizeRange>,
}

/// Best learning rate and batch.
#[derive(Debug, Serialize)]
pub struct Tuned {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Batch, tokens per step.
    pub batch_tokens: f64,
}

/// The loss of one N and D.
#[derive(Debug, Serialize)]
pub struct At {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// The FLOPs that this takes.
    pub flops: f64,
    /// The loss to expect there: by the law, and of runs by the law and the slice minima together.
    pub loss_nats: Estimate,
    /// By the law alone, where runs were fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law_nats: Option<Estimate>,
    /// With the interval of a new run, where the law was fitted to runs.
    pub new_run_nats: Option<Estimate>,
}

/// The least budget for a loss.
#[derive(Debug, Serialize)]
pub struct Target {
    pub loss_nats: f64,
    /// Budget, by the law.
    pub flops: Estimate,
    /// Budget by the law and the slice minima together, where runs were fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_flops: Option<Estimate>,
    /// Its split.
    pub best: Allocation,
    /// Why there is no interval, where draws cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<String>,
    /// Tokens of inference that are counted.
    pub inference_tokens: f64,
    /// Other models trained to the same loss: that of --for-params, and half, a quarter and an eighth of N*.
    pub other: Vec<Overtraining>,
    /// The best for training and inference together, where inference is counted.
    pub lifetime: Option<Lifetime>,
}

impl Predicted {
    /// No answer yet.
    pub fn empty(title: &str) -> Predicted {
        Predicted {
            schema: SCHEMA,
            law: title.into(),
            published: None,
            as_kaplan_counts: None,
            fit: None,
            no_interval: None,
            warnings: Vec::new(),
            budgets: Vec::new(),
            tuning: Vec::new(),
            at: None,
            target: None,
            for_tokens: None,
            for_params: None,
            registered: None,
        }
    }

    /// Level of the intervals, where there is one.
    pub fn level(&self) -> Option<f64> {
        let budgets = self.budgets.iter().map(|b| b.best.params);
        let pairs = self.for_tokens.iter().chain(&self.for_params).map(|p| p.0);
        let at = self.at.iter().map(|a| a.loss_nats);
        let target = self.target.iter().map(|t| t.flops);
        budgets.chain(pairs).chain(at).chain(target).find_map(|e| e.interval.map(|i| i.level))
    }

    /// Answers too far beyond `largest` FLOPs; `held_out` says whether forecasts of held-out budgets came true.
    pub fn far(&self, largest: f64, held_out: bool) -> Vec<Warning> {
        let pairs = self.for_tokens.iter().chain(&self.for_params).map(|p| p.1.point);
        let at = self.at.iter().map(|a| a.flops);
        let target = self.target.iter().map(|t| t.flops.point);
        let budgets = self.budgets.iter().map(|b| b.best.flops);
        let mut all: Vec<f64> = budgets.chain(at).chain(target).chain(pairs).collect();
        all.sort_unstable_by(f64::total_cmp);
        all.dedup();
        all.into_iter().filter_map(|flops| Warning::far(flops, flops / largest, held_out)).collect()
    }

    /// Refuses answers beyond double precision.
    pub fn check_range(&self) -> anyhow::Result<()> {
        let pair = |p: &Option<(Estimate, Estimate)>| p.map(|(a, b)| [a.point, b.point]);
        let pairs = [pair(&self.for_tokens), pair(&self.for_params)];
        let all = pairs.into_iter().flatten().flatten().chain(self.at.as_ref().map(|a| a.flops));
        for value in all {
            if !value.is_finite() {
                bail!(
                    "the answer is beyond double precision\nhint: ask for an N and a D nearer to the runs of the law"
                );
            }
        }
        Ok(())
    }
}
