//! Batches prepared on another thread while the device works.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use isoflop_data::{Dataset, WindowDataset, Windows};
use isoflop_model::Tokens;

/// Which batch is wanted: the step and the seed of every replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) step: u64,
    pub(crate) seeds: Vec<u64>,
}

/// One step's windows, `[R, sequences, context + 1]`, row-major. A function of the request alone.
fn batch(windows: Windows, sequences: usize, request: &Request) -> Vec<i32> {
    let first = request.step as usize * sequences;
    let indices = first..first + sequences;
    let width = windows.context() + 1;
    let mut out = Vec::with_capacity(request.seeds.len() * sequences * width);
    for &seed in &request.seeds {
        append(&windows.train(seed, indices.end), indices.clone(), &mut out);
    }
    out
}

/// Appends windows of a dataset to `[.., context + 1]`, row-major.
pub(crate) fn append(dataset: &WindowDataset, indices: Range<usize>, out: &mut Vec<i32>) {
    for index in indices {
        let window = dataset.get(index).expect("a window is read from memory");
        out.extend_from_slice(&window.tokens);
    }
}

/// The running preparation of batches.
pub(crate) struct Feed {
    requests: SyncSender<Request>,
    batches: Receiver<(Request, Vec<i32>)>,
    sequences: usize,
    context: usize,
}

impl Feed {
    /// Starts the thread that makes batches of `sequences` windows a replica; it ends when the feed is dropped.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        windows: Windows<'scope>,
        sequences: usize,
    ) -> Self {
        let (requests, inbox) = sync_channel::<Request>(2);
        let (outbox, batches) = sync_channel(2);
        scope.spawn(move || {
            while let Ok(request) = inbox.recv() {
                let made = batch(windows, sequences, &request);
                if outbox.send((request, made)).is_err() {
                    return;
                }
            }
        });
        Self { requests, batches, sequences, context: windows.context() }
    }

    /// Asks for a batch ahead of its use.
    pub(crate) fn ask(&self, request: Request) {
        self.requests.send(request).expect("the feed runs as long as its stack");
    }

    /// The wanted batch; what was asked for ahead and is no longer wanted is dropped.
    pub(crate) fn take(&self, wanted: &Request) -> Vec<i32> {
        loop {
            let (request, made) = self.batches.recv().expect("a batch was asked for");
            if request == *wanted {
                return made;
            }
        }
    }

    /// Inputs and targets of sequences `range` of every replica.
    pub(crate) fn tokens(
        &self,
        windows: &[i32],
        replicas: usize,
        range: Range<usize>,
    ) -> (Tokens, Tokens) {
        let (sequences, context) = (self.sequences, self.context);
        if range == (0..sequences) {
            return Tokens::inputs_and_targets(windows, replicas, context);
        }
        let width = context + 1;
        let part: Vec<i32> = windows
            .chunks_exact(sequences * width)
            .flat_map(|replica| &replica[range.start * width..range.end * width])
            .copied()
            .collect();
        Tokens::inputs_and_targets(&part, replicas, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop_data::{Corpus, LanguageOptions};

    #[test]
    fn a_batch_is_the_windows_of_its_step_and_seeds() {
        let options = LanguageOptions { vocab: 16, word_end: 0.3, exponent: 1.0, seed: 0 };
        let corpus = Corpus::synthetic(options, 1000);
        let windows = corpus.windows(8).unwrap();
        let request = Request { step: 7, seeds: vec![3, 5] };
        let mut expected = Vec::new();
        for seed in [3, 5] {
            for index in 28..32 {
                let mut window = vec![0; 9];
                corpus.train_sequence(seed, index, 8, &mut window);
                expected.extend(window);
            }
        }
        assert_eq!(batch(windows, 4, &request), expected);
    }
}
