//! The No-U-Turn sampler (Hoffman & Gelman 2014) with multinomial weights (Betancourt 2017) and a step size by dual
//! averaging, in coordinates whitened by the curvature at the mode.
//!
//! Written here because the posterior has six parameters: the kept crates for it bring over a hundred crates with them.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

pub(super) struct Chain {
    pub draws: Vec<Vec<f64>>,
    pub divergent: usize,
}

/// Samples `steps` draws after as many of warming up. `scale` is a factor of the covariance.
pub(super) fn sample(
    log_density: impl Fn(&[f64], &mut [f64]) -> f64,
    centre: &[f64],
    scale: &DMatrix<f64>,
    steps: usize,
    random: &mut ChaCha8Rng,
) -> Chain {
    let n = centre.len();
    let centre = DVector::from_column_slice(centre);
    let unwhiten = |q: &DVector<f64>| &centre + scale * q;
    let density = |q: &DVector<f64>| {
        let mut g = DVector::zeros(n);
        let value = log_density(unwhiten(q).as_slice(), g.as_mut_slice());
        (if value.is_nan() { f64::NEG_INFINITY } else { value }, scale.tr_mul(&g))
    };
    let normal = |random: &mut ChaCha8Rng| -> DVector<f64> {
        DVector::from_fn(n, |_, _| random.sample(StandardNormal))
    };
    // Chains start apart, so that R-hat can see whether they find each other.
    let mut q = normal(random) * 1.5;
    let mut here = density(&q);
    for _ in 0..50 {
        if here.0.is_finite() {
            break;
        }
        q *= 0.5;
        here = density(&q);
    }
    let mut step = DualAveraging::new(0.2);
    let mut chain = Chain { draws: Vec::with_capacity(steps), divergent: 0 };
    for k in 0..2 * steps {
        let warm = k < steps;
        let epsilon = if warm { step.current() } else { step.settled() };
        let p = normal(random);
        let energy = 0.5 * p.norm_squared() - here.0;
        let edge = Phase { q: q.clone(), p, value: here.0, slope: here.1.clone() };
        let mut tree = Tree::leaf(edge, energy);
        let mut divergent = false;
        for depth in 0..10 {
            let forward = random.random::<bool>();
            let from = if forward { &tree.right } else { &tree.left };
            let sign = if forward { epsilon } else { -epsilon };
            let grown = grow(&density, from, depth, sign, energy, random);
            tree.accept += grown.accept;
            tree.visited += grown.visited;
            divergent |= grown.diverged;
            if grown.stop {
                break;
            }
            // Biased progressive sampling: towards the new half.
            if random.random::<f64>().ln() < grown.weight - tree.weight {
                tree.chosen = grown.chosen;
            }
            tree.weight = log_add(tree.weight, grown.weight);
            if forward {
                tree.right = grown.right
            } else {
                tree.left = grown.left
            }
            if turned(&tree.left, &tree.right) {
                break;
            }
        }
        q = tree.chosen.q;
        here = (tree.chosen.value, tree.chosen.slope);
        if warm {
            step.update(tree.accept / tree.visited.max(1) as f64);
        } else {
            chain.divergent += usize::from(divergent);
            chain.draws.push(unwhiten(&q).as_slice().to_vec());
        }
    }
    chain
}

#[derive(Clone)]
struct Phase {
    q: DVector<f64>,
    p: DVector<f64>,
    value: f64,
    slope: DVector<f64>,
}

struct Tree {
    left: Phase,
    right: Phase,
    chosen: Phase,
    /// Log of the summed weights.
    weight: f64,
    stop: bool,
    diverged: bool,
    accept: f64,
    visited: usize,
}

impl Tree {
    fn leaf(phase: Phase, energy0: f64) -> Tree {
        let energy = 0.5 * phase.p.norm_squared() - phase.value;
        // Written so that NaN diverges.
        let diverged = !(energy - energy0 < 1000.0);
        Tree {
            left: phase.clone(),
            right: phase.clone(),
            weight: energy0 - energy,
            stop: diverged,
            diverged,
            accept: (energy0 - energy).exp().min(1.0),
            visited: 1,
            chosen: phase,
        }
    }
}

fn grow(
    density: &impl Fn(&DVector<f64>) -> (f64, DVector<f64>),
    from: &Phase,
    depth: usize,
    epsilon: f64,
    energy0: f64,
    random: &mut ChaCha8Rng,
) -> Tree {
    if depth == 0 {
        let mut leaf = Tree::leaf(leapfrog(density, from, epsilon), energy0);
        if leaf.diverged {
            leaf.accept = 0.0;
        }
        return leaf;
    }
    let mut first = grow(density, from, depth - 1, epsilon, energy0, random);
    if first.stop {
        return first;
    }
    let next = if epsilon > 0.0 { &first.right } else { &first.left };
    let second = grow(density, next, depth - 1, epsilon, energy0, random);
    first.accept += second.accept;
    first.visited += second.visited;
    first.diverged |= second.diverged;
    let weight = log_add(first.weight, second.weight);
    if random.random::<f64>().ln() < second.weight - weight {
        first.chosen = second.chosen;
    }
    first.weight = weight;
    if epsilon > 0.0 {
        first.right = second.right
    } else {
        first.left = second.left
    }
    first.stop = second.stop || turned(&first.left, &first.right);
    first
}

fn leapfrog(
    density: &impl Fn(&DVector<f64>) -> (f64, DVector<f64>),
    from: &Phase,
    epsilon: f64,
) -> Phase {
    let half = &from.p + &from.slope * (0.5 * epsilon);
    let q = &from.q + &half * epsilon;
    let (value, slope) = density(&q);
    Phase { p: half + &slope * (0.5 * epsilon), q, value, slope }
}

fn turned(left: &Phase, right: &Phase) -> bool {
    let span = &right.q - &left.q;
    span.dot(&left.p) < 0.0 || span.dot(&right.p) < 0.0
}

fn log_add(a: f64, b: f64) -> f64 {
    let top = a.max(b);
    if top == f64::NEG_INFINITY { top } else { top + ((a - top).exp() + (b - top).exp()).ln() }
}

/// Nesterov's dual averaging towards an acceptance of 0.9 (Hoffman & Gelman 2014, section 3.2).
struct DualAveraging {
    shrink: f64,
    log_step: f64,
    log_mean: f64,
    off: f64,
    count: f64,
}

impl DualAveraging {
    fn new(first: f64) -> Self {
        let log_step = f64::ln(first);
        let shrink = (10.0 * first).ln();
        DualAveraging { shrink, log_step, log_mean: log_step, off: 0.0, count: 0.0 }
    }

    fn current(&self) -> f64 {
        self.log_step.exp()
    }

    fn settled(&self) -> f64 {
        self.log_mean.exp()
    }

    fn update(&mut self, accept: f64) {
        self.count += 1.0;
        let k = self.count;
        let share = 1.0 / (k + 10.0);
        self.off = (1.0 - share) * self.off + share * (0.9 - accept);
        self.log_step = self.shrink - k.sqrt() / 0.05 * self.off;
        let weight = k.powf(-0.75);
        self.log_mean = weight * self.log_step + (1.0 - weight) * self.log_mean;
    }
}

/// `l` with `l l' = h^-1`, adding to the diagonal until `h` is positive definite; `None` where no addition helps.
pub(super) fn inverse_factor(h: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = h.nrows();
    let largest = h.diagonal().amax().max(1e-12);
    let mut extra = 0.0;
    for _ in 0..30 {
        let raised = h + DMatrix::identity(n, n) * extra;
        if let Some(factor) = raised.cholesky().and_then(|c| c.inverse().cholesky()) {
            return Some(factor.unpack());
        }
        extra = (extra * 4.0).max(1e-10 * largest);
    }
    None
}
