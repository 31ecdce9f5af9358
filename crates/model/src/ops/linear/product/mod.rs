//! Matrix products `[R, M, K] x [R, K, N] -> [R, M, N]`, written to tensors that are there already.
//!
//! Operands in half precision go to the device's matrix units by a kernel of this crate ([`matrix`]), as far as sizes and device
//! allow, those in `f32` to its units by another ([`units`]); sums are in `f32`, and what is done with a sum (add it to the residual
//! stream, to a gradient, take SwiGLU or its gradient of it, round it) is done before it is written. All else goes to cubek's kernels. Tiles are chosen by sizes; whoever
//! opens a device says whether its products in `f32` are those of [`units`] ([`Choices::unit_products`]).

mod epilogue;
mod matrix;
mod memory;
mod place;
mod tiling;
mod units;

use burn::cubecl::client::Client;
use burn::tensor::DType;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;

use super::Trained;
use crate::kernels::Choices;
use crate::kernels::elementwise::add;
use crate::kernels::tensors::{dims, empty_of};
use crate::kernels::traffic::elsewhere;
use crate::ops::activation::{Activation, kernel as activation};
pub(crate) use epilogue::Epilogue;
use tiling::Problem;

/// A matrix of every replica, as stored or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub tensor: &'a CubeTensor,
    pub transposed: bool,
}

impl<'a> Side<'a> {
    pub fn plain(tensor: &'a CubeTensor) -> Self {
        Self { tensor, transposed: false }
    }

    pub fn transposed(tensor: &'a CubeTensor) -> Self {
        Self { tensor, transposed: true }
    }

    /// Replicas, rows and columns as multiplied.
    fn sizes(self) -> [usize; 3] {
        let [r, rows, cols] = dims(self.tensor);
        if self.transposed { [r, cols, rows] } else { [r, rows, cols] }
    }

    fn view(self) -> CubeTensor {
        let mut view = self.tensor.clone();
        if self.transposed {
            view.meta.swap(1, 2);
        }
        view
    }
}

/// Parts that the gradient `[k, n]` of a weight is in, a sum over `m` tokens of each of `r` replicas: 1 where it does not go to a kernel of
/// this crate.
pub(crate) fn gradient_parts(
    dtype: DType,
    [r, m]: [usize; 2],
    [k, n]: [usize; 2],
    client: &Client,
    choices: Choices,
) -> usize {
    let problem = Problem { r: 1, m: k, n, k: matrix::FETCH, a_t: true, b_t: false, parts: 1 };
    let by_matrix = matrix::choose(&problem, dtype, DType::F32, client, choices).is_some();
    let by_units = units::choose(&problem, dtype, DType::F32, client, choices).is_some();
    if by_matrix || by_units { tiling::splits(r, m, [k, n]) } else { 1 }
}

/// Writes `a b` to `out` `[R, M, N]`.
pub(crate) fn product(a: Side, b: Side, out: &CubeTensor, epilogue: Epilogue, choices: Choices) {
    product_in_parts(a, b, out, epilogue, 1, choices);
}

/// The same with the inner axis cut into `parts`, whose sums lie one after the other: `out` is `[R * parts, M, N]`.
fn product_in_parts(
    a: Side,
    b: Side,
    out: &CubeTensor,
    epilogue: Epilogue,
    parts: usize,
    choices: Choices,
) {
    let ([r, m, k], [_, k2, n]) = (a.sizes(), b.sizes());
    assert_eq!(k, k2, "the inner sizes of a product agree");
    let problem = Problem { r, m, n, k, a_t: a.transposed, b_t: b.transposed, parts };
    let (types, client) = ((a.tensor.dtype, out.dtype), &out.client);
    if let Some(tiling) = matrix::choose(&problem, types.0, types.1, client, choices) {
        matrix::launch(&problem, tiling, a.tensor, b.tensor, out, epilogue);
    } else if let Some(tiling) = units::choose(&problem, types.0, types.1, client, choices) {
        units::launch(&problem, tiling, a.tensor, b.tensor, out, epilogue);
    } else {
        by_cubek(a.view(), b.view(), out, epilogue, parts);
    }
}

/// Writes the gradients of a projection: `dx = dy w^T` in the type of `dy`, and `dw = x^T dy` in parts as [`product_in_parts`], or added
/// to what is there (`accumulate`). One launch where a kernel of this crate takes both.
pub(crate) fn gradients(
    dy: &CubeTensor,
    [w, x]: [&CubeTensor; 2],
    dx: &CubeTensor,
    (dw, parts): (&CubeTensor, usize),
    accumulate: bool,
    choices: Choices,
) {
    let [of_x, of_w] = of_gradients(dy, x, parts);
    let (problems, dtype, client) = ([&of_x, &of_w], dy.dtype, &dy.client);
    if let Some(tilings) = matrix::choose_pair(problems, dtype, false, client, choices) {
        matrix::launch_pair(problems, tilings, [dy, w, x], None, [dx, dw], accumulate);
    } else if let Some(tilings) = units::choose_pair(problems, dtype, client, choices) {
        units::launch_pair(problems, tilings, [dy, w, x], [dx, dw], accumulate);
    } else {
        product(Side::plain(dy), Side::transposed(w), dx, Epilogue::Store, choices);
        let epilogue = if accumulate { Epilogue::Accumulate } else { Epilogue::Store };
        product_in_parts(Side::transposed(x), Side::plain(dy), dw, epilogue, parts, choices);
    }
}

/// The problems of the gradients of a projection's input and of its weight.
fn of_gradients(dy: &CubeTensor, x: &CubeTensor, parts: usize) -> [Problem; 2] {
    let ([r, m, n], [_, _, k]) = (dims(dy), dims(x));
    let of_x = Problem { r, m, n: k, k: n, a_t: false, b_t: true, parts: 1 };
    [of_x, Problem { r, m: k, n, k: m, a_t: true, b_t: false, parts }]
}

/// `x w`, of which rows are `[gate, up]`, `[R, M, 2 H]`, and SwiGLU of it, `[R, M, H]`, in the type of `x`. One launch where a kernel of
/// this crate takes both.
pub(crate) fn gated(x: &CubeTensor, w: &CubeTensor, choices: Choices) -> [CubeTensor; 2] {
    let ([r, m, k], [_, _, n]) = (dims(x), dims(w));
    let problem = Problem { r, m, n, k, a_t: false, b_t: false, parts: 1 };
    let up = empty_of(x, [r, m, n], x.dtype);
    if let Some(tiling) = matrix::choose_gated(&problem, x.dtype, &x.client, choices) {
        let active = empty_of(x, [r, m, n / 2], x.dtype);
        matrix::launch_gated(&problem, tiling, [x, w], [&up, &active]);
        return [up, active];
    }
    product(Side::plain(x), Side::plain(w), &up, Epilogue::Store, choices);
    let active = activation::forward(up.clone(), Activation::SwiGlu);
    [up, active]
}

/// As [`gradients`] where the input is `active`, SwiGLU of `up`: returns the gradient of `up`.
pub(crate) fn gated_gradients(
    dy: &CubeTensor,
    w: &CubeTensor,
    [up, active]: [&CubeTensor; 2],
    (dw, parts): (&CubeTensor, usize),
    accumulate: bool,
    choices: Choices,
) -> CubeTensor {
    let [of_x, of_w] = of_gradients(dy, active, parts);
    let problems = [&of_x, &of_w];
    if let Some(tilings) = matrix::choose_pair(problems, dy.dtype, true, &dy.client, choices) {
        let dup = empty_of(dy, dims::<3>(up), dy.dtype);
        matrix::launch_pair(problems, tilings, [dy, w, active], Some(up), [&dup, dw], accumulate);
        return dup;
    }
    let dactive = empty_of(dy, dims::<3>(active), dy.dtype);
    gradients(dy, [w, active], &dactive, (dw, parts), accumulate, choices);
    activation::backward(up.clone(), dactive, Activation::SwiGlu)
}

/// For sizes, types and devices that this crate's kernels do not take.
fn by_cubek(a: CubeTensor, b: CubeTensor, out: &CubeTensor, epilogue: Epilogue, parts: usize) {
    assert_eq!(parts, 1, "sums are in parts by this crate's kernels alone");
    let shape = dims::<3>(out);
    let direct = matches!(epilogue, Epilogue::Store);
    let to = if direct { out.clone() } else { empty_of(out, shape, DType::F32) };
    let dtype = to.dtype;
    elsewhere(&[&a, &b], &to);
    matmul(a, b, Some(to.clone()), MatmulStrategy::Cube, dtype)
        .expect("products of any sizes are possible");
    match epilogue {
        Epilogue::Store => {}
        Epilogue::Residual(residual) => add(residual, &to, out),
        Epilogue::Accumulate => add(&to, out, out),
    }
}

/// See [`gradients_of_gates`](super::gradients_of_gates).
pub(super) fn gradients_of_gates(
    dy: &CubeTensor,
    w: &CubeTensor,
    read: [&CubeTensor; 2],
    choices: Choices,
) -> [CubeTensor; 2] {
    let ([r, m, n], [_, _, k]) = (dims(dy), dims(read[1]));
    let parts = gradient_parts(dy.dtype, [r, m], [k, n], &dy.client, choices);
    let dw = empty_of(dy, [r * parts, k, n], DType::F32);
    let dup = gated_gradients(dy, w, read, (&dw, parts), false, choices);
    [dup, dw]
}

/// See [`trained`](super::trained).
pub(super) fn trained(
    kind: Trained,
    [x, w, dy]: [CubeTensor; 3],
    choices: Choices,
) -> Vec<CubeTensor> {
    let ([r, m, k], [_, _, n]) = (dims(&x), dims(&w));
    if kind == Trained::Forward {
        let y = empty_of(&x, [r, m, n], x.dtype);
        product(Side::plain(&x), Side::plain(&w), &y, Epilogue::Store, choices);
        return vec![y];
    }
    let parts = gradient_parts(x.dtype, [r, m], [k, n], &x.client, choices);
    let dx = empty_of(&x, [r, m, k], x.dtype);
    let dw = empty_of(&x, [r * parts, k, n], DType::F32);
    gradients(&dy, [&w, &x], &dx, (&dw, parts), false, choices);
    vec![dx, dw]
}

/// `a b`, `[R, M, K] x [R, K, N] -> [R, M, N]` in `f32`, as a tensor of its own.
pub(crate) fn whole(a: CubeTensor, b: CubeTensor, choices: Choices) -> CubeTensor {
    let ([r, m, _], [_, _, n]) = (dims::<3>(&a), dims::<3>(&b));
    let out = empty_of(&a, [r, m, n], DType::F32);
    let (a, a_t) = stored(a);
    let (b, b_t) = stored(b);
    let side = |tensor, transposed| Side { tensor, transposed };
    product(side(&a, a_t), side(&b, b_t), &out, Epilogue::Store, choices);
    out
}

/// A tensor as it lies in memory, and whether that is the transpose of what was given.
fn stored(tensor: CubeTensor) -> (CubeTensor, bool) {
    let mut transposed = tensor.clone();
    transposed.meta.swap(1, 2);
    if !tensor.is_contiguous() && transposed.is_contiguous() {
        return (transposed, true);
    }
    (burn_cubecl::kernel::into_contiguous(tensor), false)
}
