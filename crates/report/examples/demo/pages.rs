//! One page of each kind.

use std::error::Error;

use isoflop_compare::{CompareOptions, Compared, Run, Side, compare};
use isoflop_fit::study::{self, Study, StudyOptions};
use isoflop_fit::{Convention, Counting, Table};
use isoflop_ledger::{Record, Tariff};
use isoflop_report::comparison::{self, Around};
use isoflop_report::{Document, Fitted, Notice, Page};

use super::made_up;

/// File name, and the page.
pub type Named = (&'static str, Document);

/// A study, one without a result, a large table of runs, and two studies beside each other.
pub fn all() -> Result<Vec<Named>, Box<dyn Error>> {
    Ok(vec![
        ("report", report()?),
        ("refused", refused()),
        ("table", table()?),
        ("comparison", comparison()?),
    ])
}

fn fitted(table: &Table, records: &[Record], counting: Counting) -> Result<Study, Box<dyn Error>> {
    let mut options = StudyOptions { convention: counting, ..StudyOptions::default() };
    // Few draws: the demo is for looking at, and is often built without optimisation.
    options.fit.intervals.draws = 40;
    options.isoflop.draws = 40;
    options.envelope.draws = 40;
    Ok(study::run(table, &made_up::curves(records), &options)?)
}

pub fn report() -> Result<Document, Box<dyn Error>> {
    let (records, passport) = (made_up::records(7), made_up::passport());
    let table = Table::new(made_up::observations(&records))?;
    let study = fitted(&table, &records, Counting::By(Convention::Exact))?;
    let data = [("Source", "made up"), ("Tokens", "unlimited"), ("Bytes per token", "1.00")];
    let page = Page {
        about: "Llama-style models of 40k to 5M parameters on a made-up language.",
        records: records.iter().collect(),
        passports: vec![&passport],
        published: made_up::published(),
        sensitivities: vec![made_up::sensitivity()],
        data: data.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        command: "sweep --config config.resolved.toml --results NEW",
        footer: "Made by isoflop. The numbers are invented.",
        ..Page::new("Demo: a made-up study", Fitted::Study(&study, &table))
    };
    Ok(page.document())
}

/// Few runs, and names as long as they come.
pub fn refused() -> Document {
    let (records, passport) = (made_up::records(7), made_up::passport());
    let folder = format!("/mnt/{}", "archive-of-results/".repeat(9));
    let page = Page {
        records: records.iter().take(3).collect(),
        passports: vec![&passport],
        notices: vec![Notice {
            text: format!("the shards in {folder}ledger.jsonl were written by another version")
                .into(),
            advice: "read them with that version".into(),
        }],
        data: vec![("Source".into(), folder.clone())],
        command: &format!("sweep --config {folder}config.resolved.toml --results NEW"),
        ..Page::new(
            "a_study_without_a_result_whose_name_has_no_space_to_break_it_at",
            Fitted::Refused("3 of 48 cells are trained; a fit needs 5\nhint: run `sweep` again"),
        )
    };
    page.document()
}

fn table() -> Result<Document, Box<dyn Error>> {
    let table = Table::new(made_up::many(60))?;
    let study = fitted(&table, &[], Counting::AsGiven)?;
    Ok(Page::new("Demo: a large table", Fitted::Study(&study, &table)).document())
}

fn comparison() -> Result<Document, Box<dyn Error>> {
    let names = ["workstation, AMD EPYC 7713", "laptop-with-a-very-long-name-of-its-own"];
    let side = |(seed, name): (u64, &str)| -> Result<Compared, Box<dyn Error>> {
        let records = made_up::records(seed);
        let tariff = Tariff::default();
        let side = Side {
            name: name.to_owned(),
            facts: vec![("adapter".into(), format!("{name} (driver {seed}.0.12345)"))],
            runs: records.iter().map(|record| Run::of_record(record, &tariff)).collect(),
            peaks: vec![("f32".into(), 1e11 * seed as f64)],
            ..Side::default()
        };
        Ok(Compared { side, table: Some(Table::new(made_up::observations(&records))?) })
    };
    let sides = (7..).zip(names).map(side).collect::<Result<Vec<_>, _>>()?;
    let options = CompareOptions { draws: 40, ..CompareOptions::default() };
    let found = compare(&sides, &options, |_| None)?;
    let around =
        Around { command: "sweep compare A B", footer: "Made by isoflop.", ..Around::default() };
    Ok(comparison::document(&found, &around))
}
