//! Batches prepared on another thread while the device works.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use isoflop_data::Corpus;
use isoflop_model::Tokens;

/// Which batch is wanted: the step and the seed of every lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) step: u64,
    pub(crate) seeds: Vec<u64>,
}

/// Sizes of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    pub(crate) sequences: usize,
    pub(crate) context: usize,
}

/// One step's windows, `[R, sequences, context + 1]`, row-major. A function of the request alone.
fn windows(corpus: &Corpus, size: BatchSize, request: &Request) -> Vec<i32> {
    let mut out = Vec::with_capacity(request.seeds.len() * size.sequences * (size.context + 1));
    let mut window = vec![0i32; size.context + 1];
    for &seed in &request.seeds {
        for b in 0..size.sequences as u64 {
            let index = request.step * size.sequences as u64 + b;
            corpus.train_sequence(seed, index, size.context, &mut window);
            out.extend_from_slice(&window);
        }
    }
    out
}

/// The running preparation of batches.
pub(crate) struct Feed {
    requests: SyncSender<Request>,
    batches: Receiver<(Request, Vec<i32>)>,
    size: BatchSize,
}

impl Feed {
    /// Starts the thread; it ends when the feed is dropped.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        corpus: &'scope Corpus,
        size: BatchSize,
    ) -> Self {
        let (requests, inbox) = sync_channel::<Request>(2);
        let (outbox, batches) = sync_channel(2);
        scope.spawn(move || {
            while let Ok(request) = inbox.recv() {
                let made = windows(corpus, size, &request);
                if outbox.send((request, made)).is_err() {
                    return;
                }
            }
        });
        Self { requests, batches, size }
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

    /// Inputs and targets of sequences `range` of every lane.
    pub(crate) fn tokens(
        &self,
        windows: &[i32],
        replicas: usize,
        range: std::ops::Range<usize>,
    ) -> (Tokens, Tokens) {
        let BatchSize { sequences, context } = self.size;
        if range == (0..sequences) {
            return Tokens::inputs_and_targets(windows, replicas, context);
        }
        let width = context + 1;
        let part: Vec<i32> = windows
            .chunks_exact(sequences * width)
            .flat_map(|lane| &lane[range.start * width..range.end * width])
            .copied()
            .collect();
        Tokens::inputs_and_targets(&part, replicas, context)
    }
}
