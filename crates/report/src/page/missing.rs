//! What is said where there is no result: that there is none, why, and what to add.

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

/// Of a study in which no approach gave a result.
pub(super) fn sentence(page: &Page, study: &Study) -> String {
    let slices = study.approach2.first().map(|row| match row.answer.given() {
        Some(fit) => fit.slices.as_slice(),
        None => row.slices.as_slice(),
    });
    let slices = slices.unwrap_or_default();
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
    use super::*;

    #[test]
    fn a_refusal_is_one_sentence_with_its_remedy() {
        assert_eq!(
            refused("no runs\nhint: train some\nhint: or more"),
            "No fit: no runs; train some; or more."
        );
        assert_eq!(refused("no\nruns."), "No fit: no; runs.");
    }
}
