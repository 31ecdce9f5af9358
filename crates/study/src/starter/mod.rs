//! A first study for somebody's text, device and time: what the text feeds, and what the device trains in that time.

mod bench;

use isoflop_data::Corpus;
use isoflop_device::TrainDevice;
use isoflop_ledger::has_ledger;
use isoflop_plan::rules::{measured, steplaw};
use isoflop_plan::{
    Config, DeviceName, Grid, ModelConfig, OptimumRule, StarterGrid, StarterSource, StarterText,
};
use isoflop_report::number;

use crate::error::StudyError;
use crate::events::Observer;
use crate::facts::StudyData;
use crate::open::{open_study_device, prepare_data};
use bench::Bench;

/// Context on the CPU, where the rules for shapes were measured, and on a GPU, in tokens.
const CONTEXTS: [usize; 2] = [64, 256];
/// Tokens of a vocabulary of bytes.
const BYTES: usize = 256;
/// Held-out tokens where the text has enough of them.
const VALID_TOKENS: u64 = 65_536;
/// Most passes over the text (Muennighoff et al. 2023).
const EPOCHS: f64 = 4.0;
/// Fewest steps of the shortest run.
const LEAST_STEPS: f64 = 200.0;
/// Measurements at most.
const MEASUREMENTS: usize = 3;

/// What somebody wants of a first study.
#[derive(Debug, Clone, PartialEq)]
pub struct StarterWishes {
    /// Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The file that it will be written to.
    pub file: String,
    pub source: StarterSource,
    /// Seconds of training.
    pub seconds: f64,
    pub device: DeviceName,
}

/// What the size of a first study follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StarterLimit {
    /// The next larger one would take longer than was wished for.
    Time,
    /// The next larger one would pass over the text too often.
    Text,
    /// The next larger one needs more memory than the device has, or models that there are no rules for.
    Device,
    /// It takes longer than was wished for, but a smaller one would not bracket its minima.
    Smallest,
}

/// A first study.
#[derive(Debug, Clone)]
pub struct Starter {
    /// The configuration file.
    pub toml: String,
    /// What it comes to.
    pub config: Config,
    pub grid: Grid,
    /// The data, in words.
    pub source: String,
    /// The device, in words.
    pub device: String,
    /// Seconds that its training is expected to take there.
    pub seconds: f64,
    pub limit: StarterLimit,
}

/// Looks at the text, measures the device for a few seconds, and makes the largest study that both have room for.
///
/// # Errors
/// [`StudyError::Misuse`] where the results folder has results already, where the text is too short for the smallest study, and
/// where nothing can be measured on the device; else as [`plan`](crate::plan).
pub fn starter(wishes: &StarterWishes, observer: &mut dyn Observer) -> Result<Starter, StudyError> {
    let mut draft = Draft::new(wishes);
    let mut config = draft.config(0)?;
    if has_ledger(&config.study.results) {
        return Err(StudyError::Misuse(format!(
            "{} holds the results of a study of this name\nhint: give the new one another, `--name NAME`",
            config.study.results.display()
        )));
    }
    let device = open_study_device(&mut config, observer).map_err(without_place)?;
    draft.settle(&config, &device);
    let corpus = draft.corpus(observer)?;
    let found = draft.fitted(&corpus, &device, observer);
    device.wait();
    found
}

/// The file that errors would point to is not written yet.
fn without_place(error: StudyError) -> StudyError {
    match error {
        StudyError::Data { source, .. } => StudyError::Data { place: None, source },
        StudyError::Device { source, .. } => StudyError::Device { place: None, source },
        error => error,
    }
}

/// A study that is not yet as large as it may be.
struct Draft<'a> {
    wishes: &'a StarterWishes,
    on_gpu: bool,
    context: usize,
    valid_tokens: u64,
    precision: &'static str,
    /// What `precision` stands for on the device.
    decided: Option<isoflop_plan::Precision>,
    grids: Vec<StarterGrid>,
}

impl<'a> Draft<'a> {
    fn new(wishes: &'a StarterWishes) -> Self {
        let context = CONTEXTS[0];
        Self {
            wishes,
            on_gpu: false,
            context,
            valid_tokens: VALID_TOKENS,
            precision: "auto",
            decided: None,
            grids: StarterGrid::all(&model(context), BYTES),
        }
    }

    /// Takes what depends on the device.
    fn settle(&mut self, config: &Config, device: &TrainDevice) {
        self.decided = config.train.precision.known();
        self.on_gpu = !device.info.is_cpu();
        if !self.on_gpu {
            self.precision = "f32";
            return;
        }
        self.context = CONTEXTS[1];
        self.grids = StarterGrid::all(&model(self.context), BYTES);
    }

    /// Prepares the data, with as many held-out tokens as there can be.
    fn corpus(&mut self, observer: &mut dyn Observer) -> Result<Corpus, StudyError> {
        let config = self.config(0)?;
        let corpus = Corpus::prepare(&config.data, &mut observer.data());
        let there = corpus.map_or(VALID_TOKENS, |corpus| corpus.valid_tokens());
        if there < VALID_TOKENS {
            // Documents are held out whole, so that a little less than there was is surely had.
            let grain = 4 * self.context as u64;
            self.valid_tokens = (9 * there / 10 / grain).max(1) * grain;
        }
        prepare_data(&self.config(0)?, observer).map_err(without_place)
    }

    fn text(&self, index: usize) -> StarterText {
        let grid = self.grids[index].clone();
        StarterText {
            name: self.wishes.name.clone(),
            source: self.wishes.source.clone(),
            valid_tokens: self.valid_tokens,
            context: self.context,
            batch_tokens: self.batch_tokens(&grid),
            precision: self.precision,
            device: self.wishes.device.clone(),
            grid,
            remarks: Vec::new(),
        }
    }

    fn config(&self, index: usize) -> Result<Config, StudyError> {
        let mut config = Config::parse(&self.text(index).toml(), &self.wishes.file)?;
        if let Some(precision) = self.decided {
            config.decide_precision(precision);
        }
        Ok(config)
    }

    /// The rule's batch for the expected best run of the middle budget, a power of two of sequences. On a GPU Step Law's, which
    /// is an order of magnitude larger and keeps it busy.
    fn batch_tokens(&self, grid: &StarterGrid) -> u64 {
        let middle = grid.budgets[grid.budgets.len() / 2];
        let tokens = OptimumRule::DEFAULT.tokens(middle);
        let wanted = match self.on_gpu {
            true => steplaw::batch_tokens(tokens),
            false => measured::batch_tokens(tokens),
        };
        let widest =
            grid.widths[0].last().and_then(|width| model(self.context).shape(*width, BYTES).ok());
        let shortest =
            widest.map_or(tokens, |shape| grid.budgets[0] / shape.flops_per_token().train());
        let sequences = (wanted / self.context as f64).max(2.0).log2().round().exp2();
        let most = (shortest / LEAST_STEPS / self.context as f64).log2().floor().exp2();
        self.context as u64 * sequences.min(most).max(1.0) as u64
    }

    /// The largest study within the time and the text.
    fn fitted(
        &self,
        corpus: &Corpus,
        device: &TrainDevice,
        observer: &mut dyn Observer,
    ) -> Result<Starter, StudyError> {
        let bench = Bench { draft: self, corpus, device };
        self.refuse_short_text(&bench.grid(0)?.1, corpus)?;
        let mut index = 0;
        for left in (0..MEASUREMENTS).rev() {
            let (config, grid) = bench.grid(index)?;
            let speeds = bench.measure(&config, grid, observer)?;
            let (chosen, limit) = bench.largest(&speeds);
            let (config, grid) = bench.grid(chosen)?;
            let reached = grid.cells.iter().all(|cell| speeds.rates.reach(cell.cell.step_flops()));
            if !reached && left > 0 {
                index = chosen;
                continue;
            }
            let Some((grid, seconds)) = bench.time(&config, grid, &speeds) else { break };
            return Ok(self.starter(chosen, config, grid, seconds, limit, &bench));
        }
        Err(StudyError::Misuse(format!(
            "nothing could be measured on {}\nhint: see `sweep devices`, and choose another with `--device`",
            device.info.label()
        )))
    }

    fn refuse_short_text(&self, smallest: &Grid, corpus: &Corpus) -> Result<(), StudyError> {
        let (Some(tokens), Some(epochs)) = (corpus.train_tokens(), smallest.most_epochs()) else {
            return Ok(());
        };
        if epochs <= EPOCHS {
            return Ok(());
        }
        let wanted = tokens as f64 * epochs / EPOCHS;
        Err(StudyError::Misuse(format!(
            "the text has {} training tokens, and the longest run of the smallest study would pass over them {epochs:.1} times\nhint: add text: {} or more, for at most {EPOCHS} passes",
            number::count(tokens as f64, 3),
            number::bytes(1.1 * wanted)
        )))
    }

    fn starter(
        &self,
        index: usize,
        config: Config,
        grid: Grid,
        seconds: f64,
        limit: StarterLimit,
        bench: &Bench,
    ) -> Starter {
        let (file, device) = (&self.wishes.file, bench.device.info.label());
        let remarks = vec![
            format!(
                "A first study, by `sweep init`: {} runs, {} training FLOPs, about {} on {device}.",
                grid.cells.len(),
                number::significant(grid.train_flops(), 2),
                number::duration(seconds)
            ),
            format!(
                "`sweep plan {file}` shows what it trains; `sweep {file}` trains it and writes the report."
            ),
            "Stopped half-way, the same command goes on where it was.".to_owned(),
        ];
        Starter {
            toml: StarterText { remarks, ..self.text(index) }.toml(),
            config,
            grid,
            source: StudyData::of(bench.corpus).source,
            device,
            seconds,
            limit,
        }
    }
}

fn model(context: usize) -> ModelConfig {
    ModelConfig { context, ..ModelConfig::default() }
}
