//! What is wrong with a study can often be told before its data is read, which may take hours.

use super::{DataFacts, Grid};
use crate::Precision;
use crate::config::{Config, ConfigErrors, DataSource, TokenizerConfig};

impl Config {
    /// Checks what does not depend on the data: the precision, the held-out window and, where the
    /// vocabulary is known, the whole grid. `device` names what computes `precisions`.
    ///
    /// # Errors
    ///
    /// All that is wrong, each with its key and line.
    pub fn check_early(&self, device: &str, precisions: &[Precision]) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        if let Some(precision) = self.train.precision.known()
            && !precisions.contains(&precision)
        {
            let known: Vec<String> =
                precisions.iter().map(|p| format!("\"{}\"", p.word())).collect();
            errors.push(*self.error(
                "train.precision",
                format!("a precision that {device} computes right: {}", known.join(", ")),
                format!("\"{}\"", precision.word()),
                "take one of these, or another device with `--device` or `device.shader`",
            ));
        }
        let (tokens, context) = (self.data.valid_tokens, self.model.context);
        if tokens < context as u64 {
            errors.push(*self.error(
                "data.valid_tokens",
                format!("at least one window of `model.context` = {context} tokens"),
                tokens.to_string(),
                "hold out more tokens, or take a smaller context",
            ));
        }
        if let Some(vocab) = self.known_vocab() {
            let data = DataFacts {
                vocab,
                train_tokens: None,
                data_sha256: String::new(),
                bytes_per_token: None,
            };
            if let Err(found) = Grid::build(self, &data) {
                errors.extend(found.errors);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors { errors }) }
    }

    /// The vocabulary, where the configuration decides it; `None` where a file does.
    pub fn known_vocab(&self) -> Option<usize> {
        match (&self.data.source, &self.data.tokenizer) {
            (DataSource::Synthetic(language), _) => Some(language.vocab),
            (_, Some(TokenizerConfig::Bytes)) => Some(256),
            (_, Some(TokenizerConfig::Bpe { vocab })) => Some(*vocab),
            (_, Some(TokenizerConfig::File { .. }) | None) => None,
        }
    }
}
