//! Words of a bounded length, for text without blanks.

use serde::{Serialize, Serializer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::tokenizer::normalizer::Range;
use tokenizers::{PreTokenizedString, PreTokenizer};

/// Longer words (genomes, Chinese without punctuation) are cut before pairs are counted: each merge
/// goes through the words that have it from end to end.
const LONGEST_BYTES: usize = 256;
/// Into parts of this length.
const PART_BYTES: usize = 32;

/// What pre-tokenises while a vocabulary is trained. It is written down as the [`ByteLevel`] that
/// it is but for long words: text is encoded with whole words.
pub(super) struct ShortWords(pub ByteLevel);

impl PreTokenizer for ShortWords {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.pre_tokenize(text)?;
        text.split(|_, word| {
            // One character stands for each byte.
            let ends: Vec<usize> = word.get().char_indices().map(|(at, _)| at).collect();
            if ends.len() <= LONGEST_BYTES {
                return Ok(vec![word]);
            }
            let begins: Vec<usize> = parts(word.get(), &ends);
            let ends = begins[1..].iter().copied().chain([word.get().len()]);
            let parts = begins.iter().zip(ends);
            Ok(parts.filter_map(|(from, to)| word.slice(Range::Normalized(*from..to))).collect())
        })
    }
}

impl Serialize for ShortWords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Where parts of about [`PART_BYTES`] begin, at whole characters of the text.
fn parts(word: &str, ends: &[usize]) -> Vec<usize> {
    let mut begins = vec![0];
    let mut last = 0;
    for (byte, &at) in ends.iter().enumerate() {
        let first_of_character = word[at..].chars().next().is_none_or(|c| !continues(c));
        if byte - last >= PART_BYTES && first_of_character {
            begins.push(at);
            last = byte;
        }
    }
    begins
}

/// Whether the byte that a character of GPT-2's alphabet stands for is not the first of a UTF-8
/// character: 0xa1 to 0xbf stand for themselves, 0x80 to 0xa0 and 0xad were moved.
fn continues(c: char) -> bool {
    matches!(c, '\u{a1}'..='\u{bf}' | '\u{122}'..='\u{143}')
}

/// Bytes of a text in words longer than [`PART_BYTES`]: those of which hardly one comes twice, so that
/// each takes room while the vocabulary is trained.
pub(crate) fn long_word_bytes(text: &str) -> usize {
    let class = |c: char| match c {
        c if c.is_whitespace() => 0,
        c if c.is_alphabetic() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    };
    let (mut long, mut word, mut last) = (0, 0, 0);
    for c in text.chars().chain([' ']) {
        let now = class(c);
        if now != last {
            long += if last != 0 && word > PART_BYTES { word } else { 0 };
            (word, last) = (0, now);
        }
        word += c.len_utf8();
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType};

    fn words(text: &str) -> Vec<String> {
        let mut text = PreTokenizedString::from(text);
        ShortWords(ByteLevel::new(false, false, true)).pre_tokenize(&mut text).unwrap();
        let words = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        words.into_iter().map(|(word, ..)| word.to_owned()).collect()
    }

    #[test]
    fn long_words_are_cut_at_characters() {
        assert_eq!(words(&"a".repeat(256)).len(), 1);
        let genome = words(&"acgt".repeat(1000));
        assert!(genome.iter().all(|word| word.chars().count() == 32));
        assert_eq!(genome.concat(), "acgt".repeat(1000));
        let characters = words(&"字".repeat(200));
        let lengths: Vec<_> = characters.iter().map(|word| word.chars().count()).collect();
        assert!(lengths[..lengths.len() - 1].iter().all(|n| *n == 33), "{lengths:?}");
        assert_eq!(lengths.iter().sum::<usize>(), 600);
    }

    #[test]
    fn bytes_in_long_words() {
        assert_eq!(long_word_bytes("a few words, none of them long"), 0);
        let long = "x".repeat(33);
        assert_eq!(long_word_bytes(&format!("a {long} b {}7{long}", "y".repeat(32))), 66);
        assert_eq!(long_word_bytes(&" ".repeat(99)), 0);
    }
}
