//! Whether the runs reject published laws.

use isoflop_fit::published::{LawTest, Null, NullTest};
use isoflop_report::number::{fixed, percent, significant};
use isoflop_report::table::Table;

use super::super::Fitted;
use super::{L, R, refusal};

pub fn rejections(f: &Fitted) -> Table {
    let level = 1.0 - f.study.options.fit.intervals.level;
    let mut t = Table::new(
        format!("Do the runs reject published laws? (at {})", percent(level, 0, false)),
        [("law", L), ("what is held", L), ("published", R), ("runs", R), ("p", R), ("", L)],
    );
    for test in &f.law_tests {
        for one in &test.tests {
            let verdict = if one.rejected { "rejected" } else { "not rejected" };
            t.row([
                test.law.to_string(),
                held(one),
                values(one, |h| h.published),
                values(one, |h| h.fitted),
                p(one),
                verdict.to_string(),
            ]);
        }
        for why in &test.refused {
            let why = refusal(&mut t, &why.to_string());
            let dash = || "-".to_string();
            t.row([test.law.to_string(), "refused".into(), dash(), dash(), dash(), why]);
        }
    }
    notes(&mut t, &f.law_tests);
    t
}

fn held(test: &NullTest) -> String {
    match test.null {
        Null::Exponents => "alpha, beta".into(),
        Null::WholeLaw => "E, A, alpha, B, beta".into(),
        Null::Split { approach } => format!("a, by the {approach}"),
    }
}

fn values(test: &NullTest, of: fn(&isoflop_fit::published::Held) -> f64) -> String {
    let all: Vec<String> = test.held.iter().map(|h| significant(of(h), 3)).collect();
    all.join(", ")
}

/// No smaller than what the draws can tell.
fn p(test: &NullTest) -> String {
    match test.draws {
        Some(draws) if test.p * (draws + 1) as f64 <= 1.0 + 1e-9 => {
            format!("<{}", significant(1.0 / draws as f64, 1))
        }
        None if test.p < 1e-4 => "<1e-4".into(),
        _ => fixed(test.p, 3),
    }
}

fn notes(t: &mut Table, tests: &[LawTest]) {
    let all = || tests.iter().flat_map(|test| &test.tests);
    if let Some(draws) = all().filter(|one| one.null == Null::Exponents).find_map(|one| one.draws) {
        t.notes.push(
            format!(
                "alpha, beta: likelihood ratio, E, A and B refitted, since data and tokenizer change these; p from {draws} tables drawn under the null, the publication's own uncertainty not counted."
            )
            .into(),
        );
        t.notes.push(
            "E, A, alpha, B, beta: the law as it stands, which has a meaning for the same data, tokenizer and counting alone."
                .into(),
        );
    }
    if all().any(|one| matches!(one.null, Null::Split { .. })) {
        t.notes.push("a: Wald's test by the standard error of the bootstrap; chi-square with 1 degree of freedom.".into());
    }
    for test in tests {
        let own = test.tests.iter().any(|one| one.its_interval_counted);
        let its = if own { "; its interval of a is counted" } else { "" };
        t.notes.push(format!("{} counts {}{its}.", test.law, test.convention).into());
    }
}
