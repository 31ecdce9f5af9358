//! What was not taken as it is, in sentences.

use isoflop_text::counted;

use crate::source::{LeftOut, SkippedLines};

/// Files taken for binary, at most `named` of them by name; `None` where there are none.
pub(crate) fn binary_files(left_out: &LeftOut, named: usize) -> Option<String> {
    let n = left_out.binary_files;
    let (were, their) = if n == 1 { ("was", "its") } else { ("were", "their") };
    (n > 0).then(|| {
        format!(
            "{} {were} not read ({}): a NUL byte in {their} first 8 KiB",
            counted(n, "binary file"),
            names(&left_out.examples, named, n)
        )
    })
}

/// Files beside those that were read; `None` where there are none.
pub(crate) fn files_apart(left_out: &LeftOut) -> Option<String> {
    let all: u64 = left_out.apart.iter().map(|group| group.count).sum();
    let groups: Vec<String> = left_out
        .apart
        .iter()
        .map(|group| {
            let words = group.why.words();
            format!("{} ({words})", names(&group.examples, 3, group.count))
        })
        .collect();
    let way_on = match left_out.apart.iter().all(|group| group.why.always()) {
        true => "",
        false => "; data.files = \"all\" reads files whatever they are called",
    };
    (all > 0).then(|| {
        format!(
            "{} read, {all} left out: {}{way_on}",
            counted(left_out.files_read, "file"),
            groups.join(", ")
        )
    })
}

/// Lines without text; `None` where there are none.
pub(crate) fn skipped_lines(left_out: &LeftOut, named: usize) -> Option<String> {
    let SkippedLines { lines, of, examples } = &left_out.skipped;
    let were = if *lines == 1 { "was" } else { "were" };
    (*lines > 0).then(|| {
        let examples = names(examples, named, *lines);
        format!("{lines} of {} {were} skipped ({examples})", counted(*of, "line"))
    })
}

/// Separators in the text; `None` where there are none.
pub(crate) fn separators(left_out: &LeftOut) -> Option<String> {
    let n = left_out.separators;
    (n > 0).then(|| {
        format!(
            "`<|endoftext|>` stands in the text {} and is trained on as text; where it ends documents, cut there and write them as lines of JSON",
            counted(n, "time")
        )
    })
}

/// Sequences that are no UTF-8, and the documents that had any; `None` where there are none.
pub(crate) fn invalid_utf8(
    sequences: u64,
    documents: u64,
    examples: &[String],
    named: usize,
) -> Option<String> {
    let were = if sequences == 1 { "was" } else { "were" };
    (sequences > 0).then(|| {
        format!(
            "{} in {} {were} replaced by U+FFFD ({})",
            counted(sequences, "invalid UTF-8 sequence"),
            counted(documents, "document"),
            names(examples, named, documents)
        )
    })
}

/// `a, b and 3 more`.
fn names(examples: &[String], named: usize, all: u64) -> String {
    let shown = &examples[..examples.len().min(named)];
    match all.saturating_sub(shown.len() as u64) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        let left_out = |files: &[&str], n| LeftOut {
            binary_files: n,
            examples: files.iter().map(ToString::to_string).collect(),
            ..LeftOut::default()
        };
        let told = |files: &[&str], n| binary_files(&left_out(files, n), 5).unwrap();
        assert_eq!(
            told(&["a"], 1),
            "1 binary file was not read (a): a NUL byte in its first 8 KiB"
        );
        assert_eq!(
            told(&["a", "b"], 4),
            "4 binary files were not read (a, b and 2 more): a NUL byte in their first 8 KiB"
        );
        assert_eq!(binary_files(&left_out(&[], 0), 5), None);
        let one = invalid_utf8(1, 1, &["x".into()], 5).unwrap();
        assert_eq!(one, "1 invalid UTF-8 sequence in 1 document was replaced by U+FFFD (x)");
        let many = invalid_utf8(9, 3, &["x".into(), "y".into()], 1).unwrap();
        assert_eq!(
            many,
            "9 invalid UTF-8 sequences in 3 documents were replaced by U+FFFD (x and 2 more)"
        );
        assert_eq!(invalid_utf8(0, 0, &[], 5), None);
    }
}
