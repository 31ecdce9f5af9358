//! What has to hold before a stack trains.

use std::time::Instant;

use isoflop_data::{Corpus, Dataset, Windows};
use isoflop_device::{PassSize, check_products};
use isoflop_plan::Stack;

use super::{Run, spent};
use crate::error::TrainError;
use crate::event::{Control, Event, Overhead};

/// The windows that the stack trains on, if it and the data fit together.
pub(super) fn check<'a>(stack: &Stack, corpus: &'a Corpus) -> Result<Windows<'a>, TrainError> {
    let mismatch = |what: String| TrainError::Mismatch { stack: stack.id.clone(), what };
    let Some(first) = stack.cells.first() else {
        return Err(mismatch("it has no cells".into()));
    };
    for cell in &stack.cells {
        let same = cell.shape == first.shape
            && cell.hyper.batch_sequences == first.hyper.batch_sequences
            && cell.hyper.optimizer == first.hyper.optimizer
            && cell.hyper.precision == first.hyper.precision
            && cell.hyper.z_loss == first.hyper.z_loss;
        if !same {
            let what = format!(
                "cells {} and {} differ in shape, batch, optimizer, precision or z-loss",
                first.id, cell.id
            );
            return Err(mismatch(what));
        }
        if cell.steps == 0 {
            return Err(mismatch(format!("cell {} has no steps", cell.id)));
        }
    }
    if first.shape.vocab < corpus.vocab() {
        let what =
            format!("its vocabulary is {}, the data's {}", first.shape.vocab, corpus.vocab());
        return Err(mismatch(what));
    }
    corpus
        .windows(first.shape.context)
        .map_err(|source| TrainError::Data { stack: stack.id.clone(), source })
}

impl Run<'_> {
    /// Makes sure that the device computes the products of the steps and evaluations to come as the CPU does.
    pub(super) fn check_products(
        &self,
        events: &mut dyn FnMut(Event) -> Control,
    ) -> Result<(), TrainError> {
        let began = Instant::now();
        let first = &self.cells()[0];
        let context = first.shape.context;
        let of = |sequences, backward| PassSize { tokens: sequences * context, backward };
        let (batch, micro) = (first.hyper.batch_sequences, self.micro_batch());
        let (held_out, pass) = (self.windows.valid().len(), self.options.eval_sequences.max(1));
        let (training, evaluated) = (self.width(), self.evaluated_at_once().min(self.width()));
        let passes = [
            (micro, true, training),
            (batch % micro, true, training),
            (pass.min(held_out), false, evaluated),
            (held_out % pass, false, evaluated),
        ];
        let device = self.state.model.device();
        for (sequences, backward, replicas) in passes.into_iter().filter(|pass| pass.0 > 0) {
            let pass = of(sequences, backward);
            check_products(&device, &first.shape, first.hyper.precision, replicas, pass)
                .map_err(|wrong| TrainError::Product { stack: self.stack.id.clone(), wrong })?;
        }
        spent(events, Overhead::Checking, began);
        Ok(())
    }

    /// Replicas that are evaluated side by side, at most.
    pub(super) fn evaluated_at_once(&self) -> usize {
        self.options.evaluated_at_once.unwrap_or(usize::MAX).max(1)
    }

    /// Sequences of a replica that pass at once.
    pub(super) fn micro_batch(&self) -> usize {
        let batch = self.cells()[0].hyper.batch_sequences;
        self.options.micro_batch_sequences.unwrap_or(batch).clamp(1, batch)
    }
}
