//! Attention in tensor operations: for devices other than the CPU, and as the reference.

use burn::tensor::{Tensor, activation::softmax};

use super::dims::{Dims, QkNorm};
use super::rope::device_tables;
use crate::ops::norm::EPSILON;

/// `[context, head_dim/2]` tables as `[1, 1, 1, context, head_dim/2]`.
fn tables(dims: Dims, like: &Tensor<3>) -> (Tensor<5>, Tensor<5>) {
    let shape = [1, 1, 1, dims.context, dims.head_dim / 2];
    let [cos, sin] = device_tables(dims, &like.device()).map(|t| t.reshape(shape));
    (cos, sin)
}

/// Rotates the two halves of the last axis by the angle (`sign` 1) or back (`sign` -1).
fn rotate(x: Tensor<5>, cos: &Tensor<5>, sin: &Tensor<5>, sign: f32) -> Tensor<5> {
    let half = x.dims()[4] / 2;
    let (a, b) = (x.clone().narrow(4, 0, half), x.narrow(4, half, half));
    let sin = sin.clone() * sign;
    Tensor::cat(
        vec![a.clone() * cos.clone() - b.clone() * sin.clone(), b * cos.clone() + a * sin],
        4,
    )
}

fn rstd(x: &Tensor<5>) -> Tensor<5> {
    ((x.clone() * x.clone()).mean_dim(4) + EPSILON).sqrt().recip()
}

/// `[R, 1, hd] -> [R, 1, 1, 1, hd]`.
fn gain(g: &Tensor<3>, dims: Dims) -> Tensor<5> {
    g.clone().reshape([dims.replicas, 1, 1, 1, dims.head_dim])
}

/// Part 0, 1 or 2 of the projection as `[R, B, H, T, hd]`.
fn part(qkv: &Tensor<3>, index: usize, d: Dims) -> Tensor<5> {
    qkv.clone()
        .narrow(2, index * d.width(), d.width())
        .reshape([d.replicas, d.sequences, d.context, d.heads, d.head_dim])
        .swap_dims(2, 3)
}

/// `[R, B, H, T, hd] -> [R, M, D]`.
fn merge(x: Tensor<5>, d: Dims) -> Tensor<3> {
    x.swap_dims(2, 3).reshape([d.replicas, d.sequences * d.context, d.width()])
}

fn normed(x: &Tensor<5>, g: &Tensor<3>, d: Dims, cos: &Tensor<5>, sin: &Tensor<5>) -> Tensor<5> {
    rotate(x.clone() * rstd(x) * gain(g, d), cos, sin, 1.0)
}

/// Softmax weights `[R, B, H, T, T]` of (normed) queries and keys.
fn probabilities(q: &Tensor<5>, k: &Tensor<5>, d: Dims) -> Tensor<5> {
    let scale = 1.0 / (d.head_dim as f32).sqrt();
    let scores = q.clone().matmul(k.clone().swap_dims(3, 4)) * scale;
    let mask = Tensor::<2>::ones([d.context, d.context], &q.device()).triu(1) * -1e30;
    softmax(scores + mask.reshape([1, 1, 1, d.context, d.context]), 4)
}

fn queries_keys(qkv: &Tensor<3>, qk_norm: Option<&QkNorm>, d: Dims) -> (Tensor<5>, Tensor<5>) {
    let (q, k) = (part(qkv, 0, d), part(qkv, 1, d));
    match qk_norm {
        Some(norm) => {
            let (cos, sin) = tables(d, qkv);
            (normed(&q, &norm.q, d, &cos, &sin), normed(&k, &norm.k, d, &cos, &sin))
        }
        None => (q, k),
    }
}

pub(crate) fn forward(qkv: &Tensor<3>, qk_norm: Option<&QkNorm>, d: Dims) -> Tensor<3> {
    let (q, k) = queries_keys(qkv, qk_norm, d);
    merge(probabilities(&q, &k, d).matmul(part(qkv, 2, d)), d)
}

/// Gradient of [`normed`]: of its input and of the gain.
fn normed_backward(
    x: Tensor<5>,
    g: &Tensor<3>,
    d: Dims,
    dy: Tensor<5>,
    tables: &(Tensor<5>, Tensor<5>),
) -> (Tensor<5>, Tensor<3>) {
    let dy = rotate(dy, &tables.0, &tables.1, -1.0);
    let rstd = rstd(&x);
    let xhat = x * rstd.clone();
    let rows = d.sequences * d.heads * d.context;
    let dgain = (dy.clone() * xhat.clone()).reshape([d.replicas, rows, d.head_dim]).sum_dim(1);
    let dxhat = dy * gain(g, d);
    let dot = (dxhat.clone() * xhat.clone()).mean_dim(4);
    ((dxhat - xhat * dot) * rstd, dgain)
}

pub(super) fn backward(
    qkv: Tensor<3>,
    out: Tensor<3>,
    qk_norm: Option<&QkNorm>,
    d: Dims,
    dy: Tensor<3>,
) -> (Tensor<3>, Option<QkNorm>) {
    let (q, k) = queries_keys(&qkv, qk_norm, d);
    let v = part(&qkv, 2, d);
    let p = probabilities(&q, &k, d);
    let heads = |x: Tensor<3>| {
        x.reshape([d.replicas, d.sequences, d.context, d.heads, d.head_dim]).swap_dims(2, 3)
    };
    let dy = heads(dy);
    let dv = p.clone().swap_dims(3, 4).matmul(dy.clone());
    let dp = dy.clone().matmul(v.swap_dims(3, 4));
    let delta = (dy * heads(out)).sum_dim(4);
    let scale = 1.0 / (d.head_dim as f32).sqrt();
    let ds = p * (dp - delta) * scale;
    let dq = ds.clone().matmul(k);
    let dk = ds.swap_dims(3, 4).matmul(q);
    let (dq, dk, norms) = match qk_norm {
        Some(norm) => {
            let tables = tables(d, &qkv);
            let (dq, gq) = normed_backward(part(&qkv, 0, d), &norm.q, d, dq, &tables);
            let (dk, gk) = normed_backward(part(&qkv, 1, d), &norm.k, d, dk, &tables);
            (dq, dk, Some(QkNorm { q: gq, k: gk }))
        }
        None => (dq, dk, None),
    };
    let parts = vec![merge(dq, d), merge(dk, d), merge(dv, d)];
    (Tensor::cat(parts, 2), norms)
}
