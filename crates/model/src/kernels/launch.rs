//! Sizes of launches.

use burn::cubecl::client::Client;
use burn::cubecl::ir::features::Plane;
use burn::cubecl::prelude::*;

use super::choices::{Choices, Planes};

/// Units of a cube that works on rows or single elements.
pub(crate) const UNITS: usize = 256;

/// Cubes along one axis that every device takes.
const MOST_ALONG_AXIS: usize = 65_535;

/// `cubes` cubes, told apart by `CUBE_POS`. There may be more than asked for.
pub(crate) fn cubes(cubes: usize) -> CubeCount {
    let deep = cubes.div_ceil(MOST_ALONG_AXIS).max(1);
    CubeCount::Static(cubes.div_ceil(deep) as u32, deep as u32, 1)
}

/// Cubes of [`UNITS`] units for `elements` elements, told apart by `ABSOLUTE_POS`.
pub(crate) fn elements(elements: usize) -> (CubeCount, CubeDim) {
    (cubes(elements.div_ceil(UNITS)), CubeDim::new_1d(UNITS as u32))
}

/// How rows are shared out: `lanes` units for each row, a power of two, and `rows` rows for each cube.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rows {
    pub lanes: usize,
    pub rows: usize,
    /// Whether the units of a row are a plane (warp, subgroup) of the device.
    pub planes: bool,
}

impl Rows {
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
pub(crate) fn fixed_plane(client: &Client) -> Option<usize> {
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

/// Elements that a unit takes at a time from rows of `width`.
pub(crate) fn vector(width: usize) -> usize {
    [4, 2].into_iter().find(|n| width.is_multiple_of(*n)).unwrap_or(1)
}

/// Rows that one cube adds up for the gradient of a gain or a bias, at least.
const ROWS_PER_CUBE: usize = 64;
/// Cubes along the rows, at most.
const MOST_CHUNKS: usize = 256;

/// Chunks that `rows` rows of a replica are cut into for the gradient of a gain or a bias.
pub(crate) fn chunks(rows: usize) -> usize {
    rows.div_ceil(ROWS_PER_CUBE).clamp(1, MOST_CHUNKS)
}
