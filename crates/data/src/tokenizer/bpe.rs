//! Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), trained here.

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerBuilder};

use super::HuggingFace;
use crate::error::DataError;

const SEPARATOR: &str = "<|endoftext|>";

/// Trains a vocabulary of exactly `vocab` ids: the separator, 256 bytes, and merges.
pub(crate) fn train<'a>(
    texts: impl Iterator<Item = &'a str> + Send,
    vocab: usize,
) -> Result<HuggingFace, DataError> {
    let failed = |problem: String| DataError::Tokenizer {
        name: "bpe".into(),
        problem,
        hint: "use a smaller data.vocab or more text",
    };
    let byte_level = ByteLevel::new(false, false, true);
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        tokenizers::normalizers::NormalizerWrapper,
        ByteLevel,
        ByteLevel,
        ByteLevel,
    >::default()
    .with_model(BPE::default())
    .with_normalizer(None)
    .with_pre_tokenizer(Some(byte_level))
    .with_post_processor(Some(byte_level))
    .with_decoder(Some(byte_level))
    .build()
    .map_err(|e| failed(e.to_string()))?;
    let mut trainer = BpeTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(vocab)
        .min_frequency(2)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(SEPARATOR, true)])
        .build();
    tokenizer.train(&mut trainer, texts).map_err(|e| failed(e.to_string()))?;
    let json = tokenizer.to_string(false).map_err(|e| failed(e.to_string()))?;
    let inner = tokenizers::Tokenizer::from_bytes(json).map_err(|e| failed(e.to_string()))?;
    let trained = HuggingFace::new("bpe".into(), inner)?;
    let got = super::Tokenizer::vocab(&trained);
    if got != vocab {
        return Err(failed(format!("the text yields only {got} of {vocab} tokens")));
    }
    Ok(trained)
}
