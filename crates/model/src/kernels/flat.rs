//! All weights of a stack in one piece of memory, and what is done to all of them at once: gradients are added up from their
//! parts, their norms taken, and the weights moved by AdamW, in three launches whatever their number.

use burn::cubecl::{self, prelude::*};
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Rows, UNITS, cubes, elem, empty};
use super::reduce;

/// Elements of a cube of the update; every weight begins at a multiple of it.
pub(crate) const BLOCK: usize = 1024;

/// Numbers per replica in `factors`, in this order: decay of the first moment and its complement,
/// of the second and its complement, what of the weight is kept, the rate, the correction of the
/// second moment and Adam's epsilon; of weights that decay, then of those that do not; then the limit of the gradient's norm.
pub(crate) const FACTORS: usize = 8;
/// Floats of `factors` for each replica.
pub(crate) const PER_REPLICA: usize = 2 * FACTORS + 1;

/// Where a weight of all replicas lies, and the parts of its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// First element among the weights.
    pub at: usize,
    pub per_replica: usize,
    pub decays: bool,
    /// First element among the parts.
    pub parts_at: usize,
    pub parts: usize,
    /// Elements from a part to the next, and from a replica to the next.
    pub part_stride: usize,
    pub replica_stride: usize,
}

/// Words of an entry in a table.
const WORDS: usize = 7;

/// Tables of entries on the device.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// [`WORDS`] of every weight.
    pub entries: Tensor<1, Int>,
    /// The entry of every block.
    pub blocks: Tensor<1, Int>,
    pub count: usize,
    pub replicas: usize,
    /// Elements that all begins, lengths and strides are multiples of, up to 4.
    pub even: usize,
}

impl Tables {
    pub fn new(entries: &[Entry], replicas: usize, device: &burn::tensor::Device) -> Self {
        let words = entries.iter().flat_map(|e| {
            let numbers = [
                e.at,
                e.per_replica,
                usize::from(e.decays),
                e.parts_at,
                e.parts,
                e.part_stride,
                e.replica_stride,
            ];
            numbers.map(|x| x as i32)
        });
        let blocks = entries.iter().enumerate().flat_map(|(i, e)| {
            std::iter::repeat_n(i as i32, (replicas * e.per_replica).div_ceil(BLOCK))
        });
        let send = |numbers: Vec<i32>| {
            let shape = [numbers.len()];
            Tensor::<1, Int>::from_data(TensorData::new(numbers, shape), device)
        };
        let (words, blocks) = (send(words.collect()), send(blocks.collect()));
        let divides = |n: &usize| {
            entries.iter().all(|e| {
                let numbers = [e.at, e.per_replica, e.parts_at, e.part_stride, e.replica_stride];
                numbers.iter().all(|x| x.is_multiple_of(*n))
            })
        };
        let even = [4, 2].into_iter().find(divides).unwrap_or(1);
        Self { entries: words, blocks, count: entries.len(), replicas, even }
    }

    fn blocks(&self) -> usize {
        self.blocks.dims()[0]
    }
}

/// Cubes that share a replica's weights: as many as fill a large device, each unit on some 16 elements.
fn shares(replicas: usize, total: usize) -> usize {
    let each = total / replicas.max(1);
    (each / (16 * UNITS)).clamp(4, (2048 / replicas.max(1)).max(4)).next_power_of_two()
}

/// Cube (share, replica): adds up the parts of its share of every gradient, times `factor`, and the squares of the sums. All but the
/// words of `entries` counts vectors of `N`.
#[cube(launch_unchecked)]
fn gather_kernel<N: Size>(
    parts: &[Vector<f32, N>],
    entries: &[i32],
    gradients: &mut [Vector<f32, N>],
    squares: &mut [f32],
    count: usize,
    shares: usize,
    factor: f32,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let (share, replica) = (CUBE_POS_X as usize, CUBE_POS_Y as usize);
    let mut total = Vector::<f32, N>::new(0.0f32);
    for entry in 0..count {
        let word = entry * WORDS;
        let len = entries[word + 1] as usize / N::value();
        let begin = share * UNITS + UNIT_POS as usize;
        // Shares take turns at being the first, or the first ones would do all small gradients.
        let begin = (begin + entry * 7 * UNITS) % (shares * UNITS);
        if begin < len {
            let to = entries[word] as usize / N::value() + replica * len;
            let from =
                (entries[word + 3] as usize + replica * entries[word + 6] as usize) / N::value();
            let number = entries[word + 4] as usize;
            let stride = entries[word + 5] as usize / N::value();
            for i in range_stepped(begin, len, shares * UNITS) {
                let mut sum = Vector::<f32, N>::new(0.0f32);
                let fours = number / 4 * 4;
                for part in range_stepped(0usize, fours, 4usize) {
                    let at = from + part * stride + i;
                    let a = parts[at];
                    let b = parts[at + stride];
                    let c = parts[at + 2 * stride];
                    let d = parts[at + 3 * stride];
                    sum += (a + b) + (c + d);
                }
                for part in fours..number {
                    sum += parts[from + part * stride + i];
                }
                let sum = sum * Vector::new(factor);
                gradients[to + i] = sum;
                total += sum * sum;
            }
        }
    }
    let mut own = 0.0f32;
    #[unroll]
    for k in 0..N::value() {
        own += total.extract(k);
    }
    let total = reduce::sum(own, &mut scratch, shape);
    if UNIT_POS == 0 {
        squares[replica * shares + share] = total;
    }
}

/// The norm of every replica's gradient, and what brings it under the limit.
#[cube(launch_unchecked)]
fn norms_kernel(
    squares: &[f32],
    factors: &[f32],
    norms: &mut [f32],
    scales: &mut [f32],
    shares: usize,
    #[comptime] shape: Rows,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let replica = CUBE_POS_X as usize;
    let mut total = 0.0f32;
    for share in range_stepped(UNIT_POS as usize, shares, UNITS) {
        total += squares[replica * shares + share];
    }
    let norm = reduce::sum(total, &mut scratch, shape).sqrt();
    if UNIT_POS == 0 {
        let limit = factors[replica * PER_REPLICA + 2 * FACTORS];
        norms[replica] = norm;
        scales[replica] = min(1.0f32, limit / (norm + 1e-6));
    }
}

/// AdamW in place, and the copy in half precision where there is one.
#[cube(launch_unchecked)]
fn adamw_kernel<H: Float>(
    gradients: &[f32],
    scales: &[f32],
    factors: &[f32],
    entries: &[i32],
    blocks: &[i32],
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    half: &mut [H],
    replicas: usize,
    count: usize,
    #[comptime] has_half: bool,
    #[define(H)] _type: ElemType,
) {
    if CUBE_POS < count {
        let word = blocks[CUBE_POS] as usize * WORDS;
        let (at, len) = (entries[word] as usize, entries[word + 1] as usize);
        let decays = entries[word + 2] == 1;
        #[unroll]
        for k in 0..comptime!(BLOCK / UNITS) {
            let i = CUBE_POS * BLOCK + comptime!(k * UNITS) + UNIT_POS as usize;
            let replica = (i - at) / len;
            if replica < replicas {
                let f = replica * PER_REPLICA + select(decays, 0, FACTORS);
                let g = gradients[i] * scales[replica];
                let m = factors[f] * first[i] + factors[f + 1] * g;
                let v = factors[f + 2] * second[i] + factors[f + 3] * g * g;
                let denominator = v.sqrt() * factors[f + 6] + factors[f + 7];
                let w = weights[i] * factors[f + 4] - m * factors[f + 5] / denominator;
                weights[i] = w;
                first[i] = m;
                second[i] = v;
                if comptime!(has_half) {
                    half[i] = H::cast_from(w);
                }
            }
        }
    }
}

/// The weights in half precision.
#[cube(launch_unchecked)]
fn halve_kernel<H: Float>(
    weights: &[f32],
    half: &mut [H],
    len: usize,
    #[define(H)] _type: ElemType,
) {
    if ABSOLUTE_POS < len {
        half[ABSOLUTE_POS] = H::cast_from(weights[ABSOLUTE_POS]);
    }
}

/// A flat `f32` copy of a tensor's elements, or the other way round: `to[at..] = from`.
#[cube(launch_unchecked)]
fn place_kernel(from: &[f32], to: &mut [f32], len: usize) {
    if ABSOLUTE_POS < len {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

/// Copies the elements of one tensor to another of as many.
pub(crate) fn place(from: &CubeTensor, to: &CubeTensor) {
    let len = to.meta.num_elements();
    let (count, dim) = super::launch::elements(len);
    // SAFETY: one unit for each element.
    unsafe {
        place_kernel::launch_unchecked(
            &to.client,
            count,
            dim,
            from.clone().into_buffer_arg(),
            to.clone().into_buffer_arg(),
            len,
        );
    }
}

/// Writes flat weights to their copy in half precision.
pub(crate) fn halve(weights: &CubeTensor, half: &CubeTensor) {
    let len = weights.meta.num_elements();
    let (count, dim) = super::launch::elements(len);
    // SAFETY: one unit for each element.
    unsafe {
        halve_kernel::launch_unchecked(
            &weights.client,
            count,
            dim,
            weights.clone().into_buffer_arg(),
            half.clone().into_buffer_arg(),
            len,
            elem(half.dtype),
        );
    }
}

/// Adds up the parts of all gradients, times `factor`, to flat `gradients`. Returns partial sums of their squares, `[R, shares]`.
pub(crate) fn gather(
    parts: &CubeTensor,
    tables: &Tables,
    gradients: &CubeTensor,
    factor: f32,
) -> CubeTensor {
    let shares = shares(tables.replicas, gradients.meta.num_elements());
    let squares = empty(parts, [tables.replicas, shares]);
    // SAFETY: every element belongs to one unit.
    unsafe {
        gather_kernel::launch_unchecked(
            &parts.client,
            CubeCount::Static(shares as u32, tables.replicas as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            tables.even,
            parts.clone().into_buffer_arg(),
            super::primitive_int(tables.entries.clone()).into_buffer_arg(),
            gradients.clone().into_buffer_arg(),
            squares.clone().into_buffer_arg(),
            tables.count,
            shares,
            factor,
            Rows::CUBE,
        );
    }
    squares
}

/// Norms and scales `[R]` from [`gather`]'s squares and `factors` `[R, PER_REPLICA]`.
pub(crate) fn norms(squares: &CubeTensor, factors: &CubeTensor) -> [CubeTensor; 2] {
    let [r, shares] = super::launch::dims(squares);
    let [norms, scales] = [0; 2].map(|_| empty(squares, [r]));
    // SAFETY: one unit of each cube writes one element of each.
    unsafe {
        norms_kernel::launch_unchecked(
            &squares.client,
            CubeCount::Static(r as u32, 1, 1),
            CubeDim::new_1d(UNITS as u32),
            squares.clone().into_buffer_arg(),
            factors.clone().into_buffer_arg(),
            norms.clone().into_buffer_arg(),
            scales.clone().into_buffer_arg(),
            shares,
            Rows::CUBE,
        );
    }
    [norms, scales]
}

/// What an update reads and writes, all flat.
pub(crate) struct Update<'a> {
    pub gradients: &'a CubeTensor,
    pub scales: &'a CubeTensor,
    pub factors: &'a CubeTensor,
    pub weights: &'a CubeTensor,
    pub first: &'a CubeTensor,
    pub second: &'a CubeTensor,
    pub half: Option<&'a CubeTensor>,
}

/// AdamW (Loshchilov & Hutter 2019, algorithm 2) of all weights in place.
pub(crate) fn adamw(update: Update, tables: &Tables) {
    let Update { gradients, scales, factors, weights, first, second, half } = update;
    let dtype = half.map_or(DType::F32, |half| half.dtype);
    // SAFETY: every element belongs to one unit.
    unsafe {
        adamw_kernel::launch_unchecked(
            &weights.client,
            cubes(tables.blocks()),
            CubeDim::new_1d(UNITS as u32),
            gradients.clone().into_buffer_arg(),
            scales.clone().into_buffer_arg(),
            factors.clone().into_buffer_arg(),
            super::primitive_int(tables.entries.clone()).into_buffer_arg(),
            super::primitive_int(tables.blocks.clone()).into_buffer_arg(),
            weights.clone().into_buffer_arg(),
            first.clone().into_buffer_arg(),
            second.clone().into_buffer_arg(),
            half.unwrap_or(weights).clone().into_buffer_arg(),
            tables.replicas,
            tables.blocks(),
            half.is_some(),
            elem(dtype),
        );
    }
}
