//! Runs that spend the same budget.

use serde::Serialize;

use crate::table::Table;

/// Runs of one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The budget, FLOPs: as given, or the geometric mean of the runs' C.
    pub flops: f64,
    /// Row numbers in the table, ascending in N.
    pub rows: Vec<usize>,
}

/// C of one slice may differ by this factor between neighbours, where no budget is given.
const NEIGHBOURS: f64 = 1.12;
/// ... and by this one between its ends.
const ENDS: f64 = 1.35;

/// Groups by the budget column where there is one, else by C: neighbours within 12%, ends within
/// 35%. Ascending in budget; a run that shares its budget with no other is a group of one.
pub(crate) fn group_slices(table: &Table) -> Vec<Group> {
    let rows = table.rows();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let budget = |i: usize| rows[i].budget_flops.unwrap_or(rows[i].flops);
    let given = |i: usize| rows[i].budget_flops.is_some();
    order.sort_by(|&i, &j| budget(i).total_cmp(&budget(j)).then(i.cmp(&j)));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &i in &order {
        let joins = groups.last().is_some_and(|g: &Vec<usize>| {
            let (first, last) = (g[0], g[g.len() - 1]);
            if given(i) && given(last) {
                (budget(i) / budget(last) - 1.0).abs() < 1e-9
            } else {
                budget(i) / budget(last) < NEIGHBOURS && budget(i) / budget(first) < ENDS
            }
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(i),
            _ => groups.push(vec![i]),
        }
    }
    let finish = |mut group: Vec<usize>| {
        let sum: f64 = group.iter().map(|&i| budget(i).ln()).sum();
        let all_same = group.iter().all(|&i| budget(i) == budget(group[0]));
        let flops = if all_same {
            budget(group[0])
        } else {
            (sum / group.len() as f64).exp()
        };
        group.sort_by(|&i, &j| rows[i].params.total_cmp(&rows[j].params).then(i.cmp(&j)));
        Group { flops, rows: group }
    };
    groups.into_iter().map(finish).collect()
}
