//! `[train] learning_rate = { from = FOLDER }`, and the batch likewise: the law that a calibration's ledger gives.

mod ladders;
#[cfg(test)]
mod tests;

use std::path::Path;

use isoflop_ledger::{CHECKPOINT_FOLDER, CONFIG_FILE, Status, has_ledger};
use isoflop_plan::{Calibration, Config, Effect, LawOf, PowerLaw, RateRule, Setting};

use crate::error::StudyError;
use crate::events::Observer;
use crate::open::config_of;

/// What may differ between a calibration and the study that takes its law.
const FREE: [&str; 7] = [
    "train.learning_rate",
    "train.batch_tokens",
    "train.precision",
    "train.eval_sequences",
    "data.valid_tokens",
    "data.valid_fraction",
    "data.seed",
];

/// Why no law comes from a folder, and what to do.
struct NoLaw {
    why: String,
    hint: String,
}

impl NoLaw {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

/// Fits the laws that a configuration takes from calibrations, so that it has their numbers. Where a calibration is gone, those
/// that the study's own results folder keeps stand.
///
/// # Errors
/// [`StudyError::Misuse`] with key and folder where a calibration gives no law; else what its folder is refused for.
pub fn fit_calibrations(
    config: &mut Config,
    observer: &mut dyn Observer,
) -> Result<(), StudyError> {
    for (of, folder) in config.calibrations() {
        let law = match has_ledger(&folder) {
            true => fitted(config, of, &folder, observer)?,
            false => kept(config, of, &folder).ok_or_else(|| {
                let hint = format!(
                    "train it first: a study with `{}` whose `study.results` is that folder, or write `coefficient` and `exponent`",
                    multipliers(of)
                );
                refused(config, of, &folder, NoLaw::new("it holds no results", hint))
            })?,
        };
        let source = match of {
            LawOf::LearningRate => law.rate_provenance(),
            LawOf::Batch => law.batch_provenance(),
        };
        observer.note(format!("{}: {source}", of.key()));
        config.settle_law(of, law);
    }
    Ok(())
}

/// The key whose values make a ladder.
fn multipliers(of: LawOf) -> &'static str {
    match of {
        LawOf::LearningRate => "lr_multipliers",
        LawOf::Batch => "batch_multipliers",
    }
}

fn refused(config: &Config, of: LawOf, folder: &Path, no: NoLaw) -> StudyError {
    let place = config.place(&format!("{}.from", of.key()));
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    StudyError::Misuse(format!(
        "`{}`{place}: no law from {}: {}\nhint: {}",
        of.key(),
        folder.display(),
        no.why,
        no.hint
    ))
}

fn fitted(
    config: &Config,
    of: LawOf,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<PowerLaw, StudyError> {
    let refused = |no| refused(config, of, folder, no);
    let same = |a: &Path, b: &Path| {
        a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
    };
    if same(folder, &config.study.results) {
        let hint = "give the calibration another `study.results`";
        return Err(refused(NoLaw::new("it is the study's own results folder", hint)));
    }
    let contents = isoflop_ledger::read(folder)?;
    let calibration = config_of(folder, &contents)?;
    let failed = contents.number(|status| matches!(status, Status::Failed { .. }));
    if failed > 0 || folder.join(CHECKPOINT_FOLDER).exists() {
        let hint =
            format!("go on with it: `sweep --config {}`", folder.join(CONFIG_FILE).display());
        return Err(refused(NoLaw::new("it has not been trained to the end", hint)));
    }
    let law = ladders::law(&contents, of, folder).map_err(refused)?;
    let differences: Vec<String> = calibration
        .differences(config)
        .iter()
        .filter(|d| d.effect == Effect::Cells && !FREE.contains(&d.key.as_str()))
        .map(ToString::to_string)
        .collect();
    if !differences.is_empty() {
        observer.warn(format!(
            "the calibration {} is of other runs than these: {}\nhint: calibrate with the data, the model and the optimizer of this study",
            folder.display(),
            differences.join("; ")
        ));
    }
    Ok(law)
}

/// The law of a calibration that the study's own results folder keeps.
fn kept(config: &Config, of: LawOf, folder: &Path) -> Option<PowerLaw> {
    let kept = Config::load(config.study.results.join(CONFIG_FILE)).ok()?;
    let setting = match of {
        LawOf::LearningRate => kept.train.learning_rate,
        LawOf::Batch => kept.train.batch_tokens,
    };
    match setting {
        Setting::Rule(RateRule::Law { law, .. }) if matches!(&law.calibration, Some(Calibration { folder: from, .. }) if from == folder) => {
            Some(law)
        }
        _ => None,
    }
}
