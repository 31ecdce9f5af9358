//! Every key of the configuration: what it takes, what it defaults to, what it is for and what a
//! change of it touches. Hints, the reference table and [`Config::differences`] read this list.
//!
//! [`Config::differences`]: super::Config::differences

use serde::Serialize;

/// What a changed key touches in a study that has already been trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The results of cells: old and new results do not belong together.
    Cells,
    /// Which cells there are; those in common keep their results.
    Grid,
    /// The fits and the report, which can be made anew from the same results.
    Fit,
    /// Nothing in the results, or no more than the rounding of sums.
    Nothing,
}

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The section it stands in; `grid.cells` for the keys of an explicit cell.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it is where it is left out.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// A value one might write.
    pub example: &'static str,
    /// What a change of it touches.
    pub effect: Effect,
}

impl Key {
    /// One line on what the key is for, with an example.
    pub fn hint(&self) -> String {
        format!("{}; for example `{} = {}`", self.about, self.name, self.example)
    }
}

/// Keys of one section, in the order of the reference.
pub fn of_section(section: &str) -> impl Iterator<Item = &'static Key> + use<'_> {
    KEYS.iter().filter(move |k| k.section == section)
}

/// The key `name` of `section`.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.section == section && k.name == name)
}

/// The sections, in the order of the reference.
pub const SECTIONS: &[(&str, &str)] = &[
    ("study", "what the study is called and where it is kept"),
    ("data", "what is trained on and how it is cut into tokens"),
    ("model", "the architecture family and how its shapes follow from the width"),
    ("grid", "which cells are trained"),
    ("train", "hyper-parameters, or the rules they come from, and how runs are driven"),
    ("device", "where the training runs"),
    ("fit", "how the results are fitted"),
];

/// The reference of all keys as Markdown tables, one per section.
pub fn reference() -> String {
    let mut out = String::new();
    let cells = ("grid.cells", "one explicit cell, `[[grid.cells]]` or an inline table");
    let sections = SECTIONS.iter().flat_map(|s| match s.0 {
        "grid" => vec![*s, cells],
        _ => vec![*s],
    });
    for (section, about) in sections {
        out += &format!("### `[{section}]`: {about}\n\n");
        out += "| key | takes | default | what it is | a change touches |\n";
        out += "| --- | --- | --- | --- | --- |\n";
        for key in of_section(section) {
            let touches = match key.effect {
                Effect::Cells => "results",
                Effect::Grid => "which cells there are",
                Effect::Fit => "fits",
                Effect::Nothing => "-",
            };
            let Key { name, takes, default, about, .. } = key;
            out += &format!("| `{name}` | {takes} | {default} | {about} | {touches} |\n");
        }
        out += "\n";
    }
    out
}

const fn key(
    path: (&'static str, &'static str),
    takes: &'static str,
    default: &'static str,
    about: &'static str,
    example: &'static str,
    effect: Effect,
) -> Key {
    Key { section: path.0, name: path.1, takes, default, about, example, effect }
}

use Effect::{Cells, Fit, Grid, Nothing};

/// All keys.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key(("study", "name"), "text: letters, digits, `-`, `_`, `.`", "the file's name",
        "the study's name", "\"quickstart\"", Nothing),
    key(("study", "results"), "folder", "`runs/<name>`",
        "the folder that results are kept in", "\"runs/quickstart\"", Nothing),

    key(("data", "source"), "`\"cargo\"`, `\"text\"`, `\"synthetic\"`", "`\"cargo\"`",
        "where the data comes from", "\"text\"", Cells),
    key(("data", "paths"), "list of files, folders, globs", "none; needed with `source = \"text\"`",
        "the text to train on, relative to the working directory", "[\"corpus/**/*.txt\"]", Cells),
    key(("data", "field"), "text", "`\"text\"`",
        "the field of a JSONL line that holds its text", "\"text\"", Cells),
    key(("data", "tokenizer"), "`\"bytes\"`, `\"bpe\"`, a `tokenizer.json`", "`\"bytes\"`",
        "how text becomes tokens", "\"bpe\"", Cells),
    key(("data", "vocab"), "whole number 257 to 1000000 (BPE), 3 to 65536 (synthetic)", "`4096` (BPE), `64` (synthetic)",
        "vocabulary size of a trained BPE or of the synthetic language", "4096", Cells),
    key(("data", "valid_fraction"), "number above 0 to 0.5", "`0.05`",
        "share of the documents that is held out", "0.05", Cells),
    key(("data", "valid_tokens"), "whole number 1 to 1e9", "`131072`",
        "held-out tokens that every evaluation runs over", "131072", Cells),
    key(("data", "max_bytes"), "whole number from 1, `\"all\"`", "`\"all\"`",
        "bytes of text to read at most", "1e9", Cells),
    key(("data", "seed"), "whole number", "`0`",
        "seed of the split and of the synthetic language", "0", Cells),
    key(("data", "cache"), "folder", "`\"runs/cache\"`",
        "folder for token shards, shared by studies", "\"runs/cache\"", Nothing),
    key(("data", "word_end"), "number 0.001 to 0.999", "`0.3`",
        "synthetic: probability that a word ends after any letter", "0.3", Cells),
    key(("data", "exponent"), "number 0 to 4", "`3`",
        "synthetic: Zipf exponent of the letters that may follow a prefix", "3.0", Cells),

    key(("model", "family"), "`\"llama\"`, `\"gpt2\"`", "`\"llama\"`",
        "the architecture family", "\"llama\"", Cells),
    key(("model", "context"), "whole number 8 to 65536", "`256`",
        "tokens per training sequence", "256", Cells),
    key(("model", "depth"), "whole number 1 to 256, `\"auto\"`", "`\"auto\"`: width / aspect_ratio",
        "blocks at every width, instead of the rule", "4", Cells),
    key(("model", "aspect_ratio"), "number 4 to 1024", "`64`",
        "width per block", "64", Cells),
    key(("model", "min_depth"), "whole number 1 to 64", "`2`",
        "blocks at small widths", "2", Cells),
    key(("model", "head_dim"), "even whole number 2 to 512, `\"auto\"`", "`\"auto\"`: near 4 sqrt(width), 8 to 128",
        "size of an attention head, instead of the rule", "32", Cells),
    key(("model", "mlp_ratio"), "number 1 to 16, `\"auto\"`", "`\"auto\"`: 8/3 (llama), 4 (gpt2)",
        "hidden width of the MLP over the width", "4", Cells),

    key(("grid", "budgets"), "list of FLOPs, each 1e6 to 1e27", "none",
        "training FLOPs of each slice", "[1e12, 2.5e12, 6e12, 1.5e13, 4e13]", Grid),
    key(("grid", "widths"), "list of widths, each 4 to 65536, or one such list per budget", "none",
        "widths of the models, multiples of 4", "[64, 96, 128, 192, 256]", Grid),
    key(("grid", "params"), "list of parameter counts, each 100 to 1e13", "none",
        "sizes of the models, snapped to the nearest real shape", "[1e6, 2e6, 4e6, 8e6]", Grid),
    key(("grid", "sizes"), "whole number 2 to 64", "`7`, where no other sizes are given",
        "models per budget, spread around the expected optimum", "7", Grid),
    key(("grid", "spread"), "number above 1 to 64", "`4`",
        "with `sizes`: how far they reach either side of the expected optimum, as a factor", "4", Grid),
    key(("grid", "optimum_coefficient"), "number above 0 to 1e6", "`0.09`",
        "with `sizes`: a of the expected optimum N = a C^b", "0.09", Grid),
    key(("grid", "optimum_exponent"), "number 0.2 to 0.9", "`0.5`",
        "with `sizes`: b of the expected optimum N = a C^b", "0.5", Grid),
    key(("grid", "tokens_per_param"), "list of ratios, each 0.001 to 1e6", "none",
        "instead of budgets: tokens per parameter, for each of `widths` or `params`", "[5, 10, 20, 40, 80]", Grid),
    key(("grid", "cells"), "list of tables, see below", "none",
        "instead of all that: the cells one by one", "[{ width = 64, tokens = 1e6 }]", Grid),
    key(("grid", "seeds"), "list of whole numbers", "`[0]`",
        "every cell is trained once with each seed", "[0, 1, 2]", Grid),
    key(("grid", "lr_multipliers"), "list of factors, each above 0 to 1000", "`[1]`",
        "every cell is trained with its learning rate times each", "[0.5, 1, 2]", Grid),
    key(("grid", "batch_multipliers"), "list of factors, each above 0 to 1000", "`[1]`",
        "every cell is trained with its batch times each", "[0.5, 1, 2]", Grid),
    key(("grid", "multipliers"), "`\"one-at-a-time\"`, `\"product\"`", "`\"one-at-a-time\"`",
        "how learning-rate and batch multipliers combine", "\"product\"", Grid),
    key(("grid", "convention"), "a convention, see below", "`\"exact\"`",
        "how N and C are counted in this section", "\"6nd\"", Grid),
    key(("grid", "tolerance"), "number above 0 to 0.2", "`0.01`",
        "how far a cell's FLOPs may be from its budget, as a fraction", "0.01", Nothing),
    key(("grid", "min_steps"), "whole number 1 to 1000000", "`100`",
        "fewest optimizer steps of a cell", "100", Nothing),

    key(("grid.cells", "width"), "multiple of 4, 4 to 65536", "none; this or `params`",
        "width of the model", "64", Grid),
    key(("grid.cells", "params"), "parameter count, 100 to 1e13", "none; this or `width`",
        "size of the model, snapped to the nearest real shape", "1e6", Grid),
    key(("grid.cells", "depth"), "whole number 1 to 65536", "the rule of `[model]`",
        "blocks", "4", Grid),
    key(("grid.cells", "heads"), "whole number 1 to 65536", "the rule of `[model]`",
        "attention heads", "4", Grid),
    key(("grid.cells", "hidden"), "whole number 1 to 65536", "the rule of `[model]`",
        "hidden width of the MLP", "256", Grid),
    key(("grid.cells", "flops"), "FLOPs, 1e6 to 1e27", "none; one length is needed",
        "training FLOPs; cells with equal `flops` form a slice", "1e12", Grid),
    key(("grid.cells", "tokens"), "tokens, 1 to 1e15", "none; one length is needed",
        "training tokens", "1e6", Grid),
    key(("grid.cells", "steps"), "whole number 1 to 1e9", "none; one length is needed",
        "optimizer steps", "1000", Grid),
    key(("grid.cells", "tokens_per_param"), "ratio, 0.001 to 1e6", "none; one length is needed",
        "training tokens per parameter", "20", Grid),
    key(("grid.cells", "learning_rate"), "number above 0 to 10", "`[train]`'s",
        "peak learning rate of this cell", "3e-3", Grid),
    key(("grid.cells", "batch_tokens"), "number 1 to 1e9", "`[train]`'s",
        "tokens per step of this cell", "8192", Grid),

    key(("train", "learning_rate"), "number above 0 to 10, or a rule: `\"measured\"`, `\"steplaw\"`, `\"deepseek\"`", "`\"measured\"`",
        "peak learning rate, or the rule that gives it per cell", "3e-3", Cells),
    key(("train", "batch_tokens"), "number 1 to 1e9, or a rule: `\"measured\"`, `\"steplaw\"`, `\"deepseek\"`", "`\"measured\"`",
        "tokens per step, or the rule that gives them per cell", "16384", Cells),
    key(("train", "optimizer"), "`\"adamw\"`, `\"muon\"`", "`\"adamw\"`",
        "the update rule", "\"adamw\"", Cells),
    key(("train", "beta1"), "number 0 to below 1", "`0.9`",
        "first-moment decay", "0.9", Cells),
    key(("train", "beta2"), "number 0 to below 1, or the rule `\"half-life\"`", "`\"half-life\"`",
        "second-moment decay, or the rule that gives it per cell", "0.95", Cells),
    key(("train", "epsilon"), "number above 0 to 0.001", "`1e-8`",
        "offset of Adam's denominator", "1e-8", Cells),
    key(("train", "weight_decay"), "number 0 to 10, or the rule `\"customary\"`", "`\"customary\"`: 0.1",
        "decoupled weight decay", "0.1", Cells),
    key(("train", "warmup_steps"), "number of steps, 0 to 1e9, or the rule `\"params-tokens\"`", "`\"params-tokens\"`",
        "steps of linear warm-up, or the rule that gives them per cell", "100", Cells),
    key(("train", "schedule"), "`\"cosine\"`, `\"wsd\"`, `\"constant\"`", "`\"cosine\"`",
        "the learning-rate schedule after the warm-up", "\"wsd\"", Cells),
    key(("train", "final_fraction"), "number 0 to 1", "`0.1`",
        "cosine: last learning rate over the peak", "0.1", Cells),
    key(("train", "cooldown_fraction"), "number above 0 to 1", "`0.2`",
        "wsd: share of the steps spent in the decay", "0.2", Cells),
    key(("train", "clip_norm"), "number above 0 to 1e6, `\"off\"`", "`1`",
        "limit of the global gradient norm", "1.0", Cells),
    key(("train", "z_loss"), "number above 0 to 1, `\"off\"`", "`\"off\"`",
        "weight of the z-loss", "1e-4", Cells),
    key(("train", "precision"), "`\"f32\"`, `\"f16\"`, `\"bf16\"`, `\"auto\"`", "`\"f32\"`",
        "arithmetic of the matrix products; `\"auto\"` takes bf16, else f16, where the device has matrix units for it and computes it right, else f32", "\"f32\"", Cells),
    key(("train", "stack"), "whole number 1 to 256, `\"auto\"`", "`\"auto\"`",
        "most cells that train in lock-step as one program; `\"auto\"` measures what pays", "4", Nothing),
    key(("train", "micro_batch_sequences"), "whole number 1 to 1000000, `\"auto\"`", "`\"auto\"`",
        "sequences per pass, where memory is short", "8", Nothing),
    key(("train", "eval_sequences"), "whole number 1 to 4096", "`16`",
        "sequences per evaluation pass, the same for every cell", "16", Cells),
    key(("train", "curve_points"), "whole number 2 to 10000", "`200`",
        "points of the loss curve kept per cell", "200", Nothing),
    key(("train", "valid_points"), "whole number 1 to 1000", "`1`",
        "held-out evaluations per cell, the last one at the end", "10", Nothing),
    key(("train", "checkpoint_seconds"), "number 0.1 to 86400", "`60`",
        "seconds between checkpoints", "60", Nothing),

    key(("device", "name"), "`\"auto\"`, `\"cpu\"`, `\"gpu\"`, part of an adapter's name", "`\"auto\"`",
        "the device to train on", "\"auto\"", Nothing),
    key(("device", "shader"), "`\"auto\"`, `\"spirv\"`, `\"wgsl\"`", "`\"auto\"`",
        "the shader compiler", "\"auto\"", Nothing),
    key(("device", "kernels"), "`\"auto\"`, `\"on\"`, `\"off\"`", "`\"auto\"`",
        "the model's operations as kernels of their own, or as tensor operations; not on the CPU", "\"auto\"", Nothing),
    key(("device", "memory_gib"), "number above 0 to 4096, `\"auto\"`", "`\"auto\"`",
        "memory that training may use, in GiB", "16", Nothing),
    key(("device", "stacks_at_once"), "whole number 1 to 256, `\"auto\"`", "`\"auto\"`",
        "stacks that train at once, sharing the processor's threads; on a GPU 1", "2", Nothing),

    key(("fit", "convention"), "a convention, see below", "`\"exact\"`",
        "how N and C are counted in the fits that come first in the report", "\"6nd\"", Fit),
    key(("fit", "bootstrap"), "whole number 0 to 1000000", "`1000`",
        "bootstrap resamples", "1000", Fit),
    key(("fit", "confidence"), "number 0.5 to below 1", "`0.95`",
        "level of the intervals", "0.95", Fit),
    key(("fit", "seed"), "whole number", "`0`",
        "seed of the bootstrap", "0", Fit),
];
