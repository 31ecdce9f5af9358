//! What a person sees whose configuration is wrong.

use isoflop_plan::{Config, ErrorKind};

fn errors(text: &str) -> String {
    match Config::parse(text, "configs/study.toml") {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn several_mistakes_are_told_together_in_the_order_of_the_file() {
    let text = "\
[study]
name = \"my study\"

[data]
sauce = \"text\"
valid_fraction = 0.9
tokenizer = \"bpee\"
word_end = 0.5

[model]
contxt = 256
head_dim = 15
depth = 4
aspect_ratio = 64
family = \"lama\"

[grid]
budgets = [1e12, \"2e12\", -3]
sizes = 7
widths = [64, 100]

[train]
learning_rate = \"step-law\"
steps = 100
clip_norm = \"none\"
schedule = \"wsd\"
final_fraction = 0.1

[devices]
name = \"gpu\"
";
    insta::assert_snapshot!(errors(text));
}

#[test]
fn text_that_is_no_toml() {
    insta::assert_snapshot!(errors("[grid]\nbudgets = [1e12, 2e12\n[train\nstack = four\n"));
    insta::assert_snapshot!(errors("[grid]\nsizes = 7\nsizes = 8\n"));
}

#[test]
fn an_empty_file_says_what_it_needs() {
    insta::assert_snapshot!(errors(""));
    insta::assert_snapshot!(errors("grid = 3\n"));
}

#[test]
fn grids_that_contradict_themselves() {
    insta::assert_snapshot!(errors(
        "[grid]\nbudgets = [1e12, 1e12]\ncells = [{ width = 63, tokens = 1e6, steps = 4 }, { flops = 1 }, { width = 64, heads = 5, tokens = 1, tokns = 2 }]\n"
    ));
    insta::assert_snapshot!(errors("[grid]\ntokens_per_param = [20]\nbudgets = [1e12]\n"));
    insta::assert_snapshot!(errors(
        "[grid]\nbudgets = [1e12, 2e12, 4e12]\nwidths = [[64, 64], [12]]\n"
    ));
    insta::assert_snapshot!(errors(
        "[grid]\nbudgets = [2e12, 1e12]\nwidths = [[32, 64], [16, 32]]\nseeds = [[0], [1]]\n"
    ));
}

#[test]
fn data_that_contradicts_itself() {
    insta::assert_snapshot!(errors(
        "[data]\nsource = \"synthetic\"\ntokenizer = \"bytes\"\n[grid]\nbudgets = [1e12]\n"
    ));
    insta::assert_snapshot!(errors(
        "[data]\nsource = \"text\"\nvocab = 9\n[grid]\nbudgets = [1e12]\n"
    ));
    insta::assert_snapshot!(errors("[data]\npaths = [\"a\"]\n[grid]\nbudgets = [1e12]\n"));
}

#[test]
fn a_file_that_is_not_there() {
    let error = Config::load("no/such/file.toml").unwrap_err();
    assert_eq!(error.errors[0].kind, ErrorKind::Unreadable);
    assert!(error.to_string().contains("no/such/file.toml"));
}

#[test]
fn every_error_ends_in_a_hint_and_points_at_its_line() {
    let text = "[grid]\nbudgets = [1e12]\n# é\n[train]\nbeta1 = 1.0\nz_loss = true\nepsilon = nan\nstack = 0\nseed = 3\n";
    let all = Config::parse(text, "x.toml").unwrap_err().errors;
    let lines: Vec<usize> = all.iter().map(|e| e.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [5, 6, 7, 8, 9]);
    for error in all {
        assert!(
            !error.hint.is_empty()
                && error.to_string().lines().last().unwrap().starts_with("hint: ")
        );
    }
}

#[test]
fn no_text_makes_it_panic() {
    use proptest::prelude::*;
    let value = prop_oneof![
        Just("1"),
        Just("-1"),
        Just("0"),
        Just("1e400"),
        Just("nan"),
        Just("-inf"),
        Just("\"\""),
        Just("\"auto\""),
        Just("true"),
        Just("[]"),
        Just("[1, 1]"),
        Just("[[8], [8]]"),
        Just("{}"),
        Just("[{}]"),
        Just("1979-05-27"),
        Just("9223372036854775807"),
        Just("0x10"),
        Just("\"é\""),
        Just("[[[1]]]"),
        Just("[{ width = 8, steps = 1 }]"),
        Just("[{ width = [] }]"),
    ];
    let sections = isoflop_plan::config::keys::SECTIONS.iter();
    let keys: Vec<String> = sections
        .flat_map(|s| s.keys.iter().map(|key| format!("{}.{}", s.name, key.name)))
        .collect();
    let line = (0..keys.len(), value);
    proptest!(|(lines in prop::collection::vec(line, 1..6))| {
        let mut text = String::new();
        for (i, value) in lines {
            text += &format!("{} = {}\n", keys[i], value);
        }
        if let Err(e) = Config::parse(&text, "x.toml") {
            prop_assert!(!e.errors.is_empty());
            let _ = e.to_string();
        }
    });
    proptest!(|(text in "[\\[\\]a-z=\"{}., \\n0-9é]{0,60}")| {
        let _ = Config::parse(&text, "x.toml").map_err(|e| e.to_string());
    });
}
