//! Writes a report of made-up runs, to look at: `cargo run -p isoflop-report --example demo [folder]`.
//!
//! The losses follow a Hoffmann law with noise; one run diverged, and the smallest budget lacks
//! the models that would bracket its minimum.

mod made_up;

use std::path::PathBuf;

use isoflop_fit::study::{self, StudyOptions};
use isoflop_fit::{Convention, Counting, Table};
use isoflop_report::chart::Theme;
use isoflop_report::table::Width;
use isoflop_report::{Fitted, Page, render_png};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => tempfile::Builder::new().prefix("isoflop-demo-").tempdir()?.keep(),
    };
    std::fs::create_dir_all(&folder)?;

    let records = made_up::records();
    let passport = made_up::passport();
    let table = Table::new(made_up::observations(&records))?;
    let mut options =
        StudyOptions { convention: Counting::By(Convention::Exact), ..StudyOptions::default() };
    // Few draws: the demo is for looking at, and is often built without optimisation.
    options.fit.intervals.draws = 100;
    options.isoflop.draws = 100;
    options.envelope.draws = 100;
    let study = study::run(&table, &made_up::curves(&records), &options)?;
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
    let document = page.document();
    std::fs::write(folder.join("report.html"), document.to_html())?;
    std::fs::write(folder.join("report.txt"), document.to_text(Width::ANY))?;
    std::fs::write(folder.join("report.md"), document.to_markdown(|id| Some(format!("{id}.png"))))?;
    for figure in document.figures() {
        for (theme, name) in [(Theme::Light, ""), (Theme::Dark, "-dark")] {
            let svg = figure.svg(theme);
            std::fs::write(folder.join(format!("{}{name}.svg", figure.id)), &svg)?;
            std::fs::write(
                folder.join(format!("{}{name}.png", figure.id)),
                render_png(&svg, 2.0)?,
            )?;
        }
    }
    println!("{}", document.to_text(Width::ANY));
    eprintln!("written to {}", folder.display());
    Ok(())
}
