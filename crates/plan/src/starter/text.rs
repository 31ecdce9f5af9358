//! The file of a first study: the keys that a beginner changes, each with a comment.

use isoflop_text::{count, thousands};

use super::StarterGrid;
use crate::DeviceName;
use crate::config::quoted;

/// Where the text of a first study comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StarterSource {
    /// The Rust sources that come with this project's dependencies.
    Cargo,
    /// Files, folders and globs, relative to the working directory.
    Text(Vec<String>),
}

/// All that the file says.
#[derive(Debug, Clone, PartialEq)]
pub struct StarterText {
    pub name: String,
    pub source: StarterSource,
    /// Tokens that are held out.
    pub valid_tokens: u64,
    /// Tokens of a training sequence.
    pub context: usize,
    /// Tokens of an optimizer step.
    pub batch_tokens: u64,
    /// `"f32"`, or another word of `train.precision`.
    pub precision: &'static str,
    pub device: DeviceName,
    pub grid: StarterGrid,
    /// Lines at the top, such as what was assumed.
    pub remarks: Vec<String>,
}

impl StarterText {
    /// The file. It parses to what it says.
    pub fn toml(&self) -> String {
        let remarks: String = self.remarks.iter().map(|line| format!("# {line}\n")).collect();
        format!(
            "{remarks}\n{}\n{}\n{}\n{}\n{}\n{}",
            self.study(),
            self.data(),
            self.model(),
            self.grid(),
            self.train(),
            self.device()
        )
    }

    fn study(&self) -> String {
        format!(
            "[study]
# Stands in headings; results go to runs/NAME.
name = {}
",
            quoted(&self.name)
        )
    }

    fn data(&self) -> String {
        let source = match &self.source {
            StarterSource::Cargo => "# \"cargo\": the Rust sources of this project's own dependencies. For text of yours:
# source = \"text\"
# paths = [\"books/\"]
source = \"cargo\"
"
            .to_owned(),
            StarterSource::Text(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
                format!(
                    "# \"text\": files of yours; \"cargo\": Rust sources that come with the program.
source = \"text\"
# Files, folders and globs, from where `sweep` is started: text, JSON, CSV; plain, gzip, zstd.
paths = [{}]
",
                    paths.join(", ")
                )
            }
        };
        format!(
            "[data]
{source}# \"bytes\": a vocabulary of 256; \"bpe\": one that is learnt from the text, for models above a million parameters.
tokenizer = \"bytes\"
# Tokens that no model is trained on; every loss is measured on them.
valid_tokens = {}
",
            thousands(self.valid_tokens).replace(',', "_")
        )
    }

    fn model(&self) -> String {
        format!(
            "[model]
# \"llama\" or \"gpt2\".
family = \"llama\"
# Length of a training sequence, in tokens.
context = {}
",
            self.context
        )
    }

    fn grid(&self) -> String {
        let StarterGrid { budgets, widths, seeds } = &self.grid;
        let listed = |budgets: &[f64]| {
            budgets.iter().map(|budget| format!("{budget:e}")).collect::<Vec<_>>().join(", ")
        };
        let slice = |(budget, widths): (&f64, &Vec<usize>)| {
            let expected = count(StarterGrid::expected_params(*budget), 2);
            format!(
                "    {widths:?},  # {budget:e} FLOPs: best expected near {expected} parameters\n"
            )
        };
        let slices: String = budgets.iter().zip(widths).map(slice).collect();
        format!(
            "[grid]
# Training FLOPs of each slice, about 6 x parameters x tokens. Five or more, x2 to x3.2 apart, tell a power law.
budgets = [{}]
# Widths of the models that spend each budget: seven around the size that is expected to be best.
widths = [
{slices}]
# Each model is trained once with each seed; repeats at small budgets measure the noise for little.
seeds = {seeds:?}
",
            listed(budgets)
        )
    }

    fn train(&self) -> String {
        format!(
            "[train]
# Tokens of an optimizer step.
batch_tokens = {}
# Peak learning rate: \"measured\" is a rule of size, length and batch; a number holds for every model.
learning_rate = \"measured\"
# Arithmetic of matrix products: \"f32\", \"bf16\", \"f16\", or \"auto\", the fastest that the device computes right.
precision = \"{}\"
",
            self.batch_tokens, self.precision
        )
    }

    fn device(&self) -> String {
        let name = self.device.to_string();
        format!(
            "[device]
# \"auto\", \"cpu\", \"gpu\", or part of a name that `sweep devices` lists.
name = {}
",
            quoted(&name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DataSource};
    use crate::{DataFacts, Grid};

    fn text(source: StarterSource) -> StarterText {
        let model = crate::ModelConfig { context: 64, ..Default::default() };
        StarterText {
            name: "books".into(),
            source,
            valid_tokens: 65_536,
            context: 64,
            batch_tokens: 128,
            precision: "f32",
            device: DeviceName::Auto,
            grid: StarterGrid::all(&model, 256).remove(0),
            remarks: vec!["A first study.".into()],
        }
    }

    #[test]
    fn the_file_is_as_written() {
        insta::assert_snapshot!(text(StarterSource::Text(vec!["books/".into()])).toml());
    }

    #[test]
    fn it_reads_back_and_nothing_about_it_is_doubtful() {
        for source in [StarterSource::Cargo, StarterSource::Text(vec!["a \"b\"/*.txt".into()])] {
            let config = Config::parse(&text(source.clone()).toml(), "x.toml").unwrap();
            assert_eq!((config.study.name.as_str(), config.model.context), ("books", 64));
            if let StarterSource::Text(paths) = source {
                let DataSource::Text(text) = &config.data.source else { panic!("no text") };
                assert_eq!(text.paths, paths);
            }
        }
    }

    #[test]
    fn nothing_about_a_study_of_minutes_is_doubtful() {
        let model = crate::ModelConfig { context: 64, ..Default::default() };
        let small = |grid: &StarterGrid| grid.budgets.last().is_some_and(|most| *most < 2e12);
        for grid in StarterGrid::all(&model, 256).into_iter().filter(small) {
            let text = StarterText { grid, ..text(StarterSource::Cargo) };
            let config = Config::parse(&text.toml(), "x.toml").unwrap();
            let facts = DataFacts {
                vocab: 256,
                train_tokens: Some(5_000_000),
                data_sha256: "00".into(),
                bytes_per_token: Some(1.0),
            };
            let grid = Grid::build(&config, &facts).unwrap();
            assert_eq!(grid.cells.len(), 7 * (text.grid.budgets.len() + 4));
            assert_eq!(grid.warnings, [], "{}", text.toml());
        }
    }
}
