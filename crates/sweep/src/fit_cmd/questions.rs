//! What `sweep predict` is asked.

use anyhow::bail;

use super::args::{ModelArgs, PredictArgs};

/// What is asked of a law.
#[derive(Debug, Clone)]
pub struct Questions {
    /// Budgets, FLOPs.
    pub flops: Vec<f64>,
    /// N.
    pub params: Option<f64>,
    /// D.
    pub tokens: Option<f64>,
    /// Loss to reach, nats.
    pub loss: Option<f64>,
    /// Tokens of inference to count.
    pub inference_tokens: f64,
}

impl PredictArgs {
    /// What is asked of a law fitted to runs.
    pub fn questions(&self) -> anyhow::Result<Questions> {
        let asked = Questions {
            flops: self.flops.clone(),
            params: self.for_params,
            tokens: self.for_tokens,
            loss: self.target_loss,
            inference_tokens: self.inference_tokens,
        };
        let none = asked.flops.is_empty()
            && [asked.params, asked.tokens, asked.loss].iter().all(Option::is_none);
        self.model.check()?;
        if none {
            bail!(
                "nothing is asked\nhint: give --flops, --target-loss, --for-tokens or --for-params, or --list"
            );
        }
        let positive = [asked.params, asked.tokens, asked.loss].into_iter().flatten();
        for value in positive.chain(asked.flops.iter().copied()) {
            if !(value.is_finite() && value > 0.0) {
                bail!("{value} is not a positive number\nhint: write numbers as 1e9 or 2.3");
            }
        }
        let served = asked.inference_tokens;
        if !(served.is_finite() && served >= 0.0) {
            bail!("--inference-tokens {served} is not a number of tokens\nhint: for instance 1e12");
        }
        if served > 0.0 && asked.loss.is_none() {
            bail!(
                "--inference-tokens counts inference of models that reach a loss\nhint: give --target-loss too"
            );
        }
        Ok(asked)
    }

    /// Refuses options that say how runs are fitted, which a published law would pass over.
    pub fn refuse_options_of_fits(&self, law: &str) -> anyhow::Result<()> {
        let usual = ModelArgs::usual();
        let model = &self.model;
        let given = [
            ("--law", model.law != usual.law && model.law != law),
            ("--objective", model.objective != usual.objective),
            ("--delta", model.delta != usual.delta),
            ("--convention", model.convention != usual.convention),
            ("--method", model.method != usual.method),
            ("--resampling", model.resampling != usual.resampling),
            ("--draws", model.draws != usual.draws),
            ("--starts", model.starts != usual.starts),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, differs)| *differs) {
            bail!(
                "{flag} says how runs are fitted, and `{law}` is published\nhint: leave {flag} out, or give runs (a folder, --csv or --jsonl)"
            );
        }
        Ok(())
    }

    /// What is asked of a published law, where --params, --tokens and --loss name no columns but numbers.
    pub fn questions_to_a_published_law(&self, law: &str) -> anyhow::Result<Questions> {
        let source = &self.source;
        if source.results.is_some() || source.csv.is_some() || source.jsonl.is_some() {
            bail!("`{law}` is a published law, and runs are given too\nhint: give one of them");
        }
        let number = |flag: &str, text: &str| -> anyhow::Result<Option<f64>> {
            // The default names a column.
            if text == flag {
                return Ok(None);
            }
            match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => bail!(
                    "--{flag} {text} is not a number\nhint: with a published law --{flag} takes a number, as 1e9"
                ),
            }
        };
        let mut asked = self.clone();
        asked.for_params = self.for_params.or(number("params", &source.params)?);
        asked.for_tokens = self.for_tokens.or(number("tokens", &source.tokens)?);
        asked.target_loss = self.target_loss.or(number("loss", &source.loss)?);
        asked.questions()
    }
}
