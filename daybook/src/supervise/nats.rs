//! The private NATS server: on a loopback port, with a password, JetStream in the data directory.
//!
//! What it keeps is never the record (architecture, sentence 2): losing its directory costs a
//! back-fill.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use daybook_platform::clock::Clock;
use rustix::process::Signal;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::child::Server;
use super::owner::Owner;
use super::{SuperviseError, programs};
use crate::data_dir::{DataDir, create_private_dir, write_private};

const USER: &str = "daybook";

/// A NATS server that is ready to be started.
pub(super) struct Nats {
    program: PathBuf,
    directory: PathBuf,
    config: PathBuf,
    log: PathBuf,
    port: u16,
    password: String,
}

impl Nats {
    /// Writes its configuration, with a fresh password.
    pub(super) fn prepare(data_dir: &DataDir, port: u16) -> Result<Self, SuperviseError> {
        let program = programs::nats_server().ok_or(SuperviseError::NotInstalled {
            program: "nats-server",
        })?;
        let directory = data_dir.nats();
        create_private_dir(&directory)?;
        let nats = Self {
            program,
            directory,
            config: data_dir.path().join("nats.conf"),
            log: data_dir.path().join("nats.log"),
            port,
            password: Clock::system().uuid_v4().simple().to_string(),
        };
        write_private(&nats.config, nats.configuration().as_bytes())?;
        Ok(nats)
    }

    /// Where a client finds it; a secret.
    pub(super) fn url(&self) -> String {
        format!("nats://{USER}:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// The password is in a private file, not on the command line, which everybody can read.
    fn configuration(&self) -> String {
        let store = self
            .directory
            .to_string_lossy()
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        format!(
            "host: 127.0.0.1\nport: {}\nserver_name: daybook\n\
             authorization {{ user: {USER}, password: \"{}\" }}\n\
             jetstream {{ store_dir: \"{store}\" }}\n",
            self.port, self.password
        )
    }
}

impl Server for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn command(&self) -> io::Result<Command> {
        // Its directory may have been deleted while it was down; that is no reason to fail.
        std::fs::create_dir_all(&self.directory)?;
        let mut command = Owner::Myself.tied(&self.program, "TERM");
        command.arg("-c").arg(&self.config).current_dir("/");
        Ok(command)
    }

    /// The server speaks first: `INFO {…}`.
    async fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else {
            return false;
        };
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.is_ok() && &word == b"INFO "
    }

    fn log(&self) -> PathBuf {
        self.log.clone()
    }

    fn stop_signal(&self) -> Signal {
        Signal::TERM
    }

    fn hurry_signal(&self) -> Signal {
        Signal::KILL
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("url".to_owned(), self.url().into());
        facts.insert("port".to_owned(), self.port.into());
        facts.insert("store".to_owned(), self.directory.to_string_lossy().into());
        facts
    }
}
