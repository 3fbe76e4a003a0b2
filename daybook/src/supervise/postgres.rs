//! The private PostgreSQL: a cluster in the data directory that only its owner can reach.
//!
//! It listens on a Unix socket in its own directory (mode 700) and nowhere else. Where the path is
//! too long for a socket it listens on a loopback port instead, with a random password.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use daybook_platform::clock::Clock;
use rustix::process::Signal;
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::child::{Server, send};
use super::owner::Owner;
use super::{SuperviseError, programs};
use crate::data_dir::{DataDir, create_private_dir, write_private};

const USER: &str = "daybook";
const DATABASE: &str = "postgres";
/// The name that PostgreSQL gives its socket for this port; a private directory needs no other.
const SOCKET_PORT: u16 = 5432;
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// How long `initdb` may take to end when it is not wanted any more.
const INIT_STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// What the name of an unfinished cluster begins with, after `postgres.`.
const NEW: &str = "new-";
/// The longest path of a Unix socket that Linux takes (macOS: 103).
const SOCKET_PATH_MAX: usize = 103;

/// How it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// The socket in its directory.
    Socket,
    /// A loopback port.
    Port {
        /// Which.
        port: u16,
        /// The password that it wants there.
        password: String,
    },
}

/// A cluster that is ready to be started.
pub(super) struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    log: PathBuf,
    owner: Owner,
    address: Address,
}

impl Postgres {
    /// Makes the cluster if it is not there yet.
    pub(super) async fn prepare(
        data_dir: &DataDir,
        port: u16,
        stop: &CancellationToken,
    ) -> Result<Self, SuperviseError> {
        let programs = programs::postgres_dir().ok_or(SuperviseError::NotInstalled {
            program: "PostgreSQL (postgres and initdb)",
        })?;
        let owner = Owner::choose(data_dir.path())?;
        let directory = data_dir.postgres();
        let secret = data_dir.path().join("postgres.password");
        if !directory.join("PG_VERSION").exists() {
            init(&programs, &owner, &directory, &secret, stop).await?;
        }
        for path in [&directory, &secret]
            .into_iter()
            .filter(|path| path.exists())
        {
            owner
                .take(path)
                .map_err(SuperviseError::io("take over", path))?;
        }
        let address = if directory.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_MAX {
            Address::Socket
        } else {
            let password =
                fs::read_to_string(&secret).map_err(SuperviseError::io("read", &secret))?;
            Address::Port {
                port,
                password: password.trim_end().to_owned(),
            }
        };
        let log = data_dir.path().join("postgres.log");
        Ok(Self {
            programs,
            directory,
            log,
            owner,
            address,
        })
    }

    /// Where a client finds it; a secret if it holds a password.
    pub(super) fn url(&self) -> String {
        match &self.address {
            Address::Socket => {
                let directory = percent(&self.directory.to_string_lossy());
                format!("postgres://{USER}@localhost/{DATABASE}?host={directory}")
            }
            Address::Port { port, password } => {
                format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}?sslmode=disable")
            }
        }
    }

    /// Whether it needs a free port, which somebody else may take first.
    pub(super) fn has_port(&self) -> bool {
        matches!(self.address, Address::Port { .. })
    }

    fn settings(&self) -> Vec<String> {
        let mut settings: Vec<String> = [
            "shared_buffers=128MB",
            "max_wal_size=1GB",
            "random_page_cost=1.1",
            "jit=off",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_min_messages=warning",
            "log_checkpoints=off",
            "logging_collector=off",
            "cluster_name=daybook",
            "unix_socket_permissions=0700",
        ]
        .map(ToOwned::to_owned)
        .into();
        match &self.address {
            Address::Socket => {
                let directory = self.directory.to_string_lossy().replace('"', "\"\"");
                settings.push("listen_addresses=".to_owned());
                settings.push(format!("port={SOCKET_PORT}"));
                settings.push(format!("unix_socket_directories=\"{directory}\""));
            }
            Address::Port { port, .. } => {
                settings.push("listen_addresses=127.0.0.1".to_owned());
                settings.push(format!("port={port}"));
                settings.push("unix_socket_directories=".to_owned());
            }
        }
        settings
    }
}

impl Server for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn command(&self) -> io::Result<Command> {
        // QUIT: it ends at once and recovers at the next start, as after a loss of power.
        let mut command = self.owner.tied(&self.programs.join("postgres"), "QUIT");
        command.arg("-D").arg(&self.directory).current_dir("/");
        for setting in self.settings() {
            command.arg("-c").arg(setting);
        }
        Ok(command)
    }

    async fn answers(&self) -> bool {
        let Ok(options) = PgConnectOptions::from_str(&self.url()) else {
            return false;
        };
        let options = options.disable_statement_logging();
        match PgConnection::connect_with(&options).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    fn log(&self) -> PathBuf {
        self.log.clone()
    }

    fn stop_signal(&self) -> Signal {
        // A "fast" shutdown: open transactions are rolled back, everything is written.
        Signal::INT
    }

    fn hurry_signal(&self) -> Signal {
        Signal::QUIT
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("url".to_owned(), self.url().into());
        match &self.address {
            Address::Socket => {
                facts.insert("socket".to_owned(), self.directory.to_string_lossy().into());
            }
            Address::Port { port, .. } => {
                facts.insert("port".to_owned(), (*port).into());
            }
        }
        facts
    }
}

/// Makes the cluster beside its place and moves it there when it is whole, so that an interrupted
/// start leaves nothing half made.
async fn init(
    programs: &Path,
    owner: &Owner,
    directory: &Path,
    secret: &Path,
    stop: &CancellationToken,
) -> Result<(), SuperviseError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(SuperviseError::io("remove", directory))?;
    }
    // A name of its own: what an interrupted start left may still be written to for a moment.
    remove_unfinished(directory);
    let new = directory.with_extension(format!("{NEW}{}", std::process::id()));
    let clock = Clock::system();
    let password = format!("{}{}\n", clock.uuid_v4().simple(), clock.uuid_v4().simple());
    write_private(secret, password.as_bytes())?;
    create_private_dir(&new)?;
    for path in [&new, secret] {
        owner
            .take(path)
            .map_err(SuperviseError::io("take over", path))?;
    }
    let mut command = owner.tied(&programs.join("initdb"), "KILL");
    command
        .arg("-D")
        .arg(&new)
        .args(["-U", USER, "--encoding=UTF8", "--locale=C"]);
    // Whoever can reach the socket owns the directory or is root. A port is for everybody on the
    // machine, so there a password is asked for.
    command.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    command.arg("--pwfile").arg(secret);
    command
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let error = SuperviseError::io("run initdb for", directory);
    let child = command.kill_on_drop(true).spawn().map_err(&error)?;
    let pid = child.id();
    let mut ends = std::pin::pin!(child.wait_with_output());
    let made = tokio::select! {
        made = &mut ends => made.map_err(&error)?,
        () = stop.cancelled() => {
            // It removes what it made. If it does not, the next start does.
            send(pid, Signal::TERM);
            drop(timeout(INIT_STOP_TIMEOUT, ends).await);
            return Err(SuperviseError::Cancelled);
        }
    };
    if !made.status.success() {
        let words = String::from_utf8_lossy(&made.stderr)
            .trim()
            .replace('\n', " | ");
        return Err(SuperviseError::Init {
            status: made.status,
            words,
        });
    }
    fs::rename(&new, directory).map_err(SuperviseError::io("move into place", directory))
}

/// Removes what interrupted starts left beside the cluster's place.
fn remove_unfinished(directory: &Path) {
    let entries = directory
        .parent()
        .and_then(|parent| fs::read_dir(parent).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let name = format!("postgres.{NEW}");
        if entry.file_name().to_string_lossy().starts_with(&name)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(%error, "an unfinished cluster stays for the next start");
        }
    }
}

/// Escapes what has a meaning in the query part of an address.
fn percent(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(directory: &str, address: Address) -> Postgres {
        Postgres {
            programs: "/usr/bin".into(),
            directory: directory.into(),
            log: "/log".into(),
            owner: Owner::Myself,
            address,
        }
    }

    #[test]
    fn the_address_of_a_socket_names_its_directory() {
        let url = at("/a b/x&y/postgres", Address::Socket).url();
        let options = PgConnectOptions::from_str(&url).unwrap();
        assert_eq!(
            options.get_socket().unwrap(),
            Path::new("/a b/x&y/postgres")
        );
        assert_eq!(
            (options.get_username(), options.get_database()),
            (USER, Some(DATABASE))
        );
    }

    #[test]
    fn the_address_of_a_port_holds_the_password() {
        let address = Address::Port {
            port: 7,
            password: "secret".to_owned(),
        };
        let options = PgConnectOptions::from_str(&at("/x", address).url()).unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("127.0.0.1", 7));
    }
}
