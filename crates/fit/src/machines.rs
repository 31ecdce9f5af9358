//! Whether the losses of several machines agree, from the cells that more than one of them trained.
//!
//! `ln L = cell + machine`, by least squares: each cell is its own control, so that neither the law nor the grid has a say. With two
//! machines and one run of each cell it is the paired t-test. The first machine of the table is what the others are compared with.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use crate::distribution::exact_student_quantile;
use crate::estimate::{Estimate, Interval};
use crate::observation::{Observation, trained_of};
use crate::stats::{Line, dot, mean};
use crate::table::Table;
use crate::warning::Warning;

/// What the machines of a table do to the loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineEffects {
    /// Machines in the order of their first rows.
    pub machines: Vec<MachineRuns>,
    /// Cells (with seed) that two machines or more trained.
    pub shared_cells: usize,
    /// One for every machine but the first of its group.
    pub effects: Vec<MachineEffect>,
    /// Machines that hang together by shared cells. Those of different groups cannot be compared.
    pub groups: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineRuns {
    pub machine: String,
    pub runs: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineEffect {
    pub machine: String,
    /// The machine that it is compared with.
    pub against: String,
    /// Cells of the machine that others trained too.
    pub cells: usize,
    /// Shift of ln L, with Student's interval; bare where no degree of freedom is left.
    pub shift: Estimate,
    /// Change of the shift with ln N, from the cells that both trained; `None` below [`LEAST_FOR_TREND`] of them or three sizes.
    pub trend: Option<Estimate>,
    /// Whether the shift is off zero at the level asked for, corrected for the number of machines (Bonferroni).
    pub differs: bool,
}

/// Fewest shared cells that a trend is told from.
pub const LEAST_FOR_TREND: usize = 5;
/// Shifts of ln L below this are rounding.
const NOTHING: f64 = 1e-12;

impl MachineEffects {
    /// `None` where fewer than two machines are named. Rows without one take no part.
    pub fn of(table: &Table, level: f64) -> Option<Self> {
        let runs: Vec<Run> = runs(table);
        let count = runs.iter().map(|run| run.machine + 1).max().filter(|count| *count > 1)?;
        let mut names = vec![""; count];
        let mut machines = vec![0; count];
        for run in &runs {
            (names[run.machine], machines[run.machine]) = (run.name, machines[run.machine] + 1);
        }
        let cells = shared(&runs);
        let groups = groups(&cells, count);
        let mut effects = Vec::new();
        for group in &groups {
            let of_group = |cell: &&Vec<&Run>| group.contains(&cell[0].machine);
            let cells: Vec<&Vec<&Run>> = cells.iter().filter(of_group).collect();
            effects.extend(effects_of(&cells, group, &names, level, count - groups.len()));
        }
        let named = |group: &Vec<usize>| group.iter().map(|m| names[*m].to_owned()).collect();
        Some(Self {
            shared_cells: cells.len(),
            effects,
            groups: groups.iter().map(named).collect(),
            machines: names
                .iter()
                .zip(machines)
                .map(|(name, runs)| MachineRuns { machine: (*name).to_owned(), runs })
                .collect(),
        })
    }

    /// What is doubtful about fitting these machines together.
    pub fn warnings(&self) -> Vec<Warning> {
        let differs = self.effects.iter().filter(|effect| effect.differs);
        let mut out: Vec<Warning> = differs
            .map(|effect| Warning::MachinesDiffer {
                machine: effect.machine.clone(),
                against: effect.against.clone(),
                cells: effect.cells,
                shift: effect.shift,
            })
            .collect();
        if self.groups.len() > 1 {
            let groups = self.groups.iter().map(|group| group.join(" + ")).collect();
            out.push(Warning::MachinesApart { groups });
        }
        out
    }
}

/// A row that names its machine.
struct Run<'a> {
    name: &'a str,
    /// By order of the first rows.
    machine: usize,
    row: &'a Observation,
    log_loss: f64,
}

fn runs(table: &Table) -> Vec<Run<'_>> {
    let mut places = BTreeMap::new();
    let named = table.rows().iter().filter_map(|row| Some((row.hardware.as_deref()?, row)));
    named
        .map(|(name, row)| {
            let next = places.len();
            let machine = *places.entry(name).or_insert(next);
            Run { name, machine, row, log_loss: row.loss_nats.ln() }
        })
        .collect()
}

/// Runs of each cell that several machines trained, in the order of the table.
fn shared<'a>(runs: &'a [Run<'a>]) -> Vec<Vec<&'a Run<'a>>> {
    let mut cells: Vec<Vec<&Run>> = Vec::new();
    let mut places = BTreeMap::new();
    for run in runs {
        let at = *places.entry(trained_of(run.row)).or_insert_with(|| {
            cells.push(Vec::new());
            cells.len() - 1
        });
        cells[at].push(run);
    }
    cells.retain(|cell| cell.iter().any(|run| run.machine != cell[0].machine));
    cells
}

/// Machines that hang together by cells, each group and the groups in ascending order.
fn groups(cells: &[Vec<&Run>], count: usize) -> Vec<Vec<usize>> {
    let mut group: Vec<usize> = (0..count).collect();
    for cell in cells {
        for run in cell {
            let (a, b) = (group[cell[0].machine], group[run.machine]);
            group.iter_mut().filter(|g| **g == a.max(b)).for_each(|g| *g = a.min(b));
        }
    }
    let members = |of: usize| -> Vec<usize> { (0..count).filter(|m| group[*m] == of).collect() };
    (0..count).map(members).filter(|group| !group.is_empty()).collect()
}

/// Effects of the machines of one group against its first; `claims` are those made in all.
fn effects_of(
    cells: &[&Vec<&Run>],
    group: &[usize],
    names: &[&str],
    level: f64,
    claims: usize,
) -> Vec<MachineEffect> {
    let columns = group.len() - 1;
    let Some((shifts, inverse, residual)) = least_squares(cells, group) else { return Vec::new() };
    let rows: usize = cells.iter().map(|cell| cell.len()).sum();
    let free = rows - cells.len() - columns;
    let one = |k: usize| {
        let (machine, point) = (group[k + 1], shifts[k]);
        let has = |cell: &&&Vec<&Run>| cell.iter().any(|run| run.machine == machine);
        let error = (residual / free as f64 * inverse[(k, k)]).sqrt();
        let shift = student(point, error, free, level);
        let corrected = student(point, error, free, 1.0 - (1.0 - level) / claims as f64);
        let off = corrected.interval.is_some_and(|interval| !interval.contains(0.0));
        MachineEffect {
            machine: names[machine].to_owned(),
            against: names[group[0]].to_owned(),
            cells: cells.iter().filter(has).count(),
            shift,
            trend: trend(cells, machine, group[0], level),
            differs: off && point.abs() > NOTHING,
        }
    };
    (0..columns).map(one).collect()
}

/// Shifts of the machines of a group against its first, the inverse of their normal matrix, and the sum of squares that is left. The cells'
/// own effects are taken out by centring each cell.
fn least_squares(
    cells: &[&Vec<&Run>],
    group: &[usize],
) -> Option<(DVector<f64>, DMatrix<f64>, f64)> {
    let columns = group.len() - 1;
    if columns == 0 {
        return None;
    }
    let mut normal = DMatrix::zeros(columns, columns);
    let mut right = DVector::zeros(columns);
    let mut centred: Vec<(DVector<f64>, f64)> = Vec::new();
    for cell in cells {
        let size = cell.len() as f64;
        let indicator = |run: &&Run| {
            DVector::from_fn(columns, |k, _| f64::from(u8::from(run.machine == group[k + 1])))
        };
        let middle: DVector<f64> =
            cell.iter().map(indicator).fold(DVector::zeros(columns), |a, b| a + b) / size;
        let level = cell.iter().map(|run| run.log_loss).sum::<f64>() / size;
        for run in cell.iter() {
            let (x, y) = (indicator(run) - &middle, run.log_loss - level);
            normal += &x * x.transpose();
            right += &x * y;
            centred.push((x, y));
        }
    }
    let inverse = normal.cholesky()?.inverse();
    let shifts = &inverse * right;
    let residual = centred.iter().map(|(x, y)| (y - x.dot(&shifts)).powi(2)).sum();
    Some((shifts, inverse, residual))
}

/// The line of the differences between two machines over ln N, one point for each cell that both trained.
fn trend(cells: &[&Vec<&Run>], machine: usize, against: usize, level: f64) -> Option<Estimate> {
    let of = |cell: &[&Run], machine: usize| {
        let own: Vec<f64> =
            cell.iter().filter(|run| run.machine == machine).map(|run| run.log_loss).collect();
        (!own.is_empty()).then(|| mean(&own))
    };
    let both = |cell: &&Vec<&Run>| {
        Some((cell[0].row.params.ln(), of(cell, machine)? - of(cell, against)?))
    };
    let (x, y): (Vec<f64>, Vec<f64>) = cells.iter().filter_map(both).unzip();
    let mut sizes = x.clone();
    sizes.sort_unstable_by(f64::total_cmp);
    sizes.dedup();
    if x.len() < LEAST_FOR_TREND || sizes.len() < 3 {
        return None;
    }
    let line = Line::fit(&x, &y);
    let residuals = line.residuals(&x, &y);
    let spread: f64 = x.iter().map(|v| (v - line.x).powi(2)).sum();
    let free = x.len() - 2;
    let error = (dot(&residuals, &residuals) / free as f64 / spread).sqrt();
    Some(student(line.slope, error, free, level))
}

/// A point with Student's interval; bare without a degree of freedom.
fn student(point: f64, error: f64, free: usize, level: f64) -> Estimate {
    if free == 0 {
        return Estimate::bare(point);
    }
    let half = error * exact_student_quantile(0.5 + 0.5 * level, free as f64);
    let interval = Interval { lo: point - half, hi: point + half, level };
    Estimate { point, standard_error: Some(error), interval: Some(interval) }
}
