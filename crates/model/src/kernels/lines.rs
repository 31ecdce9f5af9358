//! Vectors of 16 bytes, in which kernels on half precision fetch and write.

use burn::cubecl::{self, prelude::*};

/// 16 bytes: eight elements in half precision, or four in `f32`. All traffic is in these.
pub(crate) type Line = Vector<u32, Const<4>>;
/// Four elements in `f32`.
pub(crate) type Quad = Vector<f32, Const<4>>;

/// Eight elements in half precision.
#[cube]
pub(crate) fn pack<E: Float>(low: Line, high: Line) -> Line {
    let low = Vector::<u32, Const<2>>::reinterpret(Vector::<E, Const<4>>::cast_from(
        Quad::reinterpret(low),
    ));
    let high = Vector::<u32, Const<2>>::reinterpret(Vector::<E, Const<4>>::cast_from(
        Quad::reinterpret(high),
    ));
    let mut line = Line::new(0u32);
    line.insert(0usize, low.extract(0usize));
    line.insert(1usize, low.extract(1usize));
    line.insert(2usize, high.extract(0usize));
    line.insert(3usize, high.extract(1usize));
    line
}

/// Four of eight elements in half precision, the first or the last ones, in `f32`.
#[cube]
pub(crate) fn unpack<E: Float>(line: Line, #[comptime] last: bool) -> Quad {
    let at = comptime!(if last { 2usize } else { 0usize });
    let mut pair = Vector::<u32, Const<2>>::new(0u32);
    pair.insert(0usize, line.extract(at));
    pair.insert(1usize, line.extract(comptime!(at + 1)));
    Quad::cast_from(Vector::<E, Const<4>>::reinterpret(pair))
}

/// Sum of four elements.
#[cube]
pub(crate) fn sum_of(quad: Quad) -> f32 {
    (quad.extract(0usize) + quad.extract(1usize)) + (quad.extract(2usize) + quad.extract(3usize))
}
