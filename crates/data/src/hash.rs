//! SHA-256 in the two forms used here.

pub(crate) use isoflop_durable::hex;
use sha2::{Digest, Sha256};

/// A SHA-256 digest; ordered bytewise, which is the order of the split.
pub(crate) type Hash = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// SplitMix64's finaliser (Steele et al. 2014): a bijection of 64-bit words that mixes all bits.
#[inline]
pub(crate) fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
