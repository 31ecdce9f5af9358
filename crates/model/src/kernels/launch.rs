//! Sizes of launches, and tensors to write to.

use burn::cubecl::client::Client;
use burn::cubecl::ir::features::Plane;
use burn::cubecl::{self, prelude::*};
use burn::tensor::{DType, Shape, bf16, f16};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::{Choices, Planes};

/// Units of a cube that works on rows or single elements.
pub(super) const UNITS: usize = 256;

/// Elements of all tensors of a kind in one launch: kernels count them in 32 bits.
pub(super) const MOST_ELEMENTS: usize = u32::MAX as usize - (1 << 20);

/// Cubes along one axis that every device takes.
const MOST_ALONG_AXIS: usize = 65_535;

/// `cubes` cubes, told apart by `CUBE_POS`. There may be more than asked for.
pub(super) fn cubes(cubes: usize) -> CubeCount {
    let deep = cubes.div_ceil(MOST_ALONG_AXIS).max(1);
    CubeCount::Static(cubes.div_ceil(deep) as u32, deep as u32, 1)
}

/// Cubes of [`UNITS`] units for `elements` elements, told apart by `ABSOLUTE_POS`.
pub(super) fn elements(elements: usize) -> (CubeCount, CubeDim) {
    (cubes(elements.div_ceil(UNITS)), CubeDim::new_1d(UNITS as u32))
}

/// How rows are shared out: `lanes` units for each row, a power of two, and `rows` rows for each cube.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rows {
    pub lanes: usize,
    pub rows: usize,
    /// Whether the units of a row are a plane (warp, subgroup) of the device.
    pub planes: bool,
}

impl Rows {
    /// All units of a cube for one row.
    pub const CUBE: Self = Self { lanes: UNITS, rows: 1, planes: false };

    /// A plane for each row, where all planes of the device have one size. Else about four elements
    /// for each unit, so that short rows share a cube and long ones fill it.
    pub fn of_width(width: usize, client: &Client, choices: Choices) -> Self {
        let lanes = (width / 4).next_power_of_two().clamp(4, UNITS);
        let lanes = plane_size(client, choices.planes).unwrap_or(lanes);
        Self::with_lanes(lanes, client, choices)
    }

    pub fn with_lanes(lanes: usize, client: &Client, choices: Choices) -> Self {
        let planes = plane_size(client, choices.planes) == Some(lanes);
        Self { lanes, rows: (UNITS / lanes).max(1), planes }
    }

    /// `lanes` units for each row, which exchange nothing.
    pub fn apart(lanes: usize) -> Self {
        Self { lanes, rows: (UNITS / lanes).max(1), planes: false }
    }

    pub fn dim(self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, self.rows as u32)
    }

    pub fn cubes(self, rows: usize) -> CubeCount {
        cubes(rows.div_ceil(self.rows))
    }
}

/// Units of a plane, where all planes of a device have one size.
pub(super) fn fixed_plane(client: &Client) -> Option<usize> {
    let hardware = &client.properties().hardware;
    let (least, most) = (hardware.plane_size_min, hardware.plane_size_max);
    (least == most).then_some(most as usize)
}

/// The same, where they can add up.
fn plane_size(client: &Client, planes: Planes) -> Option<usize> {
    let usable = |size: &usize| size.is_power_of_two() && (2..=UNITS).contains(size);
    let able = match planes {
        Planes::Reported => client.features().plane.contains(Plane::Ops),
        Planes::On => true,
        Planes::Off => false,
    };
    fixed_plane(client).filter(usable).filter(|_| able)
}

/// An unwritten `f32` tensor, row-major, where `like` is.
pub(crate) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_of(like, shape, DType::F32)
}

/// An unwritten tensor of this type, row-major, where `like` is.
pub(crate) fn empty_of<const D: usize>(
    like: &CubeTensor,
    shape: [usize; D],
    dtype: DType,
) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), dtype)
}

/// Part of a row-major tensor, from element `at`, as a tensor of this shape that shares its memory.
pub(crate) fn view<const D: usize>(flat: &CubeTensor, at: usize, shape: [usize; D]) -> CubeTensor {
    let size = flat.dtype.size();
    let len: usize = shape.iter().product();
    let end = flat.meta.num_elements() - at - len;
    let handle =
        flat.handle.clone().offset_start((at * size) as u64).offset_end((end * size) as u64);
    let (client, device) = (flat.client.clone(), flat.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::from(shape), handle, flat.dtype)
}

/// The type as kernels are compiled for it.
pub(super) fn elem(dtype: DType) -> ElemType {
    match dtype {
        DType::F32 => f32::elem_type_native(),
        DType::F16 => f16::elem_type_native(),
        DType::BF16 => bf16::elem_type_native(),
        other => panic!("kernels do not work in {other:?}"),
    }
}

/// Elements that a unit takes at a time from rows of `width`.
pub(super) fn vector(width: usize) -> usize {
    [4, 2].into_iter().find(|n| width.is_multiple_of(*n)).unwrap_or(1)
}

#[cube(launch_unchecked)]
fn add_kernel(a: &[f32], b: &[f32], y: &mut [f32], len: usize) {
    if ABSOLUTE_POS < len {
        y[ABSOLUTE_POS] = a[ABSOLUTE_POS] + b[ABSOLUTE_POS];
    }
}

/// `y = a + b` for row-major `f32` tensors of one size; `y` may be one of them.
pub(crate) fn add(a: &CubeTensor, b: &CubeTensor, y: &CubeTensor) {
    let len = y.meta.num_elements();
    let (count, dim) = elements(len);
    let [a, b, to] = [a, b, y].map(|t| t.clone().into_buffer_arg());
    // SAFETY: one unit for each element, and units beyond do nothing.
    unsafe { add_kernel::launch_unchecked(&y.client, count, dim, a, b, to, len) }
}

/// The tensor row-major in `f32`.
pub(crate) fn rows_of(tensor: CubeTensor) -> CubeTensor {
    assert_eq!(tensor.dtype, DType::F32, "these kernels work in f32");
    row_major(tensor)
}

/// The tensor row-major, in whatever type it has.
pub(crate) fn row_major(tensor: CubeTensor) -> CubeTensor {
    let elements = tensor.meta.num_elements();
    assert!(
        elements <= MOST_ELEMENTS,
        "kernels count up to {MOST_ELEMENTS} elements, not {elements}"
    );
    into_contiguous(tensor)
}

/// The tensor row-major and not shared with anyone, to be written in place.
pub(super) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = rows_of(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// The sizes of a tensor.
pub(crate) fn dims<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    tensor.meta.shape().dims()
}
