//! A private Postgres: its own cluster in a temporary directory, reached over a Unix socket.

use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{self, Process, RunAs, Stdout};
use crate::scratch::Scratch;
use crate::{programs, until};

/// A start after `kill -9` replays the log first.
const READY_BOUND: Duration = Duration::from_secs(30);
/// What `initdb` calls the superuser here.
const USER: &str = "daybook";
/// The file name that Postgres gives the socket of its default port.
const SOCKET: &str = ".s.PGSQL.5432";

/// A running Postgres. Dropping it ends the server and removes the cluster.
#[derive(Debug)]
pub struct Postgres {
    directory: Scratch,
    run_as: Option<RunAs>,
    process: Option<Process>,
}

impl Postgres {
    /// Makes a new, empty cluster and starts it; returns when it answers.
    ///
    /// # Panics
    /// When Postgres is not installed (with the command that installs it) or does not start.
    pub fn start() -> Self {
        let run_as = process::is_root().then(process::unprivileged);
        let directory = Scratch::new("pg");
        give_to(directory.path(), run_as);
        fill_cluster(&directory.path().join("data"), run_as);
        let mut started = Self {
            directory,
            run_as,
            process: None,
        };
        started.restart();
        started
    }

    /// The `DATABASE_URL` of the cluster's database.
    pub fn url(&self) -> String {
        format!(
            "postgres://{USER}@localhost/postgres?host={}",
            self.directory.path().display()
        )
    }

    /// `kill -9` of the server.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// Starts the server again on the same cluster (after [`Postgres::kill9`] or as it runs), and
    /// returns when it answers.
    ///
    /// # Panics
    /// When it does not answer within half a minute.
    pub fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::INT);
            process.wait(READY_BOUND);
        }
        self.process = Some(self.spawn());
        until("Postgres answers", READY_BOUND, || {
            // The processes of a killed server may hold its shared memory for a moment.
            if !self.process.as_mut().is_some_and(Process::is_running) {
                self.process = Some(self.spawn());
            }
            self.answers()
        });
    }

    /// Stops the server in its tracks (SIGSTOP): connections stay open and nothing answers.
    pub fn pause(&mut self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn unpause(&mut self) {
        self.signal_all(Signal::CONT);
    }

    /// The server works in a process per connection: all of them get the signal.
    fn signal_all(&self, signal: Signal) {
        for (pid, _) in process::processes_of(&self.directory.path().join("data")) {
            process::signal_by_id(pid, signal);
        }
    }

    fn spawn(&self) -> Process {
        let directory = self.directory.path();
        let mut command = Command::new(programs::postgres("postgres"));
        command
            .current_dir(directory)
            .arg("-D")
            .arg(directory.join("data"))
            .arg("-k")
            .arg(directory)
            .args(["-c", "listen_addresses="])
            .args(["-c", "max_connections=60"])
            .args(["-c", "shared_buffers=32MB"])
            // The processes are killed in these tests, the machine is not: no need to wait for it.
            .args(["-c", "fsync=off"]);
        Process::start(&command, self.run_as, &directory.join("log"), Stdout::Log)
    }

    /// Asks for a session with the protocol's first message, and looks at the kind of the answer:
    /// `R` (authentication) from a server that is ready, `E` from one that is starting.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<u8> {
            let mut stream = UnixStream::connect(self.directory.path().join(SOCKET))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let body = format!("\0\x03\0\0user\0{USER}\0database\0postgres\0\0");
            let length = u32::try_from(body.len() + 4).expect("a short message");
            stream.write_all(&length.to_be_bytes())?;
            stream.write_all(body.as_bytes())?;
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            Ok(kind[0])
        };
        ask().is_ok_and(|kind| kind == b'R')
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::CONT);
            // SIGQUIT: end at once, children too; the cluster is thrown away.
            process.signal(Signal::QUIT);
            let ended = (0..1000).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                !process.is_running()
            });
            if !ended {
                process.kill9();
            }
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            eprintln!("--- Postgres said:\n{}", log.unwrap_or_default());
        }
        process::kill_all_of(self.directory.path());
    }
}

/// Puts a fresh cluster at `data`: copied from a template that is made once per target directory,
/// because `initdb` takes most of a second and a copy a tenth of it.
fn fill_cluster(data: &Path, run_as: Option<RunAs>) {
    let template = template_place();
    if !template.is_dir() {
        let made = Scratch::new("initdb");
        give_to(made.path(), run_as);
        initdb(&made.path().join("data"), run_as);
        let beside = template.with_extension(format!("{}", std::process::id()));
        copy_tree(&made.path().join("data"), &beside);
        // Tests that make it at the same time: the first rename wins, all copies are equal.
        if std::fs::rename(&beside, &template).is_err() {
            drop(std::fs::remove_dir_all(&beside));
        }
    }
    copy_tree(&template, data);
    if let Some(user) = run_as {
        let status = Command::new("chown")
            .arg("-R")
            .arg(format!("{}:{}", user.uid, user.gid))
            .arg(data)
            .status()
            .expect("chown can be run");
        assert!(status.success(), "cannot give the cluster to its user");
    }
}

/// Beside the test programs, so that it goes when the target directory goes.
fn template_place() -> PathBuf {
    let version = Command::new(programs::postgres("postgres"))
        .arg("--version")
        .output()
        .expect("postgres says its version");
    let version: String = String::from_utf8_lossy(&version.stdout)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let directory = std::env::current_exe()
        .expect("a program knows where it is")
        .parent()
        .expect("in a directory")
        .join("daybook-tests");
    std::fs::create_dir_all(&directory).expect("the target directory is writable");
    directory.join(format!("cluster-{version}"))
}

fn initdb(data: &Path, run_as: Option<RunAs>) {
    let mut command = Command::new(programs::postgres("initdb"));
    command
        .arg("-D")
        .arg(data)
        .args([
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .current_dir(data.parent().expect("in a directory"));
    let log = data.with_extension("log");
    let status = Process::start(&command, run_as, &log, Stdout::Log).wait(READY_BOUND);
    assert!(
        status.success(),
        "initdb failed: {}",
        std::fs::read_to_string(&log).unwrap_or_default()
    );
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .args(["-a", "--"])
        .args([from, to])
        .status()
        .expect("cp can be run");
    assert!(status.success(), "cannot copy {}", from.display());
}

fn give_to(directory: &Path, run_as: Option<RunAs>) {
    if let Some(user) = run_as {
        chown(directory, Some(user.uid), Some(user.gid)).expect("root may give a directory away");
    }
}
