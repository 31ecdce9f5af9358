#![no_main]

#[path = "../readers/table_csv.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = reader::read(bytes);
});
