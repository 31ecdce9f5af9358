//! The configurations that come with the project.

use std::path::{Path, PathBuf};

use isoflop_plan::{
    Config, Convention, DataFacts, DataSource, Family, Grid, PlanWarning, Shape, TokenizerConfig,
    render_plan,
};

use crate::grid::facts;

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of configurations")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

/// What the data of a configuration may well turn out to be.
fn plausible(config: &Config) -> DataFacts {
    let (vocab, tokens) = match (&config.data.source, &config.data.tokenizer) {
        (DataSource::Synthetic(language), _) => (language.vocab, None),
        (DataSource::Cargo, _) => (256, Some(40_000_000)),
        (DataSource::Text(_), Some(TokenizerConfig::Bpe { vocab })) => {
            (*vocab, Some(8_000_000_000))
        }
        (DataSource::Text(_), _) => (256, Some(8_000_000_000)),
    };
    facts(vocab, tokens)
}

fn build(path: &Path) -> (Config, Grid) {
    let config = Config::load(path).unwrap_or_else(|e| panic!("{e}"));
    let grid = Grid::build(&config, &plausible(&config)).unwrap_or_else(|e| panic!("{e}"));
    (config, grid)
}

/// The doubts that a shipped configuration may have: a rule is used beyond what it was fitted on, or changes the shape
/// abruptly; and the file says so with the figures of the plan.
#[test]
fn they_build_without_doubts_that_they_do_not_tell() {
    for path in shipped() {
        let (config, grid) = build(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        let told: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("# Doubt: ")).collect();
        let doubts: Vec<String> = grid.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, doubts, "{}", path.display());
        for warning in &grid.warnings {
            let of_a_rule =
                matches!(warning, PlanWarning::OutsideRule { .. } | PlanWarning::ShapeJumps { .. });
            assert!(of_a_rule, "{}: {warning}", path.display());
        }
        let again = Config::parse(&config.resolved_toml(), "resolved.toml").unwrap();
        assert_eq!(config, again, "{}", path.display());
        assert!(render_plan(&grid, None, isoflop_text::Width::ANY).contains("Hyper-parameters"));
    }
}

#[test]
fn the_quickstart_is_small_enough() {
    for name in ["quickstart.toml", "synthetic.toml"] {
        let path = shipped().into_iter().find(|p| p.ends_with(name)).unwrap();
        let (_, grid) = build(&path);
        assert!(grid.train_flops() < 1.2e13, "{name}: {:e}", grid.train_flops());
        assert!(grid.evaluation_flops() < 0.1 * grid.train_flops(), "{name}");
        let slices = grid.slices();
        assert!(slices.len() >= 4 && slices.iter().all(|(_, cells)| cells.len() >= 6), "{name}");
    }
}

/// Every weight of a model, as (rows, columns), written down a second time and by name.
fn weights(s: &Shape) -> Vec<(&'static str, usize, usize)> {
    let mut all = vec![("embedding", s.vocab, s.width), ("head", s.vocab, s.width)];
    let head_dim = s.width / s.heads;
    for _ in 0..s.depth {
        for projection in ["query", "key", "value", "output"] {
            all.push((projection, s.width, s.width));
        }
        match s.family {
            Family::Llama => {
                all.extend([("gate", s.width, s.hidden), ("up", s.width, s.hidden)]);
                all.push(("down", s.hidden, s.width));
                all.extend([("norm", 1, s.width), ("norm", 1, s.width)]);
                all.extend([("query norm", 1, head_dim), ("key norm", 1, head_dim)]);
            }
            Family::Gpt2 => {
                all.extend([("bias", 1, s.width); 4]);
                all.extend([("up", s.width, s.hidden), ("down", s.hidden, s.width)]);
                all.extend([("bias", 1, s.hidden), ("bias", 1, s.width)]);
                all.extend([("norm", 1, s.width); 4]);
            }
        }
    }
    match s.family {
        Family::Llama => all.push(("norm", 1, s.width)),
        Family::Gpt2 => {
            all.push(("positions", s.context, s.width));
            all.extend([("norm", 1, s.width); 2]);
        }
    }
    all
}

#[test]
fn formulas_agree_with_a_list_of_all_weights() {
    for path in shipped() {
        let (config, _) = build(&path);
        let vocab = plausible(&config).vocab;
        for family in [Family::Llama, Family::Gpt2] {
            let model = isoflop_plan::ModelConfig { family, ..config.model.clone() };
            for shape in model.ladder(vocab).into_iter().filter(|s| s.width <= 2048) {
                let weights = weights(&shape);
                let size = |w: &(&str, usize, usize)| (w.1 * w.2) as u64;
                assert_eq!(
                    shape.params().total(),
                    weights.iter().map(size).sum::<u64>(),
                    "{shape}"
                );
                let look_up = |w: &&(&str, usize, usize)| w.0 == "embedding" || w.0 == "positions";
                let embedding: u64 = weights.iter().filter(look_up).map(size).sum();
                assert_eq!(shape.params().embedding, embedding);
                // Products: two FLOPs per weight of each matrix but the look-ups, and two per
                // channel and position for the scores, twice.
                let matrices = weights.iter().filter(|w| w.1 > 1 && !look_up(w)).map(size);
                let products = 2.0 * matrices.sum::<u64>() as f64;
                let scores = (4 * shape.depth * shape.context * shape.width) as f64;
                assert_eq!(shape.flops_per_token().forward(), products + scores, "{shape}");
                let [exact, _, _, with_head] = Convention::ALL.map(|c| c.flops(&shape, 1.0));
                assert!(exact > 0.0 && with_head < exact * 1.1);
            }
        }
    }
}
