//! What came from where: for the table and the JSON of a merge.

use std::collections::BTreeMap;

use isoflop_ledger::{Contents, Record, Status};
use isoflop_plan::{CellId, Grid, Precision};
use serde::Serialize;

use super::Fate;
use crate::events::cell_label;
use crate::folder::Folder;

/// The cells of one folder that one machine trained in one precision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    pub folder: String,
    pub machine: String,
    pub precision: Precision,
    /// Numerics version; `None` where the passport is lost.
    pub numerics: Option<u32>,
    /// Cells that were taken.
    pub cells: usize,
    pub finished: usize,
    pub diverged: usize,
    pub failed: usize,
    /// Left out: an earlier folder has the same result of the same passport.
    pub copies: usize,
    /// Left out: an earlier folder has another result of the same passport.
    pub other_results: usize,
    /// Left out: failed here, and another folder has a result.
    pub failed_here: usize,
}

/// A cell that several passports have a result of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepeatedCell {
    pub cell: CellId,
    /// Shape, tokens, rate and seed.
    pub label: String,
    pub results: Vec<Repeat>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeat {
    pub machine: String,
    pub passport: String,
    /// `"finished"` or `"diverged"`.
    pub status: &'static str,
    pub loss_nats: Option<f64>,
}

/// A planned cell without a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MissingCell {
    pub cell: CellId,
    pub label: String,
    pub budget_flops: Option<f64>,
    /// Whether it was tried and failed.
    pub failed: bool,
}

pub(super) fn taken(
    folders: &[Folder],
    contents: &Contents,
    fates: &[Vec<(&Record, Fate)>],
) -> Vec<Taken> {
    let names = contents.machine_names();
    let mut rows: Vec<Taken> = Vec::new();
    for (folder, fates) in folders.iter().zip(fates) {
        let folder_name = folder.path.display().to_string();
        let own = folder.contents.machine_names();
        for (record, fate) in fates {
            let passport = &record.run.passport;
            let machine = names.get(passport).or_else(|| own.get(passport)).cloned();
            let machine = machine.unwrap_or_default();
            let precision = record.result.cell.hyper.precision;
            let numerics = folder.contents.passports.get(passport).map(|p| p.versions.numerics);
            let same = |row: &Taken| {
                (&row.folder, &row.machine, row.precision, row.numerics)
                    == (&folder_name, &machine, precision, numerics)
            };
            let at = rows.iter().position(same).unwrap_or_else(|| {
                let folder = folder_name.clone();
                rows.push(Taken::none(folder, machine.clone(), precision, numerics));
                rows.len() - 1
            });
            rows[at].count(&record.result.status, *fate);
        }
    }
    rows
}

impl Taken {
    fn none(folder: String, machine: String, precision: Precision, numerics: Option<u32>) -> Self {
        let (cells, finished, diverged, failed) = (0, 0, 0, 0);
        let (copies, other_results, failed_here) = (0, 0, 0);
        Self {
            folder,
            machine,
            precision,
            numerics,
            cells,
            finished,
            diverged,
            failed,
            copies,
            other_results,
            failed_here,
        }
    }

    fn count(&mut self, status: &Status, fate: Fate) {
        let count = match (fate, status) {
            (Fate::Copy, _) => &mut self.copies,
            (Fate::OtherResult, _) => &mut self.other_results,
            (Fate::Failed, _) => &mut self.failed_here,
            (Fate::Taken, status) => {
                self.cells += 1;
                match status {
                    Status::Finished => &mut self.finished,
                    Status::Diverged { .. } => &mut self.diverged,
                    Status::Failed { .. } => &mut self.failed,
                }
            }
        };
        *count += 1;
    }
}

pub(super) fn repeats(contents: &Contents) -> Vec<RepeatedCell> {
    let names = contents.machine_names();
    let several = contents.repeats().into_iter().filter(|(_, records)| records.len() > 1);
    let mut cells: Vec<RepeatedCell> = several
        .map(|(id, records)| RepeatedCell {
            cell: id.clone(),
            label: cell_label(&records[0].result.cell),
            results: records.iter().map(|record| repeat(record, &names)).collect(),
        })
        .collect();
    cells.sort_by(|a, b| a.label.cmp(&b.label));
    cells
}

fn repeat(record: &Record, names: &BTreeMap<String, String>) -> Repeat {
    let passport = record.run.passport.clone();
    Repeat {
        machine: names.get(&passport).cloned().unwrap_or_default(),
        passport,
        status: record.result.status.word(),
        loss_nats: record.valid_loss_nats(),
    }
}

pub(super) fn missing(contents: &Contents, grid: &Grid) -> Vec<MissingCell> {
    let current = contents.current();
    let planned = grid.cells.iter().map(|planned| &planned.cell);
    planned
        .filter_map(|cell| {
            let record = current.get(&cell.id);
            let ended = record.is_some_and(|record| record.result.status.is_final());
            (!ended).then(|| MissingCell {
                cell: cell.id.clone(),
                label: cell_label(cell),
                budget_flops: cell.budget_flops,
                failed: record.is_some(),
            })
        })
        .collect()
}
