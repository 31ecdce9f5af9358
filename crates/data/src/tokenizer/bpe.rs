//! Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), trained here.

mod words;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerBuilder};

use super::HuggingFace;
use crate::error::DataError;
use crate::progress::{Progress, ProgressSink, Stage};
use words::ShortWords;
pub(crate) use words::long_word_bytes;

const SEPARATOR: &str = "<|endoftext|>";

/// Between two reports while the merges are counted, which nobody can look into.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// As [`train`], on a thread of its own, so that `progress` is told that it goes on.
pub(crate) fn train_bpe(
    texts: &[String],
    vocab: usize,
    progress: ProgressSink,
) -> Result<HuggingFace, DataError> {
    let done_bytes = texts.iter().map(|text| text.len() as u64).sum();
    let mut tell = || {
        let stage = Stage::CountMerges;
        progress(Progress { stage, done_bytes, total_bytes: None });
    };
    tell();
    std::thread::scope(|scope| {
        let (alive, ended) = channel::<()>();
        let training = scope.spawn(move || {
            let _alive = alive;
            train(texts.iter().map(String::as_str), vocab)
        });
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(REPORT_EVERY) {
            tell();
        }
        training.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Trains a vocabulary of exactly `vocab` ids: the separator, 256 bytes, and merges.
fn train<'a>(
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
        ShortWords,
        ByteLevel,
        ByteLevel,
    >::default()
    .with_model(BPE::default())
    .with_normalizer(None)
    .with_pre_tokenizer(Some(ShortWords(byte_level)))
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
