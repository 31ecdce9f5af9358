//! Results on stdout, all else on stderr. A reader that has seen enough, as in `sweep fit ... | head`,
//! is no failure.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use isoflop::{NextStep, Published};
use isoflop_text::{counted, facts, visible, within};
use serde::Serialize;

use crate::terminal;

/// Prints text for people: lines that are longer than the terminal is wide go on below, and names of files and runs tell the
/// terminal nothing.
pub fn text(text: &str) -> anyhow::Result<()> {
    raw(&within(&visible(text), terminal::width()))
}

/// Prints text for programs, as it is.
pub fn raw(text: &str) -> anyhow::Result<()> {
    write(&mut io::stdout().lock(), text.as_bytes())
}

/// Prints a value as JSON, with a newline.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    raw(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Prints what was made of runs: for people one screen, which ends with where the page is and what comes next. `source` is how a
/// command line names the runs.
pub fn published(published: &Published, as_json: bool, source: &str) -> anyhow::Result<()> {
    if as_json {
        return json(&published.json);
    }
    let mut rows = vec![
        ("Page".to_owned(), published.report.display().to_string()),
        ("All tables".to_owned(), format!("there, and by `sweep fit {source}`")),
    ];
    let next = published.next.map(|next| match next {
        NextStep::Extend { slices } => {
            let open = counted(slices as u64, "budget");
            format!("`sweep extend {source}` adds models where {open} have no minimum")
        }
        NextStep::Predict { flops } => format!("`sweep predict {source} --flops {flops:e}`"),
    });
    rows.extend(next.map(|next| ("Next".to_owned(), next)));
    let width = terminal::width();
    text(&format!("{}\n{}", published.document.to_screen(width), facts("", &rows, width)))
}

/// Says something on stderr. Where nobody listens any more, as after the terminal was closed, the
/// work goes on: what matters is on the disk. Control characters are spelled out: they are of names that others gave.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(line));
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
