//! From a request to cells: batch, steps and every hyper-parameter, for each seed and multiplier.

use super::layout::Request;
use super::{DataFacts, HyperSources, PlannedCell};
use crate::config::{
    Config, ConfigError, Length, MultiplierDesign, PrecisionChoice, RateRule, Setting,
};
use crate::rules::shape::ShapeSources;
use crate::rules::{Provenance, beta2, decay, measured, warmup};
use crate::{Cell, Hyper, Precision, Schedule};

/// More tokens than anyone has, and few enough to count in 64 bits.
const MOST_TOKENS: f64 = 1e17;
/// The largest batch and rate that a number may be are those that a rule may give.
const MOST_BATCH_TOKENS: f64 = 1e9;
const MOST_RATE: f64 = 10.0;

/// The cells of one request.
pub(super) fn cells(
    config: &Config,
    data: &DataFacts,
    request: &Request,
    multiplied: bool,
) -> Result<Vec<PlannedCell>, Box<ConfigError>> {
    let mut tokens = tokens(config, request);
    let plain_batch = batch_sequences(config, request, tokens)?;
    if let Length::Steps(steps) = request.length {
        // Steps stand as they were written, at the batch that it came to.
        tokens = steps as f64 * (plain_batch * request.shape.context) as f64;
    }
    let rule = config.model.shape(request.shape.width, data.vocab).ok();
    let shape_sources = ShapeSources::of(&config.model, &request.shape, rule.as_ref());
    let role = request.role;
    let plain_batch_tokens = (plain_batch * request.shape.context) as f64;
    let plain = Plain {
        batch_tokens: plain_batch_tokens,
        tokens: (tokens / plain_batch_tokens).round().max(1.0) * plain_batch_tokens,
    };
    let mut planned = Vec::new();
    let one = vec![(1.0, 1.0)];
    for (lr_multiplier, batch_multiplier) in if multiplied { multipliers(config) } else { one } {
        let batch = multiplied_batch(config, request, plain_batch, batch_multiplier)?;
        let steps = steps(config, request, tokens, batch)?;
        let (hyper, sources) = hyper(config, request, steps, batch, &plain, lr_multiplier);
        if matches!(sources.learning_rate, Provenance::Own(_) | Provenance::Calibrated(_)) {
            refuse_rate(config, request, hyper.learning_rate / lr_multiplier)?;
        }
        if hyper.warmup_steps >= steps {
            return Err(config.error(
                "train.warmup_steps",
                "a warm-up that ends before the run does",
                format!("{} of {steps} steps of {}", hyper.warmup_steps, request.shape),
                "leave out `warmup_steps` to take the rule",
            ));
        }
        for seed in config.grid.seeds_of(request.budget) {
            let cell =
                Cell::new(request.budget, request.shape, steps, hyper, *seed, &data.data_sha256);
            let epochs = data.train_tokens.map(|there| cell.tokens() as f64 / there as f64);
            planned.push(PlannedCell {
                cell,
                role,
                lr_multiplier,
                batch_multiplier,
                sources: sources.clone(),
                shape_sources: shape_sources.clone(),
                epochs,
            });
        }
    }
    Ok(planned)
}

/// Batch and length without multipliers, in whole steps. A multiplied batch is an experiment with the batch alone: the rate
/// stays, to the last bit.
struct Plain {
    batch_tokens: f64,
    tokens: f64,
}

/// Tokens that the request asks for, before rounding to whole steps.
fn tokens(config: &Config, request: &Request) -> f64 {
    let convention = config.grid.convention;
    match request.length {
        Length::Flops(flops) => flops / convention.flops_per_token(&request.shape),
        Length::Tokens(tokens) => tokens,
        Length::TokensPerParam(ratio) => ratio * convention.params(&request.shape),
        Length::Steps(steps) => {
            // A rule's batch depends on the tokens, which depend on the batch. Its exponent is
            // below 1, so that this converges.
            let steps = steps as f64;
            let mut tokens = steps * request.shape.context as f64;
            for _ in 0..100 {
                tokens = steps * batch_tokens(config, request, tokens);
            }
            tokens
        }
    }
}

/// Tokens per step as the user or the rule gives them.
fn batch_tokens(config: &Config, request: &Request, tokens: f64) -> f64 {
    match (request.batch_tokens, &config.train.batch_tokens) {
        (Some(batch), _) => batch,
        (None, Setting::Value(batch)) => *batch,
        (None, Setting::Rule(rule)) => rule.batch_tokens(&request.shape, tokens),
    }
}

/// Sequences per step: the user's, which must be whole, or the rule's, to the nearest power of 2
/// so that neighbouring cells share a batch and train in one stack.
fn batch_sequences(
    config: &Config,
    request: &Request,
    tokens: f64,
) -> Result<usize, Box<ConfigError>> {
    let context = request.shape.context as f64;
    let sequences = batch_tokens(config, request, tokens) / context;
    let by_user =
        request.batch_tokens.is_some() || matches!(config.train.batch_tokens, Setting::Value(_));
    if !by_user {
        let by_law = matches!(config.train.batch_tokens, Setting::Rule(RateRule::Law { .. }));
        if by_law && !(sequences * context <= MOST_BATCH_TOKENS) {
            return Err(config.error(
                "train.batch_tokens",
                format!("a rule that gives at most {MOST_BATCH_TOKENS:e} tokens per step"),
                format!("{:.2e} tokens for {}", sequences * context, request.shape),
                "lower `coefficient` or `exponent`",
            ));
        }
        return Ok(sequences.log2().round().max(0.0).exp2() as usize);
    }
    if sequences < 1.0 || sequences.fract() != 0.0 {
        let key = match request.batch_tokens {
            Some(_) => format!("{}.batch_tokens", request.key),
            None => "train.batch_tokens".into(),
        };
        let nearest = sequences.round().max(1.0) * context;
        return Err(config.error(
            &key,
            format!("whole sequences of {context} tokens (`model.context`)"),
            format!("{} tokens, {sequences} sequences", sequences * context),
            format!("write `batch_tokens = {nearest}`"),
        ));
    }
    Ok(sequences as usize)
}

/// A law with a steep exponent can give anything.
fn refuse_rate(config: &Config, request: &Request, rate: f64) -> Result<(), Box<ConfigError>> {
    if rate > 0.0 && rate <= MOST_RATE {
        return Ok(());
    }
    Err(config.error(
        "train.learning_rate",
        format!("a rule that gives rates above 0 and at most {MOST_RATE}"),
        format!("{rate:.2e} for {}", request.shape),
        "change `coefficient` or `exponent`",
    ))
}

fn multiplied_batch(
    config: &Config,
    request: &Request,
    sequences: usize,
    multiplier: f64,
) -> Result<usize, Box<ConfigError>> {
    let exact = sequences as f64 * multiplier;
    let rounded = exact.round();
    if rounded < 1.0 || (rounded / exact).ln().abs() > 0.1 {
        return Err(config.error(
            "grid.batch_multipliers",
            "multiples that come to whole sequences",
            format!(
                "{multiplier} times the {sequences} sequences per step of {} ({})",
                request.shape, request.key
            ),
            "use a shorter `model.context`, larger batches or other multipliers",
        ));
    }
    Ok(rounded as usize)
}

/// Whole optimizer steps, checked against the budget and the minimum.
fn steps(
    config: &Config,
    request: &Request,
    tokens: f64,
    batch_sequences: usize,
) -> Result<u64, Box<ConfigError>> {
    let batch = (batch_sequences * request.shape.context) as f64;
    let exact = tokens / batch;
    let steps = exact.round().max(1.0);
    let asked = match request.length {
        Length::Flops(flops) => format!("{} at {flops:e} FLOPs", request.shape),
        _ => format!("{} on {tokens:.3e} tokens", request.shape),
    };
    if (steps as u64) < config.grid.min_steps {
        return Err(config.error(
            &request.key,
            format!("at least {} steps per cell (`grid.min_steps`)", config.grid.min_steps),
            format!("{asked}: {exact:.1} steps of {batch} tokens"),
            "leave out the largest sizes, raise the budget, lower `batch_tokens`, or lower `min_steps` if you mean it",
        ));
    }
    if steps * batch > MOST_TOKENS {
        return Err(config.error(
            &request.key,
            format!("at most {MOST_TOKENS:e} tokens per cell"),
            asked,
            "leave out the smallest sizes, or lower the budget",
        ));
    }
    let error = steps / exact - 1.0;
    if error.abs() > config.grid.tolerance {
        return Err(config.error(
            &request.key,
            format!("whole steps within {}% (`grid.tolerance`)", 100.0 * config.grid.tolerance),
            format!("{asked}: {exact:.2} steps of {batch} tokens, {:+.2}% off", 100.0 * error),
            "lower `batch_tokens`, raise the budget, or raise `tolerance`",
        ));
    }
    Ok(steps as u64)
}

fn hyper(
    config: &Config,
    request: &Request,
    steps: u64,
    batch_sequences: usize,
    plain: &Plain,
    lr_multiplier: f64,
) -> (Hyper, HyperSources) {
    let train = &config.train;
    let shape = &request.shape;
    let batch = (batch_sequences * shape.context) as f64;
    let (learning_rate, lr_source) = match (request.learning_rate, &train.learning_rate) {
        (Some(rate), _) => (rate, Provenance::User),
        (None, Setting::Value(rate)) => (*rate, Provenance::User),
        (None, Setting::Rule(rule)) => {
            let tokens = match (rule, train.schedule) {
                (
                    RateRule::Measured | RateRule::Law { .. },
                    Schedule::Wsd { .. } | Schedule::Constant,
                ) => measured::trunk_tokens(shape),
                _ => plain.tokens,
            };
            (rule.learning_rate(shape, tokens, plain.batch_tokens), rule.provenance())
        }
    };
    let batch_source = match (request.batch_tokens, &train.batch_tokens) {
        (None, Setting::Rule(rule)) => rule.provenance(),
        _ => Provenance::User,
    };
    let (beta2, beta2_source) = match train.beta2 {
        Setting::Value(beta2) => (beta2, Provenance::User),
        Setting::Rule(_) => (beta2::beta2(batch), beta2::PROVENANCE),
    };
    let (warmup_steps, warmup_source) = match train.warmup_steps {
        Setting::Value(steps) => (steps.round() as u64, Provenance::User),
        Setting::Rule(_) => (warmup::steps(shape, steps, batch), warmup::PROVENANCE),
    };
    let (weight_decay, decay_source) = match train.weight_decay {
        Setting::Value(decay) => (decay, Provenance::User),
        Setting::Rule(_) => (decay::CUSTOMARY, decay::PROVENANCE),
    };
    let hyper = Hyper {
        batch_sequences,
        learning_rate: learning_rate * lr_multiplier,
        warmup_steps,
        schedule: train.schedule,
        optimizer: train.optimizer,
        beta1: train.beta1,
        beta2,
        epsilon: train.epsilon,
        weight_decay,
        clip_norm: train.clip_norm,
        z_loss: train.z_loss.unwrap_or(0.0),
        precision: train.precision.known().unwrap_or(Precision::F32),
    };
    let sources = HyperSources {
        learning_rate: lr_source,
        batch: batch_source,
        beta2: beta2_source,
        warmup: warmup_source,
        weight_decay: decay_source,
        precision: match train.precision {
            PrecisionChoice::Fixed(_) => Provenance::User,
            PrecisionChoice::Auto(Some(_)) => Provenance::Device,
            PrecisionChoice::Auto(None) => {
                Provenance::Assumed("auto is decided when the device is opened")
            }
        },
    };
    (hyper, sources)
}

/// Pairs of learning-rate and batch multipliers.
fn multipliers(config: &Config) -> Vec<(f64, f64)> {
    let (rates, batches) = (&config.grid.lr_multipliers, &config.grid.batch_multipliers);
    match config.grid.multipliers {
        MultiplierDesign::Product => {
            rates.iter().flat_map(|r| batches.iter().map(|b| (*r, *b))).collect()
        }
        MultiplierDesign::OneAtATime => {
            let others =
                |list: &[f64]| list.iter().copied().filter(|m| *m != 1.0).collect::<Vec<_>>();
            let rates = others(rates).into_iter().map(|r| (r, 1.0));
            let batches = others(batches).into_iter().map(|b| (1.0, b));
            std::iter::once((1.0, 1.0)).chain(rates).chain(batches).collect()
        }
    }
}
