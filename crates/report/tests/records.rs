//! The page of a study that was trained: what records add to what a table of runs shows.

use isoflop_fit::study::{self, StudyOptions};
use isoflop_fit::{Convention, Counting, Counts, Observation, Table};
use isoflop_ledger::{CurvePoint, Record, RunInfo, RunResult, Status, Valid, ValidPoint};
use isoflop_plan::{Cell, Family, Hyper, Precision, Shape};
use isoflop_report::chart::Theme;
use isoflop_report::{Block, Document, Fitted, Notice, Page, PublishedLaw};

/// Bits per byte of a nat per token, where a token stands for three bytes.
const BITS: f64 = 1.0 / (3.0 * std::f64::consts::LN_2);

fn loss(params: f64, tokens: f64) -> f64 {
    1.3 + 38.0 / params.powf(0.36) + 92.0 / tokens.powf(0.37)
}

/// Five budgets, seven widths each, the same widths in all.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for budget in [1e12, 3e12, 9e12, 2.7e13, 8.1e13] {
        for width in [32, 48, 64, 96, 128, 192, 256] {
            let (depth, heads, hidden) = (2, width / 16, 4 * width);
            let family = Family::Llama;
            let shape = Shape { family, depth, width, heads, hidden, vocab: 256, context: 128 };
            let hyper = Hyper::for_timing(8, Precision::F32);
            let tokens = budget / shape.flops_per_token().train();
            let steps = (tokens / 1024.0).round() as u64;
            let cell = Cell::new(Some(budget), shape, steps, hyper, 0, "");
            let mut result = RunResult::new("s", "", cell, Status::Finished);
            let (n, d) = (result.params.total() as f64, result.tokens as f64);
            let wobble = 1.0 + 0.002 * ((width / 16 + records.len()) % 5) as f64;
            let loss_nats = loss(n, d) * wobble;
            for i in 1..=50 {
                let (step, tokens) = (steps * i / 50, result.tokens * i / 50);
                let noise = 1.0 + 0.04 * ((7 * i) % 5) as f64;
                let loss_nats = loss(n, tokens as f64) * noise;
                let point =
                    CurvePoint { step, tokens, loss_nats, learning_rate: 1e-3, grad_norm: None };
                result.curve.push(point);
            }
            result.valid_curve.push(ValidPoint { step: steps / 2, loss_nats: loss_nats * 1.1 });
            result.valid = Some(Valid {
                loss_nats,
                bits_per_byte: Some(loss_nats * BITS),
                tokens: 1 << 16,
                true_loss_nats: None,
            });
            let run = RunInfo { train_seconds: 12.5, device_share: 1.0, ..RunInfo::default() };
            records.push(Record::new(result, run));
        }
    }
    records
}

fn observation(record: &Record) -> Observation {
    let result = &record.result;
    let (n, d) = (result.params.total() as f64, result.tokens as f64);
    let loss = record.valid_loss_nats().unwrap();
    let mut row = Observation::new(record.id().to_string(), n, d, result.flops.exact, loss);
    row.budget_flops = result.cell.budget_flops;
    row.shape = Some(result.cell.shape.to_string());
    row.counts =
        Counts { params_total: Some(n), flops_exact: Some(result.flops.exact), ..row.counts };
    row
}

fn document(records: &[Record]) -> Document {
    let table = Table::new(records.iter().map(observation).collect()).unwrap();
    let mut options =
        StudyOptions { convention: Counting::By(Convention::Exact), ..StudyOptions::default() };
    (options.fit.intervals.draws, options.isoflop.draws, options.envelope.draws) = (60, 60, 60);
    let study = study::run(&table, &[], &options).unwrap();
    let law = |name: &str, k: f64| PublishedLaw {
        name: name.into(),
        allocations: (11..17)
            .map(|e| (10f64.powi(e), k * 10f64.powi(e).sqrt(), 10f64.powi(e).sqrt() / (6.0 * k)))
            .collect(),
    };
    let page = Page {
        records: records.iter().collect(),
        published: vec![law("Near 2022", 0.1), law("Far 2020", 1e-4)],
        notices: vec![Notice { text: "one".into(), advice: "set `seeds = [0, 1]`".into() }],
        ..Page::new("a study", Fitted::Study(&study, &table))
    };
    page.document()
}

fn svg(document: &Document, id: &str) -> String {
    let figures = document.figures();
    let figure = figures.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no {id}"));
    figure.svg(Theme::Light)
}

/// Texts of a drawing, a line each.
fn texts(svg: &str) -> String {
    let tree = roxmltree::Document::parse(svg).unwrap();
    let text = |node: roxmltree::Node| {
        let parts = node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text());
        parts.collect::<String>() + "\n"
    };
    tree.descendants().filter(|n| n.has_tag_name("text")).map(text).collect()
}

/// Heads and rows of a table.
fn rows(document: &Document, title: &str) -> Vec<Vec<String>> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let mut tables = blocks.filter_map(|block| match block {
        Block::Table(table) if table.title.to_text() == title => Some(table),
        _ => None,
    });
    let table = tables.next().unwrap_or_else(|| panic!("no {title}"));
    let heads = table.columns.iter().map(|(head, _)| head.to_text()).collect();
    let body = table.rows.iter().map(|(_, row)| row.iter().map(|c| c.to_text()).collect());
    std::iter::once(heads).chain(body).collect()
}

fn number(text: &str) -> f64 {
    text.split(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn bits_per_byte_stand_beside_nats() {
    let runs = records();
    let document = document(&runs);
    for title in ["Minimum of each budget", "Best split of larger budgets"] {
        let rows = rows(&document, title);
        let column = |name: &str| rows[0].iter().position(|head| head == name).expect(name);
        let (nats, bits) = (column("Loss, nats"), column("Bits/byte"));
        for row in &rows[1..] {
            let ratio = number(&row[bits]) / number(&row[nats]);
            assert!((ratio / BITS - 1.0).abs() < 6e-3, "{row:?}");
        }
    }
    assert!(
        document
            .to_text(isoflop_report::table::Width::ANY)
            .contains("Bits per byte: 0.4809 times the nats per token")
    );
    for id in ["isoflop", "frontier", "curves-tokens"] {
        let texts = texts(&svg(&document, id));
        assert!(texts.contains("oss, nats per token (×0.4809: bits per byte)\n"), "{texts}");
    }
    let floor = document.cards.iter().find(|c| c.label.to_text().starts_with("Irreducible"));
    let note = floor.expect("a floor").note.as_ref().expect("a note").to_text();
    assert!(note.contains(" bits per byte"), "{note}");
}

#[test]
fn bits_are_not_told_where_runs_differ_in_them() {
    let mut runs = records();
    let valid = runs[3].result.valid.as_mut().unwrap();
    valid.bits_per_byte = valid.bits_per_byte.map(|b| b * 1.01);
    let document = document(&runs);
    assert!(!rows(&document, "Minimum of each budget")[0].contains(&"Bits/byte".to_owned()));
    assert!(texts(&svg(&document, "isoflop")).contains("Held-out loss, nats per token\n"));
}

#[test]
fn curves_are_smoothed_with_their_envelope_and_held_out_losses() {
    let document = document(&records());
    for id in ["curves-tokens", "curves-flops"] {
        let svg = svg(&document, id);
        let texts = texts(&svg);
        assert!(texts.contains("lower envelope: the least so far\n"), "{texts}");
        assert!(texts.contains("held-out loss\n"), "{texts}");
        assert!(texts.contains("smoothed by a straight line") && texts.contains("10%"), "{texts}");
        // Half-way and at the end of each of 35 runs.
        assert_eq!(svg.matches(": held-out loss ").count(), 70);
    }
}

#[test]
fn residuals_are_drawn_by_shape() {
    let texts = texts(&svg(&document(&records()), "residuals-by-shape"));
    let shapes = texts.lines().filter(|line| line.starts_with("L2 d")).count();
    assert_eq!(shapes, 7, "{texts}");
    assert_eq!(texts.lines().filter(|line| line.ends_with("% of 5 runs")).count(), 7, "{texts}");
}

#[test]
fn the_line_of_the_frontier_is_explained_and_far_laws_are_named() {
    let document = document(&records());
    let words = |id: &str| texts(&svg(&document, id)).replace('\n', " ");
    let frontier = words("frontier");
    assert!(frontier.contains("The line is the loss expected of the best size, by the law"));
    assert!(frontier.contains(" of 35 lie below it, by up to "), "{frontier}");
    assert!(frontier.contains(" At 8.1e13 FLOPs it lies "), "{frontier}");
    for id in ["optimal-params", "optimal-tokens", "tokens-per-param"] {
        let words = words(id);
        assert!(words.contains(" Near 2022 "), "{words}");
        let far = "Not drawn, being further than a factor of 10 away at every budget: Far 2020.";
        assert!(words.contains(far), "{words}");
    }
}

#[test]
fn the_table_of_runs_keeps_every_digit_and_the_shape_on_one_line() {
    let runs = records();
    let html = document(&runs).to_html();
    let table = &html[html.find("data-csv=\"runs.csv\"").expect("a table")..];
    let table = &table[..table.find("</table>").unwrap()];
    assert!(table.contains("L2\u{a0}d32\u{a0}h2") && table.contains("<td class=\"n\">12.5</td>"));
    for record in &runs {
        let loss = record.valid_loss_nats().unwrap();
        assert!(table.contains(&format!("data-v=\"{loss}\"")), "{loss}");
    }
    assert!(html.contains("set <code>seeds = [0, 1]</code>"));
}
