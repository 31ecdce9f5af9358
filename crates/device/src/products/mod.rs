//! Whether matrix products are right at the sizes that a study makes.
//!
//! The self-test sees small sizes only, and a driver may drop a large launch without a word. So a few values of the
//! projections' products, forward and backward, made by the kernels that training takes, SwiGLU on the way out included, are compared
//! with the same sums on the CPU before a stack's first step.
//! Kernels are chosen by rule: by the size of a dimension to within a factor of two and by the power of two that divides it, or
//! by less. Sizes that these do not tell apart are of one class, and one of them is checked for all.

mod look;

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Distribution, Tensor};
use isoflop_model::kernels::Choices;
use isoflop_model::ops::activation::Activation;
use isoflop_model::ops::head::pieces;
use isoflop_model::ops::linear::{self, Trained};
use isoflop_model::{Group, ParamSpec, is_host, param_specs};
use isoflop_plan::{Precision, Shape};

use look::Look;

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
    type Checked = ((Device, Choices, Precision, Class, Beside), (u32, bool));
    static CHECKED: Mutex<Vec<Checked>> = Mutex::new(Vec::new());
    if is_host(device) {
        return Ok(());
    }
    let choices = Choices::of(device);
    let check = |tokens: usize, spec: &ParamSpec| {
        let pass = PassSize { tokens, ..pass };
        let sizes = [spec.rows, spec.cols];
        let class = class([tokens, spec.rows, spec.cols]);
        let beside = Beside::of(shape, spec);
        let key = (device.clone(), choices, precision, class, beside);
        let side_by_side = usize::BITS - replicas.leading_zeros();
        let holds =
            |(most, backward): (u32, bool)| most >= side_by_side && (backward || !pass.backward);
        let done = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
        if done().iter().any(|(other, checked)| *other == key && holds(*checked)) {
            return Ok(());
        }
        check(device, precision, replicas, pass, sizes, beside)?;
        done().push((key, (side_by_side, pass.backward)));
        Ok(())
    };
    let specs = param_specs(shape);
    let mut projections: Vec<_> = specs.iter().filter(|spec| spec.is_projection()).collect();
    // The last one gives the logits, of some of the tokens at a time.
    if let Some(head) = projections.pop() {
        let pieces = pieces(replicas, pass.tokens, head.cols);
        for piece in [pieces.first(), pieces.last()].into_iter().flatten() {
            check(piece.len(), head)?;
        }
    }
    projections.into_iter().try_for_each(|spec| check(pass.tokens, spec))
}

/// What stands beside a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// SwiGLU of its result, whose rows are `[gate, up]`.
    SwiGluBehind,
    /// SwiGLU that gives its input.
    SwiGluBefore,
}

impl Beside {
    fn of(shape: &Shape, spec: &ParamSpec) -> Self {
        if spec.group != Group::Mlp || Activation::of(shape.family) != Activation::SwiGlu {
            return Self::Nothing;
        }
        if spec.rows == shape.hidden && spec.cols == shape.width {
            Self::SwiGluBefore
        } else {
            Self::SwiGluBehind
        }
    }
}

/// Whether SwiGLU and its gradient are kernels there.
fn is_by_kernels(device: &Device) -> bool {
    !is_host(device) && Choices::of(device).kernels
}

/// Compares the products of a projection `[R, M, K] x [R, K, N]` with the CPU's.
fn check(
    device: &Device,
    precision: Precision,
    r: usize,
    PassSize { tokens: m, backward }: PassSize,
    [k, n]: [usize; 2],
    beside: Beside,
) -> Result<(), WrongProduct> {
    let allowed = match precision {
        Precision::F32 => 1e-4,
        Precision::F16 => 5e-3,
        Precision::Bf16 => 3e-2,
    };
    // All of one sign, so that no part of a sum can be missing unseen; sums stay far below the largest number of f16.
    let some = |rows, cols, most| {
        let uniform = Distribution::Uniform(0.0, most);
        linear::operand(Tensor::random([r, rows, cols], uniform, device), linear::half(precision))
    };
    let (x, w) = (some(m, k, 1.0), some(k, n, 1.0 / (k as f64).sqrt()));
    let mut looks = Vec::new();
    if beside == Beside::SwiGluBehind && is_by_kernels(device) {
        let [up, active] = linear::gates(&x, &w);
        looks.push(Look::at("the product", &x, &w, &up));
        looks.push(Look::at_active(&up, &active, k));
    } else {
        let y = linear::trained(Trained::Forward, [&x, &w, &x]);
        looks.push(Look::at("the product", &x, &w, &y[0]));
    }
    if backward {
        let dy = some(m, n, 1.0);
        let swapped = |t: &Tensor<3>| t.clone().swap_dims(1, 2);
        let dw = if beside == Beside::SwiGluBefore && is_by_kernels(device) {
            let up = some(m, 2 * k, 1.0);
            let [dup, dw] = linear::gradients_of_gates(&dy, &w, [&up, &x]);
            looks.push(Look::at_gradients(&dy, &w, &up, &dup));
            dw
        } else {
            let mut gradients = linear::trained(Trained::Gradients, [&x, &w, &dy]);
            let dw = gradients.pop().expect("two of them");
            let what = "the product for the input's gradient";
            looks.push(Look::at(what, &dy, &swapped(&w), &gradients[0]));
            dw
        };
        looks.push(Look::at("the product for the weight's gradient", &swapped(&x), &dy, &dw));
    }
    let found: Vec<_> = looks.iter().map(|look| (look.what, look.sizes)).collect();
    for ((what, sizes), deviation) in found.into_iter().zip(Look::deviations(looks)) {
        if deviation > allowed {
            return Err(WrongProduct { what, replicas: r, sizes, precision, deviation, allowed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_products_pass() {
        let cpu = Device::flex();
        let sizes = [[1, 1], [3, 5], [40, 24]];
        for (backward, sizes) in [(true, sizes), (false, sizes)] {
            for sizes in sizes {
                let pass = PassSize { tokens: 21, backward };
                check(&cpu, Precision::F32, 3, pass, sizes, Beside::Nothing).unwrap();
            }
        }
    }

    #[test]
    fn projections_of_the_mlp_have_swiglu_beside_them() {
        let (family, vocab, context) = (isoflop_plan::Family::Llama, 64, 8);
        let shape = Shape { family, depth: 1, width: 24, heads: 2, hidden: 40, vocab, context };
        let found: Vec<Beside> = param_specs(&shape)
            .iter()
            .filter(|spec| spec.is_projection())
            .map(|spec| Beside::of(&shape, spec))
            .collect();
        use Beside::{Nothing, SwiGluBefore, SwiGluBehind};
        assert_eq!(found, [Nothing, Nothing, SwiGluBehind, SwiGluBefore, Nothing]);
    }

    #[test]
    fn sizes_of_one_class_are_alike() {
        let of = |n| class([n, 1, 1])[0];
        assert!(of(4096) == of(4096 + 64) && of(4096) == of(8128));
        assert!(of(4096) != of(8192), "twice the size");
        assert!(of(4096) != of(4096 + 8), "divided by less");
        assert!(of(4096) != of(2048) && of(65) == of(67));
    }
}
