//! One file per command.

mod bench;
mod check;
mod compare;
mod data;
mod devices;
mod extend;
mod fit;
mod init;
mod merge;
mod plan;
mod predict;
mod report;
mod run;
mod runs;
mod slurm;
mod status;
mod task;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs a command and says what the process returns.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(args).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => run::run(args),
        Command::Plan(args) => plan::run(args).map(|()| ExitCode::SUCCESS),
        Command::Data(args) => data::run(args).map(|()| ExitCode::SUCCESS),
        Command::Devices(args) => devices::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Runs(args) => runs::run(args).map(|()| ExitCode::SUCCESS),
        Command::Extend(args) => extend::run(args),
        Command::Report(args) => report::run(args).map(|()| ExitCode::SUCCESS),
        Command::Slurm(args) => slurm::run(args),
        Command::Task(args) => task::run(args),
        Command::Status(args) => status::run(args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => check::run(args),
        Command::Merge(args) => merge::run(args).map(|()| ExitCode::SUCCESS),
        Command::Fit(args) => fit::run(args.clone()).map(|()| ExitCode::SUCCESS),
        Command::Compare(args) => compare::run(args).map(|()| ExitCode::SUCCESS),
        Command::Predict(args) => predict::run(args.clone()).map(|()| ExitCode::SUCCESS),
    }
}

impl Command {
    /// Whether the result is to be JSON.
    pub fn json(&self) -> bool {
        match self {
            Self::Init(args) => args.output.json,
            Self::Run(args) => args.output.json,
            Self::Plan(args) => args.output.json,
            Self::Data(args) => args.output.json,
            Self::Devices(args) => args.output.json,
            Self::Bench(args) => args.output.json,
            Self::Runs(args) => args.output.json,
            Self::Extend(args) => args.output.json,
            Self::Report(args) => args.output.json,
            Self::Slurm(args) => args.output.json,
            Self::Task(args) => args.output.json,
            Self::Status(args) => args.output.json,
            Self::Check(args) => args.output.json,
            Self::Merge(args) => args.output.json,
            Self::Fit(args) => args.output.json,
            Self::Compare(args) => args.output.json,
            Self::Predict(args) => args.output.json,
        }
    }
}
