//! What a recipe saves.

use isoflop_compare::gain::SMALL_GAIN;
use isoflop_compare::{Comparison, Versus};

use super::anchor;
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{Forest, ForestRow, Reference};

pub(super) fn section(comparison: &Comparison, versus: &Versus) -> Option<Section> {
    let (first, second) = (&comparison.sides[0], &comparison.sides[versus.side]);
    let title = format!("Compute-equivalent gain: {second} over {first}");
    let mut section = Section::new(&anchor("gain", versus.side), title);
    let Some(gain) = &versus.gain else {
        let why = versus.no_gain.as_ref()?;
        section.blocks.push(Block::Text(format!("There is none to tell: {why}.").into()));
        return Some(section);
    };
    section.lead = Some(
        format!("How many times the compute {first} takes for the loss that {second} reaches; above 1 {second} is better.").into(),
    );
    let mut rows = vec![ForestRow {
        name: "all budgets".into(),
        estimate: Some(gain.pooled),
        group: 0,
        main: true,
    }];
    rows.extend(gain.at.iter().map(|at| ForestRow {
        name: format!("{} FLOPs", number::scientific(at.flops, 2)),
        estimate: Some(at.gain),
        group: 1,
        main: false,
    }));
    let forest = Forest {
        id: anchor("gains", versus.side),
        title: "Gain in compute".into(),
        subtitle: None,
        label: "Times the compute".into(),
        rows,
        references: vec![Reference { name: "no gain".into(), value: 1.0 }],
    };
    section.blocks.push(Block::Figures(vec![forest.figure()]));
    let mut facts: Vec<(Rich, Rich)> = vec![
        ("Pooled".into(), format!("×{}", number::estimate(&gain.pooled)).into()),
        (
            "Floor".into(),
            format!(
                "{first} against itself would show up to ×{}",
                number::significant(gain.floor, 3)
            )
            .into(),
        ),
    ];
    if let Some(time) = &gain.in_time {
        facts.push((
            "In time".into(),
            format!("×{}, at the speed of the middle run of each", number::estimate(time)).into(),
        ));
    }
    if let (Some(drift), Some(p)) = (&gain.drift, gain.drift_p) {
        let text = format!(
            "×{} per factor 10 of compute; p of none {}",
            number::estimate(drift),
            number::significant(p, 2)
        );
        facts.push(("Change with scale".into(), text.into()));
    }
    let seeds = match gain.seeds_for_small {
        s if s <= 1.0 => "the runs that there are would show it".into(),
        s => format!("{} times the seeds that there are", number::significant(s, 2)),
    };
    facts.push((format!("To see ×{SMALL_GAIN}").into(), seeds.into()));
    if gain.beyond > 0 {
        facts.push((
            "Beyond".into(),
            format!(
                "{first} reaches {} of the losses only above its budgets: carried on",
                gain.beyond
            )
            .into(),
        ));
    }
    section.blocks.push(Block::Facts(facts));
    Some(section)
}
