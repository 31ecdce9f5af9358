//! What `sweep predict` is asked.

use crate::cli::{ModelArgs, PredictArgs};
use crate::failure::misuse;

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

impl Questions {
    /// Whether the best splits of budgets are all that is asked.
    pub fn only_budgets(&self) -> bool {
        [self.params, self.tokens, self.loss].iter().all(Option::is_none)
    }
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
        let none = asked.flops.is_empty() && asked.only_budgets();
        self.model.check()?;
        if none {
            misuse!(
                "nothing is asked\nhint: give --flops, --target-loss, --for-tokens or --for-params, or --list"
            );
        }
        let positive = [asked.params, asked.tokens, asked.loss, self.up_to].into_iter().flatten();
        for value in positive.chain(asked.flops.iter().copied()) {
            if !(value.is_finite() && value > 0.0) {
                misuse!("{value} is not a positive number\nhint: write numbers as 1e9 or 2.3");
            }
        }
        let served = asked.inference_tokens;
        if !(served.is_finite() && served >= 0.0) {
            misuse!(
                "--inference-tokens {served} is not a number of tokens\nhint: for instance 1e12"
            );
        }
        if served > 0.0 && asked.loss.is_none() {
            misuse!(
                "--inference-tokens counts inference of models that reach a loss\nhint: give --target-loss too"
            );
        }
        Ok(asked)
    }

    /// Refuses options about runs and how they are fitted, which a published law would pass over.
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
            ("--seed", model.seed != usual.seed),
        ];
        let s = &self.source.columns;
        let of_tables = [
            ("--flops-column", self.flops_column.is_some()),
            ("--loss-in-bits", s.loss_in_bits),
            ("--run", s.run.is_some()),
            ("--cluster", s.cluster.is_some()),
            ("--seed-column", s.seed_column.is_some()),
            ("--budget", s.budget.is_some()),
            ("--unique-tokens", s.unique_tokens.is_some()),
            ("--width", s.width.is_some()),
            ("--depth", s.depth.is_some()),
            ("--learning-rate", s.learning_rate.is_some()),
            ("--batch-tokens", s.batch_tokens.is_some()),
            ("--hardware", s.hardware.is_some()),
            ("--params-total", s.params_total.is_some()),
            ("--params-non-embedding", s.params_non_embedding.is_some()),
            ("--skip", !s.skip.is_empty()),
            ("--exclude", !self.source.exclude.is_empty()),
        ];
        let unit = [(s.units.given().unwrap_or_default(), s.units.given().is_some())];
        let of_forecasts =
            [("--up-to", self.up_to.is_some()), ("--register", self.register.is_some())];
        let first = |flags: &[(&'static str, bool)]| flags.iter().find(|f| f.1).map(|f| f.0);
        let found = first(&given).map(|flag| (flag, "says how runs are fitted"));
        let found =
            found.or_else(|| first(&of_tables).map(|flag| (flag, "is about a table of runs")));
        let found = found.or_else(|| first(&unit).map(|flag| (flag, "is about a table of runs")));
        let found = found
            .or_else(|| first(&of_forecasts).map(|flag| (flag, "is about a forecast from runs")));
        if let Some((flag, what)) = found {
            misuse!(
                "{flag} {what}, and `{law}` is published\nhint: leave {flag} out, or give runs (a folder, --csv or --jsonl)"
            );
        }
        Ok(())
    }

    /// What is asked of a published law, where --params, --tokens and --loss name no columns but numbers.
    pub fn questions_to_a_published_law(&self, law: &str) -> anyhow::Result<Questions> {
        let source = &self.source;
        if !source.results.is_empty() || source.csv.is_some() || source.jsonl.is_some() {
            misuse!("`{law}` is a published law, and runs are given too\nhint: give one of them");
        }
        let number = |flag: &str, text: &str| -> anyhow::Result<Option<f64>> {
            // The default names a column.
            if text == flag {
                return Ok(None);
            }
            match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => misuse!(
                    "--{flag} {text} is not a number\nhint: with a published law --{flag} takes a number, as 1e9"
                ),
            }
        };
        let mut asked = self.clone();
        asked.for_params = self.for_params.or(number("params", &source.columns.params)?);
        asked.for_tokens = self.for_tokens.or(number("tokens", &source.columns.tokens)?);
        asked.target_loss = self.target_loss.or(number("loss", &source.columns.loss)?);
        asked.questions()
    }
}
