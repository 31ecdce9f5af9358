//! Text that somebody else wrote, as it may stand in a message: of no more characters than one reads, and nothing in it that a
//! terminal would obey.

use std::borrow::Cow;
use std::path::Path;

/// Characters of the end of what [`cut`] leaves out the middle of, at most.
const TAIL: usize = 200;
/// Characters of a path: those of a file are at its end.
const PATH: usize = 400;

/// The beginning of a text that is longer than so many characters.
pub fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Beginning and end of a text that is longer than so many characters.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    let tail = TAIL.min(most / 3);
    let Some(_) = text.char_indices().nth(most) else { return Cow::Borrowed(text) };
    let head = text.char_indices().nth(most - tail).map_or(text.len(), |(at, _)| at);
    let rest = &text[head..];
    let from = rest.char_indices().rev().take(tail).last().map_or(rest.len(), |(at, _)| at);
    Cow::Owned(format!("{} ... {}", &text[..head], &rest[from..]))
}

/// Several lines for a terminal: characters that it would obey are spelled out (`\u001b`), ends of lines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    spelled(text, |c| acts(c) && !matches!(c, '\n' | '\t'))
}

/// [`visible`], with ends of lines and tabs spelled out too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    spelled(text, acts)
}

/// A path within a sentence: on one line, without the middle of a very long one.
pub fn path_in_words(path: &Path) -> String {
    cut(&one_line(&path.to_string_lossy()), PATH).into_owned()
}

/// Control characters, and those that change the direction of what stands around them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// As JSON has it, so that an object of JSON stays one.
fn spelled(text: &str, is: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            _ if !is(c) => out.push(c),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            _ => out += &format!("\\u{:04x}", u32::from(c)),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        assert_eq!(visible("a\u{1b}[31mb\tc\nd"), "a\\u001b[31mb\tc\nd");
        assert_eq!(one_line("a\r\n\u{9b}b\u{7f}"), "a\\r\\n\\u009bb\\u007f");
        assert_eq!(one_line("\u{202e}txt.exe"), "\\u202etxt.exe");
        assert!(matches!(one_line("plain: é 日本"), Cow::Borrowed(_)));
        assert_eq!(path_in_words(Path::new("a\u{1b}]0;x\u{7}/b\n")), "a\\u001b]0;x\\u0007/b\\n");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clip("short", 5), "short");
        assert_eq!(clip(&"é".repeat(9), 5), format!("{}...", "é".repeat(5)));
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut(&format!("{}z", "é".repeat(20)), 9), "éééééé ... ééz");
        for most in 1..40 {
            let text: String = ('a'..='z').cycle().take(41).collect();
            let shown = cut(&text, most);
            assert!(shown.len() <= most + 5, "{most}: {shown}");
        }
        let million = "x".repeat(6_000_000);
        assert!(cut(&million, 800).len() < 810);
        assert!(path_in_words(Path::new(&million)).len() < 410);
    }
}
