//! `sweep fit --bayes`: which prior, and what of.

use anyhow::bail;
use isoflop_fit::bayes::{Posterior, PosteriorOptions, Prior, posterior};
use isoflop_fit::law::LawKind;
use isoflop_fit::published::published;
use isoflop_fit::{FitError, Table};

use crate::cli::FitArgs;

/// How much wider than published a published law's errors are taken: other data, another tokenizer.
const WIDENED: f64 = 2.0;

/// Refuses what the sampler would pass over, before anything is fitted.
pub fn resolve(args: &FitArgs, law: Option<LawKind>) -> anyhow::Result<Option<Prior>> {
    let Some(name) = &args.bayes else { return Ok(None) };
    if law.is_some_and(|law| law != LawKind::Hoffmann) {
        bail!(
            "--bayes samples Hoffmann's law, and --law is {}\nhint: leave out --bayes or --law",
            args.model.law
        );
    }
    let prior = match name.as_str() {
        "weak" => Prior::Weak,
        key => Prior::published(published(key)?, WIDENED)?,
    };
    let Some(prior) = given(&args.prior)? else { return Ok(Some(prior)) };
    if name != "weak" {
        bail!("--prior and --bayes {name} both give a prior\nhint: give --bayes weak with --prior");
    }
    Ok(Some(prior))
}

/// Where the standard deviations of a published law's prior come from.
pub fn basis(args: &FitArgs) -> Option<String> {
    let law = args.bayes.as_deref().filter(|name| *name != "weak")?;
    published(law).ok().map(|law| Prior::basis(law, WIDENED))
}

/// The prior of `--prior NAME=MEAN,SD`, given once or more.
fn given(all: &[String]) -> anyhow::Result<Option<Prior>> {
    let (mut log_floor, mut alpha, mut beta) = (None, None, None);
    for text in all {
        let parsed = text.split_once('=').and_then(|(name, values)| {
            let (mean, sd) = values.split_once(',')?;
            Some((name, mean.trim().parse::<f64>().ok()?, sd.trim().parse::<f64>().ok()?))
        });
        let Some((name, mean, sd)) = parsed.filter(|(_, mean, sd)| *mean > 0.0 && *sd > 0.0) else {
            bail!(
                "--prior {text} is not NAME=MEAN,SD with positive numbers\nhint: for instance --prior alpha=0.35,0.05"
            )
        };
        match name {
            "alpha" => alpha = Some((mean, sd)),
            "beta" => beta = Some((mean, sd)),
            // To first order: the sampler works on ln E.
            "E" => log_floor = Some((mean.ln(), sd / mean)),
            _ => bail!("--prior {text}: there is no prior of `{name}`\nhint: alpha, beta or E"),
        }
    }
    Ok((!all.is_empty()).then_some(Prior::Given { log_floor, alpha, beta }))
}

/// The posterior under a resolved prior.
pub fn sample(table: &Table, prior: Prior, args: &FitArgs) -> Result<Posterior, FitError> {
    let (level, seed) = (args.model.level, args.model.seed);
    posterior(table, &PosteriorOptions { prior, level, seed, ..Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priors_are_read_by_name() {
        let all = ["alpha=0.35,0.05", "E=1.7, 0.17"].map(String::from);
        let Some(Prior::Given { log_floor, alpha, beta }) = given(&all).unwrap() else { panic!() };
        assert_eq!((alpha, beta), (Some((0.35, 0.05)), None));
        let (mean, sd) = log_floor.unwrap();
        assert!((mean - 1.7f64.ln()).abs() < 1e-12 && (sd - 0.1).abs() < 1e-12);
        for bad in ["alpha", "alpha=1", "alpha=x,1", "gamma=1,1", "alpha=0.3,0"] {
            let error = given(&[bad.to_string()]).unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains("\nhint: "), "{error}");
        }
    }
}
