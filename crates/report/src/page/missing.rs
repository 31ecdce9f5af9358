//! What is said where there is no result: that there is none, why, and what to add.

use std::collections::BTreeSet;

use isoflop_fit::isoflop::{SliceFit, SliceRefusal};
use isoflop_fit::study::Study;
use isoflop_text::{MOST_NAMES, counted, plural};

use super::{Page, one_line};
use crate::number;

/// Budgets that a study of slices should have at least, and sizes of each.
const ENOUGH: (usize, usize) = (5, 7);

/// Of a fit that was refused: `No fit: why; what to do.`
pub(super) fn refused(why: &str) -> String {
    let (why, hint) = why.split_once("\nhint: ").unwrap_or((why, ""));
    let hint = one_line(&hint.replace("\nhint: ", "\n"));
    let told = match hint.as_str() {
        "" => one_line(why),
        hint => format!("{}; {hint}", one_line(why)),
    };
    format!("No fit: {}.", told.trim_end_matches('.'))
}

/// Of a study in which no approach gave a result. What is planned comes before what could be.
pub(super) fn sentence(page: &Page, study: &Study) -> String {
    let planned: BTreeSet<_> =
        page.grid.iter().flat_map(|grid| &grid.cells).map(|planned| &planned.cell.id).collect();
    let ended: BTreeSet<_> = page.records.iter().map(|record| record.id()).collect();
    let open = planned.difference(&ended).count();
    if open > 0 {
        return format!(
            "No result yet: {open} of {} planned cells are still to be trained.",
            planned.len()
        );
    }
    let slices = study.approach2.first().map(|row| row.every_slice()).unwrap_or_default();
    let found = slices.iter().filter(|s| s.minimum.is_some()).count();
    let mut add: Vec<String> =
        slices.iter().filter_map(|slice| missing(page, slice, slice.refusal.as_ref()?)).collect();
    let more = add.len().saturating_sub(MOST_NAMES);
    add.truncate(MOST_NAMES);
    if more > 0 {
        add.push(format!("and so for {more} more {}", plural(more, "budget")));
    }
    if slices.len() < ENOUGH.0 {
        let lack = ENOUGH.0 - slices.len();
        add.push(format!(
            "{} of {} sizes each, spaced by a factor of 2 to 3.2",
            counted(lack, if slices.is_empty() { "budget" } else { "more budget" }),
            ENOUGH.1
        ));
    }
    let why = match slices.len() {
        0 => "no budget has runs of several sizes".to_owned(),
        some => format!(
            "{found} of {} {} a minimum inside the sizes that were run, and a power law needs 3",
            counted(some, "budget"),
            if found == 1 { "has" } else { "have" }
        ),
    };
    match add.is_empty() {
        true => format!("No result yet: {why}. See the warnings."),
        false => format!("No result yet: {why}. To add: {}.", add.join("; ")),
    }
}

/// What a slice lacks.
fn missing(page: &Page, slice: &SliceFit, why: &SliceRefusal) -> Option<String> {
    let at = format!("at {} FLOPs", number::scientific(slice.flops, 2));
    let runs: Vec<_> = slice.runs.iter().collect();
    let (first, last) = (runs.first()?, runs.last()?);
    // A configuration has widths, a table has parameters.
    let size = |run: &str, params: f64| {
        let record = page.records.iter().find(|record| record.id().to_string() == run);
        let width = record.map(|record| record.result.cell.shape.width);
        let count = number::count(params, 2);
        width.map_or_else(
            || format!("{count} parameters"),
            |width| format!("width {width} ({count} parameters)"),
        )
    };
    Some(match why {
        SliceRefusal::TooFewSizes { sizes, needed } => {
            format!("{at} {}", counted(needed.saturating_sub(*sizes).max(1), "more size"))
        }
        SliceRefusal::FallsTowardsSmall => {
            format!("{at} models below {}", size(&first.run, first.params))
        }
        SliceRefusal::FallsTowardsLarge => {
            format!("{at} models above {}", size(&last.run, last.params))
        }
        SliceRefusal::OutsideSizes { params } => {
            format!("{at} models about and beyond {} parameters", number::count(*params, 2))
        }
        SliceRefusal::Unsteady { .. } => format!("{at} seeds or sizes near the lowest loss"),
        SliceRefusal::NotConvex => format!("{at} sizes further apart"),
    })
}

#[cfg(test)]
mod tests {
    use isoflop_fit::study::{StudyOptions, run};
    use isoflop_fit::{Observation, Table};
    use isoflop_ledger::{Record, RunInfo, RunResult, Status};
    use isoflop_plan::{Config, DataFacts, Grid};

    use super::*;
    use crate::page::Fitted;

    #[test]
    fn a_refusal_is_one_sentence_with_its_remedy() {
        let told = refused("no runs\nhint: train some\nhint: or more");
        assert_eq!(told, "No fit: no runs; train some; or more.");
        assert_eq!(refused("no\nruns."), "No fit: no; runs.");
    }

    #[test]
    fn what_is_planned_comes_before_what_could_be() {
        let text = "
            [data]
            source = \"synthetic\"
            [grid]
            budgets = [1e11]
            widths = [16, 24, 32]
            min_steps = 1
        ";
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: String::new(),
            bytes_per_token: None,
        };
        let grid = Grid::build(&Config::parse(text, "a.toml").unwrap(), &facts).unwrap();
        let record = |i: usize| {
            let cell = grid.cells[i].cell.clone();
            Record::new(RunResult::new("", "", cell, Status::Finished), RunInfo::default())
        };
        let records: Vec<Record> = (0..3).map(record).collect();
        let table = Table::new(vec![Observation::new("a", 1e4, 1e6, 6e10, 3.0)]).unwrap();
        let study = run(&table, &[], &StudyOptions::default()).unwrap();
        let told = |ended: usize| {
            let page = Page {
                grid: Some(&grid),
                records: records[..ended].iter().collect(),
                ..Page::new("", Fitted::Study(&study, &table))
            };
            sentence(&page, &study)
        };
        assert_eq!(told(1), "No result yet: 2 of 3 planned cells are still to be trained.");
        assert!(told(3).contains(" To add: "), "{}", told(3));
    }
}
