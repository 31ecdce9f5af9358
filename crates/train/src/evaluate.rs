//! Held-out loss: the same windows, batch and precision for every cell.

use isoflop_data::Corpus;
use isoflop_model::{StackModel, Tokens};

/// Mean loss of every replica over all held-out windows, nats per token. Windows that do not fill
/// a last pass make a smaller one. `None` where `go_on`, which is asked after every pass, says no.
pub(crate) fn evaluate(
    model: &StackModel,
    corpus: &Corpus,
    sequences: usize,
    mut go_on: impl FnMut() -> bool,
) -> Option<Vec<f64>> {
    let context = model.shape().context;
    let (r, total) = (model.replicas(), corpus.valid_sequences(context));
    let mut sums = vec![0.0f64; r];
    let mut window = vec![0i32; context + 1];
    for start in (0..total).step_by(sequences) {
        let count = sequences.min(total - start);
        let mut windows = Vec::with_capacity(count * (context + 1));
        for index in start..start + count {
            corpus.valid_sequence(index, context, &mut window);
            windows.extend_from_slice(&window);
        }
        let (inputs, targets) = Tokens::inputs_and_targets(&windows.repeat(r), r, context);
        let losses: Vec<f32> =
            model.loss(&inputs, &targets).into_data().try_to_vec().expect("losses are f32");
        for (sum, loss) in sums.iter_mut().zip(losses) {
            *sum += f64::from(loss) * count as f64;
        }
        if !go_on() {
            return None;
        }
    }
    Some(sums.into_iter().map(|s| s / total as f64).collect())
}
