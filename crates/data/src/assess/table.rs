//! The table that `sweep data` prints.

use std::fmt::{Display, Formatter, Result};

use isoflop_text::{Width, facts, thousands};

use super::Assessment;
use super::compress::SAMPLE_BYTES;

impl Display for Assessment {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut rows = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        if let Some(text) = &self.text {
            let s = &text.summary;
            row("source", s.source.clone());
            row("tokenizer", format!("{}, {} tokens", s.tokenizer, self.vocab));
            row(
                "documents",
                format!("{} (as {} pieces)", thousands(s.documents), thousands(s.pieces)),
            );
            row("bytes", thousands(s.bytes));
            let share = 100.0 * s.duplicate_bytes as f64 / s.bytes as f64;
            row(
                "duplicates removed",
                format!(
                    "{} pieces, {} bytes ({share:.1}%)",
                    thousands(s.duplicate_pieces),
                    thousands(s.duplicate_bytes)
                ),
            );
            if s.beyond_max_pieces > 0 {
                row(
                    "beyond max_bytes",
                    format!(
                        "{} pieces, {} bytes",
                        thousands(s.beyond_max_pieces),
                        thousands(s.beyond_max_bytes)
                    ),
                );
            }
            if s.empty_documents > 0 {
                row("empty documents", thousands(s.empty_documents));
            }
            if s.crlf_documents > 0 {
                row("CR LF made LF", format!("{} documents", thousands(s.crlf_documents)));
            }
            if s.invalid_utf8_sequences > 0 {
                row(
                    "invalid UTF-8 replaced",
                    format!("{} sequences", thousands(s.invalid_utf8_sequences)),
                );
            }
            row("bytes per token", format!("{:.3}", text.bytes_per_token));
            row(
                "unigram entropy",
                format!(
                    "{:.4} nats/token, {:.4} bits/byte",
                    self.unigram_nats, text.unigram_bits_per_byte
                ),
            );
            let gzip = text.gzip;
            let of = if gzip.bytes >= SAMPLE_BYTES { " (the first of them)" } else { "" };
            row(
                "gzip -9",
                format!(
                    "{} of {} bytes{of}, {:.4} bits/byte",
                    thousands(gzip.compressed_bytes),
                    thousands(gzip.bytes),
                    gzip.bits_per_byte
                ),
            );
        }
        if let Some(language) = &self.language {
            row("source", "synthetic language".into());
            row("vocabulary", thousands(self.vocab as u64));
            row("true entropy E", format!("{:.5} nats/token", language.entropy_nats));
            row("known word ends only", format!("{:.5} nats/token", language.ignorant_nats));
            row("unigram entropy", format!("{:.5} nats/token", self.unigram_nats));
            row("exponent in rules known", format!("{:.4}", language.rules_exponent));
            row(
                "exponent in tokens seen",
                format!("{:.4} (ideal learner)", language.tokens_exponent),
            );
        }
        row("held-out tokens", thousands(self.valid_tokens));
        row("training tokens", self.train_tokens.map_or("endless".into(), thousands));
        row("sha256", self.sha256.clone());
        self.notes.iter().for_each(|note| row("note", note.clone()));
        f.write_str(&facts("", &rows, Width::ANY))
    }
}
