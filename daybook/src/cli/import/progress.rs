//! How far an import is: a bar in a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows progress on standard error.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Cell<Instant>,
}

impl Progress {
    /// Of a file of so many bytes, if that is known.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| match bytes {
            Some(bytes) => ProgressBar::new(bytes).with_style(style(
                "{bar:40} {percent:>3}%  {msg}  {bytes_per_sec}  {eta} left",
            )),
            None => ProgressBar::no_length().with_style(style("{spinner} {msg}  {elapsed}")),
        });
        Self {
            bar,
            last_line: Cell::new(Instant::now()),
        }
    }

    /// So many bytes of the file and so many lines were dealt with.
    pub(super) fn moved(&self, bytes: u64, lines: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{lines} lines"));
        } else if self.last_line.get().elapsed() >= LINE_EVERY {
            self.last_line.set(Instant::now());
            self.print(&format!("{lines} lines so far"));
        }
    }

    /// Prints a line above the bar.
    pub(super) fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                // Standard error may be closed; the import goes on.
                let _closed = writeln!(std::io::stderr(), "{line}");
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_bad| ProgressStyle::default_bar())
}
