//! Results on stdout, all else on stderr. A reader that has seen enough, as in `sweep fit ... | head`,
//! is no failure.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use isoflop::{Observer, Published};
use serde::Serialize;

/// Prints text as it is.
pub fn text(text: &str) -> anyhow::Result<()> {
    write(&mut io::stdout().lock(), text.as_bytes())
}

/// Prints a value as JSON, with a newline.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    text(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Prints what was made of a results folder: for people the table, and where the page is.
pub fn published(
    published: &Published,
    as_json: bool,
    observer: &mut dyn Observer,
) -> anyhow::Result<()> {
    if as_json {
        return json(&published.json);
    }
    text(&published.document.to_text())?;
    observer.note(format!("report: {}", published.report.display()));
    Ok(())
}

/// Says something on stderr. Where nobody listens any more, as after the terminal was closed, the
/// work goes on: what matters is on the disk.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn write(out: &mut impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        end => end.context(
            "cannot write the result to stdout\nhint: is the disk full that it is redirected to?",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes no byte, for this reason.
    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert!(write(&mut Refuses(ErrorKind::BrokenPipe), b"x").is_ok());
        let error = write(&mut Refuses(ErrorKind::StorageFull), b"x").unwrap_err();
        assert!(error.to_string().contains("hint: "), "{error}");
    }
}
