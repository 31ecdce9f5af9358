//! One stack's work, and how far it is. All times are seconds since the beginning.

/// One stack's work.
#[derive(Debug, Clone, Default)]
pub struct StackWork {
    pub(crate) total_flops: f64,
    done_flops: f64,
    pub(crate) step_flops: f64,
    expected_rate: Option<f64>,
}

/// How far a stack is.
#[derive(Debug)]
pub(crate) struct Progress {
    total_flops: f64,
    done_flops: f64,
    /// Index of its size of step.
    pub(crate) size: usize,
    stage: Stage,
    /// From being taken up to its first news: seconds, and FLOPs that were done in them.
    start: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Queued,
    /// Weights are built or read.
    Starting {
        since: f64,
    },
    /// Weights are there; no steps are known of.
    Ready {
        since: f64,
        taken_up: f64,
    },
    Training {
        /// When the last news came.
        news: f64,
    },
    Ended,
}

/// What a stack did between two of its news.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Advance {
    pub(crate) flops: f64,
    pub(crate) seconds: f64,
}

impl StackWork {
    /// Work of `total_flops`, in optimizer steps of `step_flops` per replica: the size that speed depends on.
    pub fn new(total_flops: f64, step_flops: f64) -> Self {
        Self { total_flops, step_flops, ..Self::default() }
    }

    /// The same with `done_flops` done already.
    pub fn done(self, done_flops: f64) -> Self {
        Self { done_flops, ..self }
    }

    /// The same with the FLOP/s that are expected before anything is measured.
    pub fn expected(self, rate: Option<f64>) -> Self {
        Self { expected_rate: rate, ..self }
    }

    /// FLOPs of a step, and the FLOP/s that are expected of it.
    pub(crate) fn size(&self) -> (f64, Option<f64>) {
        (self.step_flops, self.expected_rate)
    }
}

impl Progress {
    /// Of work whose size of step has this index.
    pub(crate) fn of(work: &StackWork, size: usize) -> Self {
        let StackWork { total_flops, done_flops, .. } = *work;
        Self { total_flops, done_flops, size, stage: Stage::Queued, start: None }
    }

    pub(crate) fn begin(&mut self, at: f64) {
        self.stage = Stage::Starting { since: at };
    }

    pub(crate) fn ready(&mut self, done_flops: f64, at: f64) {
        self.done_flops = done_flops.min(self.total_flops);
        let taken_up = match self.stage {
            Stage::Starting { since } => since,
            _ => at,
        };
        self.stage = Stage::Ready { since: at, taken_up };
    }

    /// What it did since the last news; `None` of the first, in which kernels may have been compiled.
    pub(crate) fn advance(&mut self, done_flops: f64, at: f64) -> Option<Advance> {
        let flops = (done_flops.min(self.total_flops) - self.done_flops).max(0.0);
        self.done_flops += flops;
        let stage = std::mem::replace(&mut self.stage, Stage::Training { news: at });
        match stage {
            Stage::Ready { taken_up, .. } => self.start = Some((at - taken_up, flops)),
            Stage::Training { news } => {
                return Some(Advance { flops, seconds: (at - news).max(0.0) });
            }
            Stage::Queued | Stage::Starting { .. } | Stage::Ended => {}
        }
        None
    }

    /// What it did since the last news, all of it where there was none.
    pub(crate) fn end(&mut self, at: f64) -> Option<Advance> {
        if let Stage::Ready { since, taken_up } = self.stage {
            self.start = Some((since - taken_up, 0.0));
            self.stage = Stage::Training { news: since };
        }
        let last = match self.stage {
            Stage::Training { .. } => self.advance(self.total_flops, at),
            _ => None,
        };
        self.done_flops = self.total_flops;
        self.stage = Stage::Ended;
        last
    }

    pub(crate) fn is_left(&self) -> bool {
        self.stage != Stage::Ended && self.done_flops < self.total_flops
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.stage == Stage::Queued
    }

    /// Seconds left of it at this rate, where a start costs `start` seconds.
    pub(crate) fn seconds_left(&self, rate: f64, start: f64, at: f64) -> f64 {
        let training = (self.total_flops - self.done_flops) / rate;
        match self.stage {
            Stage::Queued => start + training,
            Stage::Starting { since } | Stage::Ready { taken_up: since, .. } => {
                (start - (at - since)).max(0.0) + training
            }
            Stage::Training { news } => (training - (at - news)).max(0.0),
            Stage::Ended => 0.0,
        }
    }

    /// Seconds that its start cost besides the FLOPs that it did at this rate, once it is over.
    pub(crate) fn start_seconds(&self, rate: f64) -> Option<f64> {
        self.start.map(|(seconds, flops)| (seconds - flops / rate).max(0.0))
    }
}
