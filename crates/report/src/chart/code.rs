//! Code within a text: what stands between two backticks.

/// A stretch of text outside or inside backticks.
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    Code(&'a str),
}

/// A backtick without its partner, or with it and nothing between, stands for itself.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    let pair = |text: &str| {
        let open = text.find('`')?;
        let length = text[open + 1..].find('`').filter(|length| *length > 0)?;
        Some((open, open + 1 + length))
    };
    while let Some((open, close)) = pair(rest) {
        out.push(Piece::Plain(&rest[..open]));
        out.push(Piece::Code(&rest[open + 1..close]));
        rest = &rest[close + 1..];
    }
    out.push(Piece::Plain(rest));
    out
}

/// Code keeps its characters, except what would end its line or its cell of a table.
pub(super) fn markdown_code(code: &str) -> String {
    format!("`{}`", code.replace(['\n', '\r'], " ").replace('|', "\\|"))
}
