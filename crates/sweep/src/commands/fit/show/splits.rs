//! Best splits of budgets, and how far from them one may stray.

use isoflop_fit::Estimate;
use isoflop_fit::parametric::Allocation;
use isoflop_report::number::{estimate, estimate_count, percent, scientific};
use isoflop_report::table::Table;

use super::super::{Fitted, Forecast};
use super::{L, R, refusal, titled};

pub fn allocation_row(t: &mut Table, by: &str, a: &Allocation) {
    let loss = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "-".into(), estimate);
    t.row([
        scientific(a.flops, 3),
        by.to_string(),
        estimate_count(&a.params),
        estimate_count(&a.tokens),
        estimate(&a.tokens_per_param),
        loss(&a.loss_nats),
        loss(&a.new_run_nats),
    ]);
}

pub fn allocations(title: &str) -> Table {
    Table::new(
        title,
        [
            ("C", R),
            ("by", L),
            ("N*", R),
            ("D*", R),
            ("D*/N*", R),
            ("loss", R),
            ("loss of a new run", R),
        ],
    )
}

pub fn forecasts(fitted: &Fitted) -> Table {
    let by = |f: &Forecast| [f.best, f.envelope, f.slices, f.law, f.posterior];
    let all: Vec<Estimate> =
        fitted.forecasts.iter().flat_map(by).flatten().map(|a| a.params).collect();
    let mut t = allocations(&titled("Best split of a budget", &fitted.study, all.iter()));
    for f in &fitted.forecasts {
        let by = [
            ("all together", &f.best),
            ("envelope", &f.envelope),
            ("slices", &f.slices),
            ("law", &f.law),
            ("posterior", &f.posterior),
        ];
        for (name, a) in by {
            if let Some(a) = a {
                allocation_row(&mut t, name, a);
            }
        }
        for published in &f.overlay {
            let far = if published.outside_its_runs { ", outside its runs" } else { "" };
            allocation_row(&mut t, &format!("{}{far}", published.law), &published.split);
        }
    }
    for published in fitted.forecasts.first().map_or(&[][..], |f| &f.overlay) {
        t.notes.push(format!("{} counts {}.", published.law, published.convention).into());
    }
    for why in &fitted.refused_forecasts {
        let why = refusal(&mut t, &why.to_string());
        t.notes.push(why.into());
    }
    t
}

pub fn sizes(fitted: &Fitted) -> Table {
    let all = fitted.forecasts.iter().flat_map(|f| &f.sizes).map(|s| &s.smallest);
    let mut t = Table::new(
        titled("Sizes within a tolerance of the best loss, by the law", &fitted.study, all),
        [("C", R), ("loss", R), ("smallest N", R), ("largest N", R)],
    );
    for f in &fitted.forecasts {
        for s in &f.sizes {
            t.row([
                scientific(f.flops, 3),
                percent(s.tolerance, 2, true),
                estimate_count(&s.smallest),
                estimate_count(&s.largest),
            ]);
        }
    }
    t
}
