//! The model's own operations, forward and backward, one by one.

use burn::tensor::{Device, Tensor};
use isoflop_model::kernels::Choices;
use isoflop_model::ops::activation::{self, Activation};
use isoflop_model::ops::attention::{self, Dims, QkNorm};
use isoflop_model::ops::head::Head;
use isoflop_model::ops::{cross_entropy, embedding, linear, norm};
use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens};
use isoflop_plan::{Family, Optimizer, Precision, Shape};

use super::operations::{out, x};
use super::{Case, Values};

/// Largest deviation of operations in f32, as a share of the largest value: sums in another order,
/// and functions that a driver may compute to a few units in the last place.
const ROUNDING: f64 = 5e-5;

/// The same for operations with products in this precision.
fn rounding(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => ROUNDING,
        Precision::F16 => 1e-2,
        Precision::Bf16 => 6e-2,
    }
}

/// Those that go through their data in several rounds, which the small models of the self-test do not
/// make them do; in half precision attention alone.
pub(super) fn some(precision: Precision) -> Vec<Case> {
    let dims =
        |context, heads, head_dim| Dims { replicas: 2, sequences: 1, context, heads, head_dim };
    if precision != Precision::F32 {
        let allowed = rounding(precision);
        // Rows of the latter are fetched 4 bytes at a time.
        return vec![
            Case::new("attention, normed and rotated, heads of 32", allowed, move |d, p| {
                attended(d, p, dims(70, 2, 32), true)
            }),
            Case::new("attention, normed and rotated, heads of 6", allowed, move |d, p| {
                attended(d, p, dims(70, 3, 6), true)
            }),
        ];
    }
    vec![
        by_cubek(),
        Case::new("RMSNorm of many rows", ROUNDING, |d, _| normed(d, false)),
        Case::new("attention, normed and rotated, heads of 8", ROUNDING, move |d, p| {
            attended(d, p, dims(70, 3, 8), true)
        }),
        Case::new("attention, normed and rotated, heads of 64", ROUNDING, move |d, p| {
            attended(d, p, dims(130, 2, 64), true)
        }),
        Case::new("embedding of 13 words", ROUNDING, |d, _| embedded(d, 13)),
        Case::new("cross-entropy, 5000 words", ROUNDING, |d, _| entropy(d, 30, 5000)),
    ]
}

/// All of them; in half precision those alone that contain products in it.
pub(super) fn all(precision: Precision) -> Vec<Case> {
    let half = rounding(precision);
    let attend = |sequences, context, heads, head_dim| Dims {
        replicas: 2,
        sequences,
        context,
        heads,
        head_dim,
    };
    let products = [
        Case::new("linear", half, |d, p| projection(d, p, false)),
        Case::new("linear with bias", half, |d, p| projection(d, p, true)),
        Case::new("linear, rows of fours", half, |d, p| multiplied(d, p, [2, 150, 28, 84], false)),
        Case::new("logits and loss in three pieces", half, in_pieces),
        Case::new("attention", half, move |d, p| attended(d, p, attend(2, 70, 3, 8), false)),
        Case::new("attention, heads of 64", half, move |d, p| {
            attended(d, p, attend(1, 130, 2, 64), false)
        }),
        Case::new("attention, normed and rotated, heads of 32", half, move |d, p| {
            attended(d, p, attend(2, 70, 3, 32), true)
        }),
        Case::new("attention, normed and rotated, heads of 96", half, move |d, p| {
            attended(d, p, attend(1, 65, 1, 96), true)
        }),
        Case::new("attention, normed and rotated, heads of 20", half, move |d, p| {
            attended(d, p, attend(1, 65, 2, 20), true)
        }),
        Case::new("attention, normed and rotated, heads of 22", half, move |d, p| {
            attended(d, p, attend(1, 65, 2, 22), true)
        }),
    ];
    if precision != Precision::F32 {
        return products.into();
    }
    let rest = [
        by_cubek(),
        Case::new("RMSNorm and a residual", ROUNDING, |d, _| normed(d, false)),
        Case::new("LayerNorm", ROUNDING, |d, _| normed(d, true)),
        Case::new("attention, normed and rotated", ROUNDING, move |d, p| {
            attended(d, p, attend(2, 70, 3, 8), true)
        }),
        Case::new("SwiGLU", ROUNDING, |d, _| activated(d, Activation::SwiGlu)),
        Case::new("GELU", ROUNDING, |d, _| activated(d, Activation::Gelu)),
        Case::new("embedding and positions", ROUNDING, |d, _| embedded(d, 97)),
        Case::new("cross-entropy, 37 words", ROUNDING, |d, _| entropy(d, 70, 37)),
        Case::new("cross-entropy, 5000 words", ROUNDING, |d, _| entropy(d, 30, 5000)),
        Case::new("three updates by AdamW", ROUNDING, |d, _| {
            updated(d, Optimizer::AdamW, &[1.0, 0.05, 0.02])
        }),
        // Newton-Schulz iterations enlarge rounding.
        Case::new("an update by Muon", 2e-3, |d, _| updated(d, Optimizer::Muon, &[1.0])),
    ];
    products.into_iter().chain(rest).collect()
}

/// Products by the kernels that a GPU takes where they are faster than this project's.
fn by_cubek() -> Case {
    Case::new("linear by cubek's kernels", ROUNDING, |d, p| {
        let before = Choices::of(d);
        Choices { unit_products: false, ..before }.set(d);
        let values = projection(d, p, false);
        before.set(d);
        values
    })
}

fn named<const D: usize>(name: &str, tensor: Tensor<D>) -> (String, Vec<f32>) {
    (name.to_owned(), out(tensor))
}

fn in_pieces(d: &Device, precision: Precision) -> Values {
    let (r, m, k, v) = (2, 70, 24, 130);
    let (hidden, weight) = (x(1, [r, m, k], d), x(2, [r, k, v], d));
    let ids = (0..r * m).map(|i| (i * 29 % v) as i32).collect();
    let targets = Tokens::new(ids, r, m);
    let head = Head { weight: &weight, targets: &targets, cast: linear::half(precision) };
    let pieces = || vec![0..30, 30..60, 60..m];
    let loss = head.loss_of(pieces(), &hidden);
    let g = head.gradients_of(pieces(), hidden, 0.01, 256.0);
    vec![
        named("loss", loss),
        named("loss of the gradients", g.loss),
        named("gradient of the hidden states", g.hidden),
        named("gradient of the weight", g.weight),
    ]
}

fn projection(d: &Device, precision: Precision, bias: bool) -> Values {
    multiplied(d, precision, [2, 150, 72, 110], bias)
}

fn multiplied(d: &Device, precision: Precision, [r, m, k, n]: [usize; 4], bias: bool) -> Values {
    let cast = linear::half(precision);
    let (a, w) = (x(1, [r, m, k], d), x(2, [r, k, n], d));
    let b = bias.then(|| x(3, [r, 1, n], d));
    let y = linear::forward(&a, &w, b.as_ref(), cast);
    let g = linear::backward(a, &w, bias, x(4, [r, m, n], d), cast);
    let mut values = vec![
        named("forward", y),
        named("gradient of the input", g.x),
        named("gradient of the weight", g.w),
    ];
    values.extend(g.bias.map(|b| named("gradient of the bias", b)));
    values
}

fn normed(d: &Device, layer_norm: bool) -> Values {
    let (r, m, width) = (2, 150, 72);
    let (a, gain) = (x(1, [r, m, width], d), x(2, [r, 1, width], d));
    let bias = layer_norm.then(|| x(3, [r, 1, width], d));
    let (y, saved) = norm::forward(&a, &gain, bias.as_ref());
    let residual = (!layer_norm).then(|| x(5, [r, m, width], d));
    let g = norm::backward(saved, &gain, layer_norm, x(4, [r, m, width], d), residual);
    let mut values = vec![
        named("forward", y),
        named("gradient of the input", g.x),
        named("gradient of the gain", g.gain),
    ];
    values.extend(g.bias.map(|b| named("gradient of the bias", b)));
    values
}

fn attended(d: &Device, precision: Precision, dims: Dims, normed: bool) -> Values {
    let half = linear::half(precision);
    let rows = dims.sequences * dims.context;
    let qkv = x(1, [dims.replicas, rows, 3 * dims.width()], d);
    let gain = |seed| x(seed, [dims.replicas, 1, dims.head_dim], d);
    let gains = normed.then(|| QkNorm { q: gain(2), k: gain(3) });
    let (y, saved) = attention::forward(qkv, gains.as_ref(), dims, half);
    let dy = x(4, [dims.replicas, rows, dims.width()], d);
    let g = attention::backward(saved, gains.as_ref(), dims, dy, half);
    let mut values = vec![named("forward", y), named("gradient of the input", g.qkv)];
    if let Some(norm) = g.qk_norm {
        values.push(named("gradient of the query gain", norm.q));
        values.push(named("gradient of the key gain", norm.k));
    }
    values
}

fn activated(d: &Device, kind: Activation) -> Values {
    let (r, m, h) = (2, 150, 72);
    let inputs = if kind == Activation::SwiGlu { 2 * h } else { h };
    let a = x(1, [r, m, inputs], d) * 4.0;
    let y = activation::forward(&a, kind);
    let g = activation::backward(a, kind, x(2, [r, m, h], d));
    vec![named("forward", y), named("gradient of the input", g)]
}

fn tokens(rows: usize, vocab: usize, context: usize) -> Tokens {
    // Some words often, some never.
    Tokens::new((0..2 * rows).map(|i| ((i * i + 3 * i) % vocab) as i32).collect(), 2, context)
}

fn embedded(d: &Device, vocab: usize) -> Values {
    let (width, context) = (40, 25);
    let tokens = tokens(3 * context, vocab, context);
    let positions = x(2, [2, context, width], d);
    let y = embedding::forward(&x(1, [2, vocab, width], d), Some(&positions), &tokens);
    let dy = x(3, [2, 3 * context, width], d);
    let (table, positions) = embedding::backward(vocab, true, &tokens, dy);
    let mut values = vec![named("forward", y), named("gradient of the table", table)];
    values.extend(positions.map(|p| named("gradient of the positions", p)));
    values
}

fn entropy(d: &Device, rows: usize, vocab: usize) -> Values {
    let targets = tokens(rows, vocab, 10);
    let logits = || x(1, [2, rows, vocab], d) * 6.0;
    let (loss, g) = cross_entropy::loss_and_grad(logits(), &targets, 1e-2, 0.5);
    vec![
        named("loss alone", cross_entropy::loss(logits(), &targets)),
        named("loss", loss),
        named("gradient of the logits", g),
    ]
}

/// Updates by made-up gradients of these sizes, of which 1 is cut to the limit and 0.05 is not.
fn updated(d: &Device, rule: Optimizer, sizes: &[f32]) -> Values {
    let shape = Shape {
        family: Family::Gpt2,
        depth: 1,
        width: 24,
        heads: 2,
        hidden: 96,
        vocab: 67,
        context: 12,
    };
    let mut model = StackModel::init(&shape, &[1, 2], Precision::F32, d);
    let mut optim = OptimState::new(&model);
    let step = |learning_rate| ReplicaStep {
        learning_rate,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip_norm: Some(10.0),
    };
    let mut norms = Vec::new();
    for &size in sizes {
        let dims = model.weights().iter().map(|w| w.dims());
        let grads = dims.enumerate().map(|(i, dims)| x(i as u32, dims, d) * size).collect();
        norms.extend(out(optim.update(rule, &mut model, grads, &[step(1e-2), step(3e-3)])));
    }
    let all = |tensors: &[Tensor<3>]| tensors.iter().flat_map(|t| out(t.clone())).collect();
    vec![
        ("gradient norms".into(), norms),
        ("weights".into(), all(model.weights())),
        ("first moments".into(), all(&optim.first)),
        ("second moments".into(), all(&optim.second)),
    ]
}
