//! The operations that training is made of, one by one.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use isoflop_model::ops::linear;
use isoflop_plan::Precision;

use super::{Case, Values};

/// In half precision the products alone.
pub(super) fn all(precision: Precision) -> Vec<Case> {
    let products: [(&'static str, fn(&Device, Precision) -> Values); 3] = [
        ("product", |d, p| product(x(0, [1, 61, 47], d), &x(1, [1, 47, 83], d), None, p)),
        ("product of larger sizes", |d, p| {
            let (a, b, dy) =
                (x(0, [2, 256, 192], d), x(1, [2, 192, 160], d), x(2, [2, 256, 160], d));
            product(a, &b, Some(dy), p)
        }),
        ("product of a row", |d, p| product(x(0, [2, 1, 96], d), &x(1, [2, 96, 130], d), None, p)),
    ];
    // Rounding of the operands, 2^-11 and 2^-8, with the sum's cancellation.
    let allowed = match precision {
        Precision::F32 => 1e-5,
        Precision::F16 => 5e-3,
        Precision::Bf16 => 3e-2,
    };
    let products = products.map(|(name, run)| Case::new(name, allowed, run));
    if precision != Precision::F32 {
        return products.into();
    }
    let rest: [(&'static str, fn(&Device, Precision) -> Vec<f32>); 10] = [
        ("softmax", |d, _| out(softmax(x(0, [2, 37, 71], d) * 5.0, 2))),
        ("log-softmax", |d, _| out(log_softmax(x(0, [2, 37, 71], d) * 5.0, 2))),
        ("sums along each axis", |d, _| {
            let a = x(0, [3, 70, 45], d);
            let parts = (0..3).map(|axis| a.clone().sum_dim(axis).reshape([-1])).collect();
            out(Tensor::<1>::cat(parts, 0))
        }),
        ("means and largest values", |d, _| {
            let a = x(0, [3, 70, 45], d);
            out(a.clone().mean_dim(2) + a.clone().max_dim(2) - a.max().reshape([1, 1, 1]))
        }),
        ("elementwise functions", |d, _| {
            let a = x(0, [2, 33, 50], d);
            let b = x(1, [2, 33, 50], d);
            let gate = a.clone() / (a.clone().neg().exp() + 1.0);
            let positive = b.clone() * b.clone() + 0.1;
            out(gate * positive.clone().sqrt().recip()
                + positive.log() * (a * 0.8).tanh()
                + b.erf())
        }),
        ("gather", |d, _| {
            let index = ids(60, 83, d).reshape([2, 30, 1]);
            out(x(0, [2, 30, 83], d).gather(2, index))
        }),
        ("selection of rows", |d, _| out(x(0, [97, 24], d).select(0, ids(150, 97, d)))),
        ("product with a one-hot matrix", |d, _| {
            let classes = Tensor::<1, Int>::arange(0..97, d).reshape([1, 1, 97]);
            let hot = classes.equal(ids(2 * 75, 97, d).reshape([2, 75, 1])).float();
            out(hot.cast(DType::F32).swap_dims(1, 2).matmul(x(0, [2, 75, 24], d)))
        }),
        ("slices, joins and swaps of axes", |d, _| {
            let a = x(0, [2, 3, 20, 16], d);
            let (l, r) = (a.clone().narrow(3, 0, 8), a.narrow(3, 8, 8));
            out(Tensor::cat(vec![r * 2.0, l], 3).swap_dims(1, 2).reshape([2, 20, 48]))
        }),
        ("causal mask", |d, _| {
            let mask = Tensor::<2>::ones([41, 41], d).triu(1) * -1e30;
            out(softmax(x(0, [3, 41, 41], d) + mask.reshape([1, 41, 41]), 2))
        }),
    ];
    let rest = rest.map(|(name, run)| one(name, 1e-5, run));
    products.into_iter().chain(rest).collect()
}

fn one(name: &'static str, allowed: f64, run: fn(&Device, Precision) -> Vec<f32>) -> Case {
    Case::new(name, allowed, move |device, precision| vec![(String::new(), run(device, precision))])
}

/// The product of a projection, as training makes it, and with a gradient of the result those of both sides.
fn product(a: Tensor<3>, b: &Tensor<3>, dy: Option<Tensor<3>>, precision: Precision) -> Values {
    let cast = linear::half(precision);
    let mut values = vec![("forward".to_owned(), out(linear::forward(&a, b, None, cast)))];
    if let Some(dy) = dy {
        let g = linear::backward(a, b, false, dy, cast);
        values.push(("gradient of the left side".into(), out(g.x)));
        values.push(("gradient of the right side".into(), out(g.w)));
    }
    values
}

/// Fixed numbers in -1..1 that look random.
pub(super) fn x<const D: usize>(seed: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
    let len = shape.iter().product::<usize>() as u32;
    let values: Vec<f32> =
        (0..len).map(|i| (scramble(i, seed) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Fixed ids below `below`.
fn ids(len: usize, below: u32, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = (0..len as u32).map(|i| (scramble(i, 7) % below) as i32).collect();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// A 32-bit integer hash (the finaliser of MurmurHash3).
fn scramble(i: u32, seed: u32) -> u32 {
    let mut h = i.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// Reads a result back.
///
/// # Panics
/// With the device's words, if it failed.
pub(super) fn out<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.try_into_data().unwrap_or_else(|e| panic!("{e}"));
    data.try_to_vec().unwrap_or_else(|e| panic!("{e:?}"))
}
