//! The reference of all keys.

use super::keys::{BATCH_LAW_KEYS, CELL_KEYS, Effect, Key, Needs, RATE_LAW_KEYS, SECTIONS};

/// All keys as Markdown tables, one per section.
pub fn reference() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let title = format!("`[{}]`: {}", section.name, section.about);
        let default = |key: &Key| match section.default_of(key) {
            Some(value) => format!("`{value}`"),
            None => "none".into(),
        };
        out += &table(&title, section.keys, default);
        if section.name == "grid" {
            let title = "`[grid.cells]`: one explicit cell, `[[grid.cells]]` or an inline table";
            out += &table(title, CELL_KEYS, |_| "none".into());
        }
        if section.name == "train" {
            let title = "`learning_rate = { .. }`: a law with its numbers, or `from` alone";
            out += &table(title, RATE_LAW_KEYS, |_| "none".into());
            let title = "`batch_tokens = { .. }`: a law with its numbers, or `from` alone";
            out += &table(title, BATCH_LAW_KEYS, |_| "none".into());
        }
    }
    out
}

fn table<Root>(title: &str, keys: &[Key<Root>], default: impl Fn(&Key<Root>) -> String) -> String {
    let mut out = format!("### {title}\n\n");
    out += "| key | takes | default | what it is | a change touches |\n";
    out += "| --- | --- | --- | --- | --- |\n";
    for key in keys {
        let list = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(" or ")
        };
        let needs = match key.needs {
            Needs::Nothing => String::new(),
            Needs::One(lines) => format!("; with {}", list(lines)),
            Needs::No(keys) => format!("; not with {}", list(keys)),
        };
        let touches = match key.effect {
            Effect::Cells => "results",
            Effect::Data => "results, where the text is another",
            Effect::Grid => "which cells there are",
            Effect::Fit => "fits",
            Effect::Nothing => "-",
        };
        let default = default(key);
        let Key { name, takes, about, .. } = key;
        out += &format!("| `{name}` | {takes} | {default} | {about}{needs} | {touches} |\n");
    }
    out + "\n"
}
