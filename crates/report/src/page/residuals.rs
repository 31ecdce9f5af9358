//! Residuals of the law, run by run.

use std::collections::HashSet;

use isoflop_fit::study::Study;

use super::{Fitted, MOST_DOTS, Page, Thinned};
use crate::plots::{Residual, Residuals};

pub(super) fn plot(page: &Page, study: &Study) -> Option<Residuals> {
    let Fitted::Study(_, table) = page.fitted else { return None };
    let table = study.law_table(table).ok()?;
    let found = study.residuals.as_ref()?;
    if found.log_residuals.len() != table.len() {
        return None;
    }
    let thinned = Thinned::new(table.len());
    let outliers: HashSet<&str> =
        study.outliers.iter().flat_map(|o| &o.runs).map(|o| o.run.as_str()).collect();
    let Thinned { told: drawn, .. } = &thinned;
    let both = table.rows().iter().zip(&found.log_residuals).enumerate();
    let kept = both.filter(|(i, (row, _))| {
        thinned.keeps(*i) || (outliers.len() < MOST_DOTS && outliers.contains(row.run.as_str()))
    });
    let runs = kept.map(|(_, (row, r))| Residual {
        name: row.run.clone(),
        params: row.params,
        tokens: row.tokens,
        flops: row.flops,
        share: r.exp_m1(),
        outlier: outliers.contains(row.run.as_str()),
    });
    let structured: Vec<&str> =
        found.trends.iter().filter(|t| t.structured).map(|t| t.variable.as_str()).collect();
    let subtitle = match structured.as_slice() {
        [] => format!("No trend found in {} runs.{drawn}", found.log_residuals.len()),
        some => {
            format!("Residuals depend on {}: the law misses something.{drawn}", some.join(", "))
        }
    };
    Some(Residuals { subtitle: Some(subtitle.into()), runs: runs.collect() })
}
