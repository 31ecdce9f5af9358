//! Options of `sweep fit`, and those that `sweep predict` shares.

use std::path::PathBuf;

use clap::Args;
use isoflop_fit::intervals::{IntervalOptions, Resampling};
use isoflop_fit::isoflop::{IsoflopOptions, Method, SpoiledRuns};
use isoflop_fit::law::LawKind;
use isoflop_fit::parametric::{FitOptions, Starts};
use isoflop_fit::study::StudyOptions;
use isoflop_fit::{Counting, Objective};

use crate::cli::{ColumnArgs, OutputArgs};
use crate::failure::misuse;

/// Options of `sweep fit`.
#[derive(Debug, Clone, Args)]
pub struct FitArgs {
    /// Where the runs are.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Column of C; C = 6 N D where there is none [default: flops, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub flops: Option<String>,
    /// How they are fitted.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Also forecast these budgets, FLOPs (as well as 1, 10 and 100 times the largest run)
    #[arg(long, value_name = "FLOPS", num_args = 1.., value_delimiter = ',')]
    pub at: Vec<f64>,
    /// Also show the best splits of published laws (see `sweep predict --list`) for the same budgets
    #[arg(long, value_name = "LAW", num_args = 1.., value_delimiter = ',')]
    pub overlay: Vec<String>,
    /// Also test whether the runs reject these published laws: their exponents, their split, and the laws as they stand
    #[arg(long, value_name = "LAW", num_args = 1.., value_delimiter = ',')]
    pub test_law: Vec<String>,
    /// Also attribute the loss to factors: N, D, learning rate, batch, depth/width, hardware
    #[arg(long)]
    pub effects: bool,
    /// Also profile the likelihood of the exponents, E and N* at the largest budget
    #[arg(long)]
    pub profile: bool,
    /// Also sample the posterior, with weak priors or those of a published law (see `sweep predict --list`)
    #[arg(long, value_name = "weak|LAW", num_args = 0..=1, default_missing_value = "weak")]
    pub bayes: Option<String>,
    /// With --bayes: mean and standard deviation of alpha, beta or E (nats), as alpha=0.35,0.05; the rest stay weak
    #[arg(long, value_name = "NAME=MEAN,SD", requires = "bayes")]
    pub prior: Vec<String>,
    /// Also rank the runs that would narrow the exponent's interval most per FLOP
    #[arg(long)]
    pub next: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where the runs are: results folders, a CSV (comma, semicolon or tab) or a JSON table.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// A results folder, as left by a run; several are read as one study (see `sweep merge`)
    #[arg(value_name = "FOLDER", conflicts_with_all = ["csv", "jsonl"])]
    pub results: Vec<PathBuf>,
    /// A table with a header line; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    pub csv: Option<PathBuf>,
    /// A table in JSON: an object per line, an array of them, or arrays by column; `a.b` names a key within an object
    #[arg(long, value_name = "FILE")]
    pub jsonl: Option<PathBuf>,
    /// Columns and units of a table.
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Leave out these runs
    #[arg(long, value_name = "RUN")]
    pub exclude: Vec<String>,
}

impl SourceArgs {
    /// The same with the column of C.
    pub fn with_flops(&self, flops: &Option<String>) -> SourceArgs {
        let columns = ColumnArgs { flops: flops.clone(), ..self.columns.clone() };
        SourceArgs { columns, ..self.clone() }
    }
}

/// How runs are fitted.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// auto (hoffmann or joint, whichever the runs speak for), hoffmann, joint, joint-offset, tied, pinned=E, kaplan, repeated, power-n|d|c|cmin, offset-n|d|c, broken-n|d|c
    #[arg(long, default_value = "auto")]
    pub law: String,
    /// huber, absolute, squared-log, squared-linear or likelihood
    #[arg(long, default_value = "huber")]
    pub objective: String,
    /// Where Huber's squares end (in ln L; of the scale, for likelihood)
    #[arg(long, default_value_t = 1e-3)]
    pub delta: f64,
    /// How N and C are counted: as-given, exact, 6nd-total, 6nd-non-embedding or 6nd-with-head
    #[arg(long, default_value = "as-given")]
    pub convention: String,
    /// How slice minima are found: corrected, parabola, akima, or porian (Porian et al.'s whole recipe)
    #[arg(long, default_value = "corrected")]
    pub method: String,
    /// What the bootstrap resamples: auto, pairs, clusters, slices, shapes or wild
    #[arg(long, default_value = "auto")]
    pub resampling: String,
    /// Bootstrap draws; 0 for no intervals
    #[arg(long, default_value_t = 2000)]
    pub draws: usize,
    /// Level of the intervals
    #[arg(long, default_value_t = 0.95)]
    pub level: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Random starts of the optimiser, besides those from the data
    #[arg(long, default_value_t = 4)]
    pub starts: usize,
    /// Loss tolerance of the range of N, relative (0.1% and 1% are always given)
    #[arg(long, value_name = "SHARE")]
    pub tolerance: Option<f64>,
    /// Fit all rows, also those far off what all others say (diverged, crashed, mistyped), which are left out and named else
    #[arg(long)]
    pub all_rows: bool,
}

/// Most draws: a few hundred megabytes.
const MOST_DRAWS: usize = 1_000_000;
/// Most random starts: seconds to minutes.
const MOST_STARTS: usize = 100_000;

impl ModelArgs {
    /// What holds where nothing is said.
    pub fn usual() -> ModelArgs {
        ModelArgs {
            law: "auto".into(),
            objective: "huber".into(),
            delta: 1e-3,
            convention: "as-given".into(),
            method: "corrected".into(),
            resampling: "auto".into(),
            draws: 2000,
            level: 0.95,
            seed: 0,
            starts: 4,
            tolerance: None,
            all_rows: false,
        }
    }

    /// The resolved options.
    pub fn resolve(&self) -> anyhow::Result<StudyOptions> {
        self.check()?;
        let objective = match self.objective.as_str() {
            "huber" => Objective::Huber { delta: self.delta },
            "absolute" => Objective::Absolute,
            "squared-log" => Objective::SquaredLog,
            "squared-linear" => Objective::SquaredLinear,
            "likelihood" => Objective::Likelihood { delta: self.delta },
            other => misuse!(
                "--objective {other} is not known\nhint: huber, absolute, squared-log, squared-linear or likelihood"
            ),
        };
        let Some(method) = Method::ALL.into_iter().find(|m| m.name() == self.method) else {
            misuse!(
                "--method {} is not known\nhint: corrected, parabola, akima or porian",
                self.method
            )
        };
        let named = Counting::ALL.into_iter().find(|c| c.name() == self.convention);
        let Some(convention) = named else {
            let names = Counting::ALL.map(Counting::name).join(", ");
            misuse!("--convention {} is not known\nhint: {names}", self.convention)
        };
        let schemes = [
            Resampling::Pairs,
            Resampling::Clusters,
            Resampling::Slices,
            Resampling::Shapes,
            Resampling::Wild,
        ];
        let resampling = match self.resampling.as_str() {
            "auto" => None,
            name => match schemes.into_iter().find(|s| s.name() == name) {
                Some(scheme) => Some(scheme),
                None => misuse!(
                    "--resampling {name} is not known\nhint: auto, pairs, clusters, slices, shapes or wild"
                ),
            },
        };
        let law = match self.law.as_str() {
            "auto" => None,
            name => Some(LawKind::parse(name)?),
        };
        let (draws, level, seed) = (self.draws, self.level, self.seed);
        let mut options = StudyOptions {
            convention,
            law,
            fit: FitOptions {
                objective,
                starts: Starts { wild: self.starts, seed },
                intervals: IntervalOptions { resampling, draws, level, seed },
            },
            isoflop: IsoflopOptions {
                method,
                draws,
                level,
                seed,
                spoiled: if self.all_rows { SpoiledRuns::Keep } else { SpoiledRuns::LeaveOut },
                ..Default::default()
            },
            ..Default::default()
        };
        options.envelope.draws = draws;
        options.envelope.level = level;
        options.envelope.seed = seed;
        Ok(options)
    }

    /// Refuses numbers outside their range, by the name of the flag.
    pub fn check(&self) -> anyhow::Result<()> {
        if !(self.delta > 0.0 && self.delta.is_finite()) {
            misuse!(
                "--delta {} is not a positive number\nhint: 1e-3 is usual; --objective absolute is its limit at 0",
                self.delta
            );
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            misuse!("--level {} is not between 0 and 1\nhint: 0.95 is usual", self.level);
        }
        if let Some(tolerance) = self.tolerance
            && !(tolerance > 0.0 && tolerance <= 1.0)
        {
            misuse!("--tolerance {tolerance} is not between 0 and 1\nhint: 0.001 is +0.1%");
        }
        for (flag, value, most, usual) in [
            ("--draws", self.draws, MOST_DRAWS, "2000 are usual"),
            ("--starts", self.starts, MOST_STARTS, "4 are usual; 100 show whether more help"),
        ] {
            if value > most {
                misuse!("{flag} {value} is more than {most}\nhint: {usual}");
            }
        }
        Ok(())
    }

    /// Tolerances of the range of N.
    pub fn tolerances(&self) -> Vec<f64> {
        let mut all = vec![0.001, 0.01];
        all.extend(self.tolerance);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        model: ModelArgs,
    }

    #[test]
    fn what_is_usual_is_what_the_command_line_defaults_to() {
        let line = Line::try_parse_from(["x"]).unwrap();
        assert_eq!(format!("{:?}", line.model), format!("{:?}", ModelArgs::usual()));
    }

    #[test]
    fn numbers_outside_their_range_are_named_by_their_flag() {
        for (flag, values) in [
            ("--delta", ["nan", "0", "-1", "inf"].as_slice()),
            ("--level", &["0", "1", "95", "nan"]),
            ("--tolerance", &["0", "-1", "nan", "1e9"]),
            ("--draws", &["1000000000"]),
            ("--starts", &["1000000000"]),
        ] {
            for value in values {
                let line = Line::try_parse_from(["x".into(), format!("{flag}={value}")]).unwrap();
                let error = line.model.resolve().unwrap_err().to_string();
                assert!(error.starts_with(flag) && error.contains("\nhint: "), "{error}");
            }
        }
    }
}
