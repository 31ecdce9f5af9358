//! SwiGLU on the way out of products, forward and backward, beside launches of its own.

use burn::tensor::{Device, Tensor};
use isoflop_model::kernels::Choices;
use isoflop_model::ops::linear::{gates, gradients_of_gates, half, operand};
use isoflop_plan::Precision;

use super::{PLAIN, agree, made_up, values};
use crate::turns;
use crate::wait::wait_for;

/// Tokens, width and half the width between two projections of what is compared, of two replicas: sizes that fill fragments of any
/// side, and sizes that do not.
const COMPARED: [[usize; 3]; 2] = [[304, 72, 176], [150, 40, 44]];

fn set(device: &Device, fused: bool) {
    Choices { gates: fused, gate_gradients: fused, ..Choices::of(device) }.set(device);
}

/// The projections around SwiGLU.
struct Task {
    x: Tensor<3>,
    w: Tensor<3>,
    down: Tensor<3>,
    dy: Tensor<3>,
}

impl Task {
    fn new(
        replicas: usize,
        [tokens, width, hidden]: [usize; 3],
        precision: Precision,
        device: &Device,
    ) -> Self {
        let of = |seed, rows, cols| {
            operand(made_up(seed, [replicas, rows, cols], PLAIN, device), half(precision))
        };
        Self {
            x: of(1, tokens, width),
            w: of(2, width, 2 * hidden),
            down: of(3, hidden, width),
            dy: of(4, tokens, width),
        }
    }

    fn forward(&self) -> [Tensor<3>; 2] {
        gates(&self.x, &self.w)
    }

    fn backward(&self, [up, active]: &[Tensor<3>; 2]) -> [Tensor<3>; 2] {
        gradients_of_gates(&self.dy, &self.down, [up, active])
    }
}

/// Whether both ways compute the same. A study's own sizes, which may have other tiles, are looked at before it trains.
pub(super) fn compare(device: &Device, precision: Precision, backward: bool) -> Result<(), String> {
    for sizes in COMPARED {
        let task = Task::new(2, sizes, precision, device);
        set(device, false);
        let saved = task.forward();
        let [right, got] = [false, true].map(|fused| {
            set(device, fused);
            let results = if backward { task.backward(&saved) } else { task.forward() };
            results.into_iter().map(values).collect::<Result<Vec<_>, _>>()
        });
        let names = match backward {
            false => ["gates", "what gates let through"],
            true => ["the gradient of gates", "the gradient of the weight behind gates"],
        };
        for (what, (right, got)) in names.iter().zip(right?.iter().zip(&got?)) {
            agree(&format!("{what} at {sizes:?}"), got, right, precision)?;
        }
    }
    Ok(())
}

/// How many times as fast they are on the way out.
pub(super) fn time(
    device: &Device,
    precision: Precision,
    sizes: [usize; 3],
    backward: bool,
) -> Result<f64, String> {
    let task = Task::new(1, sizes, precision, device);
    let saved = task.forward();
    let mut of = [true, false].map(|fused| {
        let (task, saved) = (&task, &saved);
        move |count: usize| {
            set(device, fused);
            let once = || if backward { task.backward(saved) } else { task.forward() };
            let mut last = once();
            for _ in 1..count {
                last = once();
            }
            wait_for(&last[0])
        }
    });
    let [one, other] = &mut of;
    turns::times_as_fast(one, other)
}
