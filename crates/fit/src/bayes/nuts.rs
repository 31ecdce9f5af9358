//! The No-U-Turn sampler (Hoffman & Gelman 2014) with multinomial weights (Betancourt 2017) and a step size by dual
//! averaging, in coordinates whitened by the curvature at the mode.
//!
//! Written here because the posterior has six parameters: the kept crates for it bring a dense linear algebra stack
//! of over a hundred crates with them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::isoflop::normal;
use crate::solve::{Matrix, cholesky_solve};

/// Draws of one chain.
pub(super) struct Chain {
    pub draws: Vec<Vec<f64>>,
    pub divergent: usize,
}

/// Samples `steps` draws after as many of warming up. `scale` is a lower-triangular factor of the covariance.
pub(super) fn sample(
    log_density: impl Fn(&[f64], &mut [f64]) -> f64,
    centre: &[f64],
    scale: &[Vec<f64>],
    steps: usize,
    random: &mut ChaCha8Rng,
) -> Chain {
    let n = centre.len();
    let unwhiten = |q: &[f64]| -> Vec<f64> {
        (0..n).map(|i| centre[i] + (0..=i).map(|j| scale[i][j] * q[j]).sum::<f64>()).collect()
    };
    let density = |q: &[f64]| -> (f64, Vec<f64>) {
        let z = unwhiten(q);
        let mut g = vec![0.0; n];
        let value = log_density(&z, &mut g);
        let slope = (0..n).map(|j| (j..n).map(|i| scale[i][j] * g[i]).sum()).collect();
        (if value.is_nan() { f64::NEG_INFINITY } else { value }, slope)
    };
    // Chains start apart, so that R-hat can see whether they find each other.
    let mut q: Vec<f64> = (0..n).map(|_| 1.5 * normal(random)).collect();
    let mut here = density(&q);
    for _ in 0..50 {
        if here.0.is_finite() {
            break;
        }
        q.iter_mut().for_each(|v| *v *= 0.5);
        here = density(&q);
    }
    let mut step = DualAveraging::new(0.2);
    let mut chain = Chain { draws: Vec::with_capacity(steps), divergent: 0 };
    for k in 0..2 * steps {
        let warm = k < steps;
        let epsilon = if warm { step.current() } else { step.settled() };
        let p: Vec<f64> = (0..n).map(|_| normal(random)).collect();
        let energy = 0.5 * dot(&p, &p) - here.0;
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
            chain.draws.push(unwhiten(&q));
        }
    }
    chain
}

#[derive(Clone)]
struct Phase {
    q: Vec<f64>,
    p: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
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
        let energy = 0.5 * dot(&phase.p, &phase.p) - phase.value;
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
    density: &impl Fn(&[f64]) -> (f64, Vec<f64>),
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

fn leapfrog(density: &impl Fn(&[f64]) -> (f64, Vec<f64>), from: &Phase, epsilon: f64) -> Phase {
    let half = |p: &[f64], g: &[f64]| -> Vec<f64> {
        p.iter().zip(g).map(|(p, g)| p + 0.5 * epsilon * g).collect()
    };
    let p = half(&from.p, &from.slope);
    let q: Vec<f64> = from.q.iter().zip(&p).map(|(q, p)| q + epsilon * p).collect();
    let (value, slope) = density(&q);
    Phase { p: half(&p, &slope), q, value, slope }
}

fn turned(left: &Phase, right: &Phase) -> bool {
    let span: Vec<f64> = right.q.iter().zip(&left.q).map(|(r, l)| r - l).collect();
    dot(&span, &left.p) < 0.0 || dot(&span, &right.p) < 0.0
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
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

/// Lower-triangular `l` with `l l' = h^-1`, adding to the diagonal until `h` is positive definite.
pub(super) fn inverse_factor(h: &Matrix, n: usize) -> Vec<Vec<f64>> {
    let mut inverse = vec![vec![0.0; n]; n];
    let mut extra = 0.0;
    let largest = (0..n).map(|k| h[k][k].abs()).fold(1e-12, f64::max);
    'tries: for _ in 0..30 {
        let mut raised = *h;
        for (k, row) in raised.iter_mut().enumerate().take(n) {
            row[k] += extra;
        }
        for k in 0..n {
            let mut unit = [0.0; crate::solve::MAX_PARAMETERS];
            unit[k] = 1.0;
            let Some(column) = cholesky_solve(&raised, &unit, n) else {
                extra = (extra * 4.0).max(1e-10 * largest);
                continue 'tries;
            };
            for i in 0..n {
                inverse[i][k] = column[i];
            }
        }
        break;
    }
    let mut l = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let sum = inverse[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            l[i][j] = if i == j { sum.max(1e-20).sqrt() } else { sum / l[j][j] };
        }
    }
    l
}
