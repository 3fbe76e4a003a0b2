//! One supervised child: start it, wait until it answers, start it again when it dies, end it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::leftovers::Registry;

/// Long enough for a database that recovers from a crash; a child that ends is noticed at once.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const PROBE_PAUSE: Duration = Duration::from_millis(25);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// After this a child that was asked to end is asked less politely.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const HURRY_TIMEOUT: Duration = Duration::from_secs(5);
const RESTART_DELAY_MIN: Duration = Duration::from_millis(100);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(5);
/// A child that ran for so long before it died is started again without a delay.
const STEADY: Duration = Duration::from_secs(10);
/// A log that grew beyond this is begun anew when its child starts.
const LOG_BYTES_MAX: u64 = 1 << 20;
const LOG_TAIL_BYTES: u64 = 4 << 10;
const LOG_TAIL_LINES: usize = 5;

/// A server program that runs as our child.
pub(super) trait Server: Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> &'static str;
    /// How it is started, tied to our life ([`super::owner::Owner::tied`]); called before every start.
    fn command(&self) -> io::Result<Command>;
    /// Whether it answers.
    fn answers(&self) -> impl Future<Output = bool>;
    /// Where its output goes.
    fn log(&self) -> PathBuf;
    /// What ends it in good order.
    fn stop_signal(&self) -> Signal;
    /// What ends it at once.
    fn hurry_signal(&self) -> Signal;
    /// What is told about it to whoever looks for it.
    fn facts(&self) -> serde_json::Map<String, serde_json::Value>;
}

/// A child did not come to answer.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not be run at all.
    #[error("cannot start {name}")]
    Spawn {
        /// Which.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended.
    #[error("{name} ended while starting ({status}); its last words: {tail}")]
    Ended {
        /// Which.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        tail: String,
    },
    /// It was not wanted any more; it has ended and was reaped.
    #[error("the start of {name} was cancelled")]
    Cancelled {
        /// Which.
        name: &'static str,
    },
    /// It runs, but does not answer.
    #[error("{name} did not answer within {} s; its last words: {tail}", START_TIMEOUT.as_secs())]
    Silent {
        /// Which.
        name: &'static str,
        /// The end of its log.
        tail: String,
    },
}

/// Starts the server and returns when it answers; cancelling the token ends it in good order.
///
/// Must be called on a thread that lives as long as the child should: the child is killed when the
/// thread that started it ends, which is how it never outlives us, not even `kill -9`.
pub(super) async fn start(
    server: &impl Server,
    stop: &CancellationToken,
) -> Result<Child, StartError> {
    let name = server.name();
    let spawn_error = |source| StartError::Spawn { name, source };
    let log = open_log(&server.log()).map_err(spawn_error)?;
    let since = log.metadata().map_err(spawn_error)?.len();
    let mut command = server.command().map_err(spawn_error)?;
    command.stdin(Stdio::null());
    command
        .stdout(log.try_clone().map_err(spawn_error)?)
        .stderr(log);
    // A group of its own: a Ctrl-C in the terminal is for us, and we end it in the right order.
    command.process_group(0);
    let mut command = tokio::process::Command::from(command);
    let mut child = command.kill_on_drop(true).spawn().map_err(spawn_error)?;

    let ended = tokio::select! {
        ended = until_answer(server, &mut child) => ended.map_err(spawn_error)?,
        () = stop.cancelled() => {
            // Killing it would leave its lock file behind, and a process that nobody reaps.
            end(server, child).await;
            return Err(StartError::Cancelled { name });
        }
    };
    match ended {
        Started::Answers => Ok(child),
        Started::Ended(status) => Err(StartError::Ended {
            name,
            status,
            tail: tail(&server.log(), since),
        }),
        Started::Silent => {
            end(server, child).await;
            Err(StartError::Silent {
                name,
                tail: tail(&server.log(), since),
            })
        }
    }
}

/// What became of a child that was started.
enum Started {
    Answers,
    Ended(ExitStatus),
    Silent,
}

async fn until_answer(server: &impl Server, child: &mut Child) -> io::Result<Started> {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Started::Ended(status));
        }
        if timeout(PROBE_TIMEOUT, server.answers())
            .await
            .unwrap_or(false)
        {
            return Ok(Started::Answers);
        }
        sleep(PROBE_PAUSE).await;
    }
    Ok(Started::Silent)
}

/// Keeps the server running until the token is cancelled, then ends it.
pub(super) async fn keep(
    server: &impl Server,
    mut child: Child,
    registry: &Registry,
    stop: CancellationToken,
) {
    let name = server.name();
    let mut delay = RESTART_DELAY_MIN;
    loop {
        registry.record(name, child.id(), server.facts());
        let since = Instant::now();
        tokio::select! {
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                tracing::error!(child = name, %status, "{name} ended ({status}), restarting it");
            }
            () = stop.cancelled() => return end(server, child).await,
        }
        registry.record(name, None, server.facts());
        if since.elapsed() > STEADY {
            delay = RESTART_DELAY_MIN;
        }
        let Some(again) = restart(server, &mut delay, &stop).await else {
            return;
        };
        child = again;
        tracing::info!(child = name, "{name} is back");
    }
}

/// Until it answers again; `None` if it is not wanted any more.
async fn restart(
    server: &impl Server,
    delay: &mut Duration,
    stop: &CancellationToken,
) -> Option<Child> {
    loop {
        tokio::select! {
            () = sleep(*delay) => {}
            () = stop.cancelled() => return None,
        }
        *delay = (*delay * 2).min(RESTART_DELAY_MAX);
        match start(server, stop).await {
            Ok(child) => return Some(child),
            Err(StartError::Cancelled { .. }) => return None,
            Err(error) => {
                let error = crate::failure::chain(&error);
                tracing::error!(child = server.name(), %error, "restart failed: {error}");
            }
        }
    }
}

/// Ends a child: in good order, then at once, then by force. Always reaps it.
pub(super) async fn end(server: &impl Server, mut child: Child) {
    let steps = [
        (server.stop_signal(), STOP_TIMEOUT),
        (server.hurry_signal(), HURRY_TIMEOUT),
        (Signal::KILL, HURRY_TIMEOUT),
    ];
    for (signal, patience) in steps {
        send(child.id(), signal);
        if timeout(patience, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(child = server.name(), "{} is slow to end", server.name());
    }
}

/// Signals a process that may be gone already.
pub(super) fn send(pid: Option<u32>, signal: Signal) {
    let pid = pid
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, "process {pid:?} was gone before its signal");
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    let fresh = path.metadata().is_ok_and(|data| data.len() > LOG_BYTES_MAX);
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    if fresh {
        File::create(path)?;
    }
    options.append(true).open(path)
}

/// The last lines of a child's log, on one line, without what an earlier start wrote.
fn tail(path: &Path, since: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            length.saturating_sub(LOG_TAIL_BYTES).max(since),
        ))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "(none)".to_owned();
    }
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_of_this_start_only() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        std::fs::write(&path, "old\n").unwrap();
        let since = path.metadata().unwrap().len();
        assert_eq!(tail(&path, since), "(none)");
        std::fs::write(&path, "old\nnew\n\nlast\n").unwrap();
        assert_eq!(tail(&path, since), "new | last");
        assert_eq!(tail(&path, 0), "old | new | last");
    }
}
