//! Where the weights of a block stand in the list of [`param_specs`](crate::params::param_specs).

use isoflop_plan::Family;

/// Positions of one block's weights in the list.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub norm1: usize,
    pub qkv: usize,
    pub qk_norm: Option<usize>,
    pub out: usize,
    pub norm2: usize,
    pub up: usize,
    pub down: usize,
}

impl Block {
    /// Where block `index`'s weights stand.
    pub fn new(family: Family, index: usize) -> Self {
        match family {
            Family::Llama => {
                let at = 1 + 8 * index;
                Self {
                    norm1: at,
                    qkv: at + 1,
                    qk_norm: Some(at + 2),
                    out: at + 4,
                    norm2: at + 5,
                    up: at + 6,
                    down: at + 7,
                }
            }
            Family::Gpt2 => {
                let at = 2 + 12 * index;
                Self {
                    norm1: at,
                    qkv: at + 2,
                    qk_norm: None,
                    out: at + 4,
                    norm2: at + 6,
                    up: at + 8,
                    down: at + 10,
                }
            }
        }
    }
}
