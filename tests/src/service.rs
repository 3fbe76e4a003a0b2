//! The real service: the `daybook` program in its own data directory on a free port.

use std::io::{BufRead, BufReader};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{self, Process, Stdout};
use crate::setup::Setup;
use crate::{Client, until};

/// The first start makes a Postgres cluster; a start after a crash recovers one.
pub const READY_BOUND: Duration = Duration::from_secs(60);
/// Draining, and stopping two children.
const STOP_BOUND: Duration = Duration::from_secs(40);
const READY: &str = "daybook ready on ";
/// How much of a log a failing test shows.
const LOG_TAIL_LINES: usize = 60;

/// A running (or killed, to be restarted) service. Dropping it stops it and checks that nothing
/// is left: no process, no temporary file.
#[derive(Debug)]
pub struct Service {
    setup: Setup,
    process: Option<Process>,
    said: Arc<Mutex<Vec<String>>>,
    base: String,
}

impl Service {
    pub(crate) fn not_running(setup: Setup) -> Self {
        Self {
            setup,
            process: None,
            said: Arc::default(),
            base: String::new(),
        }
    }

    /// Starts a fresh service with private children.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start_fresh() -> Self {
        Setup::new().start()
    }

    /// Starts the service again on its data directory and its port, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(&mut self) {
        let listen = self
            .base
            .strip_prefix("http://")
            .unwrap_or("127.0.0.1:0")
            .to_owned();
        self.spawn(&listen);
        until("the service says that it is ready", READY_BOUND, || {
            if let Some(status) = self.process.as_mut().and_then(Process::status) {
                panic!(
                    "the service ended with {status} instead of starting:\n{}",
                    self.setup.log()
                );
            }
            self.ready_line().is_some()
        });
        self.base = self.ready_line().expect("seen");
    }

    pub(crate) fn spawn(&mut self, listen: &str) {
        assert!(self.process.is_none(), "the service runs already");
        self.said = Arc::default();
        let log = self.setup.directory.path().join("log");
        let mut process = Process::start(&self.setup.up(listen), None, &log, Stdout::Piped);
        let stdout = process.take_stdout().expect("piped");
        let said = Arc::clone(&self.said);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                said.lock().expect("no panic").push(line);
            }
        });
        self.process = Some(process);
        self.base = format!("http://{listen}");
    }

    fn ready_line(&self) -> Option<String> {
        let said = self.said.lock().expect("no panic");
        let line = said.iter().find_map(|line| line.strip_prefix(READY))?;
        Some(
            line.split_whitespace()
                .next()?
                .trim_end_matches('/')
                .to_owned(),
        )
    }

    /// `http://127.0.0.1:<port>`, the same over restarts.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// How the service was set up: its directory, its log, further commands of its program.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The process id of the service.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the service runs").pid()
    }

    /// The development token: every role on every ledger.
    ///
    /// # Panics
    /// When the service has not written it.
    pub fn token(&self) -> String {
        let token = std::fs::read_to_string(self.setup.data().join("token"));
        token.expect("the service wrote a token").trim().to_owned()
    }

    /// A token made by `daybook token` with these arguments.
    ///
    /// # Panics
    /// When the command fails.
    pub fn mint(&self, arguments: &[&str]) -> String {
        let data = self.setup.data();
        let mut command = self.setup.command(&["token", "--data-dir"]);
        let output = command
            .arg(data)
            .args(arguments)
            .output()
            .expect("the program runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// A client with the development token.
    pub fn client(&self) -> Client {
        Client::new(self.base.clone(), Some(self.token()))
    }

    /// `kill -9` of the service; what becomes of its children is its own affair.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// SIGTERM, and waits; gives how it ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the service runs");
        process.signal(Signal::TERM);
        process.wait(STOP_BOUND)
    }

    /// Whether the service itself has not ended.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// How the service ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.status()
    }

    /// What `children.json` says of a child (`postgres`, `nats`).
    ///
    /// # Panics
    /// When the service has no such child.
    pub fn child(&self, name: &str) -> Value {
        let text = std::fs::read(self.setup.data().join("children.json"));
        let all: Value = serde_json::from_slice(&text.expect("the service names its children"))
            .expect("children.json is JSON");
        let child = all[name].clone();
        assert!(child.is_object(), "{name} is a child: {all}");
        child
    }

    /// `kill -9` of a child.
    ///
    /// # Panics
    /// When the service has no such child.
    pub fn kill9_child(&self, name: &str) {
        let pid = self.child(name)["pid"].as_u64().expect("a process id");
        let pid = u32::try_from(pid).expect("a process id");
        assert!(process::signal_by_id(pid, Signal::KILL), "{name} ran");
    }

    /// The database that the service uses, for a look behind the scenes.
    ///
    /// # Panics
    /// When the service has no private Postgres.
    pub fn database_url(&self) -> String {
        self.child("postgres")["url"]
            .as_str()
            .expect("a URL")
            .to_owned()
    }

    /// `daybook audit verify` over every ledger, beside the running service.
    pub fn audit(&self) -> (bool, String) {
        let data = self.setup.data();
        let mut command = self.setup.command(&["audit", "verify", "--data-dir"]);
        let output = command.arg(data).output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let stopped = match self.process.take() {
            Some(mut process) => process.stop(STOP_BOUND),
            None => true,
        };
        let directory = self.setup.directory.path();
        let failing = std::thread::panicking();
        if failing {
            show_tail(&self.setup.log());
        }
        // A killed service's children end by themselves; a stopped one has waited for them.
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let mut left = process::processes_of(directory);
        while !left.is_empty() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            left = process::processes_of(directory);
        }
        process::kill_all_of(directory);
        if !failing {
            assert!(
                stopped,
                "the service did not stop within {STOP_BOUND:?}:\n{}",
                self.setup.log()
            );
            assert!(left.is_empty(), "processes are left: {left:?}");
            let files: Vec<_> = std::fs::read_dir(directory.join("tmp"))
                .expect("own directory")
                .flatten()
                .map(|entry| entry.path())
                .collect();
            assert!(files.is_empty(), "temporary files are left: {files:?}");
        }
    }
}

fn show_tail(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    eprintln!(
        "--- the service said, at the end:\n{}",
        lines[from..].join("\n")
    );
}
