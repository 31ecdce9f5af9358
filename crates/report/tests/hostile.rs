//! Whatever numbers and texts come in, what goes out is well-formed and finite.

use isoflop_fit::{Estimate, Interval};
use isoflop_report::chart::{Figure, Theme};
use isoflop_report::plots::{
    CurveX, FittedCurve, Forest, ForestRow, Frontier, FrontierRun, GridCell, GridMap, GridState,
    IsoflopPlot, IsoflopSlice, OptimumPlot, PublishedCurve, Quantity, Reference, Residual,
    Residuals, Sensitivity, SensitivityCurve, ShapeResidual, ShapeResiduals, ShapeRow,
    SliceMinimum, TrainingCurve, TrainingCurves,
};
use isoflop_report::table::Width;
use isoflop_report::table::{Align, Table};
use isoflop_report::{Document, Fitted, Notice, Page};
use proptest::prelude::*;

/// Any float, with a liking for the awkward ones and for the usual ones.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.1..1e20_f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![
            0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE,
            5e-324, 1e300, 1e-300,
        ]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        Just("<script>alert('x')</script> & \"quoted\" ]]> \u{0}\u{8}\u{fffe}".to_owned()),
        Just("^{a_{b}*{ 日本語 \u{1F600} \u{202e}".to_owned()),
    ]
}

fn estimate() -> impl Strategy<Value = Estimate> {
    (number(), prop::option::of((number(), number()))).prop_map(|(point, interval)| Estimate {
        point,
        standard_error: None,
        interval: interval.map(|(lo, hi)| Interval { lo, hi, level: 0.95 }),
    })
}

fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((number(), number()), 0..6)
}

fn estimates() -> impl Strategy<Value = Vec<(f64, Estimate)>> {
    prop::collection::vec((number(), estimate()), 0..6)
}

/// Well-formed, with nothing but finite numbers in it, in every theme.
fn check(figure: &Figure) {
    let narrow = figure.narrow();
    let drawings = [Theme::Light, Theme::Dark, Theme::Page].map(|theme| figure.svg(theme));
    for svg in drawings.into_iter().chain([narrow.svg(Theme::Page)]) {
        let tree = roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{e}\n{svg}"));
        for node in tree.descendants().filter(|n| n.is_element()) {
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                if ["x", "y", "cx", "cy", "r", "dy", "width", "height", "d", "font-size"]
                    .contains(&name)
                {
                    let numbers = value
                        .split(|c: char| c.is_ascii_uppercase() || c == ' ')
                        .filter(|p| !p.is_empty());
                    for number in numbers {
                        let number: f64 =
                            number.parse().unwrap_or_else(|_| panic!("{name}={value}"));
                        assert!(number.is_finite() && number.abs() < 1.1e5, "{name}={value}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn isoflop(
        slices in prop::collection::vec((number(), pairs(), pairs(), estimate(), estimate(), text(), 0..3), 0..4),
        label in text(),
    ) {
        let slices = slices.into_iter().map(|(flops, runs, curve, params, loss_nats, why, kind)| IsoflopSlice {
            flops,
            runs: runs.into_iter().map(|(n, l)| (n, l, why.clone())).collect(),
            unused: if kind == 0 { vec![why.clone()] } else { Vec::new() },
            curve,
            minimum: match kind {
                0 => SliceMinimum::Bracketed { params, loss_nats },
                1 => SliceMinimum::Refused(why),
                _ => SliceMinimum::Unknown,
            },
        });
        let slices: Vec<_> = slices.collect();
        let ridge = slices.iter().flat_map(|s| s.curve.clone()).collect();
        let subtitle = Some(label.as_str().into());
        check(&IsoflopPlot { subtitle, params_label: label.clone(), loss_label: label, slices, ridge }.figure());
    }

    #[test]
    fn optimum(
        curve in estimates(), points in estimates(), law in pairs(), name in text(), largest in prop::option::of(number()),
    ) {
        for quantity in [Quantity::Params, Quantity::Tokens, Quantity::TokensPerParam] {
            let fit = FittedCurve { name: name.clone(), curve: curve.clone(), points: points.clone() };
            let published = PublishedCurve { name: name.clone(), curve: law.clone() };
            check(&OptimumPlot {
                quantity,
                subtitle: None,
                label: name.clone(),
                flops_label: name.clone(),
                fits: vec![fit],
                published: vec![published],
                largest_flops: largest,
            }.figure());
        }
    }

    #[test]
    fn frontier(
        runs in prop::collection::vec((number(), number(), number()), 0..6),
        minima in estimates(), frontier in estimates(), floor in prop::option::of(estimate()),
        truth in prop::option::of(number()), largest in prop::option::of(number()), name in text(),
    ) {
        let run = |(params, flops, loss_nats)| FrontierRun { name: name.clone(), params, flops, loss_nats };
        check(&Frontier {
            subtitle: None,
            about_line: Some(name.as_str().into()),
            flops_label: name.clone(),
            loss_label: name.clone(),
            runs: runs.into_iter().map(run).collect(),
            minima, frontier,
            irreducible_nats: floor,
            true_nats: truth,
            largest_flops: largest,
        }.figure());
    }

    #[test]
    fn curves(
        curves in prop::collection::vec((number(), pairs(), pairs(), prop::option::of(number()), text()), 0..4), envelope in pairs(),
    ) {
        let curve = |(params, points, held_out, diverged_at, name)| TrainingCurve { name, params, points, held_out, diverged_at };
        let curves: Vec<_> = curves.into_iter().map(curve).collect();
        for along in [CurveX::Tokens, CurveX::Flops] {
            let (curves, envelope) = (curves.clone(), envelope.clone());
            check(&TrainingCurves { along, subtitle: None, label: "L".into(), envelope, curves }.figure());
        }
    }

    #[test]
    fn residuals(runs in prop::collection::vec((number(), number(), number(), number(), any::<bool>(), text()), 0..6)) {
        let run = |(params, tokens, flops, share, outlier, name)| Residual { name, params, tokens, flops, share, outlier };
        check(&Residuals { subtitle: None, runs: runs.into_iter().map(run).collect() }.figure());
    }

    #[test]
    fn residuals_by_shape(rows in prop::collection::vec((number(), number(), 0..9usize, pairs(), text()), 0..30)) {
        let row = |(params, mean, runs, drawn, name): (f64, f64, usize, Vec<(f64, f64)>, String)| {
            let run = |(flops, share)| ShapeResidual { name: name.clone(), flops, share };
            ShapeRow { params, mean, runs, drawn: drawn.into_iter().map(run).collect(), name: name.clone() }
        };
        check(&ShapeResiduals { subtitle: None, rows: rows.into_iter().map(row).collect() }.figure());
    }

    #[test]
    fn grid(cells in prop::collection::vec((number(), number(), number(), 0..3, text()), 0..6), lines in pairs(), budget in number()) {
        let cell = |(params, tokens, loss, kind, name): (f64, f64, f64, i32, String)| {
            let state = match kind {
                0 => GridState::Finished(loss),
                1 => GridState::Failed(name.clone()),
                _ => GridState::Pending,
            };
            GridCell { name, params, tokens, state }
        };
        let cells = cells.into_iter().map(cell).collect();
        check(&GridMap { subtitle: None, cells, budgets: vec![(budget, lines.clone())], optimum: lines }.figure());
    }

    #[test]
    fn forest(rows in prop::collection::vec((prop::option::of(estimate()), text(), any::<bool>()), 0..6), value in number(), title in text()) {
        let row = |(estimate, name, main)| ForestRow { name, estimate, group: 1, main };
        check(&Forest {
            id: title.clone(),
            title: title.as_str().into(),
            subtitle: None,
            label: title.as_str().into(),
            rows: rows.into_iter().map(row).collect(),
            references: vec![Reference { name: title.clone(), value }],
        }.figure());
    }

    #[test]
    fn sensitivity(curves in prop::collection::vec((number(), pairs(), text()), 0..4), tolerance in number(), size in (number(), number())) {
        let curve = |(order, points, name): (f64, _, String)| SensitivityCurve { name: name.into(), order, points };
        let mut figure = Sensitivity {
            id: "s".into(),
            title: "t".into(),
            subtitle: None,
            label: "x".into(),
            curves: curves.into_iter().map(curve).collect(),
            tolerance,
        }.figure();
        check(&figure);
        figure.size = size;
        check(&figure);
    }

    #[test]
    fn pages_escape_every_text(texts in prop::collection::vec(text(), 6)) {
        let [name, about, why, fact, command, footer]: [String; 6] = texts.try_into().unwrap();
        let page = Page {
            about: &about,
            notices: vec![Notice { text: why.as_str().into(), advice: fact.as_str().into() }],
            data: vec![(fact.clone(), why.clone())],
            command: &command,
            footer: &footer,
            ..Page::new(&name, Fitted::Refused(&why))
        };
        let document = page.document();
        let html = document.to_html();
        prop_assert!(!html.contains("<script>alert"));
        prop_assert_eq!(html.matches("<script>").count(), 1);
        // The body is XML as well, apart from the doctype and the head's void elements.
        let body = html.split_once("<body>").unwrap().1.rsplit_once("<script>").unwrap().0;
        let body = format!("<body>{body}</body>");
        prop_assert!(roxmltree::Document::parse(&body).is_ok(), "{}", body);
        document.to_text(Width::ANY);
        document.to_markdown(|_| None);
    }

    #[test]
    fn tables_keep_their_shape(cells in prop::collection::vec(prop::collection::vec(text(), 0..4), 0..5)) {
        let mut table = Table::new("", [("a", Align::Left), ("b", Align::Right)]);
        cells.iter().for_each(|row| table.row(row.iter().map(String::as_str)));
        prop_assert_eq!(table.to_text(Width::ANY).lines().count(), cells.len() + 2);
        prop_assert_eq!(table.to_markdown().lines().count(), cells.len() + 2);
        let html = table.to_html();
        prop_assert!(roxmltree::Document::parse(&html).is_ok(), "{}", html);
    }
}

#[test]
fn a_figure_says_what_it_left_out() {
    let curve = TrainingCurve {
        name: "r".into(),
        params: 1e6,
        points: vec![(1e3, 5.0), (2e3, f64::NAN), (3e3, 3.0), (4e3, -1.0), (5e3, 2.5), (6e3, 2.4)],
        held_out: vec![(7e3, f64::INFINITY)],
        diverged_at: None,
    };
    let (label, envelope) = ("Loss".into(), Vec::new());
    let figure = TrainingCurves {
        along: CurveX::Tokens,
        subtitle: None,
        label,
        envelope,
        curves: vec![curve],
    }
    .figure();
    let svg = figure.svg(Theme::Light);
    assert!(svg.contains("3 points are not drawn: not finite"), "{svg}");
}

#[test]
fn an_empty_document_is_a_page() {
    let document = Document {
        kicker: "".into(),
        title: "".into(),
        headline: "".into(),
        cards: Vec::new(),
        digest: None,
        notices: Vec::new(),
        sections: Vec::new(),
        footer: "".into(),
    };
    assert!(document.to_html().ends_with("</html>\n"));
}
