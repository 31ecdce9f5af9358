//! A study as a function: from a configuration to a results folder with its report.
//!
//! This crate owns the order of things: which cells are still to do, in which stacks and on which workers, what is told on the
//! way ([`Observer`]) and who may stop it ([`Stop`]). The parts are other crates' ([`isoflop_plan`], [`isoflop_data`],
//! [`isoflop_device`], [`isoflop_speed`], [`isoflop_train`], [`isoflop_ledger`], [`isoflop_fit`], [`isoflop_report`]). It writes
//! to the results folder and nowhere else; the command line is one user of it.
//!
//! ```
//! use isoflop::{End, Never, RunOptions, Silent, run};
//! use isoflop_plan::Config;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let text = format!(
//!     "[study]\nresults = {:?}\n[data]\nsource = \"synthetic\"\n[device]\nname = \"cpu\"\n\
//!      [model]\ncontext = 16\n[grid]\nbudgets = [2e8]\nwidths = [8]\nmin_steps = 1\n[train]\nbatch_tokens = 64\n",
//!     folder.path()
//! );
//! let config = Config::parse(&text, "study.toml")?;
//! match run(config, &RunOptions::default(), &mut Silent, &Never)? {
//!     End::Done { failed, published } => {
//!         assert_eq!(failed, 0);
//!         assert!(published.report.is_file());
//!     }
//!     End::Interrupted { by } => unreachable!("{by}"),
//! }
//! # Ok::<(), isoflop::StudyError>(())
//! ```

mod begun;
mod calibration;
mod check;
mod clock;
mod compare;
mod devices;
mod diverged;
mod energy;
mod error;
mod events;
mod extend;
mod facts;
mod folder;
mod limits;
mod losses;
mod merge;
mod observations;
mod open;
mod overheads;
pub mod passport;
mod planning;
mod publish;
pub mod registration;
mod run;
mod runs;
mod schedule;
mod sealed;
mod sensitivity;
mod shapes;
mod sources;
mod starter;
mod status;
mod stop;
mod tasks;
mod widths;

pub use calibration::fit_calibrations;
pub use check::{Checked, CheckedPart, State as CheckedState, check, mend};
pub use compare::{ComparedFolder, refuse_incomparable};
pub use devices::device_process_main;
pub use error::StudyError;
pub use events::{Observer, Overall, Share, Silent, StackName, Update, Work, cell_label};
pub use extend::{AddedWidths, Extension, extension};
pub use facts::StudyData;
pub use folder::{Folder, read_folders};
pub use limits::{kept, stack_limits, usable_memory_bytes};
pub use merge::{Merged, MissingCell, Repeat, RepeatedCell, Taken, check_new, merge};
pub use observations::table;
pub use open::{config_of, open_device, open_study_device, prepare_data, request};
pub use planning::{PlannedStudy, plan};
pub use publish::{FittedTable, NextStep, Published, Results, publish, publish_table};
pub use run::{End, RunOptions, run};
pub use runs::{RunRow, run_rows, runs_csv};
pub use sources::Source;
pub use starter::{Starter, StarterLimit, StarterWishes, starter};
pub use status::{CellCounts, StudyStatus, TaskCounts, WriterStatus, status};
pub use stop::{Never, Stop};
pub use tasks::{
    LaidOut, StackTimes, TASKS_FILE, Task, TaskEnd, TaskSpeed, TaskWishes, Tasks, lay_out,
    train_task,
};
