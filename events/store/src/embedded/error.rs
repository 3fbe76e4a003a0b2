//! Why a log could not be opened or closed.

use std::io;
use std::path::{Path, PathBuf};

/// Why a log was not opened. Each prints as one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused something.
    #[error("failed to {what} {path}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process writes this log.
    #[error("log {dir} is in use by {holder}", dir = dir.display())]
    Locked {
        /// The log's directory.
        dir: PathBuf,
        /// Who holds it, for example `process 4711`.
        holder: String,
    },
    /// The log was written by another version of the format.
    #[error("{file} has log format {found}, this build reads format {known}", file = file.display())]
    Version {
        /// The segment.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The format of this build.
        known: u32,
    },
    /// There is no log in the directory.
    #[error("{dir} holds no log", dir = dir.display())]
    NoLog {
        /// The directory.
        dir: PathBuf,
    },
    /// What stands in the log does not check. Nothing was changed.
    #[error("log is damaged: {file} at byte {offset}: {reason}", file = file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    pub(super) fn damaged(file: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            offset,
            reason: reason.into(),
        }
    }
}

/// The log was not sealed when it was closed; the next opening repairs that.
#[derive(Debug, thiserror::Error)]
#[error("log was closed without a seal: {reason}")]
pub struct CloseError {
    pub(super) reason: String,
}
