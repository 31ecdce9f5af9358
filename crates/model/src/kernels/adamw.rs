//! AdamW of all weights in one pass, several of them in each launch: the gradient is
//! clipped, and the moments and the weight are written in place.

use burn::cubecl::{self, prelude::*};
use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{MOST_ELEMENTS, UNITS, cubes, dims, own, rows_of};
use super::lists;

/// Numbers per replica in `factors`, in this order: decay of the first moment and its complement,
/// of the second and its complement, what of the weight is kept, the rate, the correction of the
/// second moment and Adam's epsilon.
pub(crate) const FACTORS: usize = 8;

/// Tensors of one weight.
const EACH: usize = 4;

/// Most weights of one launch. Every unit asks of each of them whether its element is there: with more, that takes longer than
/// reading the element.
const MOST_WEIGHTS: usize = 16;

/// A weight of every replica, what goes with it, and the cubes that work on it.
#[derive(CubeLaunch, CubeType)]
struct Slot {
    weight: Box<[f32]>,
    first: Box<[f32]>,
    second: Box<[f32]>,
    gradient: Box<[f32]>,
    len: usize,
    per_replica: usize,
    first_cube: usize,
    /// Where its factors begin.
    factors: usize,
}

#[cube]
fn update(slot: Slot, scales: &[f32], factors: &[f32]) {
    let mut slot = slot;
    // Units of cubes before the first one come to a number beyond all lengths.
    let i = (CUBE_POS - slot.first_cube) * UNITS + UNIT_POS as usize;
    if CUBE_POS >= slot.first_cube && i < slot.len {
        let replica = i / slot.per_replica;
        let f = slot.factors + replica * FACTORS;
        let g = slot.gradient[i] * scales[replica];
        let m = factors[f] * slot.first[i] + factors[f + 1] * g;
        let v = factors[f + 2] * slot.second[i] + factors[f + 3] * g * g;
        let denominator = v.sqrt() * factors[f + 6] + factors[f + 7];
        slot.weight[i] = slot.weight[i] * factors[f + 4] - m * factors[f + 5] / denominator;
        slot.first[i] = m;
        slot.second[i] = v;
    }
}

/// One unit for each element.
#[cube(launch_unchecked)]
fn update_kernel(slots: Sequence<Slot>, scales: &[f32], factors: &[f32]) {
    for slot in slots {
        update(slot, scales, factors);
    }
}

/// A weight with its moments and gradient, `[R, rows, cols]` each, and whether it decays.
pub(crate) struct Weight {
    pub weight: Tensor<3>,
    pub first: Tensor<3>,
    pub second: Tensor<3>,
    pub gradient: Tensor<3>,
    pub decays: bool,
}

/// `tensors` are scales and factors, then the [`EACH`] tensors of every weight.
fn launch(tensors: Vec<CubeTensor>, decays: &[bool]) -> Vec<CubeTensor> {
    let mut tensors = tensors.into_iter();
    let mut next = || tensors.next().expect("four tensors for each weight");
    let (scales, factors) = (rows_of(next()), rows_of(next()));
    let (mut slots, mut results, mut cube) = (SequenceArg::new(), Vec::new(), 0);
    for &decays in decays {
        let [weight, first, second] = [0; 3].map(|_| own(next()));
        let gradient = rows_of(next());
        let [r, rows, cols] = dims(&weight);
        let len = r * rows * cols;
        slots.push(SlotLaunch::new(
            weight.clone().into_buffer_arg(),
            first.clone().into_buffer_arg(),
            second.clone().into_buffer_arg(),
            gradient.into_buffer_arg(),
            len,
            rows * cols,
            cube,
            if decays { 0 } else { r * FACTORS },
        ));
        cube += len.div_ceil(UNITS);
        results.extend([weight, first, second]);
    }
    let client = scales.client.clone();
    // SAFETY: every unit owns one element of one weight; units beyond do nothing.
    unsafe {
        update_kernel::launch_unchecked(
            &client,
            cubes(cube),
            CubeDim::new_1d(UNITS as u32),
            slots,
            scales.into_buffer_arg(),
            factors.into_buffer_arg(),
        );
    }
    results
}

/// Weights and moments after an update by their gradients times `scales` `[R, 1, 1]`, in the order
/// given; `factors` `[2, R, FACTORS]` are those of weights that decay, then of those that do not.
pub(crate) fn update_all(
    weights: Vec<Weight>,
    scales: &Tensor<3>,
    factors: &Tensor<3>,
) -> Vec<[Tensor<3>; 3]> {
    let most = (lists::most_tensors(&scales.device(), 2) / EACH).clamp(1, MOST_WEIGHTS);
    let (mut weights, mut updated) = (weights.into_iter().peekable(), Vec::new());
    while weights.peek().is_some() {
        let mut inputs = vec![scales.clone(), factors.clone()];
        let mut decays = Vec::new();
        let mut elements = 0;
        while let Some(w) = weights.next_if(|w| {
            let with = elements + w.weight.dims().iter().product::<usize>().next_multiple_of(UNITS);
            decays.is_empty() || (decays.len() < most && with <= MOST_ELEMENTS)
        }) {
            elements += w.weight.dims().iter().product::<usize>().next_multiple_of(UNITS);
            decays.push(w.decays);
            inputs.extend([w.weight, w.first, w.second, w.gradient]);
        }
        let results = lists::apply(inputs, |all| launch(all, &decays));
        let mut results = results.into_iter();
        while let (Some(w), Some(m), Some(v)) = (results.next(), results.next(), results.next()) {
            updated.push([w, m, v]);
        }
    }
    updated
}
