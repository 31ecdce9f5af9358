//! Whether matrix products are right at the sizes that a study makes.
//!
//! The self-test sees small sizes only, and a driver may drop a large launch without a word. So a few values of the
//! projections' products, forward and backward, made by the kernels that training takes, are compared with the same sums on the CPU
//! before a stack's first step.
//! Kernels are chosen by rule: by the size of a dimension to within a factor of two and by the power of two that divides it, or
//! by less. Sizes that these do not tell apart are of one class, and one of them is checked for all.

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, Transaction};
use isoflop_model::kernels::Choices;
use isoflop_model::ops::head::pieces;
use isoflop_model::ops::linear::{self, Trained};
use isoflop_model::{is_host, param_specs};
use isoflop_plan::{Precision, Shape};

/// Rows and columns of a result that are looked at, with their crossings.
const LOOKS: usize = 8;

/// A product that is not what the CPU computes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} of [{}, {}, {}] x [{}, {}, {}] in {} is off by {deviation:.1e} of its value, {allowed:.0e} is allowed",
    .replicas, .sizes[0], .sizes[1], .replicas, .sizes[1], .sizes[2], .precision.word())]
pub struct WrongProduct {
    /// Which product of a projection.
    pub what: &'static str,
    /// Products side by side.
    pub replicas: usize,
    /// Rows of the left side, columns of the left side, columns of the right side.
    pub sizes: [usize; 3],
    pub precision: Precision,
    /// Largest difference, as a share of the value.
    pub deviation: f64,
    pub allowed: f64,
}

impl WrongProduct {
    /// What to do about it.
    pub fn hint() -> String {
        "nothing was trained with it; another `device.shader` or `train.precision` takes other kernels, and a newer \
         driver may compute right"
            .into()
    }
}

/// What a stack passes through its projections at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassSize {
    /// Tokens of one replica.
    pub tokens: usize,
    /// Whether gradients are computed too.
    pub backward: bool,
}

/// What a kernel is chosen by: its rough size, and what divides it, of tokens, rows and columns.
type Class = [(u32, u32); 3];

/// Powers of two that divide a dimension and make no difference beyond: a line of 128 bytes in half precision.
const ALIGNED: u32 = 6;

fn class(sizes: [usize; 3]) -> Class {
    sizes.map(|len| (usize::BITS - len.leading_zeros(), len.trailing_zeros().min(ALIGNED)))
}

/// Checks the products of all projections of a shape, each class of sizes once for a device and its choices, and again where
/// more lie side by side than before, by a factor of two. The CPU is the reference and is not checked.
///
/// # Errors
/// The first product that differs.
///
/// # Panics
/// With the device's words, if it fails.
pub fn check_products(
    device: &Device,
    shape: &Shape,
    precision: Precision,
    replicas: usize,
    pass: PassSize,
) -> Result<(), WrongProduct> {
    type Checked = ((Device, Choices, Precision, Class), (u32, bool));
    static CHECKED: Mutex<Vec<Checked>> = Mutex::new(Vec::new());
    if is_host(device) {
        return Ok(());
    }
    let choices = Choices::of(device);
    let check = |tokens: usize, sizes: [usize; 2]| {
        let pass = PassSize { tokens, ..pass };
        let class = class([tokens, sizes[0], sizes[1]]);
        let key = (device.clone(), choices, precision, class);
        let side_by_side = usize::BITS - replicas.leading_zeros();
        let holds =
            |(most, backward): (u32, bool)| most >= side_by_side && (backward || !pass.backward);
        let done = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
        if done().iter().any(|(other, checked)| *other == key && holds(*checked)) {
            return Ok(());
        }
        check(device, precision, replicas, pass, sizes)?;
        done().push((key, (side_by_side, pass.backward)));
        Ok(())
    };
    let specs = param_specs(shape);
    let mut projections: Vec<_> = specs.iter().filter(|spec| spec.is_projection()).collect();
    // The last one gives the logits, of some of the tokens at a time.
    if let Some(head) = projections.pop() {
        let pieces = pieces(replicas, pass.tokens, head.cols);
        for piece in [pieces.first(), pieces.last()].into_iter().flatten() {
            check(piece.len(), [head.rows, head.cols])?;
        }
    }
    projections.into_iter().try_for_each(|spec| check(pass.tokens, [spec.rows, spec.cols]))
}

/// Compares the products of a projection `[R, M, K] x [R, K, N]` with the CPU's.
fn check(
    device: &Device,
    precision: Precision,
    r: usize,
    PassSize { tokens: m, backward }: PassSize,
    [k, n]: [usize; 2],
) -> Result<(), WrongProduct> {
    let allowed = match precision {
        Precision::F32 => 1e-4,
        Precision::F16 => 5e-3,
        Precision::Bf16 => 3e-2,
    };
    // All of one sign, so that no part of a sum can be missing unseen.
    let some = |rows, cols| {
        let uniform = Distribution::Uniform(0.0, 1.0);
        linear::operand(Tensor::random([r, rows, cols], uniform, device), linear::half(precision))
    };
    let (x, w) = (some(m, k), some(k, n));
    let y = linear::trained(Trained::Forward, [&x, &w, &x]);
    let mut names = vec!["the product"];
    let mut looks = vec![Look::at(&x, &w, &y[0])];
    if backward {
        let dy = some(m, n);
        let gradients = linear::trained(Trained::Gradients, [&x, &w, &dy]);
        let swapped = |t: &Tensor<3>| t.clone().swap_dims(1, 2);
        names.extend([
            "the product for the input's gradient",
            "the product for the weight's gradient",
        ]);
        looks.push(Look::at(&dy, &swapped(&w), &gradients[0]));
        looks.push(Look::at(&swapped(&x), &dy, &gradients[1]));
    }
    let sizes: Vec<_> = looks.iter().map(|look| look.sizes).collect();
    let found = names.into_iter().zip(sizes).zip(Look::deviations(looks));
    for ((what, sizes), deviation) in found {
        if deviation > allowed {
            return Err(WrongProduct { what, replicas: r, sizes, precision, deviation, allowed });
        }
    }
    Ok(())
}

/// Some values of a product, and what they are sums of.
struct Look {
    /// Rows of the left side, columns of the left side, columns of the right side.
    sizes: [usize; 3],
    /// Parts of the result, of which it is the sum.
    parts: usize,
    /// Rows of the left side, columns of the right side, and where they meet in the result's parts.
    picked: [Tensor<3>; 3],
    rows: usize,
    cols: usize,
}

impl Look {
    /// At `[R, M, K] x [R, K, N] -> [R * parts, M, N]`.
    fn at(a: &Tensor<3>, b: &Tensor<3>, c: &Tensor<3>) -> Self {
        let ([r, m, k], [_, _, n], [slots, ..]) = (a.dims(), b.dims(), c.dims());
        let parts = slots / r;
        let [replicas, rows, cols] = [r, m, n].map(spread);
        let slots: Vec<usize> =
            replicas.iter().flat_map(|r| (0..parts).map(move |part| r * parts + part)).collect();
        let picked = [
            pick(&pick(a, 0, &replicas), 1, &rows),
            pick(&pick(b, 0, &replicas), 2, &cols),
            pick(&pick(&pick(c, 0, &slots), 1, &rows), 2, &cols),
        ];
        Self { sizes: [m, k, n], parts, picked, rows: rows.len(), cols: cols.len() }
    }

    /// Largest difference of each one's values from those of its product, as a share of them. All come from the device at once.
    fn deviations(looks: Vec<Self>) -> Vec<f64> {
        let tensors = looks.iter().flat_map(|look| look.picked.clone());
        let read = tensors.fold(Transaction::default(), Transaction::register);
        let data = read.try_execute().unwrap_or_else(|e| panic!("{e}"));
        let values: Vec<Vec<f32>> = data
            .into_iter()
            .map(|data| data.convert::<f32>().try_to_vec().unwrap_or_else(|e| panic!("{e:?}")))
            .collect();
        let of = |(look, values): (&Self, &[Vec<f32>])| look.deviation(values);
        looks.iter().zip(values.chunks(3)).map(of).collect()
    }

    fn deviation(&self, values: &[Vec<f32>]) -> f64 {
        let (k, rows, cols) = (self.sizes[1], self.rows, self.cols);
        let [left, right, found] = values else { unreachable!("three were picked") };
        let mut worst = 0.0f64;
        for index in 0..found.len() / self.parts {
            let (row, col) = (index / cols, index % cols);
            let (replica, row_of_replica) = (row / rows, row % rows);
            let left = &left[row * k..][..k];
            let right = right[replica * k * cols + col..].iter().step_by(cols);
            let products = left.iter().zip(right).map(|(&l, &r)| f64::from(l) * f64::from(r));
            let expected: f64 = products.sum();
            let part = |part| ((replica * self.parts + part) * rows + row_of_replica) * cols + col;
            let found: f64 = (0..self.parts).map(|p| f64::from(found[part(p)])).sum();
            let off = (found - expected).abs() / expected.abs();
            worst = if off.is_nan() { f64::INFINITY } else { worst.max(off) };
        }
        worst
    }
}

/// Some indices below `len`, the first and the last among them.
fn spread(len: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..LOOKS).map(|i| i * (len - 1) / (LOOKS - 1)).collect();
    all.dedup();
    all
}

fn pick(t: &Tensor<3>, axis: usize, indices: &[usize]) -> Tensor<3> {
    let ids: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
    let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [indices.len()]), &t.device());
    t.clone().select(axis, ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_product_passes_and_any_wrong_part_is_seen() {
        let cpu = Device::flex();
        let sizes = [[1, 1], [3, 5], [40, 24]];
        for (backward, sizes) in [(true, sizes), (false, sizes)] {
            for sizes in sizes {
                check(&cpu, Precision::F32, 3, PassSize { tokens: 21, backward }, sizes).unwrap();
            }
        }
        let random =
            |dims: [usize; 3]| Tensor::<3>::random(dims, Distribution::Uniform(0.0, 1.0), &cpu);
        let deviation = |a: &Tensor<3>, b: &Tensor<3>, c: &Tensor<3>| {
            Look::deviations(vec![Look::at(a, b, c)])[0]
        };
        let (a, b) = (random([9, 21, 40]), random([9, 40, 24]));
        let c = a.clone().matmul(b.clone());
        assert!(deviation(&a, &b, &c) < 1e-6);
        assert!(deviation(&a, &b, &c.zeros_like()) == 1.0);
        assert!(deviation(&a, &b, &(c.clone() / 0.0)) == f64::INFINITY);
        // In parts, of which one is not written.
        let halves = [(0, 15), (15, 25)]
            .map(|(at, len)| a.clone().narrow(2, at, len).matmul(b.clone().narrow(1, at, len)));
        let parts = |halves| Tensor::<3>::stack::<4>(halves, 1).reshape([18, 21, 24]);
        assert!(deviation(&a, &b, &parts(halves.to_vec())) < 1e-6);
        let [first, second] = halves;
        assert!(deviation(&a, &b, &parts(vec![first, second.zeros_like()])) > 0.1);
        // The last of the inner dimension left out.
        let short = a.clone().narrow(2, 0, 39).matmul(b.clone().narrow(1, 0, 39));
        assert!(deviation(&a, &b, &short) > 1e-3);
        // The last replica, row or column not written.
        for axis in 0..3 {
            let len = c.dims()[axis] - 1;
            let mut ends = c.dims();
            ends[axis] = 1;
            let part =
                Tensor::cat(vec![c.clone().narrow(axis, 0, len), Tensor::zeros(ends, &cpu)], axis);
            assert!(deviation(&a, &b, &part) == 1.0, "axis {axis}");
        }
    }

    #[test]
    fn sizes_of_one_class_are_alike() {
        let of = |n| class([n, 1, 1])[0];
        assert!(of(4096) == of(4096 + 64) && of(4096) == of(8128));
        assert!(of(4096) != of(8192), "twice the size");
        assert!(of(4096) != of(4096 + 8), "divided by less");
        assert!(of(4096) != of(2048) && of(65) == of(67));
    }

    #[test]
    fn indices_have_both_ends() {
        assert_eq!(spread(1), [0]);
        assert_eq!(spread(3), [0, 1, 2]);
        assert_eq!(spread(1000).len(), LOOKS);
        assert_eq!((spread(1000)[0], spread(1000)[LOOKS - 1]), (0, 999));
    }
}
