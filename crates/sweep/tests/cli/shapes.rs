//! A study with several depths: trained, compared, and kept out of the slices.

use crate::support::{Bench, page_text, stderr, stdout};

#[test]
fn shapes_are_planned_trained_and_compared() {
    let bench = Bench::new();
    bench
        .changed("widths = [16, 24, 32]", "widths = [16, 24, 32]\ndepths = [1, 2]\nseeds = [0, 1]");
    let plan = bench.output(&["plan", "--config", "tiny.toml", "--no-measure"]);
    let told = stdout(&plan);
    assert!(told.contains("\nShapes\n  depth"), "{told}{}", stderr(&plan));
    assert!(told.contains("12 cells of other shapes stand beside the slices"), "{told}");
    let output = bench.finish("runs");
    let told = page_text(&bench.path("runs/report.html"));
    assert!(told.contains("Is the shape right?"), "{told}{}", stderr(&output));
    assert!(told.contains("the rule's") && told.contains("95% intervals (Student's t)"), "{told}");
    let fit = std::fs::read_to_string(bench.path("runs/fit.json")).unwrap();
    let fit: serde_json::Value = serde_json::from_str(&fit).unwrap();
    let sizes = fit["shapes"]["sizes"].as_array().unwrap();
    assert_eq!(sizes.len(), 6);
    assert!(sizes.iter().all(|size| size["by_rule"] == true && size["shapes"][1]["seeds"] == 2));
    let html = std::fs::read_to_string(bench.path("runs/report.html")).unwrap();
    assert!(html.contains("id=\"shapes\"") && bench.path("runs/plots/shape-depth.svg").is_file());
}
