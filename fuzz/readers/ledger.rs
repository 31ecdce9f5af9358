//! A ledger, and its passports behind a byte that neither has.

use std::path::Path;

/// ASCII's record separator.
const SEPARATOR: u8 = 0x1e;

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let (ledger, passports) = match bytes.iter().position(|&byte| byte == SEPARATOR) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    let contents = isoflop_ledger::read_bytes(Path::new("results"), ledger, passports)
        .map_err(|error| error.to_string())?;
    assert_eq!(contents.current().len(), contents.deterministic_jsonl().lines().count());
    Ok(())
}
