//! A private nats-server with JetStream, on a free port of the loopback address.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{self, Process, Stdout};
use crate::scratch::Scratch;
use crate::{programs, until};

const READY_BOUND: Duration = Duration::from_secs(20);

/// A running nats-server. Dropping it ends the server and removes its storage.
#[derive(Debug)]
pub struct Nats {
    directory: Scratch,
    /// Chosen by the server at its first start, and kept over restarts.
    port: Option<u16>,
    process: Option<Process>,
}

impl Nats {
    /// Starts a server with empty storage; returns when it takes connections.
    ///
    /// # Panics
    /// When nats-server is not installed (with the command that installs it) or does not start.
    pub fn start() -> Self {
        let directory = Scratch::new("nats");
        let mut started = Self {
            directory,
            port: None,
            process: None,
        };
        started.restart();
        started
    }

    /// The `NATS_URL`; the same over restarts.
    pub fn url(&self) -> String {
        let port = self.port.expect("known since the first start");
        format!("nats://127.0.0.1:{port}")
    }

    /// Where JetStream keeps its streams.
    pub fn storage(&self) -> PathBuf {
        self.directory.path().join("storage")
    }

    /// `kill -9`.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// Throws all streams away, while the server is down.
    ///
    /// # Panics
    /// When the server runs.
    pub fn delete_storage(&mut self) {
        assert!(self.process.is_none(), "kill nats-server first");
        if self.storage().exists() {
            std::fs::remove_dir_all(self.storage()).expect("own directory");
        }
    }

    /// Starts the server again on the same port and storage, and returns when it answers.
    ///
    /// # Panics
    /// When it does not answer within twenty seconds.
    pub fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(READY_BOUND);
        }
        self.process = Some(self.spawn());
        until("nats-server takes connections", READY_BOUND, || {
            // The port may still be taken for a moment after a kill.
            if !self.process.as_mut().is_some_and(Process::is_running) {
                self.process = Some(self.spawn());
            }
            self.learn_port();
            self.answers()
        });
    }

    /// SIGSTOP: connections stay open and nothing answers.
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::STOP);
        }
    }

    /// SIGCONT.
    pub fn unpause(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::CONT);
        }
    }

    fn spawn(&self) -> Process {
        let directory = self.directory.path();
        let port = self.port.map_or("-1".to_owned(), |port| port.to_string());
        let mut command = Command::new(programs::nats_server());
        command
            .current_dir(directory)
            .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"])
            .arg(self.storage())
            .arg("--ports_file_dir")
            .arg(directory);
        Process::start(&command, None, &directory.join("log"), Stdout::Log)
    }

    /// The server writes the port it chose into a file named after its process id.
    fn learn_port(&mut self) {
        let Some(process) = self.process.as_ref().filter(|_| self.port.is_none()) else {
            return;
        };
        let file = format!("nats-server_{}.ports", process.pid());
        let text = std::fs::read(self.directory.path().join(file)).unwrap_or_default();
        self.port = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|ports| {
                let url = ports["nats"][0].as_str()?;
                url.rsplit(':').next()?.parse().ok()
            });
    }

    /// A server that is ready greets every connection with its INFO line.
    fn answers(&self) -> bool {
        use std::io::Read;
        let Some(port) = self.port else { return false };
        let greet = || -> std::io::Result<[u8; 4]> {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting)?;
            Ok(greeting)
        };
        greet().is_ok_and(|greeting| &greeting == b"INFO")
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            eprintln!("--- nats-server said:\n{}", log.unwrap_or_default());
        }
        process::kill_all_of(self.directory.path());
    }
}
