//! Stacks that were begun: their checkpoints are found by their cells, so they stay as they are, whatever would be laid out today.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use isoflop_checkpoint::cells_of;
use isoflop_durable::FileError;
use isoflop_ledger::CHECKPOINT_FOLDER;
use isoflop_plan::{Cell, CellId, Grid, Stack};

use crate::error::StudyError;

/// Lays the stacks that were begun out as they were, and takes their cells out of the others. What is no checkpoint of cells of this
/// grid is left to who reads it.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn keep_begun(
    grid: &mut Grid,
    folder: &Path,
    is_done: impl Fn(&CellId) -> bool,
) -> Result<(), StudyError> {
    let begun = begun(grid, folder, is_done)?;
    let known: BTreeSet<&str> = grid.stacks.iter().map(|stack| &stack.id[..]).collect();
    if begun.iter().all(|stack| known.contains(&stack.id[..])) {
        return Ok(());
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
    Ok(())
}

/// The stacks of checkpoints with cells that have not ended; no cell is in two of them.
fn begun(
    grid: &Grid,
    folder: &Path,
    is_done: impl Fn(&CellId) -> bool,
) -> Result<Vec<Stack>, StudyError> {
    let place = folder.join(CHECKPOINT_FOLDER);
    let failed = |source| FileError { action: "read", path: place.clone(), source };
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error).into()),
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    let cells: BTreeMap<&CellId, &Cell> =
        grid.cells.iter().map(|planned| (&planned.cell.id, &planned.cell)).collect();
    let (mut taken, mut stacks) = (BTreeSet::new(), Vec::new());
    for file in files {
        let Ok(ids) = File::open(&file).map_err(drop).and_then(|f| cells_of(f).map_err(drop))
        else {
            continue;
        };
        let found: Option<Vec<Cell>> =
            ids.iter().map(|id| cells.get(id).copied().cloned()).collect();
        let Some(found) = found else { continue };
        if ids.iter().all(&is_done) || ids.iter().any(|id| taken.contains(id)) {
            continue;
        }
        taken.extend(ids);
        stacks.push(Stack::of(found));
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
