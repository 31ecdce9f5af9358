//! Resolved configurations: defaults, round trips, differences.

use isoflop_plan::config::keys::{Effect, SECTIONS};
use isoflop_plan::{
    Config, DataFacts, DataSource, Design, Grid, Precision, PrecisionChoice, Provenance, Setting,
    Sizes, TokenizerConfig,
};

const SMALL: &str = "[grid]\nbudgets = [1e9, 3e9]\n";

fn parse(text: &str) -> Config {
    Config::parse(text, "configs/small.toml").unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn defaults_are_resolved() {
    let config = parse(SMALL);
    insta::assert_snapshot!(config.resolved_toml());
    assert_eq!(config.data.tokenizer, Some(TokenizerConfig::Bytes));
    assert!(matches!(
        config.grid.design,
        Design::Budgets { sizes: Sizes::Auto { count: 7, .. }, .. }
    ));
}

#[test]
fn the_resolved_form_parses_back_to_the_same() {
    let texts = [
        SMALL,
        "[study]\nname = \"a.b\"\nresults = \"C:\\\\x y\\\\\\\"q\\\"\"\n[grid]\nbudgets = [1e7]\n",
        "[data]\nsource = \"synthetic\"\nvocab = 64\nexponent = 1.1\n[grid]\nwidths = [16, 24]\ntokens_per_param = [5, 20]\n",
        "[data]\nsource = \"text\"\npaths = [\"a/*.txt\", \"b.jsonl.gz\"]\ntokenizer = \"bpe\"\nvocab = 1000\nmax_bytes = 1e9\n[grid]\nbudgets = [1e11, 1e12]\nwidths = [[16, 8], [32, 24]]\nseeds = [3, 1]\n",
        "[grid]\nbudgets = [1e12, 1e11]\nseeds = [3, 1]\n",
        "[data]\ntokenizer = \"a/tokenizer.json\"\n[model]\nfamily = \"gpt2\"\ndepth = 3\nhead_dim = 16\nmlp_ratio = 4\n[grid]\ncells = [{ width = 64, tokens = 1e6, heads = 2 }, { params = 1e6, flops = 1e12, learning_rate = 3e-4 }]\nlr_multipliers = [2, 0.5]\nmultipliers = \"product\"\n",
        "[train]\nlearning_rate = 0.003\nbatch_tokens = \"steplaw\"\nbeta2 = 0.95\nwarmup_steps = 10\nweight_decay = 0\nschedule = \"wsd\"\nclip_norm = \"off\"\nz_loss = 1e-4\nstack = 3\nprecision = \"bf16\"\noptimizer = \"muon\"\n[device]\nname = \"rtx\"\nshader = \"wgsl\"\nmemory_gib = 7.3\nwatts = 250\nprice_per_hour = 0\ngrams_co2_per_kwh = 380.5\n[grid]\nparams = [1e6, 3.7e6]\nbudgets = [1.1e13]\n",
    ];
    for text in texts {
        let config = parse(text);
        let resolved = config.resolved_toml();
        let again =
            Config::parse(&resolved, "y.toml").unwrap_or_else(|e| panic!("{resolved}\n{e}"));
        assert_eq!(config, again, "{resolved}");
        assert_eq!(resolved, again.resolved_toml());
        assert_eq!(config.differences(&again), []);
    }
}

#[test]
fn the_name_comes_from_the_file() {
    let config = Config::parse(SMALL, "some/where/my grid.toml").unwrap();
    assert_eq!(config.study.name, "my-grid");
    assert_eq!(config.study.results.to_string_lossy(), "runs/my-grid");
}

#[test]
fn whole_numbers_may_be_written_as_floats_and_rules_by_name() {
    let config = parse(&format!("{SMALL}[train]\nbatch_tokens = 4096\nlearning_rate = \"auto\"\n"));
    assert_eq!(config.train.batch_tokens, Setting::Value(4096.0));
    assert_eq!(config.train.learning_rate, parse(SMALL).train.learning_rate);
    let config = parse(&format!("[data]\nmax_bytes = 1e9\n{SMALL}"));
    assert_eq!(config.data.max_bytes, Some(1_000_000_000));
    assert_eq!(config.data.source, DataSource::Cargo);
}

#[test]
fn differences_name_the_key_and_what_it_touches() {
    let old = parse(SMALL);
    let new = Config::parse(
        "[grid]\nbudgets = [1e9, 3e9, 9e9]\n[train]\nschedule = \"wsd\"\n[device]\nname = \"cpu\"\n[fit]\nbootstrap = 9\n",
        "configs/small.toml",
    )
    .unwrap();
    let found: Vec<(String, Effect)> =
        old.differences(&new).iter().map(|d| (d.to_string(), d.effect)).collect();
    let expected = [
        ("grid.budgets: [1e9, 3e9] -> [1e9, 3e9, 9e9]", Effect::Grid),
        ("train.schedule: \"cosine\" -> \"wsd\"", Effect::Cells),
        ("train.final_fraction: 0.1 -> not there", Effect::Cells),
        ("train.cooldown_fraction: not there -> 0.2", Effect::Cells),
        ("device.name: \"auto\" -> \"cpu\"", Effect::Nothing),
        ("fit.bootstrap: 1000 -> 9", Effect::Fit),
    ];
    assert_eq!(found, expected.map(|(text, effect)| (text.to_string(), effect)));
    assert_ne!(old.study_hash(), new.study_hash());
}

#[test]
fn the_hash_of_a_study_ignores_where_it_runs() {
    let old = parse(SMALL);
    let new = Config::parse(
        "[study]\nname = \"other\"\n[grid]\nbudgets = [3e9, 1e9]\n[device]\nname = \"cpu\"\nwatts = 90\n[train]\ncheckpoint_seconds = 5\n",
        "z.toml",
    )
    .unwrap();
    assert_eq!(old.study_hash(), new.study_hash());
}

#[test]
fn every_printed_key_is_listed() {
    let config = parse(SMALL);
    let table: toml::Table = config.resolved_toml().parse().unwrap();
    for (section, keys) in &table {
        for name in keys.as_table().unwrap().keys() {
            let listed = SECTIONS.iter().find(|s| s.name == section).unwrap();
            assert!(
                listed.keys.iter().any(|key| key.name == name),
                "{section}.{name} is not listed"
            );
        }
    }
    let sections: Vec<&String> = table.keys().collect();
    assert_eq!(sections.len(), SECTIONS.len());
}

#[test]
fn a_precision_that_is_left_to_the_device_is_settled_once_it_is_known() {
    let mut auto = parse("[grid]\nbudgets = [1e13]\n[train]\nprecision = \"auto\"\n");
    assert_eq!(auto.train.precision, PrecisionChoice::Auto(None));
    assert!(auto.check_early("a card", &[Precision::F32]).is_ok(), "nothing is asked for yet");
    let written = auto.resolved_toml();
    auto.decide_precision(Precision::Bf16);
    assert_eq!(auto.train.precision.known(), Some(Precision::Bf16));
    assert_eq!(auto.resolved_toml(), written, "a folder's configuration stays what was asked for");
    let mut fixed = parse("[grid]\nbudgets = [1e13]\n[train]\nprecision = \"bf16\"\n");
    fixed.decide_precision(Precision::F16);
    assert_eq!(fixed.train.precision.known(), Some(Precision::Bf16), "what is asked for stays");
    assert!(auto.check_early("a card", &[Precision::F32]).is_err());

    let cells = |config: &Config| {
        let facts = DataFacts {
            vocab: 256,
            train_tokens: None,
            data_sha256: "ab".into(),
            bytes_per_token: None,
        };
        let grid = Grid::build(config, &facts).unwrap();
        let ids: Vec<_> = grid.cells.iter().map(|planned| planned.cell.id.clone()).collect();
        (ids, grid.cells[0].sources.precision.clone())
    };
    let (chosen, asked) = (cells(&auto), cells(&fixed));
    assert_eq!(chosen.0, asked.0, "a cell is the same whoever chose its precision");
    assert_eq!((chosen.1, asked.1), (Provenance::Device, Provenance::User));
}

#[test]
fn what_a_run_wrote_is_known_from_a_changed_copy() {
    let config = Config::parse("[grid]\nbudgets = [1e10]\nwidths = [16]\n", "a.toml").unwrap();
    let sealed = config.sealed_toml();
    assert_eq!(Config::parse(&sealed, "runs/a/config.resolved.toml").unwrap(), config);
    let changed = sealed.replace("widths = [16]", "widths = [24]");
    for written in ["runs/a/config.resolved.toml", "config.2.toml"] {
        let told = Config::parse(&changed, written).unwrap_err().to_string();
        assert!(told.contains("does not match its checksum") && told.contains("hint: "), "{told}");
    }
    // Somebody's own, made from it.
    assert_ne!(Config::parse(&changed, "mine.toml").unwrap(), config);
}
