//! Child processes that never outlive the test: started by one long-lived thread of this process,
//! with the parent's death as a signal to the child, and killed and awaited on drop.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::programs::in_path;

type Reply = SyncSender<std::io::Result<Child>>;

/// The user that a child runs as, when the test itself is root and the child refuses that.
#[derive(Debug, Clone, Copy)]
pub struct RunAs {
    /// The user's id.
    pub uid: u32,
    /// The id of the user's own group.
    pub gid: u32,
}

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An unprivileged user of this machine: `postgres` if there is one, else `nobody`.
pub fn unprivileged() -> RunAs {
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users is readable");
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| {
            let line = users
                .lines()
                .find(|line| line.starts_with(&format!("{name}:")))?;
            let mut fields = line.split(':').skip(2);
            let uid = fields.next()?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(RunAs { uid, gid })
        })
        .expect("root needs a user `postgres` or `nobody` to run Postgres as")
}

/// Where a child's standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// To [`Process::take_stdout`].
    Piped,
    /// To the log file, like its errors.
    Log,
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in a process group of its own; it gets SIGKILL when this process ends.
    /// What it says is appended to the file `log`, except a piped standard output.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(command: &Command, run_as: Option<RunAs>, log: &Path, stdout: Stdout) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut bound = bound_to_parent(command, run_as);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log file can be opened");
        match stdout {
            Stdout::Piped => bound.stdout(Stdio::piped()),
            Stdout::Log => bound.stdout(log.try_clone().expect("a file can be shared")),
        };
        bound.stderr(log);
        let child = spawn(bound).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self {
            child,
            name,
            status: None,
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes what the child's piped standard output gives.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether the process has not ended; reaps it if it has.
    pub fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be awaited");
        }
        self.status.is_none()
    }

    /// How the process ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.is_running();
        self.status
    }

    /// Sends a signal, if the process still runs.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            rustix::process::kill_process(self.rustix_pid(), signal).expect("own child");
        }
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    /// When it has not ended within `bound`.
    pub fn wait(&mut self, bound: Duration) -> ExitStatus {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = self.status() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{} has not ended within {bound:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(10));
    }

    /// SIGTERM, and waits; SIGKILL after `bound`. Whether SIGTERM was enough.
    pub fn stop(&mut self, bound: Duration) -> bool {
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
        let deadline = Instant::now() + bound;
        while self.is_running() {
            if Instant::now() > deadline {
                self.kill9();
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn rustix_pid(&self) -> Pid {
        let raw = i32::try_from(self.child.id()).expect("a process id fits");
        Pid::from_raw(raw).expect("a process id is positive")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            self.kill9();
        }
    }
}

/// The processes that still have to do with a directory: named on their command line, or their
/// working directory is inside. What has already ended (a zombie) does not count.
pub fn processes_of(directory: &Path) -> Vec<(u32, String)> {
    let wanted = directory.to_string_lossy().into_owned();
    let me = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != me)
        .filter_map(|pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let inside = std::fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|working| working.starts_with(directory));
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let zombie = stat.rsplit(") ").next()?.starts_with('Z');
            (!zombie && (inside || command.contains(&wanted))).then_some((pid, command))
        })
        .collect()
}

/// Kills, by id, what `processes_of` finds: the last resort of a failing test.
pub fn kill_all_of(directory: &Path) {
    for (pid, _) in processes_of(directory) {
        signal_by_id(pid, Signal::KILL);
    }
}

/// Sends a signal to a process that may have ended meanwhile. Whether it was there.
pub fn signal_by_id(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// The same command behind `setpriv`, so that the child dies with its parent and, under root, runs
/// as another user. Without `setpriv` only the drop of [`Process`] ends the child.
fn bound_to_parent(command: &Command, run_as: Option<RunAs>) -> Command {
    let mut bound = match (in_path("setpriv"), run_as) {
        (Some(setpriv), run_as) => {
            let mut bound = Command::new(setpriv);
            bound.args(["--pdeathsig", "KILL"]);
            if let Some(user) = run_as {
                bound.arg(format!("--reuid={}", user.uid));
                bound.arg(format!("--regid={}", user.gid));
                bound.arg("--clear-groups");
            }
            bound.arg("--").arg(command.get_program());
            bound
        }
        (None, run_as) => {
            let mut bound = Command::new(command.get_program());
            if let Some(user) = run_as {
                bound.uid(user.uid).gid(user.gid);
            }
            bound
        }
    };
    bound.args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(key, value),
            None => bound.env_remove(key),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        bound.current_dir(directory);
    }
    bound.process_group(0);
    bound
}

/// The parent's death signal fires when the *thread* that spawned ends, and every test has its own
/// thread: so one thread that lives as long as the process does all the spawning.
fn spawn(mut command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<SyncSender<(Command, Reply)>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, inbox) = sync_channel::<(Command, Reply)>(16);
        std::thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    reply.send(command.spawn()).expect("the test waits");
                }
            })
            .expect("a thread can be started");
        requests
    });
    let (reply, answer) = sync_channel(1);
    command.stdin(Stdio::null());
    spawner.send((command, reply)).expect("the spawner lives");
    answer.recv().expect("the spawner lives")
}
