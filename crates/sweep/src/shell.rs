//! This process's command, as one would type it again.

use std::path::Path;

/// The command line that started this process, quoted for a shell.
pub fn command_line() -> String {
    std::env::args_os().map(|arg| quote(&arg.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A path, quoted for a shell.
pub fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// One word, as a shell takes it.
pub fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%\\".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else if cfg!(windows) {
        format!("\"{}\"", arg.replace('"', "\\\""))
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::quote;

    #[test]
    fn what_a_shell_would_split_or_expand_is_quoted() {
        assert_eq!(quote("--config"), "--config");
        assert_eq!(quote("configs/a.toml"), "configs/a.toml");
        assert_eq!(quote("my file"), "'my file'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$HOME"), "'$HOME'");
        assert_eq!(quote(""), "''");
    }
}
