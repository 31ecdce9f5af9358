//! Lists of names that may be long.

use crate::{clip, thousands};

/// Names that a message shows before it counts the rest.
pub const MOST_NAMES: usize = 8;
/// Characters of one name.
const MOST_CHARACTERS: usize = 80;

/// `a, b, c`, or the first eight and how many more; long names are clipped.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let (shown, more) = shown(names);
    let first: Vec<String> =
        shown.iter().map(|name| clip(name.as_ref(), MOST_CHARACTERS).into_owned()).collect();
    first.join(", ") + &more
}

/// [`listed`] of texts, with another mark between them, such as `; `.
pub fn listed_by<S: AsRef<str>>(texts: &[S], mark: &str) -> String {
    let (shown, more) = shown(texts);
    let first: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
    first.join(mark) + &more
}

/// Those that are shown, and what is said of the rest.
fn shown<S>(names: &[S]) -> (&[S], String) {
    // To say that one is missing takes as long as to name it.
    let shown = if names.len() > MOST_NAMES + 1 { MOST_NAMES } else { names.len() };
    let more = match names.len() - shown {
        0 => String::new(),
        more => format!(" and {} more", thousands(more as u64)),
    };
    (&names[..shown], more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_end_in_a_count() {
        let names: Vec<String> = (0..13_884).map(|k| format!("r{k}")).collect();
        assert_eq!(listed(&names), "r0, r1, r2, r3, r4, r5, r6, r7 and 13,876 more");
        assert_eq!(listed(&names[..9]), "r0, r1, r2, r3, r4, r5, r6, r7, r8");
        assert_eq!(listed_by(&names[..2], "; "), "r0; r1");
        assert_eq!(listed::<&str>(&[]), "");
    }

    #[test]
    fn long_names_are_clipped_between_characters() {
        let name = "é".repeat(300);
        assert_eq!(listed(&[name]), format!("{}...", "é".repeat(80)));
    }
}
