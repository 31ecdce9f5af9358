//! How large a configuration, and the grid that it lays out, may be.

use std::time::{Duration, Instant};

use isoflop_plan::{Config, DataFacts, Grid};

fn facts() -> DataFacts {
    DataFacts {
        vocab: 256,
        train_tokens: Some(1_000_000_000),
        data_sha256: "00".repeat(32),
        bytes_per_token: Some(1.0),
    }
}

/// What is said of a text that is refused, which no terminal scrolls away.
fn told(text: &str) -> String {
    let began = Instant::now();
    let told = Config::parse(text, "a.toml").unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(told.contains("a.toml") && told.contains("hint: "), "{told:.2000}");
    told
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

#[test]
fn too_many_cells_are_counted_and_not_laid_out() {
    let budgets = list(700_000, |k| format!("{}", 1_000_000_000 + k));
    let text = told(&format!("[grid]\nbudgets = [{budgets}]\n"));
    assert!(text.contains("at most 100000 cells in all (`grid.max_cells`)"), "{text}");
    assert!(text.contains("found up to 4,900,000: 700000 budgets x 7 sizes"), "{text}");
    assert!(text.contains("write `max_cells = 4900000`"), "{text}");
    assert!(text.len() < 1000, "{text}");
    let product = "[grid]\nbudgets = [1e12, 2e12]\nseeds = [[0, 1], [0]]\nwidths = [[64, 128], [64]]\ndepths = [7, 9]\nlr_multipliers = [0.5, 1, 2]\nmax_cells = 44\n";
    let text = told(product);
    let factors = "2 budgets x 2 sizes x 3 shapes x 3 multipliers x 2 seeds";
    assert!(text.contains(&format!("found up to 45: {factors}")), "{text}");
    let enough = product.replace("= 44", "= 45");
    let grid = Grid::build(&Config::parse(&enough, "a.toml").unwrap(), &facts()).unwrap();
    assert_eq!(grid.cells.len(), 45);
    let explicit =
        "[grid]\ncells = [{ width = 64, tokens = 1e6 }]\nseeds = [0, 1, 2]\nmax_cells = 2\n";
    assert!(told(explicit).contains("found up to 3: 1 cell x 3 seeds"));
    let ratios = "[grid]\ntokens_per_param = [20, 40]\nwidths = [64]\nbatch_multipliers = [1, 2]\nlr_multipliers = [0.5, 2]\nmultipliers = \"product\"\nmax_cells = 7\n";
    assert!(told(ratios).contains("found up to 8: 2 ratios x 4 multipliers"));
}

#[test]
fn ten_thousand_cells_are_laid_out_in_seconds() {
    let budgets = list(400, |k| format!("{:e}", 1e13 * 1.01_f64.powi(k as i32)));
    let text = format!(
        "[grid]\nbudgets = [{budgets}]\nwidths = [64, 96, 128, 160, 192]\nseeds = [0, 1, 2, 3, 4]\n"
    );
    let began = Instant::now();
    let config = Config::parse(&text, "a.toml").unwrap();
    let grid = Grid::build(&config, &facts()).unwrap();
    assert_eq!(grid.cells.len(), 10_000);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_grid_of_faults_is_told_in_a_few_lines() {
    let budgets = list(14_000, |k| format!("{}", 1_000_000_000 + k));
    let text = format!("[grid]\nbudgets = [{budgets}]\nwidths = [64, 65536]\n");
    let began = Instant::now();
    let config = Config::parse(&text, "a.toml").unwrap();
    let told = Grid::build(&config, &facts()).unwrap_err().to_string();
    assert!(told.contains("more or above") && told.contains("hint: "), "{told:.2000}");
    assert!(told.len() < 5000, "{told:.2000}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn what_is_quoted_is_short() {
    let long = "x".repeat(3_000_000);
    let texts = [
        format!("[grid]\nbudgets = [1e12]\n[study]\nname = \"{long}\"\n"),
        format!("[grid]\nbudgets = [1e12]\n[study]\nname = \".{long}\"\n"),
        format!("{long} = 1\n"),
        format!("[{long}]\na = 1\n"),
        format!("[grid]\n{long} = 1\n"),
        format!("[grid]\nbudgets = \"{long}\"\n"),
        format!("[grid]\nbudgets = [{}]\n", "1".repeat(3_000_000)),
        format!("[grid]\nbudgets = [{}e9]\n", "1".repeat(3_000_000)),
        format!("[grid]\nbudgets = [1e12]\nsizes = {}\n", "9".repeat(3_000_000)),
        format!("[data]\ntokenizer = \"{long}\"\n[grid]\nbudgets = [1e12]\n"),
        format!("[data]\nsource = \"{long}\"\n[grid]\nbudgets = [1e12]\n"),
        format!("[grid]\nbudgets = [1e12]\nmultiply = [\"{long}\", \"{long}\"]\n"),
        format!("[grid] budgets = [{}\n", "1e12, ".repeat(1_000_000)),
        format!("[grid]\nbudgets = [{}]\n", "-1, ".repeat(1_000_000)),
        format!("[grid]\nbudgets = [{}]\n", "\"a\", ".repeat(1_000_000)),
        format!("[grid]\nbudgets = [{}]\n", "1e12, ".repeat(1_000_000)),
        format!("[grid]\nwidths = [{}]\nbudgets = [1e12]\n", "[64], ".repeat(500_000)),
        format!("[grid]\ncells = [{}]\n", "{ width = 3 }, ".repeat(100_000)),
        format!("[grid]\ncells = [{{ {} }}]\n", list(200_000, |k| format!("k{k} = 1"))),
        format!("[grid]\n{}\n", (0..200_000).map(|k| format!("k{k} = 1\n")).collect::<String>()),
        (0..200_000).map(|k| format!("[k{k}]\n")).collect::<String>(),
        format!("[grid]\nbudgets = [1e12] # {}\nbudgits = 1\n", "é".repeat(1_000_000)),
        format!("[grid]\nbudgets = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000)),
        format!("grid = {}1{}\n", "{ a = ".repeat(100_000), "}".repeat(100_000)),
        format!("[grid]\nbudgets.{} = 1\n", vec!["a"; 100_000].join(".")),
        format!("[grid.{}]\n", vec!["a"; 100_000].join(".")),
    ];
    for text in texts {
        let told = told(&text);
        let most = 20 * 900;
        assert!(told.len() < most, "{:.60}: {} bytes: {told:.3000}", text, told.len());
    }
}

#[test]
fn the_stretch_of_a_long_line_holds_what_is_meant() {
    let line = format!("lr_multipliers = [{} -7, {} 3]", "1,".repeat(5000), "2,".repeat(5000));
    let text = told(&format!("[grid]\nbudgets = [1e12]\n{line}\n"));
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("3 |")).unwrap();
    let (shown, marks) = (lines[at], lines[at + 1]);
    assert!(shown.starts_with("3 | ...") && shown.ends_with(",2,..."), "{shown}");
    assert_eq!(shown.find("-7"), marks.find("^^"), "{text}");
    assert!(lines[at - 2].ends_with(&format!(":3:{}", line.find("-7").unwrap() + 1)), "{text}");
}
