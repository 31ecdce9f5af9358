//! The settings of an update, and the numbers that it multiplies by.

/// Settings of one replica for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicaStep {
    /// Learning rate of this step, schedule and warm-up applied.
    pub learning_rate: f64,
    /// Decoupled weight decay of matrices, times the learning rate.
    pub weight_decay: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// Adam's denominator offset.
    pub epsilon: f64,
    pub clip_norm: Option<f64>,
}

/// Numbers per replica in `factors`, in this order: decay of the first moment and its complement,
/// of the second and its complement, what of the weight is kept, the rate, the correction of the
/// second moment and Adam's epsilon; of weights that decay, then of those that do not; then the limit of the gradient's norm.
pub(crate) const FACTORS: usize = 8;
/// Floats of `factors` for each replica.
pub(crate) const PER_REPLICA: usize = 2 * FACTORS + 1;

/// The scalars of one replica's update.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    pub grad: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub one_minus_beta1: f32,
    pub one_minus_beta2: f32,
    /// `1 - lr * decay`.
    pub keep: f32,
    /// `lr / (1 - beta1^t)`.
    pub rate: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub correction: f32,
    pub epsilon: f32,
}

impl Factors {
    pub(super) fn new(s: &ReplicaStep, step: u64, decay: bool) -> Self {
        let step = step as f64;
        let decay = if decay { s.weight_decay } else { 0.0 };
        Self {
            grad: 1.0,
            beta1: s.beta1 as f32,
            beta2: s.beta2 as f32,
            one_minus_beta1: (1.0 - s.beta1) as f32,
            one_minus_beta2: (1.0 - s.beta2) as f32,
            keep: (1.0 - s.learning_rate * decay) as f32,
            rate: (s.learning_rate / (1.0 - s.beta1.powf(step))) as f32,
            correction: (1.0 / (1.0 - s.beta2.powf(step)).sqrt()) as f32,
            epsilon: s.epsilon as f32,
        }
    }

    /// In the order of the kernel.
    pub(super) fn for_kernel(self) -> [f32; FACTORS] {
        let moments = [self.beta1, self.one_minus_beta1, self.beta2, self.one_minus_beta2];
        let [b1, c1, b2, c2] = moments;
        [b1, c1, b2, c2, self.keep, self.rate, self.correction, self.epsilon]
    }
}

/// [`PER_REPLICA`] numbers of every replica's update.
pub(crate) fn factors(settings: &[ReplicaStep], step: u64) -> Vec<f32> {
    let mut all = Vec::with_capacity(settings.len() * PER_REPLICA);
    for setting in settings {
        for decays in [true, false] {
            all.extend(Factors::new(setting, step, decays).for_kernel());
        }
        all.push(setting.clip_norm.map_or(f32::MAX, |limit| limit as f32));
    }
    all
}
