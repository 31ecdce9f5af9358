//! Training steps of a stack: launched the first time, recorded the second, replayed from then on.

use burn::cubecl::client::Graph;
use burn::cubecl::config::profiling::ProfilingLogLevel;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn::cubecl::{bytes::Bytes, server::Handle};
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::tensor::CubeTensor;
use isoflop_plan::Optimizer;

use super::packed::tensor;
use super::parts::Parts;
use super::pass::{Batch, Pass, places_sizes};
use super::update::{Moments, update};
use crate::batch::Tokens;
use crate::kernels::flat::{self, FACTORS, PER_REPLICA};
use crate::kernels::launch::{empty, view};
use crate::kernels::places;
use crate::model::StackModel;
use crate::optim::{OptimState, ReplicaStep};

/// A share of a step's batch that is passed at a time.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    /// Token ids.
    pub inputs: Tokens,
    /// The ids that follow.
    pub targets: Tokens,
    /// Share of the step's tokens.
    pub share: f32,
}

/// Sections of the step's numbers begin at multiples of this many words (256 bytes).
const SECTION: usize = 64;

/// What the device reads anew at every step, in one buffer: ids, targets and places of every micro-batch, and the factors of the
/// update.
struct Inputs {
    words: CubeTensor,
    /// Begin and length of every section.
    sections: Vec<(usize, usize)>,
}

impl Inputs {
    fn new(lengths: &[usize], like: &CubeTensor) -> Self {
        let mut next = 0;
        let sections = lengths.iter().map(|&len| {
            let at = next;
            next += len.next_multiple_of(SECTION);
            (at, len)
        });
        let sections = sections.collect();
        let words = empty(like, [next]);
        Self { words, sections }
    }

    /// A section as a tensor.
    fn section<const D: usize>(&self, index: usize, shape: [usize; D], dtype: DType) -> CubeTensor {
        let part = view(&self.words, self.sections[index].0, shape);
        let (client, device) = (part.client.clone(), part.device.clone());
        CubeTensor::new_contiguous(client, device, Shape::from(shape), part.handle, dtype)
    }

    fn write(&self, sections: Vec<Vec<i32>>) {
        let mut words = vec![0i32; self.words.meta.num_elements()];
        for (&(at, len), from) in self.sections.iter().zip(&sections) {
            assert_eq!(from.len(), len, "sections keep their sizes");
            words[at..at + len].copy_from_slice(from);
        }
        let handle: &Handle = &self.words.handle;
        self.words.client.write(handle, Bytes::from_elems(words));
    }
}

/// What a recording depends on.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    packed: u64,
    moments: u64,
    /// Tokens of a replica in every micro-batch, and its share.
    micro: Vec<(usize, u32)>,
    z: u32,
}

/// Memory of the steps of one stack, and their recording.
struct Prepared {
    key: Key,
    inputs: Inputs,
    parts: Parts,
    gradients: CubeTensor,
    /// Losses of all replicas, and from the next multiple of [`SECTION`] on their norms.
    results: CubeTensor,
    graph: Option<Graph>,
    steps: usize,
}

/// Steps of a stack. On the CPU, and where there are no kernels, one operation is called after the other.
#[derive(Default)]
pub struct Steps {
    prepared: Option<Prepared>,
    /// Why steps are not recorded.
    refused: Option<String>,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("recorded", &self.is_recorded()).finish_non_exhaustive()
    }
}

impl Steps {
    /// Nothing prepared yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last step was replayed from a recording.
    pub fn is_recorded(&self) -> bool {
        self.prepared.as_ref().is_some_and(|p| p.graph.is_some())
    }

    /// Why a device's steps are launched one by one, where they are and should not be.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// One step of all replicas: mean losses `[R]` and gradient norms before clipping `[R]`.
    ///
    /// # Panics
    /// If there is no batch, or `settings` does not name one setting per replica.
    pub fn step(
        &mut self,
        model: &mut StackModel,
        optim: &mut OptimState,
        batches: &[MicroBatch],
        z: f32,
        rule: Optimizer,
        settings: &[ReplicaStep],
    ) -> (Tensor<1>, Tensor<1>) {
        assert_eq!(settings.len(), model.replicas(), "one setting per replica");
        let even =
            batches.windows(2).all(|w| w[0].inputs.per_replica() == w[1].inputs.per_replica());
        if !model.is_packed() || rule != Optimizer::AdamW || !even {
            self.prepared = None;
            return one_by_one(model, optim, batches, z, rule, settings);
        }
        let moments = optim.moments(model.specs());
        let key = key(model, &moments, batches, z);
        if self.prepared.as_ref().is_none_or(|p| p.key != key) {
            self.prepared = None; // before memory is taken for the next
            self.prepared = Some(prepare(key, model, batches));
        }
        let prepared = self.prepared.as_mut().expect("just made");
        optim.step += 1;
        prepared.inputs.write(words(model, batches, settings, optim.step));
        let run = Run { model, moments: &moments, batches, z };
        prepared.advance(&run, &mut self.refused);
        let r = model.replicas();
        let results = empty(&prepared.results, [2 * r.next_multiple_of(SECTION)]);
        flat::place(&prepared.results, &results);
        let norms = r.next_multiple_of(SECTION);
        let [loss, norm] = [0, norms].map(|at| tensor(&view(&results, at, [r])));
        (loss, norm)
    }
}

/// What a step is made of besides its memory.
struct Run<'a> {
    model: &'a StackModel,
    moments: &'a Moments,
    batches: &'a [MicroBatch],
    z: f32,
}

impl Prepared {
    /// Makes the step whose numbers have been written.
    fn advance(&mut self, run: &Run, refused: &mut Option<String>) {
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
            return self.launch(run);
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
        let boost = run.model.boost(&run.batches[0].inputs, run.batches[0].share);
        for (i, batch) in run.batches.iter().enumerate() {
            let m = batch.inputs.per_replica();
            let pass = Pass::new(packed, batch.inputs.sequences(), &device);
            let ids = |at: usize| self.inputs.section(4 * i + at, [r, m, 1], DType::I32);
            let lists = |at: usize| {
                let len = self.inputs.sections[4 * i + at].1;
                self.inputs.section(4 * i + at, [len], DType::I32)
            };
            let on_device =
                Batch { inputs: ids(0), targets: ids(1), places: Some([lists(2), lists(3)]) };
            let numbers = [run.z, batch.share, boost];
            pass.gradients(&on_device, numbers, &loss, &self.parts, i > 0);
        }
        let factors = self.inputs.section(4 * run.batches.len(), [r, PER_REPLICA], DType::F32);
        let norms =
            update(packed, run.moments, &self.parts, &self.gradients, &factors, 1.0 / boost);
        flat::place(&norms, &view(&self.results, r.next_multiple_of(SECTION), [r]));
    }
}

/// Whether cubecl's own log times every launch, which it cannot do within a recording.
fn are_timed() -> bool {
    let config = CubeClRuntimeConfig::get();
    let logger = &config.profiling.logger;
    let heard = logger.file.is_some() || logger.stdout || logger.stderr;
    heard && !matches!(logger.level, ProfilingLogLevel::Disabled)
}

fn key(model: &StackModel, moments: &Moments, batches: &[MicroBatch], z: f32) -> Key {
    Key {
        packed: model.packed().expect("checked").id,
        moments: moments.id,
        micro: batches.iter().map(|b| (b.inputs.per_replica(), b.share.to_bits())).collect(),
        z: z.to_bits(),
    }
}

fn prepare(key: Key, model: &StackModel, batches: &[MicroBatch]) -> Prepared {
    let packed = model.packed().expect("checked");
    let (r, vocab) = (packed.replicas, packed.shape.vocab);
    let lengths = batches.iter().flat_map(|batch| {
        let m = batch.inputs.per_replica();
        let [starts, places] = places_sizes(r, m, vocab);
        [r * m, r * m, starts, places]
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
        steps: 0,
    }
}

/// The numbers of a step.
fn words(
    model: &StackModel,
    batches: &[MicroBatch],
    settings: &[ReplicaStep],
    step: u64,
) -> Vec<Vec<i32>> {
    let vocab = model.shape().vocab;
    let mut all = Vec::with_capacity(4 * batches.len() + 1);
    for batch in batches {
        let lists = places(&batch.inputs, vocab);
        all.push(batch.inputs.ids().to_vec());
        all.push(batch.targets.ids().to_vec());
        all.push(lists.starts);
        all.push(lists.rows);
    }
    all.push(factors(settings, step).into_iter().map(|f| f.to_bits() as i32).collect());
    all
}

/// [`PER_REPLICA`] numbers of every replica's update.
pub(crate) fn factors(settings: &[ReplicaStep], step: u64) -> Vec<f32> {
    let mut all = Vec::with_capacity(settings.len() * PER_REPLICA);
    for setting in settings {
        for decays in [true, false] {
            let factors: [f32; FACTORS] = setting.factors(step, decays);
            all.extend(factors);
        }
        all.push(setting.clip_norm.map_or(f32::MAX, |limit| limit as f32));
    }
    all
}

/// By the operations of [`StackModel`] and [`OptimState`].
fn one_by_one(
    model: &mut StackModel,
    optim: &mut OptimState,
    batches: &[MicroBatch],
    z: f32,
    rule: Optimizer,
    settings: &[ReplicaStep],
) -> (Tensor<1>, Tensor<1>) {
    let passes = batches
        .iter()
        .map(|batch| model.loss_and_grads(&batch.inputs, &batch.targets, z, batch.share));
    let sum = passes.reduce(|(loss, grads), (more, others)| {
        (loss + more, grads.into_iter().zip(others).map(|(a, b)| a + b).collect())
    });
    let (loss, grads) = sum.expect("a batch has sequences");
    let norm = optim.update(rule, model, grads, settings);
    (loss, norm)
}
