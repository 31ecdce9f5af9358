//! What another learning rate or batch does to the loss, in figures.

use super::{Page, filled};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::Sensitivity;
use crate::table::{Align, Table, Tone};

/// The experiments beside the rule. They come first: what the slices say holds where rate and batch are right.
pub(super) fn section(page: &Page) -> Option<Section> {
    let experiments = &page.sensitivities;
    let mut blocks: Vec<Block> = experiments.iter().map(|s| Block::Table(table(s))).collect();
    if !experiments.is_empty() {
        blocks.push(Block::Figures(experiments.iter().map(Sensitivity::figure).collect()));
    }
    filled(Section::new("tuning", "Learning rate and batch"), blocks)
}

/// One row for each model and budget, one column for each multiple.
fn table(experiment: &Sensitivity) -> Table {
    let points = experiment.curves.iter().flat_map(|c| &c.points);
    let mut multiples: Vec<f64> = points.map(|p| p.0).collect();
    multiples.sort_by(f64::total_cmp);
    multiples.dedup();
    let mut columns = vec![(Rich::plain("Model and budget"), Align::Left)];
    columns.extend(multiples.iter().map(|m| (format!("×{m}").into(), Align::Right)));
    let mut table = Table::new(experiment.title.clone(), columns);
    let mut curves: Vec<_> = experiment.curves.iter().collect();
    curves.sort_by(|a, b| a.order.total_cmp(&b.order));
    for curve in curves {
        let mistuned = curve.points.iter().any(|p| p.1 < -experiment.tolerance);
        let at = |multiple: &f64| {
            let point = curve.points.iter().find(|p| p.0 == *multiple);
            point.map_or_else(|| "—".into(), |p| Rich::plain(number::percent(p.1, 2, true)))
        };
        let cells = std::iter::once(curve.name.clone()).chain(multiples.iter().map(at));
        table.toned(if mistuned { Tone::Alert } else { Tone::Plain }, cells);
    }
    let tolerance = number::percent(experiment.tolerance, 0, false);
    table.notes.push(
        experiment.label.clone().then(format!(
            ": loss relative to ×1. Red: another value gains more than {tolerance}."
        )),
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::SensitivityCurve;

    #[test]
    fn the_tables_come_before_all_other_sections() {
        let experiment = |title: &str| Sensitivity {
            id: "learning-rate".into(),
            title: title.into(),
            subtitle: None,
            label: "Learning rate".into(),
            curves: vec![SensitivityCurve {
                name: "small".into(),
                order: 1.0,
                points: vec![(1.0, 0.0), (2.0, -0.02)],
            }],
            tolerance: 0.01,
        };
        let page = Page {
            sensitivities: vec![experiment("Is the learning rate right?")],
            command: "sweep",
            ..Page::new("a", crate::page::Fitted::Refused("too few runs"))
        };
        let document = page.document();
        let ids: Vec<String> = document.sections.iter().map(|s| s.id.to_string()).collect();
        assert_eq!(ids, ["tuning", "terms", "reproduce"]);
        let text = document.to_text(isoflop_text::Width::ANY);
        let (table, rest) = (text.find("Is the learning rate right?"), text.find("sweep"));
        assert!(table.is_some() && rest.is_none_or(|rest| table < Some(rest)), "{text}");
        let none = Page { sensitivities: Vec::new(), ..page };
        assert!(none.document().sections.iter().all(|s| s.id != "tuning"));
    }

    #[test]
    fn every_multiple_is_a_column_and_gains_stand_out() {
        let curve =
            |name: &str, order, points| SensitivityCurve { name: name.into(), order, points };
        let text = table(&Sensitivity {
            id: "learning-rate".into(),
            title: "Is it right?".into(),
            subtitle: None,
            label: "Learning rate".into(),
            curves: vec![
                curve("large", 2.0, vec![(1.0, 0.0), (2.0, -0.02)]),
                curve("small", 1.0, vec![(0.5, 0.013), (1.0, 0.0), (2.0, -0.005)]),
            ],
            tolerance: 0.01,
        })
        .to_text(isoflop_text::Width::ANY);
        let lines: Vec<String> =
            text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[1], "Model and budget ×0.5 ×1 ×2");
        assert_eq!(lines[3..5], ["small +1.30% 0.00% −0.50%", "! large — 0.00% −2.00%"]);
    }
}
