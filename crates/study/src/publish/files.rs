//! What a report is on the disk: fit, page and plots.

use std::path::{Path, PathBuf};

use isoflop_durable::{create_folder, write_atomic};
use isoflop_fit::published::published;
use isoflop_report::chart::Theme;
use isoflop_report::{Document, PublishedLaw, render_png};
use rayon::prelude::*;

use crate::error::StudyError;

const FIT_FILE: &str = "fit.json";
const REPORT_FILE: &str = "report.html";
const PLOT_FOLDER: &str = "plots";
/// Pixels per point of the PNG plots.
const PNG_SCALE: f32 = 2.0;

/// Laws drawn for orientation: key in the library, and what the plot calls them.
const ORIENTATION: [(&str, &str); 4] = [
    ("kaplan2020", "Kaplan 2020"),
    ("hoffmann2022-1", "Hoffmann 2022"),
    ("epoch2024", "Besiroglu 2024"),
    ("porian2024", "Porian 2024"),
];

/// Writes them; says where the page is.
pub(super) fn write(
    document: &Document,
    fit: &serde_json::Value,
    folder: &Path,
) -> Result<PathBuf, StudyError> {
    write_atomic(&folder.join(FIT_FILE), format!("{fit:#}\n").as_bytes())?;
    let plots = folder.join(PLOT_FOLDER);
    create_folder(&plots)?;
    document.figures().into_par_iter().try_for_each(|figure| {
        let svg = figure.svg(Theme::Light);
        let png = render_png(&svg, PNG_SCALE).map_err(|error| StudyError::Plot {
            id: figure.id.to_string(),
            source: error.into(),
        })?;
        write_atomic(&plots.join(format!("{}.svg", figure.id)), svg.as_bytes())?;
        write_atomic(&plots.join(format!("{}.png", figure.id)), &png)?;
        Ok::<(), StudyError>(())
    })?;
    let report = folder.join(REPORT_FILE);
    write_atomic(&report, document.to_html().as_bytes())?;
    Ok(report)
}

/// Published laws over the range of these FLOP counts and ten times beyond.
pub(super) fn orientation(flops: impl Iterator<Item = f64>) -> Vec<PublishedLaw> {
    let (low, high) =
        flops.fold((f64::INFINITY, 0.0_f64), |(low, high), c| (low.min(c), high.max(c)));
    if !(low > 0.0 && low.is_finite()) {
        return Vec::new();
    }
    let (from, to) = ((low / 2.0).ln(), (high * 10.0).ln());
    let budgets: Vec<f64> =
        (0..=40).map(|i| (from + (to - from) * f64::from(i) / 40.0).exp()).collect();
    ORIENTATION
        .iter()
        .filter_map(|(key, name)| {
            let law = published(key).ok()?;
            let at = |&flops: &f64| {
                let best = law.at(flops).ok()?;
                Some((flops, best.params.point, best.tokens.point))
            };
            Some(PublishedLaw {
                name: (*name).into(),
                allocations: budgets.iter().filter_map(at).collect(),
            })
        })
        .collect()
}
