//! The private parts: PostgreSQL and NATS as children of this process.
//!
//! One thread starts and watches them for as long as they are wanted. They die with that thread,
//! even when this process is killed; when one of them dies, it is started again at the same
//! address. A clean stop ends and reaps both.

mod child;
mod leftovers;
mod nats;
mod owner;
mod postgres;
mod programs;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::child::{Server, StartError, end, keep, start};
use self::leftovers::Registry;
use self::nats::Nats;
use self::owner::NoOwner;
use self::postgres::Postgres;
use crate::data_dir::{DataDir, DataDirError, DataDirLock};

/// How often a start is tried when somebody took the free port, or an earlier start is not quite
/// gone.
const ATTEMPTS_MAX: u32 = 5;
const HELD_PAUSE: Duration = Duration::from_millis(500);

/// Which private parts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// A private PostgreSQL.
    pub postgres: bool,
    /// A private NATS server.
    pub nats: bool,
}

/// Where the private parts are. Secrets.
#[derive(Clone, Default)]
pub struct Addresses {
    /// PostgreSQL, if it was wanted.
    pub database_url: Option<String>,
    /// NATS, if it was wanted.
    pub nats_url: Option<String>,
}

/// Why the private parts could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// A program is missing.
    #[error(
        "{program} is not installed (Debian, Ubuntu: apt-get install postgresql nats-server; \
         macOS: brew install postgresql@17 nats-server); or set DATABASE_URL and NATS_URL"
    )]
    NotInstalled {
        /// Which.
        program: &'static str,
    },
    /// PostgreSQL cannot run as us.
    #[error(transparent)]
    Owner(#[from] NoOwner),
    /// The cluster could not be made.
    #[error("initdb failed ({status}): {words}")]
    Init {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        words: String,
    },
    /// A child did not come up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The data directory does not allow it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The operating system said no.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The start was not wanted any more.
    #[error("the start of PostgreSQL and NATS was cancelled")]
    Cancelled,
    /// The watching thread is gone.
    #[error("the thread that watches PostgreSQL and NATS ended unexpectedly")]
    Gone,
}

impl SuperviseError {
    fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Start(StartError::Cancelled { .. })
        )
    }

    fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}

/// Holds the private parts up. Dropping it ends them too, without waiting.
pub struct Supervisor {
    addresses: Addresses,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

impl Supervisor {
    /// Ends what a killed service left over, starts what is wanted, and returns when it answers.
    ///
    /// The lock makes sure that no other service owns children in this data directory. Cancelling
    /// the token during the start ends it; afterwards only [`Self::stop`] does.
    pub async fn start(
        data_dir: &DataDir,
        _lock: &DataDirLock,
        wanted: Wanted,
        token: &CancellationToken,
    ) -> Result<Self, SuperviseError> {
        let stop = CancellationToken::new();
        let (started, starting) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let work = Work {
            data_dir: data_dir.clone(),
            wanted,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                work.run(started);
                // Nobody may be waiting any more.
                let _gone = end.send(());
            })
            .map_err(SuperviseError::io("start a thread for", data_dir.path()))?;
        let mut supervisor = Self {
            addresses: Addresses::default(),
            stop,
            thread: Some(thread),
            ended,
        };
        let addresses = tokio::select! {
            started = starting => started.map_err(|_gone| SuperviseError::Gone)?,
            () = token.cancelled() => Err(SuperviseError::Cancelled),
        };
        match addresses {
            Ok(addresses) => supervisor.addresses = addresses,
            Err(error) => {
                supervisor.stop().await;
                return Err(error);
            }
        }
        Ok(supervisor)
    }

    /// Where they are; the same for as long as this lives.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Ends them in good order and waits for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if (&mut self.ended).await.is_err() {
            tracing::error!("the thread that watches PostgreSQL and NATS panicked");
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches PostgreSQL and NATS panicked");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Started = oneshot::Sender<Result<Addresses, SuperviseError>>;

struct Work {
    data_dir: DataDir,
    wanted: Wanted,
    stop: CancellationToken,
}

impl Work {
    /// Runs on the supervisor's own thread, with a runtime of its own: the children are tied to
    /// the life of this thread.
    fn run(self, started: Started) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime.map_err(SuperviseError::io(
            "start a runtime for",
            self.data_dir.path(),
        )) {
            Ok(runtime) => runtime.block_on(self.supervise(started)),
            Err(error) => drop(started.send(Err(error))),
        }
    }

    async fn supervise(self, started: Started) {
        leftovers::end_leftovers(&self.data_dir);
        let registry = Arc::new(Registry::new(self.data_dir.children()));
        let (postgres, nats) = match self.start_both().await {
            Ok(both) => both,
            Err(error) => return drop(started.send(Err(error))),
        };
        let addresses = Addresses {
            database_url: postgres.as_ref().map(|(server, _)| server.url()),
            nats_url: nats.as_ref().map(|(server, _)| server.url()),
        };
        let keep_postgres = keep_some(postgres, &registry, &self.stop);
        let keep_nats = keep_some(nats, &registry, &self.stop);
        let ready = async {
            // Both are in the registry by now: `keep` writes them down before its first wait.
            tokio::task::yield_now().await;
            drop(started.send(Ok(addresses)));
        };
        tokio::join!(keep_postgres, keep_nats, ready);
        registry.clear();
    }

    /// Both, or neither: when one of them cannot start, or the stop comes first, what runs already
    /// is ended in good order and reaped. A PostgreSQL that is killed keeps its lock file.
    async fn start_both(&self) -> Result<Both, SuperviseError> {
        let stop = self.stop.child_token();
        let (postgres, nats) = tokio::join!(
            or_cancel(self.postgres(&stop), &stop),
            or_cancel(self.nats(&stop), &stop),
        );
        match (postgres, nats) {
            (Ok(postgres), Ok(nats)) if !self.stop.is_cancelled() => Ok((postgres, nats)),
            (postgres, nats) => {
                let (postgres, nats) = tokio::join!(end_some(postgres), end_some(nats));
                // The one that failed says why, not the one that was cancelled because of it.
                let own = [postgres, nats].into_iter().flatten();
                let own = own.into_iter().find(|error| !error.is_cancelled());
                Err(own.unwrap_or(SuperviseError::Cancelled))
            }
        }
    }

    async fn postgres(
        &self,
        stop: &CancellationToken,
    ) -> Result<Option<(Postgres, Child)>, SuperviseError> {
        if !self.wanted.postgres {
            return Ok(None);
        }
        for _ in 1..ATTEMPTS_MAX {
            let server = Postgres::prepare(&self.data_dir, free_port()?, stop).await?;
            match start(&server, stop).await {
                Ok(child) => return Ok(Some((server, child))),
                Err(StartError::Ended { tail, .. }) if server.has_port() && in_use(&tail) => {}
                Err(StartError::Ended { tail, .. }) if still_held(&tail) => {
                    tokio::time::sleep(HELD_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let server = Postgres::prepare(&self.data_dir, free_port()?, stop).await?;
        let child = start(&server, stop).await?;
        Ok(Some((server, child)))
    }

    async fn nats(
        &self,
        stop: &CancellationToken,
    ) -> Result<Option<(Nats, Child)>, SuperviseError> {
        if !self.wanted.nats {
            return Ok(None);
        }
        for _ in 1..ATTEMPTS_MAX {
            let server = Nats::prepare(&self.data_dir, free_port()?)?;
            match start(&server, stop).await {
                Ok(child) => return Ok(Some((server, child))),
                Err(StartError::Ended { tail, .. }) if in_use(&tail) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let server = Nats::prepare(&self.data_dir, free_port()?)?;
        let child = start(&server, stop).await?;
        Ok(Some((server, child)))
    }
}

type Both = (Option<(Postgres, Child)>, Option<(Nats, Child)>);

/// A start whose failure ends the other one's.
async fn or_cancel<T>(
    starting: impl Future<Output = Result<T, SuperviseError>>,
    stop: &CancellationToken,
) -> Result<T, SuperviseError> {
    let started = starting.await;
    if started.is_err() {
        stop.cancel();
    }
    started
}

/// Ends what started although it is not wanted any more; gives back why it did not start.
async fn end_some<S: Server>(
    started: Result<Option<(S, Child)>, SuperviseError>,
) -> Option<SuperviseError> {
    match started {
        Ok(Some((server, child))) => {
            end(&server, child).await;
            None
        }
        Ok(None) => None,
        Err(error) => Some(error),
    }
}

async fn keep_some<S: Server>(
    running: Option<(S, Child)>,
    registry: &Registry,
    stop: &CancellationToken,
) {
    if let Some((server, child)) = running {
        keep(&server, child, registry, stop.clone()).await;
    }
}

fn in_use(words: &str) -> bool {
    words
        .to_ascii_lowercase()
        .contains("address already in use")
}

/// The last processes of a PostgreSQL that was killed are still about to end.
fn still_held(words: &str) -> bool {
    words.contains("pre-existing shared memory block")
}

/// A port that is free now; somebody may take it before the child does, which is then noticed.
fn free_port() -> Result<u16, SuperviseError> {
    let find = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    let address = find().map_err(SuperviseError::io(
        "find a free port on",
        Path::new("loopback"),
    ))?;
    Ok(address.port())
}

/// The address of the private PostgreSQL of a service that runs in this data directory.
pub fn running_database_url(data_dir: &DataDir) -> Option<String> {
    let child = leftovers::running(data_dir, "postgres")?;
    child.get("url")?.as_str().map(ToOwned::to_owned)
}
