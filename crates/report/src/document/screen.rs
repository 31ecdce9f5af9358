//! The end of a run on one screen of a terminal.

use isoflop_text::{Width, facts, wrapped};

use super::plain::{clean, number};
use super::{Document, Notice};

/// Doubts that are shown; of more it is said how many there are.
const MOST_NOTICES: usize = 5;
/// Characters of a doubt, which may name many runs.
const MOST_CHARACTERS: usize = 240;

impl Document {
    /// Headline, the numbers that it has not, the minima, and the doubts in short: what is seen first. The rest is on the page.
    pub fn to_screen(&self, width: Width) -> String {
        let mut out = format!("{}\n", clean(&self.title));
        let headline = clean(&self.headline);
        if !headline.is_empty() {
            out += &wrapped(&headline, "", "", width);
        }
        let cards = self.cards.iter().filter(|card| !stands_in(&headline, &number(card)));
        let cards = cards.map(|card| (clean(&card.label), number(card)));
        let cards: Vec<(String, String)> = cards.collect();
        if !cards.is_empty() {
            out += &format!("\n{}", facts("  ", &cards, width));
        }
        if let Some(digest) = &self.digest {
            out += &format!("\n{}", digest.to_text(width));
        }
        if !self.notices.is_empty() {
            out += &format!("\nWarnings ({})\n", self.notices.len());
        }
        for Notice { text, advice } in self.notices.iter().take(MOST_NOTICES) {
            out += &wrapped(&clipped(&clean(text)), "  ! ", "    ", width);
            if !advice.is_empty() {
                out += &wrapped(&clean(advice), "    → ", "      ", width);
            }
        }
        let more = self.notices.len().saturating_sub(MOST_NOTICES);
        if more > 0 {
            out += &format!("  {more} more on the page\n");
        }
        out
    }
}

/// At a word's end.
fn clipped(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) else { return text.to_owned() };
    let end = text[..end].rfind(' ').unwrap_or(end);
    format!("{} ... (all of it on the page)", &text[..end])
}

/// Whether a sentence has this number, and not merely its digits within another.
fn stands_in(sentence: &str, number: &str) -> bool {
    // Sentences keep intervals on one line by spaces that do not break.
    let (sentence, number) = (sentence.replace('\u{a0}', " "), number.replace('\u{a0}', " "));
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    sentence.match_indices(&number).any(|(at, _)| {
        let (before, mut after) = (&sentence[..at], sentence[at + number.len()..].chars());
        let begins = !digit(before.chars().next_back()) && !before.ends_with('.');
        let next = after.next();
        begins && !digit(next) && !(next == Some('.') && digit(after.next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_a_part_of_another() {
        assert!(stands_in("grows as C^0.488 [0.46, 0.52], and", "0.488 [0.46, 0.52]"));
        assert!(stands_in("N* ~ C^0.488\u{a0}[0.46,\u{a0}0.52]", "0.488 [0.46, 0.52]"));
        assert!(stands_in("about 32.", "32"));
        for other in ["C^0.532", "320 runs", "32.5", "132"] {
            assert!(!stands_in(other, "32"), "{other}");
        }
    }

    #[test]
    fn long_doubts_are_cut_at_a_word() {
        let cut = clipped(&"word ".repeat(100));
        assert!(cut.ends_with("word ... (all of it on the page)") && cut.len() < 280, "{cut}");
        assert_eq!(clipped("short"), "short");
    }
}
