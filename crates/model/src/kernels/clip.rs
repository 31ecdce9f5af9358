//! Sums of squares for the global gradient norm: all gradients in one launch, as far as a device
//! takes so many.

use burn::cubecl::{self, prelude::*};
use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Rows, UNITS, dims, empty, rows_of};
use super::{lists, reduce};

/// Partial sums of a replica with so many elements: as many cubes work on them, each unit on about 64 elements as long as that
/// makes no more cubes than fill a large device.
fn parts(elements: usize) -> usize {
    (elements / (64 * UNITS)).clamp(4, 512).next_power_of_two()
}

/// A gradient of every replica.
#[derive(CubeLaunch, CubeType)]
struct Gradient {
    values: Box<[f32]>,
    /// Elements of one replica.
    len: usize,
}

/// Cube (part, replica): its share of every gradient's elements, in steps of all parts together.
#[cube(launch_unchecked)]
fn squares_kernel(
    gradients: Sequence<Gradient>,
    sums: &mut [f32],
    #[comptime] parts: usize,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let (part, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize);
    let mut total = 0.0f32;
    for gradient in gradients {
        let len = gradient.len;
        for i in range_stepped(part * UNITS + UNIT_POS as usize, len, comptime!(parts * UNITS)) {
            let g = gradient.values[replica * len + i];
            total += g * g;
        }
    }
    let total = reduce::sum(total, &mut scratch, shape);
    if UNIT_POS == 0 {
        sums[replica * parts + part] = total;
    }
}

fn launch(gradients: Vec<CubeTensor>, parts: usize) -> CubeTensor {
    let gradients: Vec<CubeTensor> = gradients.into_iter().map(rows_of).collect();
    let [r, _, _] = dims(&gradients[0]);
    let sums = empty(&gradients[0], [r, 1, parts]);
    let mut all = SequenceArg::new();
    for gradient in gradients {
        let [_, rows, cols] = dims(&gradient);
        all.push(GradientLaunch::new(gradient.into_buffer_arg(), rows * cols));
    }
    // SAFETY: every cube owns one element of `sums`.
    unsafe {
        squares_kernel::launch_unchecked(
            &sums.client,
            CubeCount::Static(parts as u32, r as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            all,
            sums.clone().into_buffer_arg(),
            parts,
            Rows { lanes: UNITS, rows: 1, planes: false },
        );
    }
    sums
}

/// Squares of all gradients `[R, rows, cols]` in parts that are to be added: `[R, 1, parts]`.
pub(crate) fn squares(gradients: &[Tensor<3>]) -> Tensor<3> {
    let most = lists::most_tensors(&gradients[0].device(), 1).max(1);
    let sums = gradients.chunks(most).flat_map(|gradients| {
        let len = |gradient: &Tensor<3>| gradient.dims()[1] * gradient.dims()[2];
        let parts = parts(gradients.iter().map(len).sum());
        let sums = move |all| vec![launch(all, parts)];
        lists::apply(gradients.to_vec(), sums)
    });
    Tensor::cat(sums.collect(), 2)
}
