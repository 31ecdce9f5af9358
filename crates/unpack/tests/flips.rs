//! Packed files in which one bit was flipped: none is read as another text.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use isoflop_unpack::{Packing, WINDOW_BYTES};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Words in an order that repeats late, so that blocks hold literals and matches.
fn text(seed: u64, words: u64) -> String {
    let word = |k: u64| (seed + k).wrapping_mul(6_364_136_223_846_793_005) >> 54;
    (0..words).map(|k| format!("word{} ", word(k * k))).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    let packed = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
    assert_ne!(packed[4] & 0b100, 0, "the frame has a checksum");
    packed
}

fn read(packing: Packing, packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    packing.reader(packed, WINDOW_BYTES).read_to_end(&mut out).map(|_| out)
}

/// Flips `count` bits that are spread over the file; how many were read as the same text.
fn flip(packing: Packing, packed: &[u8], count: usize) -> usize {
    let sound = read(packing, packed).unwrap();
    let bits = 8 * packed.len();
    let read_all_the_same = (0..count).filter(|k| {
        let bit = k * bits / count;
        let mut flipped = packed.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match read(packing, &flipped) {
            Ok(text) => {
                assert!(text == sound, "{packing:?}: bit {bit} gives another text");
                true
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }
    });
    read_all_the_same.count()
}

#[test]
fn zstd_of_several_frames() {
    let packed = [zstd(&text(1, 300)), zstd(&text(2, 20)), zstd(&text(3, 300))].concat();
    let same = flip(Packing::Zstd, &packed, 1500);
    assert!(same < 15, "{same} flips changed nothing");
}

#[test]
fn gzip_of_several_members() {
    let packed = [gzip(&text(1, 300)), gzip(&text(2, 20)), gzip(&text(3, 300))].concat();
    let same = flip(Packing::Gzip, &packed, 1500);
    // Names, times and the like in the headers belong to no text.
    assert!(same < 60, "{same} flips changed nothing");
}

#[test]
fn what_is_wrong_with_a_frame_is_told() {
    let packed = zstd(&text(1, 300));
    let told = |packed: &[u8]| read(Packing::Zstd, packed).unwrap_err();
    let mut wrong = packed.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let error = told(&[&zstd("first")[..], &wrong].concat());
    assert_eq!(error.to_string(), "the text does not match the checksum of its zstd frame");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let torn = told(&packed[..packed.len() - 1]);
    assert_eq!(torn.to_string(), "it ends inside of a zstd frame");
    assert_eq!(torn.kind(), io::ErrorKind::UnexpectedEof);
    // A skippable frame of 100 bytes, of which there are three.
    let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &100_u32.to_le_bytes(), b"???"].concat();
    let skippable = told(&[packed, skippable].concat());
    assert_eq!(skippable.to_string(), "it ends inside of a skippable zstd frame");
}

#[test]
fn a_frame_tells_its_size() {
    // Magic number; one segment, whose size is in one byte and told as 6; one last raw block of 5 bytes.
    let mut packed = 0xfd2f_b528_u32.to_le_bytes().to_vec();
    packed.extend([0x20, 6]);
    packed.extend(&(1_u32 | 5 << 3).to_le_bytes()[..3]);
    packed.extend(b"hello");
    let error = read(Packing::Zstd, &packed).unwrap_err();
    assert_eq!(error.to_string(), "the text is not as long as its zstd frame says");
    packed[5] = 5;
    assert_eq!(read(Packing::Zstd, &packed).unwrap(), b"hello");
}
