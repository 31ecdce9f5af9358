//! Peaks of memory, in a process where nothing else happens.
#![cfg(target_os = "linux")]

use burn::tensor::Device;
use isoflop_device::{forget_peak_memory, memory_bytes};

#[test]
fn a_peak_lasts_until_it_is_forgotten() {
    const BYTES: usize = 256 << 20;
    let device = Device::flex();
    let block = vec![1u8; BYTES];
    assert!(std::hint::black_box(&block).iter().all(|&b| b == 1));
    drop(block);
    let with = memory_bytes(&device).unwrap();
    assert!(with >= BYTES as u64, "{with}");
    assert!(forget_peak_memory(&device));
    let without = memory_bytes(&device).unwrap();
    assert!(without + BYTES as u64 / 2 < with, "{without} after {with}");
}
