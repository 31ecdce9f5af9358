//! In which order a run sees the windows of the training tokens.

use crate::hash::mix64;
use crate::permutation::Permutation;

/// Windows of `context + 1` tokens that overlap by one, so that every token but the first is a
/// target once an epoch.
///
/// Each epoch shifts the grid of windows by an offset of its own, so that boundaries vary, and
/// visits the windows in a permutation of its own. Both are functions of (seed, epoch) alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    windows: u64,
    slack: u64,
    context: u64,
}

impl Order {
    /// `None` if `tokens` do not hold a single window.
    pub(crate) fn new(tokens: u64, context: usize) -> Option<Self> {
        let context = context as u64;
        if context == 0 || tokens <= context {
            return None;
        }
        // As many windows as fit whatever the offset; at least one.
        let windows = ((tokens - context) / context).max(1);
        let slack = (tokens - 1 - windows * context).min(context - 1);
        Some(Self { windows, slack, context })
    }

    pub(crate) fn windows(&self) -> u64 {
        self.windows
    }

    /// First token of the `index`-th window that a run of this seed sees.
    pub(crate) fn start(&self, seed: u64, index: u64) -> u64 {
        let epoch = index / self.windows;
        let key = mix64(mix64(seed ^ 0x6f72_6465_7200_0001).wrapping_add(epoch));
        let offset = mix64(key ^ 0x6f66_6673_6574) % (self.slack + 1);
        let window = Permutation::new(self.windows, key).apply(index % self.windows);
        offset + window * self.context
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_lie_inside_and_each_is_seen_once_an_epoch(
            tokens in 2_u64..5000, context in 1_usize..300, seed: u64, epoch in 0_u64..5,
        ) {
            prop_assume!(tokens > context as u64);
            let order = Order::new(tokens, context).unwrap();
            let n = order.windows();
            let mut starts: Vec<_> =
                (epoch * n..(epoch + 1) * n).map(|i| order.start(seed, i)).collect();
            starts.sort_unstable();
            prop_assert!(starts.last().unwrap() + (context as u64) < tokens);
            prop_assert!(starts.windows(2).all(|w| w[1] - w[0] == context as u64));
            // Less than two windows of tokens are left unseen in an epoch.
            prop_assert!(tokens - n * (context as u64) < 2 * context as u64 + 1);
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = Order::new(100_000, 64).unwrap();
        let n = order.windows();
        let run = |seed, epoch| -> Vec<_> {
            (epoch * n..(epoch + 1) * n).map(|i| order.start(seed, i)).collect()
        };
        assert_ne!(run(0, 0), run(0, 1));
        assert_ne!(run(0, 0), run(1, 0));
        assert_eq!(run(7, 3), run(7, 3));
    }

    #[test]
    fn too_short() {
        assert_eq!(Order::new(64, 64), None);
        assert!(Order::new(65, 64).is_some());
        assert_eq!(Order::new(65, 0), None);
    }
}
