//! A checkpoint of a small stack: two cells of a model with two weights.

use isoflop_checkpoint::{Checkpoint, cells_of};
use isoflop_plan::{Cell, CellId, Family, Hyper, Optimizer, Precision, Schedule, Shape, Stack};

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let layout = [("embedding".to_owned(), 3, 2), ("head".to_owned(), 2, 3)];
    let named = cells_of(bytes).map_err(|error| error.to_string());
    let read = Checkpoint::read(bytes, &stack(), &layout).map_err(|error| error.to_string())?;
    let bytes_of_a_weight = 4 * 6 * read.replicas.len();
    // What is whole has a header that is read by itself, too.
    assert_eq!(named?.1, read.step);
    assert!(read.tensors.iter().flatten().all(|weight| weight.len() == bytes_of_a_weight));
    Ok(())
}

/// With ids that do not change where hashes do.
pub fn stack() -> Stack {
    let shape = Shape {
        family: Family::Llama,
        depth: 2,
        width: 64,
        heads: 2,
        hidden: 176,
        vocab: 256,
        context: 128,
    };
    let hyper = Hyper {
        batch_sequences: 8,
        learning_rate: 3e-3,
        warmup_steps: 4,
        schedule: Schedule::Cosine { final_fraction: 0.1 },
        optimizer: Optimizer::AdamW,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.1,
        clip_norm: Some(1.0),
        z_loss: 0.0,
        precision: Precision::F32,
    };
    let cell = |steps, id: &str| {
        let mut cell = Cell::new(Some(1e12), shape, steps, hyper, 0, "data");
        cell.id = CellId(id.into());
        cell
    };
    Stack { id: "stack".into(), cells: vec![cell(100, "long"), cell(50, "short")] }
}
