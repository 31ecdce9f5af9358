//! Instants of a run that can be hit again: the n-th call of a name, on a path where that has one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::steps::recorded;
use crate::studies::{RESULTS, Study};
use crate::trace::Disturbance;

/// One instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aim {
    /// Name of the system call.
    pub call: String,
    /// What it is on, relative to the folder of the run; `None` for files of random names.
    pub path: Option<PathBuf>,
    /// The n-th of one thread.
    pub nth: usize,
}

impl Aim {
    /// The command, with something happening at this instant and, if it is lasting, at all that are like it and later: see [`Disturbance`].
    pub fn at<'a>(&self, command: &'a Command, what: &'a str, lasting: bool) -> Disturbance<'a> {
        let when = format!("{}{}", self.nth, if lasting { "+" } else { "" });
        let home = command.get_current_dir().expect("a folder to run in");
        // Calls name a path as the program does; open files are known by their whole path.
        let paths = self.path.iter().flat_map(|path| [path.clone(), home.join(path)]);
        let (call, paths) = (self.call.clone(), paths.collect());
        Disturbance { command, call, what, when, paths }
    }

    /// Whether somebody has to be told where it fails: the name of who holds the folder is for the one who waits for it, and what
    /// is told of it is told again.
    pub fn matters(&self) -> bool {
        let holder = |path: &PathBuf| path.ends_with("ledger.holder.json");
        !(self.call == "unlink" && self.path.as_ref().is_some_and(holder))
    }
}

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.as_deref().unwrap_or(Path::new("a temporary file"));
        write!(f, "{} no. {} ({})", self.call, self.nth, path.display())
    }
}

/// Every instant at which a study that is trained anew changes something on the disk, each once, in an order by chance.
pub fn aims(study: &Study, random: &mut ChaCha8Rng) -> Vec<Aim> {
    study.begins_anew();
    let steps = recorded(&study.command(RESULTS));
    let changing = steps.iter().filter(|step| step.changes());
    let aims: BTreeSet<Aim> = changing
        .map(|step| match step.is_named() {
            true => Aim {
                call: step.call.clone(),
                path: Some(step.path.clone()),
                nth: step.nth_on_path,
            },
            false => Aim { call: step.call.clone(), path: None, nth: step.nth },
        })
        .collect();
    let mut aims: Vec<Aim> = aims.into_iter().collect();
    aims.shuffle(random);
    aims
}
