//! What machines do to the loss, as a table.

use isoflop_fit::{LEAST_FOR_TREND, MachineEffects};

use crate::number;
use crate::table::{Align, Table, Tone};

/// One row for each machine but the first of those that can be compared.
pub fn table(effects: &MachineEffects) -> Table {
    let columns = [
        ("Machine", Align::Left),
        ("Runs", Align::Right),
        ("Against", Align::Left),
        ("Shared cells", Align::Right),
        ("Loss", Align::Right),
        ("Per factor 10 in N", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new("Losses by machine", columns);
    let percent = |shift: f64| number::percent(shift.exp_m1(), 3, true);
    let shown = |estimate: isoflop_fit::Estimate, scale: f64| match estimate.interval {
        Some(i) => format!(
            "{} [{}, {}]",
            percent(scale * estimate.point),
            percent(scale * i.lo),
            percent(scale * i.hi)
        ),
        None => percent(scale * estimate.point),
    };
    let dash = || "—".to_owned();
    for machine in &effects.machines {
        let (name, runs) = (machine.machine.clone(), machine.runs.to_string());
        let Some(effect) = effects.effects.iter().find(|e| e.machine == machine.machine) else {
            let group = effects.groups.iter().find(|group| group.contains(&name));
            let alone = group.is_some_and(|group| group.len() == 1);
            let why = if alone {
                "no cell in common with others"
            } else {
                "what others are compared with"
            };
            table.row([name, runs, dash(), dash(), dash(), dash(), why.to_owned()]);
            continue;
        };
        let (tone, verdict) = match (effect.differs, effect.shift.interval) {
            (true, _) => (Tone::Alert, "losses differ"),
            (false, Some(_)) => (Tone::Plain, "no difference seen"),
            (false, None) => (Tone::Plain, "one cell: how sure cannot be told"),
        };
        let trend = effect.trend.map(|trend| shown(trend, std::f64::consts::LN_10));
        table.toned(
            tone,
            [
                name,
                runs,
                effect.against.clone(),
                effect.cells.to_string(),
                shown(effect.shift, 1.0),
                trend.unwrap_or_else(dash),
                verdict.to_owned(),
            ],
        );
    }
    table.notes.push(
        format!(
            "From {} that several machines trained with the same seed: ln L = cell + machine, by least squares, with Student's intervals. \
             The trend needs {LEAST_FOR_TREND} cells of three sizes. Losses of all machines are fitted as they are.",
            match effects.shared_cells {
                1 => "1 cell".to_owned(),
                cells => format!("{cells} cells"),
            }
        )
        .into(),
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop_fit::{Observation, Table as Runs};

    /// Losses of machines by cell: `None` where one did not train it.
    fn effects(losses: &[(&str, &[Option<f64>])]) -> MachineEffects {
        let mut rows = Vec::new();
        for (machine, losses) in losses {
            for (k, loss) in losses.iter().enumerate() {
                let Some(loss) = loss else { continue };
                let n = 1e6 * 2f64.powi(k as i32);
                let mut row = Observation::new(
                    format!("{k} on {machine}"),
                    n,
                    20.0 * n,
                    120.0 * n * n,
                    *loss,
                );
                row.hardware = Some((*machine).into());
                rows.push(row);
            }
        }
        MachineEffects::of(&Runs::new(rows).unwrap(), 0.95).unwrap()
    }

    #[test]
    fn a_difference_is_told_in_percent_and_its_absence_too() {
        let some = Some;
        let text = table(&effects(&[
            ("card", &[some(3.0), some(2.9), some(2.8), some(2.7), some(2.6)]),
            ("other", &[some(3.03), some(2.9291), some(2.8278), some(2.7271), some(2.6259)]),
            ("same", &[some(3.0001), some(2.8999), None, None, None]),
            ("apart", &[None, None, None, None, None, some(2.5)]),
        ]))
        .to_text(isoflop_text::Width::ANY);
        let line = |name: &str| {
            let starts = |l: &&str| l.trim_start_matches(['!', ' ']).starts_with(name);
            text.lines().find(starts).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("card").contains("what others are compared with"), "{text}");
        assert!(
            line("other").contains("+1.0") && line("other").ends_with("losses differ"),
            "{text}"
        );
        assert!(line("other").starts_with('!') || text.contains("! other"), "{text}");
        assert!(line("same").contains("no difference seen"), "{text}");
        assert!(line("apart").contains("no cell in common with others"), "{text}");
        assert!(text.contains("From 5 cells that several machines"), "{text}");
    }
}
