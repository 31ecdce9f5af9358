//! Every operation three ways: code on slices, tensor operations, and burn's autodiff of the
//! latter; and the gradients against finite differences.

use burn::tensor::{Device, Tensor, TensorData};

use super::activation::{self, Activation};
use super::attention::{self, Dims, QkNorm};
use super::{cross_entropy, embedding, linear, norm};
use crate::batch::Tokens;

/// Deterministic values in about (-1, 1).
fn values(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect()
}

fn on(device: &Device, x: &[f32], shape: [usize; 3]) -> Tensor<3> {
    Tensor::from_data(TensorData::new(x.to_vec(), shape), device)
}

fn list(x: Tensor<3>) -> Vec<f32> {
    x.into_data().try_to_vec().expect("f32")
}

fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * scale, "{what}[{i}]: {g}, not {w} (scale {scale})");
    }
}

/// An operation of several inputs with one output.
struct Op<'a> {
    name: &'a str,
    shapes: Vec<[usize; 3]>,
    /// The public entry: takes the path of the device.
    forward: &'a dyn Fn(&[Tensor<3>]) -> Tensor<3>,
    /// Plain tensor operations, for autodiff.
    plain: &'a dyn Fn(&[Tensor<3>]) -> Tensor<3>,
    /// Gradients of all inputs.
    backward: &'a dyn Fn(&[Tensor<3>], Tensor<3>) -> Vec<Tensor<3>>,
}

impl Op<'_> {
    fn check(&self) {
        let (host, auto) = (Device::flex(), Device::flex().autodiff());
        let inputs: Vec<Vec<f32>> = self
            .shapes
            .iter()
            .enumerate()
            .map(|(i, s)| values(s.iter().product(), i as u32 + 1))
            .collect();
        let place = |device: &Device| -> Vec<Tensor<3>> {
            inputs.iter().zip(&self.shapes).map(|(x, &s)| on(device, x, s)).collect()
        };
        let y = (self.forward)(&place(&host));
        let out_shape = y.dims();
        let cotangent = values(out_shape.iter().product(), 99);

        // Forward, and autodiff's gradients.
        let tracked: Vec<_> = place(&auto).into_iter().map(|x| x.require_grad()).collect();
        let plain = (self.plain)(&tracked);
        assert_close(self.name, &list(y), &list(plain.clone()), 2e-5);
        let grads = (plain * on(&auto, &cotangent, out_shape)).sum().backward();
        let want: Vec<Vec<f32>> =
            tracked.iter().map(|x| list(x.grad(&grads).expect("tracked"))).collect();

        // The two hand-written backward passes.
        for (path, device) in [("slices", &host), ("tensors", &auto)] {
            let dy = on(device, &cotangent, out_shape);
            let got = (self.backward)(&place(device), dy);
            assert_eq!(got.len(), want.len());
            for (i, (got, want)) in got.into_iter().zip(&want).enumerate() {
                let what = format!("{} by {path}, input {i}", self.name);
                assert_close(&what, &list(got), want, 5e-5);
            }
        }

        // Finite differences along a direction per input.
        let value = |inputs: &[Vec<f32>]| -> f64 {
            let placed: Vec<_> =
                inputs.iter().zip(&self.shapes).map(|(x, &s)| on(&host, x, s)).collect();
            let y = list((self.forward)(&placed));
            y.iter().zip(&cotangent).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        for i in 0..inputs.len() {
            let direction = values(inputs[i].len(), 7 + i as u32);
            let h = 4e-3f32;
            let moved = |sign: f32| {
                let mut inputs = inputs.clone();
                inputs[i].iter_mut().zip(&direction).for_each(|(x, d)| *x += sign * h * d);
                value(&inputs)
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(h));
            let derivative: f64 =
                want[i].iter().zip(&direction).map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
            let size: f64 = want[i].iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            assert!(
                (slope - derivative).abs() < 3e-3 * size.max(0.1),
                "{}, input {i}: slope {slope}, gradient {derivative} (size {size})",
                self.name
            );
        }
    }
}

#[test]
fn linear_layers() {
    for (r, m, k, n) in [(1, 5, 3, 4), (3, 300, 17, 70)] {
        Op {
            name: "linear",
            shapes: vec![[r, m, k], [r, k, n]],
            forward: &|x| linear::forward(&x[0], &x[1], None, None),
            plain: &|x| x[0].clone().matmul(x[1].clone()),
            backward: &|x, dy| {
                let g = linear::backward(x[0].clone(), &x[1], false, dy, None);
                vec![g.x, g.w]
            },
        }
        .check();
        Op {
            name: "linear with bias",
            shapes: vec![[r, m, k], [r, k, n], [r, 1, n]],
            forward: &|x| linear::forward(&x[0], &x[1], Some(&x[2]), None),
            plain: &|x| x[0].clone().matmul(x[1].clone()) + x[2].clone(),
            backward: &|x, dy| {
                let g = linear::backward(x[0].clone(), &x[1], true, dy, None);
                vec![g.x, g.w, g.bias.expect("asked for")]
            },
        }
        .check();
    }
}

#[test]
fn norms() {
    for (r, m, d) in [(1, 4, 6), (2, 150, 40)] {
        Op {
            name: "rms norm and a residual",
            shapes: vec![[r, m, d], [r, 1, d]],
            forward: &|x| norm::forward(&x[0], &x[1], None).0 + x[0].clone(),
            plain: &|x| norm::plain::forward(&x[0], &x[1], None) + x[0].clone(),
            backward: &|x, dy| {
                let saved = norm::forward(&x[0], &x[1], None).1;
                let g = norm::backward(saved, &x[1], false, dy.clone(), Some(dy));
                vec![g.x, g.gain]
            },
        }
        .check();
        Op {
            name: "layer norm",
            shapes: vec![[r, m, d], [r, 1, d], [r, 1, d]],
            forward: &|x| norm::forward(&x[0], &x[1], Some(&x[2])).0,
            plain: &|x| norm::plain::forward(&x[0], &x[1], Some(&x[2])),
            backward: &|x, dy| {
                let saved = norm::forward(&x[0], &x[1], Some(&x[2])).1;
                let g = norm::backward(saved, &x[1], true, dy, None);
                vec![g.x, g.gain, g.bias.expect("a layer norm has one")]
            },
        }
        .check();
    }
}

#[test]
fn attentions() {
    for (sequences, context, heads, head_dim) in [(2, 5, 1, 4), (2, 70, 3, 8)] {
        let dims = Dims { replicas: 2, sequences, context, heads, head_dim };
        let qkv = [2, sequences * context, 3 * dims.width()];
        Op {
            name: "attention",
            shapes: vec![qkv],
            forward: &|x| attention::forward(x[0].clone(), None, dims, None).0,
            plain: &|x| attention::plain::forward(&x[0], None, dims),
            backward: &|x, dy| {
                let saved = attention::forward(x[0].clone(), None, dims, None).1;
                vec![attention::backward(saved, None, dims, dy, None).qkv]
            },
        }
        .check();
        let gains = |x: &[Tensor<3>]| QkNorm { q: x[1].clone(), k: x[2].clone() };
        Op {
            name: "attention with normed, rotated queries and keys",
            shapes: vec![qkv, [2, 1, head_dim], [2, 1, head_dim]],
            forward: &|x| attention::forward(x[0].clone(), Some(&gains(x)), dims, None).0,
            plain: &|x| attention::plain::forward(&x[0], Some(&gains(x)), dims),
            backward: &|x, dy| {
                let norm = gains(x);
                let saved = attention::forward(x[0].clone(), Some(&norm), dims, None).1;
                let g = attention::backward(saved, Some(&norm), dims, dy, None);
                let norm = g.qk_norm.expect("asked for");
                vec![g.qkv, norm.q, norm.k]
            },
        }
        .check();
    }
}

#[test]
fn activations() {
    for kind in [Activation::SwiGlu, Activation::Gelu] {
        Op {
            name: "activation",
            shapes: vec![[2, 33, 20]],
            forward: &|x| activation::forward(&x[0], kind),
            plain: &|x| activation::plain::forward(&x[0], kind),
            backward: &|x, dy| vec![activation::backward(x[0].clone(), kind, dy)],
        }
        .check();
    }
}

fn ids(count: usize, vocab: usize) -> Vec<i32> {
    (0..count).map(|i| ((i * 7 + i / 3) % vocab) as i32).collect()
}

#[test]
fn embeddings() {
    let (r, v, d, t) = (2, 11, 40, 6);
    let tokens = Tokens::new(ids(r * 3 * t, v), r, t);
    Op {
        name: "embedding with positions",
        shapes: vec![[r, v, d], [r, t, d]],
        forward: &|x| embedding::forward(&x[0], Some(&x[1]), &tokens),
        plain: &|x| {
            let y = embedding::plain::forward(&x[0], &tokens).reshape([r, 3, t, d]);
            (y + x[1].clone().reshape([r, 1, t, d])).reshape([r, 3 * t, d])
        },
        backward: &|_, dy| {
            let (table, positions) = embedding::backward(v, true, &tokens, dy);
            vec![table, positions.expect("asked for")]
        },
    }
    .check();
}

#[test]
fn cross_entropies() {
    let (r, m, v, z, scale) = (2, 70, 37, 1e-2, 0.5);
    let targets = Tokens::new(ids(r * m, v), r, 10);
    let rows = |x: &[Tensor<3>]| {
        let at = targets.tensor(&x[0].device());
        cross_entropy::plain::row_losses(&x[0], &at)
    };
    let with_z = |loss: Tensor<3>, log_sum: Tensor<3>, z: f64| {
        loss + (log_sum.clone() * log_sum * z).mean_dim(1) * scale
    };
    for z in [0.0, z] {
        // The z-loss is in the gradient alone, so that its value is added here.
        Op {
            name: "cross-entropy with z-loss",
            shapes: vec![[r, m, v]],
            forward: &|x| {
                let logits = x[0].clone();
                let loss = cross_entropy::loss_and_grad(logits, &targets, z as f32, scale as f32).0;
                with_z(loss.reshape([r, 1, 1]), rows(x).1, z)
            },
            plain: &|x| {
                let (losses, log_sum) = rows(x);
                with_z(losses.mean_dim(1) * scale, log_sum, z)
            },
            backward: &|x, dy| {
                let (_, g) =
                    cross_entropy::loss_and_grad(x[0].clone(), &targets, z as f32, scale as f32);
                vec![g * dy]
            },
        }
        .check();
    }
    let logits = values(r * m * v, 5);
    let (host, auto) = (Device::flex(), Device::flex().autodiff());
    let want = cross_entropy::loss(on(&auto, &logits, [r, m, v]), &targets);
    let want: Vec<f32> = want.into_data().try_to_vec().expect("f32");
    for loss in [
        cross_entropy::loss(on(&host, &logits, [r, m, v]), &targets),
        cross_entropy::loss_and_grad(on(&host, &logits, [r, m, v]), &targets, 0.0, 1.0).0,
        cross_entropy::loss_and_grad(on(&auto, &logits, [r, m, v]), &targets, 0.0, 1.0).0,
    ] {
        assert_close("loss", &loss.into_data().try_to_vec::<f32>().expect("f32"), &want, 1e-6);
    }
}
