//! Studies in which approaches give no exponent, or no interval: the page says so, and shows the runs.

use isoflop_fit::study::{self, Study, StudyOptions};
use isoflop_fit::{Convention, Counting, Counts, Observation, Table};
use isoflop_report::chart::{Figure, Theme};
use isoflop_report::table::Width;
use isoflop_report::{Block, Document, Fitted, Page};

/// Runs of a Hoffmann law, `sizes` around the optimum of each budget.
fn table(budgets: usize, sizes: usize) -> Table {
    let mut rows = Vec::new();
    for budget in 0..budgets {
        let flops = 1e15 * 3f64.powi(budget as i32);
        let best = 0.2 * flops.powf(0.5);
        for size in 0..sizes {
            let ratio = size as f64 / (sizes - 1) as f64 * 2.0 - 1.0;
            let params = (best * 4f64.powf(ratio)).round();
            let tokens = flops / (6.0 * params);
            let wobble = 1.0 + 0.002 * ((7 * size + 3 * budget) % 5) as f64;
            let loss = (1.7 + 400.0 / params.powf(0.34) + 400.0 / tokens.powf(0.34)) * wobble;
            let mut row =
                Observation::new(format!("run {budget} {size}"), params, tokens, flops, loss);
            row.budget_flops = Some(flops);
            row.counts = Counts {
                params_total: Some(params),
                params_non_embedding: Some(params * 0.7),
                params_with_head: Some(params * 0.9),
                flops_exact: Some(flops * 1.1),
            };
            rows.push(row);
        }
    }
    Table::new(rows).unwrap()
}

fn study(table: &Table, draws: usize, level: f64) -> Study {
    let mut options =
        StudyOptions { convention: Counting::By(Convention::Exact), ..StudyOptions::default() };
    options.fit.intervals.draws = draws;
    options.fit.intervals.level = level;
    options.isoflop.draws = draws;
    options.isoflop.level = level;
    options.envelope.draws = draws;
    options.envelope.level = level;
    study::run(table, &[], &options).unwrap()
}

fn document(table: &Table, draws: usize, level: f64) -> Document {
    Page::new("a study", Fitted::Study(&study(table, draws, level), table)).document()
}

/// What the page shows of its body, without mark-up.
fn shown(document: &Document) -> String {
    let html = document.to_html();
    let body = html.split_once("<body>").unwrap().1.rsplit_once("<script>").unwrap().0;
    body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect()
}

fn figure<'a>(document: &'a Document, id: &str) -> Option<&'a Figure> {
    document.figures().into_iter().find(|f| f.id == id)
}

/// The part of a text after a heading.
fn after<'a>(text: &'a str, heading: &str) -> &'a str {
    text.split_once(heading).unwrap_or_else(|| panic!("no {heading:?} in:\n{text}")).1
}

#[test]
fn approaches_without_exponents_do_not_agree() {
    let table = table(2, 2);
    let study = study(&table, 40, 0.95);
    assert!(study.exponents.iter().all(|row| row.params.is_none()), "{:?}", study.exponents);
    let html = shown(&Page::new("a study", Fitted::Study(&study, &table)).document());
    assert!(html.contains("No approach gave an exponent."), "{html}");
    assert!(!html.contains(" agree ") && !html.contains("95%"), "{html}");
}

#[test]
fn runs_are_drawn_where_slices_have_no_minimum() {
    let document = document(&table(2, 3), 40, 0.95);
    let figure = figure(&document, "isoflop").expect("the runs are drawn");
    let svg = figure.svg(Theme::Light);
    for budget in 0..2 {
        for size in 0..3 {
            let name = format!("run {budget} {size}: N = ");
            assert!(svg.contains(&name), "{name} is not in {svg}");
        }
    }
    let text = document.to_text(Width::ANY);
    assert!(!text.contains("Minimum of each budget"), "{text}");
    let why = after(&text, "No power law through minima: ");
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(why.starts_with("0 of 2 slices have a bracketed minimum; a power law needs 3; hint: "));
}

#[test]
fn too_few_minima_for_a_power_law_are_shown() {
    let some = |row: &Observation| !row.run.starts_with("run 2") || row.run < "run 2 4".into();
    let document = document(&table(3, 7).filter("no", some).unwrap(), 40, 0.95);
    let svg = figure(&document, "isoflop").unwrap().svg(Theme::Light);
    assert_eq!(svg.matches("minimum at ").count(), 2, "{svg}");
    assert!(
        svg.contains("2 of 3 slices have a minimum inside the sizes that were run: too few"),
        "{svg}"
    );
    let text = document.to_text(Width::ANY);
    let rows = after(&text, "Minimum of each budget\n");
    assert_eq!(rows.matches("  bracketed\n").count(), 2, "{rows}");
    assert_eq!(rows.matches("  none\n").count(), 1, "{rows}");
    assert!(text.contains("No power law through minima: 2 of 3 slices"), "{text}");
}

#[test]
fn plots_without_an_estimate_are_left_out() {
    let drawn = |document: Document| {
        let html = document.to_html();
        let table = |title: &str| {
            let html = &html[html.find(&format!("<caption>{title}")).expect(title)..];
            html[..html.find("</table>").unwrap()].contains("<circle ")
        };
        (table("Exponents<"), table("Exponent a under each "))
    };
    assert_eq!(drawn(document(&table(2, 2), 40, 0.95)), (false, false));
    assert_eq!(drawn(document(&table(5, 7), 0, 0.95)), (true, true));
}

#[test]
fn withheld_intervals_are_explained() {
    let table = table(5, 7);
    let mut study = study(&table, 0, 0.95);
    let study::Answer::Given(fit) = &mut study.approach2[0].answer else { panic!("no minima") };
    fit.no_interval = Some("no intervals: 9 of 40 draws had fewer than 3 minima".into());
    let headline = Page::new("a study", Fitted::Study(&study, &table)).document().headline;
    let text = headline.to_text();
    let why = "(without interval: 9 of 40 draws had fewer than 3 minima; minima of the slices)";
    assert!(text.contains(why), "{text}");
    assert!(!headline.to_html().contains("<b>"), "{text}");
}

#[test]
fn one_run_is_drawn_too() {
    let one = table(1, 2).filter("no", |row| row.run == "run 0 0").unwrap();
    let document = document(&one, 0, 0.95);
    let svg = figure(&document, "isoflop").expect("the run is drawn").svg(Theme::Dark);
    assert!(svg.contains("run 0 0: N = "), "{svg}");
}

#[test]
fn refused_conventions_keep_the_table_narrow() {
    let table = table(2, 2);
    assert!(study(&table, 40, 0.95).conventions.iter().filter(|c| c.refusal.is_some()).count() > 2);
    let document = document(&table, 40, 0.95);
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) => Some(table.to_text(Width::ANY)),
        _ => None,
    });
    let title = "Exponent a under each way of counting N and C\n";
    let part = tables.into_iter().find(|text| text.starts_with(title)).expect("the table");
    assert!(part.lines().all(|line| line.chars().count() <= 110), "{part}");
    assert!(part.contains("exact") && part.contains("approach 2"), "{part}");
    let mut notes: Vec<&str> = part.split("approach 2: ").skip(1).collect();
    let all = notes.len();
    notes.sort_unstable();
    notes.dedup();
    assert_eq!(notes.len(), all, "{part}");
}

#[test]
fn a_page_without_intervals_speaks_of_none() {
    let document = document(&table(5, 7), 0, 0.95);
    let text = document.to_text(Width::ANY);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!text.contains("95%"), "{text}");
    assert!(text.contains("(without interval, minima of the slices)"), "{text}");
    assert!(text.contains("grows as N* ~ C^0.48, its data as D* ~ C^0.52 "), "{text}");
    assert!(document.cards.is_empty(), "{:?}", document.cards);
    let subtitle = figure(&document, "optimal-params").unwrap().subtitle.clone().unwrap();
    assert_eq!(subtitle.to_text(), "Slices: N* ~ C^0.48, without interval");
    let html = shown(&document);
    assert!(html.contains("cannot be compared: fewer than two have intervals"), "{html}");
    assert!(!html.contains("95% ") && html.contains("Dashed beyond the largest budget"), "{html}");
    assert!(text.contains("Minima by a common lopsided shape, free of the parabola's bias."));
    for figure in document.figures() {
        let svg = figure.svg(Theme::Light);
        assert!(!svg.contains("95%") && !svg.contains("minimum, interval"), "{svg}");
    }
}

#[test]
fn the_level_that_was_asked_for_is_printed() {
    let document = document(&table(5, 7), 100, 0.975);
    let text = document.to_text(Width::ANY).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("(97.5% intervals, minima of the slices)"), "{text}");
    assert!(text.contains("parabola's bias; 97.5% intervals."), "{text}");
    let html = shown(&document);
    assert!(html.contains("Bars are 97.5% intervals."), "{html}");
    let subtitle = figure(&document, "optimal-params").unwrap().subtitle.clone().unwrap().to_html();
    assert!(subtitle.contains("</sup> ["), "{subtitle}");
    assert!(text.contains("Each row is the minimum of its own slice"), "{text}");
    assert!(text.contains(" 5 of 7 "), "{text}");
    let curves = figure(&document, "isoflop").unwrap().svg(Theme::Light);
    assert!(curves.contains("run, not fitted") && curves.contains("; not fitted<"), "{curves}");
    assert!(html.contains("Bands are 97.5% intervals;"), "{html}");
    assert!(html.contains("97.5% intervals. N* and D* are fitted apart."), "{html}");
    assert!(!text.contains("98%") && !text.contains("95%"), "{text}");
}

#[test]
fn without_a_result_the_page_says_what_to_add() {
    let headline = |table: &Table| {
        let document = document(table, 40, 0.95);
        let open = document.sections.iter().filter(|s| !s.folded).map(|s| s.id.clone());
        (document.headline.to_text(), open.collect::<Vec<_>>())
    };
    let (few, open) = headline(&table(2, 2));
    assert!(few.starts_with("No result yet: "), "{few}");
    assert!(
        few.contains("To add: at 1e15 FLOPs ") && few.contains(" more sizes; at 3e15"),
        "{few}"
    );
    assert!(
        few.ends_with("3 more budgets of 7 sizes each, spaced by a factor of 2 to 3.2."),
        "{few}"
    );
    assert!(
        !open.contains(&"certainty".to_owned()) && !open.contains(&"law".to_owned()),
        "{open:?}"
    );
    // Runs of one side only.
    let small = |row: &Observation| row.params < 0.21 * row.budget_flops.unwrap().powf(0.5);
    let (falls, _) = headline(&table(1, 7).filter("no", small).unwrap());
    assert!(falls.contains("To add: at 1e15 FLOPs models above "), "{falls}");
    let refused = Page::new("a", Fitted::Refused("no runs\nhint: train some")).document();
    assert_eq!(refused.headline.to_text(), "No fit: no runs; train some.");
    assert!(refused.notices.is_empty() && refused.sections.is_empty());
}
