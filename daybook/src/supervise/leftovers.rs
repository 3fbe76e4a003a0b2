//! Which children run, kept in a file; and the end of those that a killed service left over.
//!
//! A process is known by its number and its start time, so that a number which the system gave to
//! somebody else meanwhile is never taken for ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Map, Value};

use super::child::send;
use crate::data_dir::{DataDir, write_private};

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// The file `children.json`, rewritten whenever a child starts or ends.
pub(super) struct Registry {
    path: PathBuf,
    children: Mutex<Map<String, Value>>,
}

impl Registry {
    /// An empty registry at this place.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            children: Mutex::new(Map::new()),
        }
    }

    /// Writes down what is known of a child; `pid` is `None` while it does not run.
    pub(super) fn record(&self, name: &str, pid: Option<u32>, mut facts: Map<String, Value>) {
        facts.insert("pid".to_owned(), pid.into());
        facts.insert("started".to_owned(), pid.and_then(start_time).into());
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.insert(name.to_owned(), Value::Object(facts));
        let text = Value::Object(children.clone()).to_string();
        if let Err(error) = write_private(&self.path, text.as_bytes()) {
            let error = crate::failure::chain(&error);
            tracing::warn!(%error, "cannot note which children run: {error}");
        }
    }

    /// Removes the file: no child runs.
    pub(super) fn clear(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "there was no list of children to remove");
        }
    }
}

/// What `children.json` says of a child that runs.
pub(super) fn running(data_dir: &DataDir, name: &str) -> Option<Map<String, Value>> {
    let text = fs::read(data_dir.children()).ok()?;
    let children: Value = serde_json::from_slice(&text).ok()?;
    let child = children.get(name)?.as_object()?.clone();
    lives(&child).map(|_| child)
}

/// Ends what a killed service left over in this data directory. Whoever calls holds its lock,
/// so no other service can own these processes.
pub(super) fn end_leftovers(data_dir: &DataDir) {
    for (name, signal) in [("postgres", Signal::QUIT), ("nats", Signal::TERM)] {
        if let Some(pid) = running(data_dir, name).as_ref().and_then(lives) {
            tracing::warn!(
                child = name,
                pid,
                "ending {name}, left over from before (pid {pid})"
            );
            end(pid, signal);
        }
    }
    end_postmaster(&data_dir.postgres());
}

/// A PostgreSQL that was started a moment before we were killed is not in our file yet, but in its
/// own: it is ended. Afterwards, or if the number in it belongs to another program or to a process
/// that has ended and was not reaped yet (whom PostgreSQL takes for alive), the file is stale, and
/// would keep PostgreSQL from starting.
fn end_postmaster(directory: &Path) {
    let file = directory.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else {
        return;
    };
    let pid = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse::<u32>().ok());
    if let Some(pid) = pid
        && works_in(pid, directory)
    {
        tracing::warn!(pid, "ending postgres, left over from before (pid {pid})");
        end(pid, Signal::QUIT);
    }
    if pid.is_some_and(|pid| works_in(pid, directory)) {
        tracing::error!(?pid, "postgres, left over from before, does not end");
    } else if let Err(error) = fs::remove_file(&file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "cannot remove a stale postmaster.pid: {error}");
    }
}

/// Whether a process runs and is the PostgreSQL of this directory, in which it works. Where the
/// system does not tell, a process that runs counts as one.
fn works_in(pid: u32, directory: &Path) -> bool {
    start_time(pid).is_some()
        && (!Path::new("/proc/self/stat").exists()
            || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|it| it == directory))
}

fn end(pid: u32, signal: Signal) {
    let started = start_time(pid);
    for signal in [signal, Signal::KILL] {
        send(Some(pid), signal);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if start_time(pid).is_none() || start_time(pid) != started {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn lives(child: &Map<String, Value>) -> Option<u32> {
    let pid = u32::try_from(child.get("pid")?.as_u64()?).ok()?;
    let started = child.get("started")?.as_str()?;
    (start_time(pid)? == started).then_some(pid)
}

/// When a process started, in the system's own words; `None` if it does not run (any more).
pub(super) fn start_time(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; after it: state, then fields 4 to 22.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let ended = state == "Z" || state == "X";
        return if ended {
            None
        } else {
            fields.nth(18).map(ToOwned::to_owned)
        };
    }
    let pid = pid.to_string();
    let out = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let me = std::process::id();
        let started = start_time(me).unwrap();
        let child = |started: &str| {
            let value = serde_json::json!({"pid": me, "started": started});
            value.as_object().unwrap().clone()
        };
        assert_eq!(lives(&child(&started)), Some(me));
        assert_eq!(lives(&child("another time")), None);
    }

    #[test]
    fn an_ended_process_has_no_start_time() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(start_time(pid), None);
    }

    #[test]
    fn a_stale_postmaster_file_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("postmaster.pid");
        fs::write(&file, format!("{}\n/somewhere\n", std::process::id())).unwrap();
        end_postmaster(temp.path());
        assert!(!file.exists());
    }
    #[test]
    fn the_postmaster_file_of_a_process_that_nobody_reaped_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let directory = temp.path().canonicalize().unwrap();
        let file = directory.join("postmaster.pid");
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("60").current_dir(&directory).spawn().unwrap();
        let text = format!("{}\n{}\n", child.id(), directory.display());
        fs::write(&file, text).unwrap();
        assert!(works_in(child.id(), &directory));
        child.kill().unwrap();
        // Not waited for: it stays a zombie.
        while start_time(child.id()).is_some() {
            std::thread::sleep(PAUSE);
        }
        assert!(Path::new("/proc").join(child.id().to_string()).exists());
        end_postmaster(&directory);
        assert!(!file.exists());
        child.wait().unwrap();
    }
}
