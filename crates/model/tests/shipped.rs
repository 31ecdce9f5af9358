//! The formulas of the plan against the weights of the model, for every shape of every shipped
//! configuration.

use std::collections::BTreeSet;

use burn::tensor::Device;
use isoflop_model::{StackModel, count_params, param_specs};
use isoflop_plan::{Config, DataFacts, Grid, Precision, Shape};

/// Models up to this many parameters are built as well.
const BUILT: u64 = 3_000_000;

fn shapes() -> BTreeSet<Shape> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
    let mut shapes = BTreeSet::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of configurations") {
        let path = entry.expect("an entry").path();
        let config = Config::load(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let vocab = config.known_vocab().unwrap_or_else(|| panic!("{}", path.display()));
        let data = DataFacts {
            vocab,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        let grid =
            Grid::build(&config, &data).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        shapes.extend(grid.cells.iter().map(|planned| planned.cell.shape));
        files += 1;
    }
    assert!(files >= 5, "{files} configurations in {folder}");
    shapes
}

#[test]
fn formulas_are_those_of_the_weights() {
    let shapes = shapes();
    assert!(shapes.len() > 50, "{}", shapes.len());
    let mut built = 0;
    for shape in shapes {
        let specs = param_specs(&shape);
        assert_eq!(count_params(&specs), shape.params(), "{shape}");
        // A multiply and an add per element of every matrix but the tables that are looked up, and
        // the two products of attention over the whole context.
        let tables = ["embedding", "positions"];
        let matrices: usize = specs
            .iter()
            .filter(|s| s.decay && !tables.contains(&s.name.as_str()))
            .map(|s| 2 * s.len())
            .sum();
        let scores = shape.depth * 2 * 2 * shape.context * shape.heads * shape.head_dim();
        assert_eq!(shape.flops_per_token().forward(), (matrices + scores) as f64, "{shape}");
        if shape.params().total() <= BUILT {
            let model = StackModel::init(&shape, &[0], Precision::F32, &Device::flex());
            let elements: usize =
                model.weights().iter().map(|w| w.dims().iter().product::<usize>()).sum();
            assert_eq!(elements as u64, shape.params().total(), "{shape}");
            built += 1;
        }
    }
    assert!(built > 20, "{built}");
}
