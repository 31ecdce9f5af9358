//! `learning_rate = { .. }` and `batch_tokens = { .. }` of `[train]`: a power law with its numbers, or the results folder of
//! a calibration that it is fitted to. Once fitted both are written, so that a results folder needs no other.

use std::path::PathBuf;

use super::key::{Key, law_key};
use super::table::Table;
use super::takes::{above_to, from_below, from_to, number, text, whole_from};
use super::train::RateRule;
use crate::rules::Fitted;
use crate::rules::power::{Calibration, PowerLaw};

/// What a law gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LawOf {
    /// The learning rate, `eta = a N^b D^c`.
    LearningRate,
    /// The batch, `B = a D^b`.
    Batch,
}

/// A law as the file has it: fields that it does not have are `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct LawSpec {
    of: LawOf,
    coefficient: Option<f64>,
    exponent: Option<f64>,
    tokens_exponent: Option<f64>,
    batch: Option<f64>,
    from: Option<PathBuf>,
    minima: Option<u64>,
    min_params: Option<f64>,
    max_params: Option<f64>,
    min_tokens: Option<f64>,
    max_tokens: Option<f64>,
}

/// What a fitted law's range is written as.
const FITTED: [&str; 5] = ["minima", "min_params", "max_params", "min_tokens", "max_tokens"];

/// Exponents that a rate's law may have.
pub const RATE_EXPONENTS: (f64, f64) = (-2.0, 2.0);

const FROM: Key<LawSpec> = law_key(
    "from",
    text("a folder"),
    "\"runs/calibration\"",
    "results folder of a study with multipliers, to which the law is fitted",
    |l| Some(l.from.as_mut()?),
)
.required();
const MINIMA: Key<LawSpec> = law_key(
    "minima",
    whole_from(2, ""),
    "9",
    "minima in `from` that the numbers were fitted to; written beside them",
    |l| Some(l.minima.as_mut()?),
)
.required();
const MIN_PARAMS: Key<LawSpec> = range("min_params", |l| Some(l.min_params.as_mut()?));
const MAX_PARAMS: Key<LawSpec> = range("max_params", |l| Some(l.max_params.as_mut()?));
const MIN_TOKENS: Key<LawSpec> = range("min_tokens", |l| Some(l.min_tokens.as_mut()?));
const MAX_TOKENS: Key<LawSpec> = range("max_tokens", |l| Some(l.max_tokens.as_mut()?));

#[rustfmt::skip]
pub(super) const RATE_KEYS: &[Key<LawSpec>] = &[
    law_key("coefficient", number(above_to(0.0, 1e6), ""), "0.3",
        "a of eta = a N^b D^c, with N without embedding and head", |l| Some(l.coefficient.as_mut()?)).required(),
    law_key("exponent", number(from_to(RATE_EXPONENTS.0, RATE_EXPONENTS.1), ""), "-0.45",
        "b of eta = a N^b D^c", |l| Some(l.exponent.as_mut()?)).required(),
    law_key("tokens_exponent", number(from_to(RATE_EXPONENTS.0, RATE_EXPONENTS.1), ""), "-0.47",
        "c of eta = a N^b D^c; without it the rate does not follow the length of a run", |l| Some(l.tokens_exponent.as_mut()?)),
    law_key("batch", number(from_to(1.0, 1e9), "tokens"), "128",
        "batch that the law holds at; at others the rate is multiplied by (B / batch)^.5. Without it the rate does not follow the batch",
        |l| Some(l.batch.as_mut()?)),
    FROM, MINIMA, MIN_PARAMS, MAX_PARAMS, MIN_TOKENS, MAX_TOKENS,
];

#[rustfmt::skip]
pub(super) const BATCH_KEYS: &[Key<LawSpec>] = &[
    law_key("coefficient", number(above_to(0.0, 1e9), ""), "0.05",
        "a of B = a D^b tokens", |l| Some(l.coefficient.as_mut()?)).required(),
    law_key("exponent", number(from_below(0.0, 1.0), ""), "0.57",
        "b of B = a D^b", |l| Some(l.exponent.as_mut()?)).required(),
    FROM, MINIMA, MIN_PARAMS, MAX_PARAMS, MIN_TOKENS, MAX_TOKENS,
];

const fn range(
    name: &'static str,
    place: fn(&mut LawSpec) -> Option<&mut dyn super::value::Field>,
) -> Key<LawSpec> {
    let about = "range of the minima, in parameters without embedding and head, and in tokens";
    law_key(name, number(above_to(0.0, 1e18), ""), "1e4", about, place).required()
}

impl LawOf {
    /// The key that it is written at.
    pub fn key(self) -> &'static str {
        match self {
            Self::LearningRate => "train.learning_rate",
            Self::Batch => "train.batch_tokens",
        }
    }

    fn keys(self) -> &'static [Key<LawSpec>] {
        match self {
            Self::LearningRate => RATE_KEYS,
            Self::Batch => BATCH_KEYS,
        }
    }
}

impl LawSpec {
    /// Logs what is wrong with it.
    pub(super) fn read(table: &Table<'_>, of: LawOf) -> Self {
        let has = |key| table.has(key);
        // Whatever is said of a fit must be said in full.
        let said = FITTED.into_iter().any(has);
        let numbers = said
            || !has("from")
            || ["coefficient", "exponent", "tokens_exponent", "batch"].into_iter().any(has);
        let from = (said || has("from")).then(PathBuf::new);
        let fitted = numbers && from.is_some();
        let place = |there: bool| there.then_some(f64::NAN);
        let mut law = Self {
            of,
            coefficient: place(numbers),
            exponent: place(numbers),
            tokens_exponent: place(has("tokens_exponent")),
            batch: place(has("batch")),
            from,
            minima: fitted.then_some(0),
            min_params: place(fitted),
            max_params: place(fitted),
            min_tokens: place(fitted),
            max_tokens: place(fitted),
        };
        table.read(&mut law, of.keys());
        law
    }

    pub(super) fn of(law: &PowerLaw, of: LawOf) -> Self {
        let calibration = law.calibration.as_ref();
        let range = calibration.map(|c| c.range);
        Self {
            of,
            coefficient: Some(law.coefficient),
            exponent: Some(law.exponent),
            tokens_exponent: law.tokens_exponent,
            batch: law.batch,
            from: calibration.map(|c| c.folder.clone()),
            minima: calibration.map(|c| c.minima),
            min_params: range.map(|r| r.params.0),
            max_params: range.map(|r| r.params.1),
            min_tokens: range.map(|r| r.tokens.0),
            max_tokens: range.map(|r| r.tokens.1),
        }
    }

    pub(super) fn unread(folder: &std::path::Path, of: LawOf) -> Self {
        Self {
            of,
            coefficient: None,
            exponent: None,
            tokens_exponent: None,
            batch: None,
            from: Some(folder.to_owned()),
            minima: None,
            min_params: None,
            max_params: None,
            min_tokens: None,
            max_tokens: None,
        }
    }

    /// The rule that it stands for; `None` where it is neither a law nor a calibration.
    pub(super) fn rule(self) -> Option<RateRule> {
        let (Some(coefficient), Some(exponent)) = (self.coefficient, self.exponent) else {
            return self.from.map(|folder| RateRule::Unread { folder, of: self.of });
        };
        let calibration = match self.from {
            Some(folder) => Some(Calibration {
                folder,
                minima: self.minima?,
                range: Fitted {
                    params: (self.min_params?, self.max_params?),
                    tokens: (self.min_tokens?, self.max_tokens?),
                },
            }),
            None => None,
        };
        let law = PowerLaw {
            coefficient,
            exponent,
            tokens_exponent: self.tokens_exponent,
            batch: self.batch,
            calibration,
        };
        Some(RateRule::Law { law, of: self.of })
    }

    /// The law as an inline table.
    pub(super) fn toml(&self) -> String {
        let mut law = self.clone();
        let entry = |key: &Key<Self>| Some(format!("{} = {}", key.name, key.value(&mut law)?));
        let entries: Vec<String> = self.of.keys().iter().filter_map(entry).collect();
        format!("{{ {} }}", entries.join(", "))
    }
}
