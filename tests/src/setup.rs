//! How the real service is to be run: its program, its directory, its arguments.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::process::{Process, Stdout};
use crate::scratch::Scratch;
use crate::service::{READY_BOUND, Service};
use crate::{programs, until};

/// How a service is to be run, before it runs.
#[derive(Debug)]
pub struct Setup {
    pub(crate) directory: Scratch,
    prefix: Vec<String>,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// A fresh data directory, the program that the tests were built with, private children.
    ///
    /// # Panics
    /// When there is no program and none can be built.
    pub fn new() -> Self {
        let directory = Scratch::new("up");
        // Under root, the service runs Postgres as another user, who has to get through here.
        open_to_all(directory.path(), 0o711);
        let temporary = directory.path().join("tmp");
        std::fs::create_dir(&temporary).expect("own directory");
        open_to_all(&temporary, 0o1777);
        Self {
            directory,
            prefix: Vec::new(),
            program: programs::daybook(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Another program, for example the release build.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Words before the program: another program that sets the scene and then becomes it.
    #[must_use]
    pub fn prefix(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// One more argument of `daybook up`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What the service wrote to its standard error so far.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// A command of the program with nothing of this process's own settings in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = self.program.as_os_str();
        let mut words = self.prefix.iter().map(OsStr::new).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command
            .args(words)
            .args(arguments)
            .current_dir(self.directory.path());
        for name in [
            "DATABASE_URL",
            "NATS_URL",
            "EVENT_STORE_URL",
            "DAYBOOK_TOKEN",
        ] {
            command.env_remove(name);
        }
        command.env("TMPDIR", self.directory.path().join("tmp"));
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Starts the service and returns when it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(self) -> Service {
        let mut service = Service::not_running(self);
        service.start();
        service
    }

    /// Starts the service and returns when it takes connections, ready or not.
    ///
    /// # Panics
    /// When it does not take connections.
    pub fn start_before_ready(self) -> Service {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let mut service = Service::not_running(self);
        service.spawn(&address.to_string());
        until("the service takes connections", READY_BOUND, || {
            assert!(service.is_running(), "it ended:\n{}", service.setup().log());
            TcpStream::connect(address).is_ok()
        });
        service
    }

    /// Runs `daybook up` where it must fail: gives how it ended and what it wrote to its standard
    /// error.
    ///
    /// # Panics
    /// When it runs on instead.
    pub fn fail_to_start(&self, listen: &str) -> (ExitStatus, String) {
        let log = self.directory.path().join("log");
        let mut process = Process::start(&self.up(listen), None, &log, Stdout::Log);
        let status = process.wait(READY_BOUND);
        (status, self.log())
    }

    /// The command `daybook up`.
    pub(crate) fn up(&self, listen: &str) -> Command {
        let data = self.data();
        let data = data.to_str().expect("a plain path");
        let mut command = self.command(&[
            "up",
            "--data-dir",
            data,
            "--listen",
            listen,
            "--ops-listen",
            "127.0.0.1:0",
        ]);
        command.args(&self.arguments);
        command
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

fn open_to_all(directory: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(directory, permissions).expect("own directory");
}
