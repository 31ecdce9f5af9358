//! Stacks that were begun: their checkpoints are found by their cells, so they stay as they are, whatever would be laid out today.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use isoflop_checkpoint::cells_of;
use isoflop_durable::{FileError, create_folder, sync_folder};
use isoflop_ledger::CHECKPOINT_FOLDER;
use isoflop_plan::{Cell, CellId, Grid, Stack};

use crate::error::StudyError;

/// Lays the stacks that were begun out as they were, and takes their cells out of the others. What is no checkpoint of cells of this
/// grid is left to who reads it.
///
/// Their ids.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn keep_begun(
    grid: &mut Grid,
    folder: &Path,
    is_done: impl Fn(&CellId) -> bool,
) -> Result<BTreeSet<String>, StudyError> {
    let begun = begun(grid, folder, is_done)?;
    let ids: BTreeSet<String> = begun.iter().map(|stack| stack.id.clone()).collect();
    let known: BTreeSet<&str> = grid.stacks.iter().map(|stack| &stack.id[..]).collect();
    if ids.iter().all(|id| known.contains(&id[..])) {
        return Ok(ids);
    }
    let taken: BTreeSet<CellId> =
        begun.iter().flat_map(|stack| &stack.cells).map(|cell| cell.id.clone()).collect();
    let mut stacks = begun;
    for stack in std::mem::take(&mut grid.stacks) {
        let left = stack.cells.iter().filter(|cell| !taken.contains(&cell.id)).cloned();
        let left: Vec<Cell> = left.collect();
        if !left.is_empty() {
            stacks.push(Stack::of(left));
        }
    }
    stacks.sort_by(|a, b| a.cost_flops().total_cmp(&b.cost_flops()));
    grid.stacks = stacks;
    Ok(ids)
}

/// The cells of a grid, to be looked up.
pub(crate) struct CellsById<'a>(BTreeMap<&'a CellId, &'a Cell>);

impl<'a> CellsById<'a> {
    pub fn of(grid: &'a Grid) -> Self {
        Self(grid.cells.iter().map(|planned| (&planned.cell.id, &planned.cell)).collect())
    }

    /// The stack of these cells; `None` where the grid has not all of them.
    pub fn stack(&self, ids: &[CellId]) -> Option<Stack> {
        let cells = ids.iter().map(|id| self.0.get(id).copied().cloned());
        cells.collect::<Option<_>>().map(Stack::of)
    }
}

/// Brings the checkpoints that tasks left in their shards to where a run of the whole looks for them. Nobody else may be at work there.
///
/// # Errors
/// If the file system refuses.
pub(crate) fn take_from_shards(folder: &Path) -> Result<(), StudyError> {
    for shard in isoflop_ledger::shards(folder)? {
        bring(&shard, folder, |_| true)?;
    }
    Ok(())
}

/// Brings the checkpoints of these stacks, which a run of the whole left, to the shard of the task that has them now.
///
/// # Errors
/// If the file system refuses.
pub(crate) fn take_from_whole(
    folder: &Path,
    shard: &Path,
    stacks: &[Stack],
) -> Result<(), StudyError> {
    bring(folder, shard, |name| stacks.iter().any(|stack| stack.id == name))
}

/// Moves checkpoints of the stacks that are wanted. One that is there already stays, and so does the other.
fn bring(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), StudyError> {
    let [from, to] = [from, to].map(|folder| folder.join(CHECKPOINT_FOLDER));
    let mut moved = false;
    for file in files(&from)? {
        let stack = file.file_stem().unwrap_or_default().to_string_lossy();
        let Some(name) = file.file_name().filter(|_| wanted(&stack)) else { continue };
        let target = to.join(name);
        if target.exists() {
            continue;
        }
        create_folder(&to)?;
        let failed = |source| FileError { action: "move", path: file.clone(), source };
        std::fs::rename(&file, &target).map_err(failed)?;
        moved = true;
    }
    if moved {
        sync_folder(&to)?;
        sync_folder(&from)?;
    }
    Ok(())
}

/// What lies in a folder, by name; nothing where there is none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, StudyError> {
    let failed = |source| FileError { action: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error).into()),
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut files = paths.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    files.sort();
    Ok(files)
}

/// The stacks of checkpoints with cells that have not ended; no cell is in two of them.
fn begun(
    grid: &Grid,
    folder: &Path,
    is_done: impl Fn(&CellId) -> bool,
) -> Result<Vec<Stack>, StudyError> {
    let cells = CellsById::of(grid);
    let (mut taken, mut stacks) = (BTreeSet::new(), Vec::new());
    let mut found = Vec::new();
    for file in files(&folder.join(CHECKPOINT_FOLDER))? {
        let header = File::open(&file).map_err(drop).and_then(|f| cells_of(f).map_err(drop));
        found.extend(header.ok());
    }
    // Where two have a cell, the one that is further counts.
    found.sort_by_key(|(_, step)| std::cmp::Reverse(*step));
    for (ids, _) in found {
        let Some(stack) = cells.stack(&ids) else { continue };
        if ids.iter().all(&is_done) || ids.iter().any(|id| taken.contains(id)) {
            continue;
        }
        taken.extend(ids);
        stacks.push(stack);
    }
    Ok(stacks)
}

#[cfg(test)]
mod tests {
    use isoflop_plan::{Config, DataFacts};

    use super::*;

    fn grid() -> Grid {
        let text =
            "[model]\ncontext = 64\n[grid]\nbudgets = [1e10, 2e10]\nsizes = 3\nseeds = [0, 1]\n";
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        Grid::build(&Config::parse(text, "a.toml").unwrap(), &facts).unwrap()
    }

    fn checkpoint(folder: &Path, stack: &Stack) {
        let place = folder.join(CHECKPOINT_FOLDER);
        std::fs::create_dir_all(&place).unwrap();
        let none = [Vec::new(), Vec::new(), Vec::new()];
        let bytes = isoflop_checkpoint::write(stack, &[], 0, &[], none).unwrap();
        std::fs::write(place.join(format!("{}.safetensors", stack.id)), bytes).unwrap();
    }

    fn ids(stacks: &[Stack]) -> Vec<&CellId> {
        let mut ids: Vec<_> = stacks.iter().flat_map(|s| &s.cells).map(|cell| &cell.id).collect();
        ids.sort();
        ids
    }

    #[test]
    fn what_was_begun_stays_and_every_cell_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let before = grid();
        let wide = before.stacks.iter().find(|stack| stack.cells.len() > 1).unwrap();
        let [half, _] = wide.halves(|_| true).unwrap();
        checkpoint(folder.path(), &half);
        // One more of the same cells, one of cells of another study, and what is no checkpoint.
        checkpoint(folder.path(), wide);
        std::fs::write(folder.path().join(CHECKPOINT_FOLDER).join("notes.txt"), "x").unwrap();
        let mut after = grid();
        keep_begun(&mut after, folder.path(), |_| false).unwrap();
        assert_eq!(ids(&after.stacks), ids(&before.stacks));
        let kept = |stack: &Stack| after.stacks.iter().any(|other| other.id == stack.id);
        assert!(kept(&half) != kept(wide), "one of the two");
        assert!(after.stacks.is_sorted_by(|a, b| a.cost_flops() <= b.cost_flops()));
        // Once their cells have ended, nothing holds the stacks together any more.
        let mut ended = grid();
        keep_begun(&mut ended, folder.path(), |_| true).unwrap();
        assert_eq!(ended.stacks, before.stacks);
    }

    #[test]
    fn checkpoints_go_where_they_are_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let study = folder.path();
        let shards = ["task-0000", "task-0001"].map(|name| isoflop_ledger::shard(study, name));
        let stacks = grid().stacks;
        checkpoint(&shards[0], &stacks[0]);
        checkpoint(&shards[1], &stacks[1]);
        take_from_shards(study).unwrap();
        let count = |folder: &Path| files(&folder.join(CHECKPOINT_FOLDER)).unwrap().len();
        assert_eq!((count(study), count(&shards[0]), count(&shards[1])), (2, 0, 0));
        // Back again, each to its own; one that a task has by now stays with it.
        checkpoint(&shards[1], &stacks[1]);
        take_from_whole(study, &shards[0], &stacks[..1]).unwrap();
        take_from_whole(study, &shards[1], &stacks[1..2]).unwrap();
        assert_eq!((count(study), count(&shards[0]), count(&shards[1])), (1, 1, 1));
    }

    #[test]
    fn a_layout_that_agrees_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let before = grid();
        keep_begun(&mut grid(), folder.path(), |_| false).unwrap();
        checkpoint(folder.path(), &before.stacks[0]);
        let mut after = grid();
        keep_begun(&mut after, folder.path(), |_| false).unwrap();
        assert_eq!(after.stacks, before.stacks);
    }
}
