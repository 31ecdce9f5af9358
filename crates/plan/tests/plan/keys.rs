//! The table of keys is what the readers do: ranges, defaults and examples are held against files.

use isoflop_plan::config::keys::{BATCH_LAW_KEYS, CELL_KEYS, Key, Needs, RATE_LAW_KEYS, SECTIONS};
use isoflop_plan::config::{Kind, List, Takes};
use isoflop_plan::{Config, ConfigError, ErrorKind, MOST_REPLICAS};

/// A file in which `section.name = value` stands beside all that it needs, and the path of the key.
fn file(section: &str, name: &str, needs: Needs, value: &str) -> (String, String) {
    let line = match needs {
        Needs::One(lines) => lines[0],
        _ => "",
    };
    let grid = match (section, name) {
        ("grid", "budgets" | "cells") => "",
        ("grid", "tokens_per_param") => "widths = [64]\n",
        _ => "budgets = [1e12]\n",
    };
    // The text that is trained on is needed beside `field`.
    let paths =
        if line == "source = \"text\"" && name != "paths" { "paths = [\"a\"]\n" } else { "" };
    let key = format!("{name} = {value}\n");
    let text = match section {
        "grid" => format!("[grid]\n{grid}{line}\n{key}"),
        _ => format!("[grid]\n{grid}[{section}]\n{line}\n{paths}{key}"),
    };
    (text, format!("{section}.{name}"))
}

/// A file of one cell with `name = value`.
fn cell(name: &str, value: &str) -> (String, String) {
    let rest = match name {
        "width" | "params" => "tokens = 1e6",
        "flops" | "tokens" | "steps" | "tokens_per_param" => "width = 64",
        _ => "width = 64, tokens = 1e6",
    };
    let text = format!("[grid]\ncells = [{{ {rest}, {name} = {value} }}]\n");
    (text, format!("grid.cells[0].{name}"))
}

/// A file with `name = value` in a law of its own, or in a fitted one.
fn law(of: &str, name: &str, value: &str) -> (String, String) {
    let numbers = [("coefficient", "0.3"), ("exponent", "0.5")];
    let fit = ["min_params", "max_params", "min_tokens", "max_tokens"].map(|key| (key, "1e6"));
    let fit = [("from", "\"runs/a\""), ("minima", "3")].into_iter().chain(fit);
    let fitted = fit.clone().any(|(key, _)| key == name);
    let rest = numbers.into_iter().chain(fit.filter(|_| fitted)).filter(|(key, _)| *key != name);
    let rest: String = rest.map(|(key, value)| format!("{key} = {value}, ")).collect();
    let text = format!("[grid]\nbudgets = [1e12]\n[train]\n{of} = {{ {rest}{name} = {value} }}\n");
    (text, format!("train.{of}.{name}"))
}

/// Calls `check` with every key and what makes a file of a value for it.
fn every_key(mut check: impl FnMut(&Takes, &str, &dyn Fn(&str) -> (String, String))) {
    for section in SECTIONS {
        for key in section.keys {
            let make = |value: &str| file(section.name, key.name, key.needs, value);
            check(&key.takes, key.example, &make);
        }
    }
    for key in CELL_KEYS {
        check(&key.takes, key.example, &|value| cell(key.name, value));
    }
    for (of, keys) in [("learning_rate", RATE_LAW_KEYS), ("batch_tokens", BATCH_LAW_KEYS)] {
        for key in keys {
            check(&key.takes, key.example, &|value| law(of, key.name, value));
        }
    }
}

fn errors(text: &str) -> Vec<ConfigError> {
    Config::parse(text, "x.toml").map_or_else(|e| e.errors, |_| Vec::new())
}

#[test]
fn what_is_just_outside_a_range_is_refused_by_name() {
    let mut checked = 0;
    every_key(|takes, _, make| {
        let range = takes.range;
        let outside: Vec<String> = match takes.kind {
            Kind::Number => {
                let low = if range.above { range.low } else { range.low.next_down() };
                let high = if range.below { range.high } else { range.high.next_up() };
                vec![format!("{low:e}"), format!("{high:e}"), "nan".into()]
            }
            Kind::Whole => {
                let step = takes.multiple_of;
                let low = format!("{}", range.low as i64 - step as i64);
                let high = match range.high.is_finite() {
                    true => (range.high as u64 + step).to_string(),
                    false => "9223372036854775808".into(),
                };
                let between = (step > 1).then(|| (range.low as u64 + 1).to_string());
                vec![low, high, "1.5".into()].into_iter().chain(between).collect()
            }
            Kind::Word => vec!["\"no such word\"".into()],
            Kind::Text => vec!["\" \"".into()],
            Kind::Cell => vec!["3".into()],
        };
        for value in outside {
            let value = if takes.list == List::No { value } else { format!("[{value}]") };
            let (text, path) = make(&value);
            let found = errors(&text);
            let item = if takes.list == List::No { path } else { format!("{path}[0]") };
            assert!(
                matches!(found.as_slice(), [one] if one.key == item && !one.hint.is_empty()
                    && matches!(one.kind, ErrorKind::OutOfRange | ErrorKind::WrongType)),
                "{text}{found:#?}"
            );
            checked += 1;
        }
    });
    assert!(checked > 150, "{checked}");
}

#[test]
fn the_ends_of_a_range_are_accepted() {
    every_key(|takes, _, make| {
        let range = takes.range;
        let ends = match takes.kind {
            Kind::Number => [(range.low, range.above), (range.high, range.below)],
            Kind::Whole => [(range.low, false), (range.high, range.high.is_infinite())],
            _ => return,
        };
        for (end, _) in ends.into_iter().filter(|(_, open)| !open) {
            let value =
                if takes.kind == Kind::Whole { format!("{end:.0}") } else { format!("{end:e}") };
            let value = if takes.list == List::No { value } else { format!("[{value}]") };
            let (text, _) = make(&value);
            // One head fits every width, 65,536 do not; no grid around an optimum has a single cell.
            let other = |e: &&ConfigError| {
                !e.key.ends_with("heads") && !e.expected.contains("`grid.max_cells`")
            };
            let found = errors(&text);
            assert!(found.iter().find(other).is_none(), "{text}{found:#?}");
        }
    });
}

#[test]
fn words_and_examples_are_accepted() {
    every_key(|takes, example, make| {
        let words: Vec<String> = takes.words.iter().map(|word| format!("\"{word}\"")).collect();
        for value in words.iter().map(String::as_str).chain([example]) {
            // The last key decides what must be there beside it.
            let (text, path) = make(value);
            let found = errors(&text);
            let decides = path == "data.source" && value == "\"text\"";
            assert!(found.is_empty() || decides, "{text}{found:#?}");
        }
    });
}

#[test]
fn what_is_left_out_takes_the_default() {
    for section in SECTIONS {
        for key in section.keys {
            let Key { name, needs, example, .. } = key;
            let (text, _) = file(section.name, name, *needs, example);
            // Leave the key itself out again.
            let without: String = text
                .lines()
                .filter(|l| *l != format!("{name} = {example}"))
                .map(|l| format!("{l}\n"))
                .collect();
            let default = section.default_of(key);
            // An axis that is left out has no value, nor has what only the user knows.
            let axes = ["depths", "head_counts", "mlp_ratios"];
            let told = ["watts", "price_per_hour", "grams_co2_per_kwh"];
            let none = key.required || axes.contains(name) || told.contains(name);
            assert_eq!(default.is_none(), none, "{}.{name}", section.name);
            let Some(default) = default else { continue };
            let config =
                Config::parse(&without, "x.toml").unwrap_or_else(|e| panic!("{without}{e}"));
            let resolved: toml::Table = config.resolved_toml().parse().unwrap();
            let expected: toml::Table = format!("x = {default}").parse().unwrap();
            let named = section.name == "study";
            assert!(named || resolved[section.name][name] == expected["x"], "{name}: {default}");
        }
    }
}

#[test]
fn every_key_is_written_and_listed_once() {
    let documented = isoflop_plan::config::reference();
    for section in SECTIONS {
        for key in section.keys {
            let row = format!("| `{}` | {} | ", key.name, key.takes);
            assert!(documented.contains(&row), "{row}");
            let (text, path) = file(section.name, key.name, key.needs, key.example);
            let Ok(config) = Config::parse(&text, "x.toml") else { continue };
            let resolved = config.resolved_toml();
            let lines = resolved.lines().filter(|l| l.starts_with(&format!("{} = ", key.name)));
            assert!(lines.count() >= 1, "{path} is not written:\n{resolved}");
        }
    }
    let rows = documented.lines().filter(|l| l.starts_with("| `")).count();
    let keys: usize = SECTIONS.iter().map(|s| s.keys.len()).sum();
    assert_eq!(rows, keys + CELL_KEYS.len() + RATE_LAW_KEYS.len() + BATCH_LAW_KEYS.len());
}

#[test]
fn stacks_are_as_wide_as_measurements_may_make_them() {
    let stack = |n: usize| {
        Config::parse(&format!("[grid]\nbudgets = [1e12]\n[train]\nstack = {n}\n"), "x.toml")
    };
    assert_eq!(stack(MOST_REPLICAS).unwrap().train.stack, Some(MOST_REPLICAS));
    assert!(stack(MOST_REPLICAS + 1).is_err());
}
