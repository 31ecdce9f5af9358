//! Pages of every kind in headless Chromium: nothing is cut, neither at 400 to 1280 pixels nor on paper, and the texts of
//! figures are legible on a phone.
//!
//! Sizes are measured in frames of the right width (`measure.js`); for paper the print rules are switched on there. That
//! is enough for widths, since the browser lays a page out at the paper's width before it divides it. What it then does is read
//! from real PDFs: a page with anything beyond the sheet's edge is printed at a smaller scale.

mod chromium;
#[path = "../../examples/demo/made_up.rs"]
mod made_up;
#[path = "../../examples/demo/pages.rs"]
mod pages;
mod pdf;

use std::path::Path;

use isoflop_report::table::{Align, Table};
use isoflop_report::{Block, Document, Fitted, Page, Section};
use serde::{Deserialize, Serialize};

/// Where pages are looked at: name, width, height of a sheet, smallest text of a figure; CSS pixels. Paper is less 10 mm at
/// the sides, 12 mm above and below.
const PLACES: [(&str, u32, Option<u32>, f64); 6] = [
    ("400", 400, None, 10.0),
    ("720", 720, None, 10.0),
    ("1000", 1000, None, 10.0),
    ("1280", 1280, None, 10.0),
    ("A4", 718, Some(1031), 7.0),
    ("Letter", 740, Some(965), 7.0),
];
/// Name and size in points.
const SHEETS: [(&str, (f64, f64)); 2] = [("A4", (594.96, 841.92)), ("letter", (612.0, 792.0))];

#[derive(Serialize)]
struct Case {
    name: String,
    file: String,
    width: u32,
    print: bool,
    height: u32,
    text: f64,
}

#[derive(Debug, Deserialize)]
struct Measured {
    name: String,
    figures: usize,
    tables: usize,
    found: Vec<String>,
}

/// Measures HTML files of a folder in every place, in one run.
fn measure(browser: &str, folder: &Path, files: &[String]) -> Vec<Measured> {
    let case = |file: &String, (name, width, height, text): (&str, u32, Option<u32>, f64)| Case {
        name: format!("{file} {name}"),
        file: file.clone(),
        width,
        print: height.is_some(),
        height: height.unwrap_or(0),
        text,
    };
    let cases: Vec<Case> =
        files.iter().flat_map(|file| PLACES.iter().map(|place| case(file, *place))).collect();
    let harness = format!(
        "<!DOCTYPE html><body><script>const cases={};\n{}</script></body>",
        serde_json::to_string(&cases).unwrap(),
        include_str!("measure.js")
    );
    std::fs::write(folder.join("harness.html"), harness).unwrap();
    let dom = chromium::dom(browser, folder, "harness.html");
    let found =
        dom.split_once("<pre id=\"measured\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("the pages were not measured:\n{dom}"));
    let found = found
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&");
    let measured: Vec<Measured> = serde_json::from_str(&found).unwrap();
    assert_eq!(measured.len(), cases.len());
    measured
}

/// A table of more columns than a sheet has room for.
fn columns() -> Document {
    let heads = (0..26).map(|i| (format!("quantity {i}"), Align::Right));
    let mut table = Table::new("Far too much", heads.chain([("Remarks".to_owned(), Align::Left)]));
    let remark = "a remark that would have liked more room than there is".to_owned();
    table.row((0..26).map(|i| format!("{i}.25 [{i}.10, {i}.40]")).chain([remark]));
    let section =
        Section { blocks: vec![Block::Table(table)], ..Section::new("columns", "Many columns") };
    Document { sections: vec![section], ..Page::new("columns", Fitted::Refused("no")).document() }
}

fn with_style(html: &str, style: &str) -> String {
    html.replacen("</style>", &format!("{style}</style>"), 1)
}

#[test]
fn nothing_is_cut_on_a_screen_or_on_paper() {
    let Some(browser) = chromium::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut pages = pages::all().unwrap();
    pages.push(("columns", columns()));
    let mut files = Vec::new();
    for (name, document) in &pages {
        std::fs::write(folder.path().join(format!("{name}.html")), document.to_html()).unwrap();
        files.push(format!("{name}.html"));
    }
    let measured = measure(browser, folder.path(), &files);
    for (case, (name, document)) in measured.chunks(PLACES.len()).zip(&pages) {
        for at in case {
            assert_eq!(at.found, Vec::<String>::new(), "{}", at.name);
            assert_eq!(at.figures, document.figures().len(), "{}", at.name);
            assert!(at.tables > 0, "{name} has no tables to look at");
        }
    }
}

/// The measure itself: each fault is found, and where it is one.
#[test]
fn what_is_cut_is_found() {
    let Some(browser) = chromium::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let html = pages::refused().to_html();
    // Style, where it is found, and what is said.
    let at = |names: &[&str]| PLACES.map(|place| names.contains(&place.0));
    let everywhere = [true; PLACES.len()];
    let (narrow, print) = (at(&["400", "720", "1000"]), at(&["A4", "Letter"]));
    let faults = [
        (
            "figure",
            ".figure svg{width:1400px!important;max-width:none!important;max-height:none!important}",
            everywhere,
            "is cut",
        ),
        (
            "small",
            "@media screen{.narrow{display:none!important}.full{display:block!important}}",
            narrow,
            "px high",
        ),
        ("table", "table{font-size:16px!important}", print, "the page is"),
        (
            "hidden",
            ".scroll{overflow:hidden!important}table{font-size:16px!important}",
            everywhere,
            "holds",
        ),
        (
            "folded",
            "details::details-content{content-visibility:hidden!important}",
            print,
            "is hidden",
        ),
        ("wide", "h1{width:1500px}", everywhere, "reaches from"),
    ];
    let mut files = Vec::new();
    for (name, style, ..) in faults {
        std::fs::write(folder.path().join(format!("{name}.html")), with_style(&html, style))
            .unwrap();
        files.push(format!("{name}.html"));
    }
    let measured = measure(browser, folder.path(), &files);
    for (cases, (name, _, places, what)) in measured.chunks(PLACES.len()).zip(faults) {
        for (at, faulty) in cases.iter().zip(places) {
            let said = at.found.iter().any(|text| text.contains(what));
            assert_eq!(said, faulty, "{name} in {}: {:#?}", at.name, at.found);
        }
    }
}

#[test]
fn a_printed_page_keeps_its_scale() {
    let Some(browser) = chromium::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (report, short) = (pages::report().unwrap().to_html(), pages::refused().to_html());
    let printed = |html: &str, paper: &str, style: &str| {
        let page = with_style(html, &format!("@page{{size:{paper}}}{style}"));
        std::fs::write(folder.path().join("page.html"), page).unwrap();
        pdf::sheets(&chromium::pdf(browser, folder.path(), "page.html"))
    };
    for (paper, (width, height)) in SHEETS {
        let sheets = printed(&report, paper, "");
        assert!((5..=12).contains(&sheets.len()), "{paper}: {} sheets", sheets.len());
        for sheet in sheets {
            let (w, h) = sheet.size;
            assert!((w - width).abs() < 1.0 && (h - height).abs() < 1.0, "{paper}: {sheet:?}");
            assert!(
                (sheet.scale - 0.75).abs() < 0.002,
                "{paper}: something is too wide: {sheet:?}"
            );
        }
    }
    // Folded sections are on paper.
    let less = printed(&short, "A4", "details{display:none}").len();
    assert!(less < printed(&short, "A4", "").len(), "{less} sheets without the folded sections");
    // And a page that is too wide is told apart.
    let wide = printed(&short, "A4", "h1{width:900px}");
    assert!(wide.iter().all(|sheet| sheet.scale < 0.7), "{wide:?}");
}
