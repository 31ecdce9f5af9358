//! Residuals of the law, shape by shape.

use isoflop_fit::shapes;
use isoflop_fit::study::Study;
use isoflop_fit::validate::ShapeTest;

use super::{Fitted, Page, Thinned};
use crate::number;
use crate::plots::{ShapeResidual, ShapeResiduals, ShapeRow};

/// `None` where the runs are of one shape, or where hardly any shape has several runs.
pub(super) fn plot(page: &Page, study: &Study) -> Option<ShapeResiduals> {
    let Fitted::Study(_, table) = page.fitted else { return None };
    let table = study.law_table(table).ok()?;
    let found = study.residuals.as_ref()?;
    let residuals = &found.log_residuals;
    if residuals.len() != table.len() {
        return None;
    }
    let groups = shapes(&table);
    if groups.len() < 2 || 2 * groups.len() > table.len() {
        return None;
    }
    let thinned = Thinned::new(table.len());
    let rows = groups.iter().map(|group| {
        let mean = group.rows.iter().map(|&i| residuals[i]).sum::<f64>() / group.rows.len() as f64;
        let one = |&i: &usize| ShapeResidual {
            name: table.rows()[i].run.clone(),
            flops: table.rows()[i].flops,
            share: residuals[i].exp_m1(),
        };
        ShapeRow {
            name: group.name.clone(),
            params: table.rows()[group.rows[0]].params,
            mean: mean.exp_m1(),
            runs: group.rows.len(),
            drawn: group.rows.iter().filter(|i| thinned.keeps(**i)).map(one).collect(),
        }
    });
    let test = found.by_shape.as_ref();
    let said = match test.map(|test| (test.together, number::significant(test.p, 2))) {
        Some((true, p)) => format!("Runs of one shape deviate together (p = {p})."),
        Some((false, p)) => format!(
            "Runs of one shape are not shown to deviate together: p = {p}, and the limit is {}.",
            ShapeTest::LIMIT
        ),
        None => "Too few runs of each shape to tell chance from more.".to_owned(),
    };
    let subtitle = Some(format!("{said}{}", thinned.told).into());
    Some(ShapeResiduals { subtitle, rows: rows.collect() })
}
