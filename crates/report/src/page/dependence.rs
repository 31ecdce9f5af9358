//! What runs may have in common: one seed, or one shape.

use isoflop_fit::study::{self, Study};

use super::{Fitted, Page};
use crate::number;
use crate::table::{Align, Table, Tone};

/// What intervals cannot know where every run has one seed.
pub(super) fn one_seed(page: &Page) -> Option<&'static str> {
    let Fitted::Study(_, table) = page.fitted else { return None };
    study::one_seed(table).then_some(match page.records.is_empty() {
        false => {
            "One seed: the noise between seeds is not measured, and intervals know no more than how runs scatter about the fits; \
             `seeds = [0, 1]` would measure it."
        }
        true => {
            "One seed: the noise between seeds is not measured, and intervals know no more than how runs scatter about the fits."
        }
    })
}

/// Whether runs of one shape deviate together, from the law and from the slices.
pub(super) fn by_shape(study: &Study) -> Option<Table> {
    let law = study.residuals.as_ref().and_then(|r| r.by_shape.as_ref());
    let tests: Vec<_> = law.into_iter().chain(&study.slices_by_shape).collect();
    let columns = [
        ("Residuals about", Align::Left),
        ("Runs", Align::Right),
        ("Shapes", Align::Right),
        ("F", Align::Right),
        ("p", Align::Right),
        ("Deviates most", Align::Left),
    ];
    let mut table = Table::new("Do runs of one shape deviate together?", columns);
    for test in &tests {
        let worst = &test.worst;
        let off = number::percent(worst.mean.exp_m1(), 2, true);
        let tone = if test.together { Tone::Alert } else { Tone::Plain };
        table.toned(
            tone,
            [
                test.about.to_string(),
                test.runs.to_string(),
                test.shapes.to_string(),
                format!("{} ({}, {})", number::significant(test.f, 3), test.free.0, test.free.1),
                number::significant(test.p, 2),
                format!("{}: {off} in {} runs", worst.shape, worst.runs),
            ],
        );
    }
    table.notes.push(
        "Analysis of variance by shape; degrees of freedom in brackets. Below p = 0.001 intervals that take runs as independent are \
         too narrow. Residuals far off are pulled in first, to 4 robust standard deviations."
            .into(),
    );
    (!tests.is_empty()).then_some(table)
}
