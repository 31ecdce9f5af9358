//! A step as a list of launches that is recorded.

use burn::cubecl::client::Graph;
use burn::cubecl::config::profiling::ProfilingLogLevel;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::inputs::{Inputs, SECTION};
use super::micro_batch::MicroBatch;
use crate::adapter::parts::Parts;
use crate::adapter::pass::{Batch, Pass, token_index_sizes};
use crate::adapter::update::{Moments, update};
use crate::kernels::Traffic;
use crate::kernels::elementwise::copy;
use crate::kernels::tensors::{empty, view};
use crate::kernels::traffic::during;
use crate::model::StackModel;
use crate::ops::adamw::{PER_REPLICA, ReplicaStep, factors};
use crate::ops::embedding::kernel::token_index;

/// What a recording depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    packed: u64,
    moments: u64,
    /// Tokens of a replica in every micro-batch, and its share.
    micro: Vec<(usize, u32)>,
    z: u32,
}

/// Memory of the steps of one stack, and their recording.
pub(super) struct Prepared {
    pub key: Key,
    pub inputs: Inputs,
    parts: Parts,
    gradients: CubeTensor,
    /// Losses of all replicas, and from the next multiple of [`SECTION`] on their norms.
    pub results: CubeTensor,
    pub graph: Option<Graph>,
    /// Of a step.
    pub traffic: Traffic,
    steps: usize,
}

/// What a step is made of besides its memory.
pub(super) struct Run<'a> {
    pub model: &'a StackModel,
    pub moments: &'a Moments,
    pub batches: &'a [MicroBatch],
    pub z: f32,
}

impl Prepared {
    /// Makes the step whose numbers have been written.
    pub fn advance(&mut self, run: &Run, refused: &mut Option<String>) {
        let client = self.results.client.clone();
        self.steps += 1;
        if let Some(graph) = &self.graph {
            // SAFETY: all that the launches read and write lives in `self`, the model and the moments, which are those of the
            // recording by the key; this thread made the recording, and writes and reads on the same stream.
            match unsafe { graph.replay() } {
                Ok(()) => return,
                Err(e) => panic!("a recorded step cannot be replayed: {e}"),
            }
        }
        if self.steps != 2 || refused.is_some() || are_timed() {
            self.traffic = during(|| self.launch(run));
            return;
        }
        // The second time memory is laid out as it will be, and then all is recorded without being run.
        let recorded = client.graph_prepare().and_then(|()| {
            self.launch(run);
            client.start_capture()?;
            self.launch(run);
            client.stop_capture()
        });
        match recorded {
            Ok(graph) => self.graph = Some(graph),
            Err(e) => *refused = Some(e.to_string()),
        }
    }

    /// All launches of a step.
    fn launch(&self, run: &Run) {
        let packed = run.model.packed().expect("checked");
        let (r, device) = (packed.replicas, run.model.device());
        let loss = view(&self.results, 0, [r]);
        let loss_scale = run.model.loss_scale(&run.batches[0].inputs, run.batches[0].share);
        for (i, batch) in run.batches.iter().enumerate() {
            let m = batch.inputs.per_replica();
            let pass = Pass::new(packed, batch.inputs.sequences(), &device);
            let ids = |at: usize| self.inputs.section(4 * i + at, [r, m, 1], DType::I32);
            let lists = |at: usize| {
                let len = self.inputs.sections[4 * i + at].1;
                self.inputs.section(4 * i + at, [len], DType::I32)
            };
            let on_device =
                Batch { inputs: ids(0), targets: ids(1), token_index: Some([lists(2), lists(3)]) };
            let numbers = [run.z, batch.share, loss_scale];
            pass.gradients(&on_device, numbers, &loss, &self.parts, i > 0);
        }
        let factors = self.inputs.section(4 * run.batches.len(), [r, PER_REPLICA], DType::F32);
        let norms = update(
            packed,
            run.moments,
            (&self.parts.flat, &self.parts.tables),
            &self.gradients,
            &factors,
            1.0 / loss_scale,
        );
        copy(&norms, &view(&self.results, r.next_multiple_of(SECTION), [r]));
    }
}

/// Whether cubecl's own log times every launch, which it cannot do within a recording.
fn are_timed() -> bool {
    let config = CubeClRuntimeConfig::get();
    let logger = &config.profiling.logger;
    let heard = logger.file.is_some() || logger.stdout || logger.stderr;
    heard && !matches!(logger.level, ProfilingLogLevel::Disabled)
}

pub(super) fn key(model: &StackModel, moments: &Moments, batches: &[MicroBatch], z: f32) -> Key {
    Key {
        packed: model.packed().expect("checked").id,
        moments: moments.id,
        micro: batches.iter().map(|b| (b.inputs.per_replica(), b.share.to_bits())).collect(),
        z: z.to_bits(),
    }
}

pub(super) fn prepare(key: Key, model: &StackModel, batches: &[MicroBatch]) -> Prepared {
    let packed = model.packed().expect("checked");
    let (r, vocab) = (packed.replicas, packed.shape.vocab);
    let lengths = batches.iter().flat_map(|batch| {
        let m = batch.inputs.per_replica();
        let [starts, positions] = token_index_sizes(r, m, vocab);
        [r * m, r * m, starts, positions]
    });
    let lengths: Vec<usize> = lengths.chain([r * PER_REPLICA]).collect();
    let device = model.device();
    let pass = Pass::new(packed, batches[0].inputs.sequences(), &device);
    let like = &packed.flat;
    Prepared {
        key,
        inputs: Inputs::new(&lengths, like),
        parts: pass.parts(&device),
        gradients: empty(like, [like.meta.num_elements()]),
        results: empty(like, [2 * r.next_multiple_of(SECTION)]),
        graph: None,
        traffic: Traffic::default(),
        steps: 0,
    }
}

/// The numbers of a step.
pub(super) fn words(
    model: &StackModel,
    batches: &[MicroBatch],
    settings: &[ReplicaStep],
    step: u64,
) -> Vec<Vec<i32>> {
    let vocab = model.shape().vocab;
    let mut all = Vec::with_capacity(4 * batches.len() + 1);
    for batch in batches {
        let lists = token_index(&batch.inputs, vocab);
        all.push(batch.inputs.ids().to_vec());
        all.push(batch.targets.ids().to_vec());
        all.push(lists.starts);
        all.push(lists.rows);
    }
    all.push(factors(settings, step).into_iter().map(|f| f.to_bits() as i32).collect());
    all
}
