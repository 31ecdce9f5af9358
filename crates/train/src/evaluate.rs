//! Held-out loss: the same windows, batch and precision for every cell.

use std::time::Instant;

use burn::tensor::Tensor;
use isoflop_data::{Dataset, WindowDataset};
use isoflop_model::{StackModel, Tokens, is_host};

use crate::feed::append;
use crate::run::read_back::readback_steps;

/// Mean loss of every replica over all held-out windows, nats per token. Windows that do not fill
/// a last pass make a smaller one. `None` where `go_on`, which is asked after every pass, says no.
pub(crate) fn evaluate(
    model: &StackModel,
    held_out: &WindowDataset,
    sequences: usize,
    mut go_on: impl FnMut() -> bool,
) -> Option<Vec<f64>> {
    let context = model.shape().context;
    let (r, total) = (model.replicas(), held_out.len());
    let mut sums = vec![0.0f64; r];
    let mut pending: Vec<(usize, Tensor<1>)> = Vec::new();
    // On an adapter losses stay for as many passes as training's do, so that it computes while the next windows are made ready.
    let (host, mut most, mut read_at) = (is_host(&model.device()), 1, Instant::now());
    for start in (0..total).step_by(sequences) {
        let count = sequences.min(total - start);
        let mut windows = Vec::with_capacity(count * (context + 1));
        append(held_out, start..start + count, &mut windows);
        let (inputs, targets) = Tokens::inputs_and_targets(&windows.repeat(r), r, context);
        pending.push((count, model.loss(&inputs, &targets)));
        if pending.len() >= most || start + count == total {
            let passes = pending.len() as f64;
            read_back(&mut pending, &mut sums);
            if !host {
                most = readback_steps(read_at.elapsed().as_secs_f64() / passes);
            }
            read_at = Instant::now();
        }
        if !go_on() {
            return None;
        }
    }
    Some(sums.into_iter().map(|s| s / total as f64).collect())
}

/// Adds the losses of passes, each with its number of windows.
fn read_back(pending: &mut Vec<(usize, Tensor<1>)>, sums: &mut [f64]) {
    let (counts, losses): (Vec<usize>, Vec<Tensor<1>>) = pending.drain(..).unzip();
    let losses = Tensor::cat(losses, 0).into_data();
    let losses: Vec<f32> = losses.try_to_vec().expect("losses are f32");
    for (count, losses) in counts.iter().zip(losses.chunks_exact(sums.len())) {
        for (sum, &loss) in sums.iter_mut().zip(losses) {
            *sum += f64::from(loss) * *count as f64;
        }
    }
}
