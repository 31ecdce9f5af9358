//! Hyper-parameters as functions of a run's size and length, and where each comes from.
//!
//! One rule per file, with its formula, its source and the range it was fitted on. The published
//! rules for learning rate and batch differ by a factor of 20 below 1e16 FLOPs, so that a rule of
//! this project's own, calibrated at small sizes, is the default.

pub mod beta2;
pub mod decay;
pub mod deepseek;
pub mod measured;
pub mod power;
pub mod shape;
pub mod steplaw;
pub mod warmup;

use std::fmt;

use serde::Serialize;

use crate::Shape;
use crate::config::{LawOf, RateRule};

/// Where the value of a hyper-parameter comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "source", rename_all = "lowercase")]
pub enum Provenance {
    /// A publication.
    Published(&'static str),
    /// Runs of this project, kept in `results/`.
    Measured(&'static str),
    /// A study of the user's: its results folder, the law and what it was fitted to.
    Calibrated(String),
    /// Nobody has shown it for models like these.
    Assumed(&'static str),
    /// The device, to which the configuration leaves it.
    Device,
    /// The configuration.
    User,
    /// A law in the configuration.
    Own(String),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published(source) => write!(f, "published: {source}"),
            Self::Measured(source) => write!(f, "measured: {source}"),
            Self::Assumed(source) => write!(f, "assumed: {source}"),
            Self::Device => f.write_str("auto, for this device"),
            Self::Calibrated(source) => write!(f, "calibrated: {source}"),
            Self::User => f.write_str("user"),
            Self::Own(law) => write!(f, "user: {law}"),
        }
    }
}

/// The range of runs that a rule was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fitted {
    /// Smallest and largest model, in non-embedding parameters.
    pub params: (f64, f64),
    /// Shortest and longest run, in tokens.
    pub tokens: (f64, f64),
}

impl Fitted {
    /// The factor by which a run lies outside the range, in the worse of its two directions; 1 inside.
    pub fn outside(&self, shape: &Shape, tokens: f64) -> f64 {
        let n = shape.params().non_embedding() as f64;
        let beyond = |(low, high): (f64, f64), x: f64| (low / x).max(x / high).max(1.0);
        beyond(self.params, n).max(beyond(self.tokens, tokens))
    }
}

impl RateRule {
    /// Peak learning rate of a run of `tokens` tokens, `batch_tokens` per step; not a number while a calibration is unread.
    pub fn learning_rate(&self, shape: &Shape, tokens: f64, batch_tokens: f64) -> f64 {
        match self {
            Self::Measured => measured::learning_rate(shape, tokens, batch_tokens),
            Self::StepLaw => steplaw::learning_rate(shape, tokens),
            Self::DeepSeek => deepseek::learning_rate(shape, tokens),
            Self::Law { law, .. } => law.learning_rate(shape, tokens, batch_tokens),
            Self::Unread { .. } => f64::NAN,
        }
    }

    /// Whether the rate is made for the batch at hand, rather than for the rule's own.
    pub fn follows_batch(&self) -> bool {
        match self {
            Self::Measured | Self::Law { .. } | Self::Unread { .. } => true,
            Self::StepLaw | Self::DeepSeek => false,
        }
    }

    /// Tokens per step of a run of `tokens` tokens, before rounding to whole sequences; not a number while a calibration is
    /// unread.
    pub fn batch_tokens(&self, shape: &Shape, tokens: f64) -> f64 {
        match self {
            Self::Measured => measured::batch_tokens(tokens),
            Self::StepLaw => steplaw::batch_tokens(tokens),
            Self::DeepSeek => deepseek::batch_tokens(shape, tokens),
            Self::Law { law, .. } => law.batch_tokens(tokens),
            Self::Unread { .. } => f64::NAN,
        }
    }

    /// Where the rule comes from.
    pub fn provenance(&self) -> Provenance {
        match self {
            Self::Measured => measured::PROVENANCE,
            Self::StepLaw => steplaw::PROVENANCE,
            Self::DeepSeek => deepseek::PROVENANCE,
            Self::Law { law, of: LawOf::LearningRate } => law.rate_provenance(),
            Self::Law { law, of: LawOf::Batch } => law.batch_provenance(),
            Self::Unread { folder, .. } => {
                Provenance::Calibrated(format!("{}, to be fitted", folder.display()))
            }
        }
    }

    /// What the rule's rate was fitted on, where batches follow `batch`, a rule if any.
    pub fn rate_fitted(&self, batch: Option<&Self>) -> Option<Fitted> {
        match (self, batch) {
            (Self::Measured, Some(Self::StepLaw)) => measured::fitted_with_step_law_batches(),
            _ => self.fitted(),
        }
    }

    /// What the rule was fitted on; `None` where it has not been fitted.
    pub fn fitted(&self) -> Option<Fitted> {
        match self {
            Self::Measured => measured::FITTED,
            Self::StepLaw => Some(steplaw::FITTED),
            Self::DeepSeek => Some(deepseek::FITTED),
            Self::Law { law, .. } => law.calibration.as_ref().map(|c| c.range),
            Self::Unread { .. } => None,
        }
    }

    /// Its name in configurations: a word, or the results folder of a calibration.
    pub fn name(&self) -> String {
        match self {
            Self::Measured => "measured".into(),
            Self::StepLaw => "steplaw".into(),
            Self::DeepSeek => "deepseek".into(),
            Self::Law { law, .. } => match &law.calibration {
                Some(calibration) => calibration.folder.display().to_string(),
                None => "a law".into(),
            },
            Self::Unread { folder, .. } => folder.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    const SHAPE: Shape = Shape {
        family: Family::Llama,
        depth: 12,
        width: 768,
        heads: 12,
        hidden: 2048,
        vocab: 50_304,
        context: 1024,
    };

    #[test]
    fn published_rules_give_the_published_figures() {
        let n = SHAPE.params().non_embedding() as f64;
        let d = 20.0 * n;
        let rate = RateRule::StepLaw.learning_rate(&SHAPE, d, 1e5);
        assert!((rate / (1.79 * n.powf(-0.713) * d.powf(0.307)) - 1.0).abs() < 1e-12);
        let batch = RateRule::StepLaw.batch_tokens(&SHAPE, d);
        assert!((batch / (0.58 * d.powf(0.571)) - 1.0).abs() < 1e-12);
    }

    /// DeepSeek LLM 7B (Bi et al. 2024, table 2): 4.2e-4 and 2304 sequences on 2e12 tokens.
    #[test]
    fn deepseek_gives_the_settings_of_its_own_model() {
        let shape = Shape {
            family: Family::Llama,
            depth: 30,
            width: 4096,
            heads: 32,
            hidden: 11_008,
            vocab: 102_400,
            context: 4096,
        };
        let rate = RateRule::DeepSeek.learning_rate(&shape, 2e12, 1e6);
        let batch = RateRule::DeepSeek.batch_tokens(&shape, 2e12) / 4096.0;
        assert!((rate / 4.2e-4 - 1.0).abs() < 0.02, "{rate}");
        assert!((batch / 2304.0 - 1.0).abs() < 0.05, "{batch}");
    }

    #[test]
    fn runs_outside_the_fitted_range_are_told_how_far() {
        let fitted = Fitted { params: (1e6, 1e9), tokens: (1e9, 1e11) };
        assert_eq!(fitted.outside(&SHAPE, 1e10), 1.0);
        assert_eq!(fitted.outside(&SHAPE, 1e8), 10.0);
        assert_eq!(fitted.outside(&SHAPE, 4e11), 4.0);
    }

    #[test]
    fn the_measured_rate_turns_into_step_law_where_that_was_fitted() {
        let Fitted { params, tokens } = steplaw::FITTED;
        // Both are powers of N and D, so that the farthest points are corners. Depth 12, width 768 has
        // 9e7 non-embedding parameters; width and depth scale it to the ends of the range.
        for (depth, width) in [(8, 768), (20, 2048)] {
            let shape = Shape { depth, width, hidden: width * 8 / 3, ..SHAPE };
            let n = shape.params().non_embedding() as f64;
            assert!(
                (0.9..1.1).contains(&(n / params.0)) || (0.9..1.1).contains(&(n / params.1)),
                "{n}"
            );
            for d in [tokens.0, tokens.1] {
                let batch = RateRule::StepLaw.batch_tokens(&shape, d);
                let measured = RateRule::Measured.learning_rate(&shape, d, batch);
                let factor = measured / RateRule::StepLaw.learning_rate(&shape, d, batch);
                assert!((0.9..1.1).contains(&factor), "{n} {d}: {factor}");
            }
        }
        // On the way there is no jump: from one width to the next the rate changes by little.
        let rate = |width: usize| {
            let shape = Shape { depth: 4, width, hidden: width * 8 / 3, ..SHAPE };
            let n = shape.params().non_embedding() as f64;
            RateRule::Measured.learning_rate(&shape, 20.0 * n, 1e4)
        };
        for width in (16..2048).step_by(8) {
            let change = rate(width + 8) / rate(width);
            assert!((0.5..1.05).contains(&change), "{width}: {change}");
        }
    }

    #[test]
    fn rules_stay_finite_from_bytes_to_trillions() {
        for rule in [RateRule::Measured, RateRule::StepLaw, RateRule::DeepSeek] {
            for tokens in [1.0, 1e6, 1e13] {
                let (rate, batch) =
                    (rule.learning_rate(&SHAPE, tokens, 1e4), rule.batch_tokens(&SHAPE, tokens));
                assert!(rate > 0.0 && rate.is_finite() && batch > 0.0 && batch.is_finite());
            }
        }
    }
}
