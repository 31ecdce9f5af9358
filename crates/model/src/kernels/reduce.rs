//! Sums and maxima over the units that share a row.

use burn::cubecl::{self, prelude::*};

use super::launch::Rows;

/// The row of this unit, of `rows` rows that cubes share out along y, and whether there is one: units
/// beyond the last row work on it too, for all of a cube meet in the sums.
#[cube]
pub(crate) fn row(rows: usize) -> (usize, bool) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    (min(row, rows - 1), row < rows)
}

/// Sum of `value` over the units of a row; every unit gets it.
///
/// Where a row is a plane, its units exchange values without memory. Else `scratch`, which has one
/// element for every unit of the cube, and all units of the cube call this together.
#[cube]
pub(crate) fn sum(value: f32, scratch: &mut Shared<[f32]>, #[comptime] rows: Rows) -> f32 {
    if comptime!(rows.planes) {
        plane_sum(value)
    } else {
        by_halves(value, scratch, rows.lanes, false)
    }
}

/// Largest `value` of the units of a row, as [`sum`].
#[cube]
pub(crate) fn largest(value: f32, scratch: &mut Shared<[f32]>, #[comptime] rows: Rows) -> f32 {
    if comptime!(rows.planes) {
        plane_max(value)
    } else {
        by_halves(value, scratch, rows.lanes, true)
    }
}

/// Sum, or the `largest`, over `lanes` neighbouring units, through shared memory.
#[cube]
fn by_halves(
    value: f32,
    scratch: &mut Shared<[f32]>,
    #[comptime] lanes: usize,
    #[comptime] largest: bool,
) -> f32 {
    let unit = UNIT_POS as usize;
    let lane = unit % lanes;
    sync_cube(); // what was there before has been read
    scratch[unit] = value;
    sync_cube();
    let mut step = comptime!(lanes / 2).runtime();
    while step > 0 {
        if lane < step {
            let other = scratch[unit + step];
            if comptime!(largest) {
                scratch[unit] = max(scratch[unit], other);
            } else {
                scratch[unit] += other;
            }
        }
        sync_cube();
        step /= 2;
    }
    scratch[unit - lane]
}

/// Sum of `value` over the units of a cube that have the same place along x; the units with
/// `UNIT_POS_Y = 0` get it, the others get parts of it. `down` is the cube's size along y, a power
/// of two.
#[cube]
pub(crate) fn sum_down(value: f32, scratch: &mut Shared<[f32]>, #[comptime] down: usize) -> f32 {
    let unit = UNIT_POS as usize;
    let width = CUBE_DIM_X as usize;
    sync_cube();
    scratch[unit] = value;
    sync_cube();
    let mut step = comptime!(down / 2).runtime();
    while step > 0 {
        if (UNIT_POS_Y as usize) < step {
            let other = scratch[unit + step * width];
            scratch[unit] += other;
        }
        sync_cube();
        step /= 2;
    }
    scratch[unit]
}
