//! Writes made-up pages of each kind, to look at: `cargo run -p isoflop-report --example demo [folder]`.
//!
//! The losses follow a Hoffmann law with noise; one run diverged, and the smallest budget lacks
//! the models that would bracket its minimum.

mod made_up;
mod pages;

use std::path::PathBuf;

use isoflop_report::chart::Theme;
use isoflop_report::render_png;
use isoflop_report::table::Width;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => tempfile::Builder::new().prefix("isoflop-demo-").tempdir()?.keep(),
    };
    for (name, document) in pages::all()? {
        let plots = folder.join(name);
        std::fs::create_dir_all(&plots)?;
        std::fs::write(folder.join(format!("{name}.html")), document.to_html())?;
        std::fs::write(folder.join(format!("{name}.txt")), document.to_text(Width::ANY))?;
        let image = |id: &str| Some(format!("{name}/{id}.png"));
        std::fs::write(folder.join(format!("{name}.md")), document.to_markdown(image))?;
        for figure in document.figures() {
            let forms = [("", figure.clone()), ("-narrow", figure.narrow())];
            for (form, drawn) in forms {
                for (theme, tone) in [(Theme::Light, ""), (Theme::Dark, "-dark")] {
                    let (svg, file) = (drawn.svg(theme), format!("{}{form}{tone}", figure.id));
                    std::fs::write(plots.join(format!("{file}.svg")), &svg)?;
                    std::fs::write(plots.join(format!("{file}.png")), render_png(&svg, 2.0)?)?;
                }
            }
        }
    }
    eprintln!("written to {}", folder.display());
    Ok(())
}
