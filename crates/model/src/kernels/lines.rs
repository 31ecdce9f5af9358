//! Vectors of 16 bytes, in which kernels on half precision fetch and write.

use burn::cubecl::{self, prelude::*};

/// 16 bytes: eight elements in half precision, or four in `f32`. All traffic is in these.
pub(crate) type Line = Vector<u32, Const<4>>;
/// Four elements in `f32`.
pub(crate) type Quad = Vector<f32, Const<4>>;

/// Words of 32 bits of a line.
pub(crate) const WORDS: usize = 4;
/// Elements in half precision of a word.
pub(crate) const PER_WORD: usize = 2;

/// A line of the row that begins at piece `at`, where rows lie in memory in pieces of `words` words: its pieces before `end`, else 0;
/// all if the row `is_whole`, none if it is not there.
#[cube]
pub(crate) fn line_of<N: Size>(
    from: &[Vector<u32, N>],
    at: usize,
    line: usize,
    end: usize,
    is_there: bool,
    #[comptime] is_whole: bool,
    #[comptime] words: usize,
) -> Line {
    let count = comptime!(WORDS / words);
    let mut result = Line::new(0u32);
    #[unroll]
    for j in 0..count {
        let piece = line * count + j;
        let mut is_there = is_there;
        if comptime!(!is_whole) {
            is_there = is_there && piece < end;
        }
        if is_there {
            let value = from[at + piece];
            #[unroll]
            for w in 0..words {
                result.insert(comptime!(j * words + w), value.extract(w));
            }
        }
    }
    result
}

/// Writes a line of the row that begins at piece `at`, where rows lie in memory as for [`line_of`]: its pieces before `end`, or all if the
/// row `is_whole`.
#[cube]
#[allow(clippy::if_same_then_else)] // one is decided when the kernel is compiled
pub(crate) fn write_line<N: Size>(
    line: Line,
    to: &mut [Vector<u32, N>],
    at: usize,
    col: usize,
    end: usize,
    #[comptime] is_whole: bool,
    #[comptime] words: usize,
) {
    let count = comptime!(WORDS / words);
    #[unroll]
    for j in 0..count {
        let piece = col * count + j;
        let mut value = Vector::<u32, N>::new(0u32);
        #[unroll]
        for w in 0..words {
            value.insert(w, line.extract(comptime!(j * words + w)));
        }
        if comptime!(is_whole) {
            to[at + piece] = value;
        } else if piece < end {
            to[at + piece] = value;
        }
    }
}

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
