//! From a width, or a parameter count, to a whole [`Shape`].
//!
//! | of a width d | rule | source |
//! | --- | --- | --- |
//! | depth | d / 64 rounded, at least 2 | one block per 64 of width: nanochat (Karpathy 2025); the loss moves by a few per cent over a factor of 40 in this ratio: Kaplan et al. 2020, section 3.1 |
//! | head size | the even divisor of d nearest to 1.6 sqrt(d), at least 4, at most 128; the smaller of two as near | measured at widths 12 to 144: `results/architecture` (best of those tried: 8 at d = 16, 8 at 24, 10 at 40, 12 at 48, 14 at 56 and 112, 16 at 64 and 128); beyond, carried on: 32 at 256 and 512, 64 at 1024 and 2048, 128 at 4096 |
//! | MLP, llama | 8/3 d to the nearest multiple of 8 (below 128), 16 (below 512), else 64 | Shazeer 2020, section 3: as many weights as 4 d without a gate; Touvron et al. 2023 |
//! | MLP, gpt2 | 4 d | Vaswani et al. 2017; Radford et al. 2019 |
//!
//! Widths are multiples of 4. Where sizes are given as parameter counts they are snapped to a
//! ladder of widths: steps of 4 up to 32, then 8 steps to each doubling but none below 8, so that
//! neighbours are x1.2 to x1.5 apart in parameters; x1.8 at the smallest and where a third block is added.

use crate::config::{DepthRule, ModelConfig};
use crate::grid::heads_jump;
use crate::{Convention, Family, Shape};

/// Smallest and largest width of the ladder.
const WIDTHS: (usize, usize) = (8, 16_384);
/// Head sizes that the rule stays within.
const HEAD_DIMS: (usize, usize) = (4, 128);

/// Why there is no shape of some width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The fixed head size does not divide the width.
    #[error("heads of {head_dim} do not fill a width of {width}")]
    HeadDim {
        width: usize,
        /// The head size.
        head_dim: usize,
    },
    /// The heads do not divide the width into even parts.
    #[error("{heads} heads do not divide a width of {width} into even parts")]
    Heads { width: usize, heads: usize },
}

impl ModelConfig {
    /// The shape of a width, by the rules.
    ///
    /// # Errors
    ///
    /// Where the fixed head size does not divide the width, or no even size does.
    pub fn shape(&self, width: usize, vocab: usize) -> Result<Shape, ShapeError> {
        let head_dim = match self.head_dim {
            Some(head_dim) if !width.is_multiple_of(head_dim) => {
                return Err(ShapeError::HeadDim { width, head_dim });
            }
            Some(head_dim) => head_dim,
            None => head_dim(width),
        };
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(ShapeError::Heads { width, heads: 1 });
        }
        Ok(Shape {
            family: self.family,
            depth: depth(self.depth, width),
            width,
            heads: width / head_dim,
            hidden: hidden(self.family, self.mlp_ratio, width),
            vocab,
            context: self.context,
        })
    }

    /// All shapes that parameter counts are snapped to, smallest first.
    pub fn ladder(&self, vocab: usize) -> Vec<Shape> {
        widths().filter_map(|width| self.shape(width, vocab).ok()).collect()
    }

    /// The same without the widths at which the number of heads jumps, which bend the curve of a slice.
    pub fn even_ladder(&self, vocab: usize) -> Vec<Shape> {
        let mut kept: Vec<Shape> = Vec::new();
        for shape in self.ladder(vocab) {
            let jumps =
                |last: &Shape| heads_jump(last.heads, shape.heads, (last.width, shape.width));
            if !kept.last().is_some_and(jumps) {
                kept.push(shape);
            }
        }
        kept
    }

    /// The shape of the ladder whose size is nearest to `params` in ratio.
    /// `None` where the ladder is empty, or ends more than a factor of 2 away from `params`.
    pub fn nearest(&self, params: f64, convention: Convention, vocab: usize) -> Option<Shape> {
        let distance = |shape: &Shape| (convention.params(shape) / params).ln().abs();
        let ladder = self.ladder(vocab);
        let nearest = ladder.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        (distance(&nearest) <= 2f64.ln()).then_some(nearest)
    }
}

/// The widths of the ladder: steps of 4 up to 32, of 8 up to 128, then 8 steps to each doubling.
fn widths() -> impl Iterator<Item = usize> {
    let step = |width: usize| match width {
        ..32 => 4,
        32..128 => 8,
        _ => (width + 1).next_power_of_two() / 16,
    };
    std::iter::successors(Some(WIDTHS.0), move |w| Some(w + step(*w)))
        .take_while(|w| *w <= WIDTHS.1)
}

fn depth(rule: DepthRule, width: usize) -> usize {
    match rule {
        DepthRule::Fixed(depth) => depth,
        DepthRule::Aspect { aspect_ratio, min_depth } => {
            ((width as f64 / aspect_ratio).round() as usize).max(min_depth)
        }
    }
}

/// The even divisor of `width` nearest in ratio to `1.6 sqrt(width)`; the smaller of two as near.
/// Without an even divisor in range, the width itself.
fn head_dim(width: usize) -> usize {
    // Squares keep ties exact: (5 * 1.6 sqrt(d))^2 = 64 d.
    let target = 64 * width;
    let ratio = |h: &usize| {
        let square = 25 * h * h;
        square.max(target) as f64 / square.min(target) as f64
    };
    let (low, high) = HEAD_DIMS;
    (low..=high.min(width))
        .step_by(2)
        .filter(|h| width.is_multiple_of(*h))
        .min_by(|a, b| ratio(a).total_cmp(&ratio(b)))
        .unwrap_or(width)
}

fn hidden(family: Family, ratio: Option<f64>, width: usize) -> usize {
    let grain = match width {
        0..128 => 8,
        128..512 => 16,
        _ => 64,
    };
    let exact = width as f64
        * ratio.unwrap_or(match family {
            Family::Llama => 8.0 / 3.0,
            Family::Gpt2 => 4.0,
        });
    ((exact / grain as f64).round() as usize).max(1) * grain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(family: Family) -> ModelConfig {
        let depth = DepthRule::Aspect { aspect_ratio: 64.0, min_depth: 2 };
        ModelConfig { family, context: 256, depth, head_dim: None, mlp_ratio: None }
    }

    #[test]
    fn customary_shapes_come_out() {
        // (width, depth, head size, hidden)
        let expected = [
            (8, 2, 4, 24),
            (16, 2, 8, 40),
            (32, 2, 8, 88),
            (40, 2, 10, 104),
            (64, 2, 16, 168),
            (128, 2, 16, 336),
            (256, 4, 32, 688),
            (512, 8, 32, 1344),
            (768, 12, 48, 2048),
            (1024, 16, 64, 2752),
            (4096, 64, 128, 10944),
        ];
        for (width, depth, head_dim, hidden) in expected {
            let shape = model(Family::Llama).shape(width, 256).unwrap();
            assert_eq!(
                (shape.depth, shape.head_dim(), shape.hidden),
                (depth, head_dim, hidden),
                "width {width}"
            );
        }
        assert_eq!(model(Family::Gpt2).shape(64, 256).unwrap().hidden, 256);
    }

    #[test]
    fn the_ladder_rises_in_small_steps_and_all_heads_are_even() {
        for vocab in [256, 4096] {
            for family in [Family::Llama, Family::Gpt2] {
                let ladder = model(family).ladder(vocab);
                for pair in ladder.windows(2) {
                    let [a, b] = [pair[0], pair[1]].map(|s| s.params().total() as f64);
                    let most = if pair[0].width < 12 { 2.0 } else { 1.8 };
                    assert!(b > a && b / a < most, "{} -> {}: x{}", pair[0], pair[1], b / a);
                }
                for shape in ladder {
                    assert_eq!(shape.width, shape.heads * shape.head_dim());
                    assert_eq!(shape.head_dim() % 2, 0);
                }
            }
        }
    }

    #[test]
    fn counts_snap_to_the_nearest_shape() {
        let model = model(Family::Llama);
        for shape in model.ladder(256) {
            for convention in Convention::ALL {
                let n = convention.params(&shape);
                assert_eq!(model.nearest(n, convention, 256), Some(shape));
                assert_eq!(model.nearest(n * 1.01, convention, 256), Some(shape));
            }
        }
        assert_eq!(model.nearest(1e16, Convention::Exact, 256), None);
        assert_eq!(model.nearest(10.0, Convention::Exact, 256), None);
    }

    #[test]
    fn a_fixed_head_size_must_fit() {
        let model = ModelConfig { head_dim: Some(32), ..model(Family::Llama) };
        assert_eq!(model.shape(48, 9), Err(ShapeError::HeadDim { width: 48, head_dim: 32 }));
        assert!(model.ladder(9).iter().all(|s| s.head_dim() == 32));
    }
}
