//! Some values of a result, and what they should be.

use burn::tensor::{Int, Tensor, TensorData, Transaction};

/// Rows and columns of a result that are looked at, with their crossings.
const LOOKS: usize = 8;

/// Values that came from a device, and what they should be.
type Pairs = Vec<[f64; 2]>;

/// Some values of a result, and what they are computed from.
pub(super) struct Look {
    pub what: &'static str,
    /// Rows of the left side, columns of the left side, columns of the right side.
    pub sizes: [usize; 3],
    picked: Vec<Tensor<3>>,
    /// Pairs of the values of `picked`.
    pairs: Box<dyn Fn(&[Vec<f32>]) -> Pairs>,
}

impl Look {
    /// At `[R, M, K] x [R, K, N] -> [R * parts, M, N]`, the sum of the parts.
    pub fn at(what: &'static str, a: &Tensor<3>, b: &Tensor<3>, c: &Tensor<3>) -> Self {
        let ([r, m, k], [_, _, n], [slots, ..]) = (a.dims(), b.dims(), c.dims());
        let parts = slots / r;
        let [replicas, rows, cols] = [r, m, n].map(spread);
        let of_parts = |r| (0..parts).map(move |part| r * parts + part);
        let slots: Vec<usize> = replicas.iter().flat_map(|r| of_parts(*r)).collect();
        let picked = vec![
            pick([&replicas, &rows, &all(k)], a),
            pick([&replicas, &all(k), &cols], b),
            pick([&slots, &rows, &cols], c),
        ];
        let sizes = [replicas.len(), rows.len(), k, cols.len()];
        let area = rows.len() * cols.len();
        let pairs = move |values: &[Vec<f32>]| {
            let part = |index: usize, part| (index / area * parts + part) * area + index % area;
            let found =
                |index| (0..parts).map(|p| f64::from(values[2][part(index, p)])).sum::<f64>();
            let right = products(&values[0], &values[1], sizes).into_iter().enumerate();
            right.map(|(index, right)| [found(index), right]).collect()
        };
        Self { what, sizes: [m, k, n], picked, pairs: Box::new(pairs) }
    }

    /// At SwiGLU `[R, M, H]` of `[R, M, 2 H]`, which is a projection of `k` columns.
    pub fn at_active(up: &Tensor<3>, active: &Tensor<3>, k: usize) -> Self {
        let [r, m, hidden] = active.dims();
        let [replicas, rows, cols] = [r, m, hidden].map(spread);
        let others: Vec<usize> = cols.iter().map(|col| col + hidden).collect();
        let picked = vec![
            pick([&replicas, &rows, &cols], up),
            pick([&replicas, &rows, &others], up),
            pick([&replicas, &rows, &cols], active),
        ];
        let pairs = |values: &[Vec<f32>]| {
            let of = |i: usize| {
                let [gate, up, found] = [0, 1, 2].map(|of| f64::from(values[of][i]));
                [found, gate * sigmoid(gate) * up]
            };
            (0..values[2].len()).map(of).collect()
        };
        let sizes = [m, k, 2 * hidden];
        Self { what: "SwiGLU of the product", sizes, picked, pairs: Box::new(pairs) }
    }

    /// At the gradient `[R, M, 2 K]` of `up`, whose SwiGLU `w` `[R, K, N]` projects.
    pub fn at_gradients(dy: &Tensor<3>, w: &Tensor<3>, up: &Tensor<3>, dup: &Tensor<3>) -> Self {
        let ([r, m, n], [_, k, _]) = (dy.dims(), w.dims());
        let [replicas, rows, cols] = [r, m, k].map(spread);
        let others: Vec<usize> = cols.iter().map(|col| col + k).collect();
        let picked = vec![
            pick([&replicas, &rows, &all(n)], dy),
            pick([&replicas, &all(n), &cols], &w.clone().swap_dims(1, 2)),
            pick([&replicas, &rows, &cols], up),
            pick([&replicas, &rows, &others], up),
            pick([&replicas, &rows, &cols], dup),
            pick([&replicas, &rows, &others], dup),
        ];
        let sizes = [replicas.len(), rows.len(), n, cols.len()];
        let pairs = move |values: &[Vec<f32>]| {
            let right = products(&values[0], &values[1], sizes).into_iter().enumerate();
            let of = |(i, dactive): (usize, f64)| {
                let [gate, up, dgate, dup] = [2, 3, 4, 5].map(|of| f64::from(values[of][i]));
                let s = sigmoid(gate);
                let silu = gate * s;
                [[dgate, dactive * up * (s + silu * (1.0 - s))], [dup, dactive * silu]]
            };
            right.flat_map(of).collect()
        };
        let what = "the product for the gradient of SwiGLU's input";
        Self { what, sizes: [m, n, k], picked, pairs: Box::new(pairs) }
    }

    /// Largest difference of each one's values from what they should be, as a share of that. All come from the device at once.
    pub fn deviations(looks: Vec<Self>) -> Vec<f64> {
        let tensors = looks.iter().flat_map(|look| look.picked.clone());
        let read = tensors.fold(Transaction::default(), Transaction::register);
        let data = read.try_execute().unwrap_or_else(|e| panic!("{e}"));
        let mut values = data
            .into_iter()
            .map(|data| data.convert::<f32>().try_to_vec().unwrap_or_else(|e| panic!("{e:?}")));
        let of = |look: &Self| {
            let values: Vec<Vec<f32>> = values.by_ref().take(look.picked.len()).collect();
            (look.pairs)(&values).into_iter().fold(0.0f64, |worst, [found, right]| {
                let off = (found - right).abs() / right.abs();
                if off.is_nan() { f64::INFINITY } else { worst.max(off) }
            })
        };
        looks.iter().map(of).collect()
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Products of `[R, rows, K]` with `[R, K, cols]`, one after the other.
fn products(left: &[f32], right: &[f32], [r, rows, k, cols]: [usize; 4]) -> Vec<f64> {
    let of = |index: usize| {
        let (row, col) = (index / cols, index % cols);
        let left = &left[row * k..][..k];
        let right = right[row / rows * k * cols + col..].iter().step_by(cols);
        left.iter().zip(right).map(|(&l, &r)| f64::from(l) * f64::from(r)).sum()
    };
    (0..r * rows * cols).map(of).collect()
}

fn all(len: usize) -> Vec<usize> {
    (0..len).collect()
}

/// Some indices below `len`, the first and the last among them.
fn spread(len: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..LOOKS).map(|i| i * (len - 1) / (LOOKS - 1)).collect();
    all.dedup();
    all
}

/// The values at these places of each dimension.
fn pick(places: [&[usize]; 3], t: &Tensor<3>) -> Tensor<3> {
    let mut picked = t.clone();
    for (axis, indices) in places.into_iter().enumerate() {
        if indices.len() < t.dims()[axis] {
            let ids: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
            let ids = TensorData::new(ids, [indices.len()]);
            let ids = Tensor::<1, Int>::from_data(ids, &t.device());
            picked = picked.select(axis, ids);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};
    use isoflop_model::ops::activation::{self, Activation};

    use super::*;

    #[test]
    fn any_wrong_part_is_seen() {
        let cpu = Device::flex();
        let random =
            |dims: [usize; 3]| Tensor::<3>::random(dims, Distribution::Uniform(0.0, 1.0), &cpu);
        let deviation = |a: &Tensor<3>, b: &Tensor<3>, c: &Tensor<3>| {
            Look::deviations(vec![Look::at("the product", a, b, c)])[0]
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
    fn swiglu_and_its_gradient_are_looked_at() {
        let cpu = Device::flex();
        let random =
            |dims: [usize; 3]| Tensor::<3>::random(dims, Distribution::Uniform(0.0, 1.0), &cpu);
        let (up, w, dy) = (random([3, 21, 80]), random([3, 40, 24]), random([3, 21, 24]));
        let active = activation::forward(&up, Activation::SwiGlu);
        let dactive = dy.clone().matmul(w.clone().swap_dims(1, 2));
        let dup = activation::backward(up.clone(), Activation::SwiGlu, dactive);
        let of = |active: &Tensor<3>, dup: &Tensor<3>| {
            Look::deviations(vec![
                Look::at_active(&up, active, 16),
                Look::at_gradients(&dy, &w, &up, dup),
            ])
        };
        let right = of(&active, &dup);
        assert!(right[0] < 1e-5 && right[1] < 1e-5, "{right:?}");
        // The last column of each half.
        for col in [39, 79] {
            let there = (0..3 * 21 * 80).map(|i| if i % 80 == col { 0.0 } else { 1.0 }).collect();
            let there = TensorData::new::<f32, _>(there, [3, 21, 80]);
            let wrong = dup.clone() * Tensor::from_data(there, &cpu);
            assert_eq!(of(&active, &wrong)[1], 1.0, "column {col}");
        }
        assert_eq!(of(&active.zeros_like(), &dup)[0], 1.0);
    }

    #[test]
    fn indices_have_both_ends() {
        assert_eq!(spread(1), [0]);
        assert_eq!(spread(3), [0, 1, 2]);
        assert_eq!(spread(1000).len(), LOOKS);
        assert_eq!((spread(1000)[0], spread(1000)[LOOKS - 1]), (0, 999));
    }
}
