//! The scripts of the page in a browser: the table of runs is sorted by a click and saved as CSV, and terms show what they
//! mean. Without Chromium nothing is tested, unless `ISOFLOP_REQUIRE_CHROMIUM=1` asks for it.

use std::process::{Command, Stdio};

use isoflop_report::chart::{Rich, Span, SpanStyle};
use isoflop_report::table::{Align, Sheet, Table};
use isoflop_report::{Block, Document, Section};

/// Clicks, and writes what the table then is into the page.
const SORT: &str = "
const table = document.querySelector('table[data-csv]');
const heads = [...table.querySelectorAll('th button')];
const told = [];
const tell = (what) => told.push(`${what}: ${[...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join(' ')}`);
tell('as written');
for (const [column, times] of [[1, 1], [1, 2], [2, 1], [0, 1]]) {
  heads[column].focus();
  heads[column].click();
  tell(`${document.activeElement.textContent} ${table.tHead.rows[0].cells[column].getAttribute('aria-sort')}`);
}
const made = [];
URL.createObjectURL = (blob) => { made.push(blob); return '#made'; };
const link = document.querySelector('a.save');
link.addEventListener('click', (event) => event.preventDefault());
link.click();
made[0].text().then((csv) => {
  document.body.dataset.told = [...told, link.download, ...csv.split('\\n')].join('|');
});
";

fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| {
        let mut version = Command::new(name);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser"].into_iter().find(runs)
}

/// What a script leaves as `data-told` of a page of one section, at its parts between `|`; `None` without a browser.
fn told(section: Section, address: &str, script: &str) -> Option<Vec<String>> {
    let Some(chromium) = chromium() else {
        let required = std::env::var("ISOFLOP_REQUIRE_CHROMIUM").is_ok_and(|v| v == "1");
        assert!(!required, "no chromium or chromium-browser on PATH");
        eprintln!("not tested: no chromium or chromium-browser on PATH");
        return None;
    };
    let document = Document {
        kicker: "".into(),
        title: "t".into(),
        headline: "".into(),
        cards: Vec::new(),
        digest: None,
        notices: Vec::new(),
        sections: vec![section],
        footer: "".into(),
    };
    let html = document.to_html().replace("</body>", &format!("<script>{script}</script></body>"));
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, html).unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--timeout=20000"])
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}{address}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let told = dom.split_once("data-told=\"").unwrap_or_else(|| panic!("{dom}")).1;
    let told =
        told.split_once("\">").unwrap().0.replace("&quot;", "\"").replace("&nbsp;", "\u{a0}");
    Some(told.split('|').map(str::to_owned).collect())
}

#[test]
fn a_click_sorts_and_the_link_saves() {
    let columns = [("Run", Align::Left), ("N, all", Align::Right), ("Loss", Align::Right)];
    let mut table = Table::new("", columns);
    let rows = [
        ("b", "9.90k", Some(9900.0), "2.0"),
        ("a", "1.20M", Some(1_200_000.0), "−0.5"),
        ("d", "—", None, "2.0"),
        ("c\u{a0}\"x\"", "10.0k", Some(10_000.0), "10"),
    ];
    rows.iter().for_each(|(run, n, _, loss)| table.row([*run, *n, *loss]));
    let values = rows.iter().map(|(_, _, n, _)| vec![None, *n, None]).collect();
    table.sheet = Some(Sheet { file: "runs.csv".into(), values });
    let mut section = Section::new("runs", "Runs");
    section.blocks.push(Block::Table(table));
    let Some(told) = told(section, "", SORT) else { return };
    assert_eq!(
        told,
        [
            "as written: b a d c\u{a0}\"x\"",
            "N, all ascending: b c\u{a0}\"x\" a d",
            "N, all descending: a c\u{a0}\"x\" b d",
            // Equal values keep their order.
            "Loss ascending: a b d c\u{a0}\"x\"",
            "Run ascending: a b c\u{a0}\"x\" d",
            "runs.csv",
            "Run,\"N, all\",Loss",
            "a,1200000,-0.5",
            "b,9900,2.0",
            "\"c \"\"x\"\"\",10000,10",
            "d,,2.0",
            "",
        ]
    );
}

#[test]
fn a_term_is_explained_where_it_stands_and_its_link_unfolds_the_list() {
    let term = |text: &str| Rich(vec![Span { text: text.into(), style: SpanStyle::Term("power") }]);
    let mut section = Section::new("terms", "Terms");
    section.folded = true;
    let link = Rich::plain("a ").then(term("power"));
    let meaning = Rich::markup("C^{a} of N_{c}.");
    section.blocks = vec![Block::Text(link), Block::Facts(vec![(term("power law"), meaning)])];
    let script = "
        const link = document.querySelector('a.term');
        const tip = document.getElementById('tip');
        const open = document.querySelector('details').open;
        link.focus();
        const shown = tip.hidden ? 'hidden' : tip.textContent;
        link.blur();
        document.body.dataset.told = [open, shown, tip.hidden].join('|');
    ";
    let Some(unfolded) = told(section.clone(), "#term-power", script) else { return };
    assert_eq!(unfolded, ["true", "C^a of N_c.", "true"]);
}
