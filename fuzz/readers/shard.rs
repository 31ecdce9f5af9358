//! A file of tokens.

use isoflop_data::TokenFile;

pub fn read(bytes: &[u8]) -> Result<(), String> {
    let file = TokenFile::of(bytes)?;
    let _sha256 = file.verify()?;
    let mut ids = vec![0; usize::try_from(file.count()).expect("as many as the file holds")];
    file.copy(0, &mut ids);
    assert!(file.ids(0).eq(ids.iter().map(|&id| id as u32)));
    Ok(())
}
