//! Results folders as sides of a comparison, and what keeps them from being one.

use std::collections::BTreeSet;
use std::path::Path;

use isoflop_compare::{Compared, Mode, Run, Side};
use isoflop_ledger::{CONFIG_FILE, Passport};
use isoflop_plan::{CellId, Config, Effect, NUMERICS_VERSION};
use isoflop_record::{Spending, Tariff};

use crate::error::StudyError;
use crate::folder::Folder;
use crate::observations;

/// One folder, ready to be compared.
pub struct ComparedFolder {
    pub compared: Compared,
    /// Cells that have ended, and those that were planned.
    pub cells: (usize, usize),
    config: Config,
    data_sha256: BTreeSet<String>,
    numerics: BTreeSet<u32>,
}

impl ComparedFolder {
    /// Reads a results folder under the name that the comparison calls it by.
    ///
    /// # Errors
    /// As [`Folder::read`]; [`StudyError::Misuse`] where it holds no record.
    pub fn read(folder: &Path, name: &str) -> Result<Self, StudyError> {
        let Folder { config, grid, contents, .. } = Folder::read(folder)?;
        let current = contents.current();
        if current.is_empty() {
            return Err(StudyError::Misuse(format!(
                "{} holds no trained cell\nhint: train it: `sweep --config {}`",
                folder.display(),
                folder.join(CONFIG_FILE).display()
            )));
        }
        let passports: Vec<&Passport> = contents.passports.values().collect();
        let numerics: BTreeSet<u32> = passports.iter().map(|p| p.versions.numerics).collect();
        // Cells of other numerics have other names than this program plans.
        let renamed = numerics.iter().any(|version| *version != NUMERICS_VERSION);
        let planned: BTreeSet<&CellId> =
            grid.cells.iter().map(|planned| &planned.cell.id).collect();
        let ended = current.iter().filter(|(id, record)| {
            record.result.status.is_final() && (renamed || planned.contains(*id))
        });
        let peaks = passports.iter().flat_map(|p| &p.peaks);
        let tariff = Tariff::of(&config.device);
        let runs: Vec<_> = contents.repeats().into_values().flatten().collect();
        let side = Side {
            name: name.into(),
            facts: facts(&passports),
            runs: runs.iter().map(|record| Run::of_record(record, &tariff)).collect(),
            peaks: peaks.map(|p| (p.precision.word().into(), p.flops_per_second)).collect(),
            tariff,
            spending: Some(Spending::of(runs, &tariff)),
        };
        Ok(Self {
            cells: (ended.count(), grid.cells.len()),
            data_sha256: current.values().map(|r| r.result.data_sha256.clone()).collect(),
            numerics,
            compared: Compared { side, table: observations::table(&contents, &grid).ok() },
            config,
        })
    }
}

/// Adds to every side's facts the keys that the configurations do not agree on, and refuses what does not compare. `unfinished` lets
/// studies through that are not trained to their end.
///
/// # Errors
/// [`StudyError::Misuse`], with a hint.
pub fn refuse_incomparable(
    folders: &mut [ComparedFolder],
    mode: Option<Mode>,
    unfinished: bool,
) -> Result<(), StudyError> {
    let [first, others @ ..] = folders else { return Ok(()) };
    let refuse =
        |why: String, hint: String| Err(StudyError::Misuse(format!("{why}\nhint: {hint}")));
    for other in others.iter() {
        let names = format!("{} and {}", first.compared.side.name, other.compared.side.name);
        if first.data_sha256 != other.data_sha256 {
            return refuse(
                format!("{names} were trained on other data, or with another tokenizer: their held-out texts are not the same, so neither losses nor bits per byte compare"),
                "train both on the same `[data]`; `sweep data` prints the hash of the data of a configuration".into(),
            );
        }
        if first.numerics != other.numerics && mode != Some(Mode::Recipes) {
            let versions = |of: &ComparedFolder| {
                let all: Vec<String> = of.numerics.iter().map(u32::to_string).collect();
                all.join(", ")
            };
            return refuse(
                format!("{names} were trained by other numerics: versions {} and {}", versions(first), versions(other)),
                "train the older one again with this program, or hold them against each other as recipes: `--recipes`".into(),
            );
        }
    }
    for folder in std::iter::once(&*first).chain(others.iter()) {
        let (ended, planned) = folder.cells;
        if ended < planned && !unfinished {
            return refuse(
                format!("{} is unfinished: {ended} of {planned} cells have ended", folder.compared.side.name),
                "train it to its end with the same command, or compare what there is: `--unfinished`".into(),
            );
        }
    }
    let mut told: Vec<String> = Vec::new();
    for other in others.iter() {
        for difference in first.config.differences(&other.config) {
            // Names and places of folders differ by themselves.
            if matches!(difference.effect, Effect::Cells | Effect::Grid)
                && !told.contains(&difference.key)
            {
                told.push(difference.key);
            }
        }
    }
    for folder in std::iter::once(first).chain(others) {
        for key in &told {
            if let Some(value) = folder.config.value(key) {
                folder.compared.side.facts.push((key.clone(), value));
            }
        }
    }
    Ok(())
}

/// What passports say, by name; of several machines all values.
fn facts(passports: &[&Passport]) -> Vec<(String, String)> {
    type Of = fn(&Passport) -> Option<String>;
    let some: [(&str, Of); 14] = [
        ("device", |p| Some(p.device.adapter.clone())),
        ("kind", |p| Some(p.device.kind.clone())),
        ("backend", |p| Some(p.device.backend.clone())),
        ("shader compiler", |p| p.device.shader_compiler.clone()),
        ("driver", |p| p.device.driver.clone()),
        ("precision", |p| Some(p.device.precisions.join(", "))),
        ("host", |p| p.host.cpu.clone()),
        ("cores", |p| Some(p.host.cores.to_string())),
        ("system", |p| Some(format!("{} ({})", p.host.os, p.host.arch))),
        ("isoflop", |p| Some(p.versions.isoflop.clone())),
        ("numerics", |p| Some(p.versions.numerics.to_string())),
        ("commit", |p| p.versions.commit.clone()),
        ("burn", |p| Some(p.versions.burn.clone())),
        ("wgpu", |p| p.versions.wgpu.clone()),
    ];
    let mut facts: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (name, of) in some {
        facts.push((name.into(), passports.iter().filter_map(|p| of(p)).collect()));
    }
    for name in passports.iter().flat_map(|p| p.device.details.keys()) {
        if !facts.iter().any(|(there, _)| there == name) {
            let values = passports.iter().filter_map(|p| p.device.details.get(name).cloned());
            facts.push((name.clone(), values.collect()));
        }
    }
    let joined = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(" and ");
    facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (name, joined(v))).collect()
}
