//! `daybook up`: everything on one machine, in one process.

mod access;
mod args;
mod ready;

use std::path::PathBuf;
use std::sync::Arc;

use daybook_command::{CommandConfig, CommandService};
use daybook_platform::clock::Clock;
use daybook_platform::config::log_settings;
use daybook_platform::health::Health;
use daybook_platform::http::{Bound, bind, serve, server_defaults};
use daybook_platform::tasks::Group;
use daybook_platform::{metrics, telemetry};
use daybook_projections::ProjectorConfig;
use daybook_query::{QueryConfig, QueryService};
use daybook_relay::RelayConfig;
use daybook_store::EventStore;
use daybook_store::embedded::{EmbeddedStore, Options};

pub(super) use self::args::{UpArgs, log_dir};
use self::ready::Outside;
use super::runtime;
use crate::data_dir::{DataDir, create_private_dir};
use crate::failure::Failure;
use crate::supervise::{SuperviseError, Supervisor, Wanted};
use crate::wiring::{self, Private, Public, Shared};

/// Runs until a signal or the first failure.
pub(super) fn run(args: &UpArgs, given: Option<&clap::ArgMatches>) -> Result<(), Failure> {
    telemetry::init(args.log_format(), &args.log_filter())?;
    metrics::install()?;
    log_settings(args.settings(given).all());
    let runtime = runtime()?;
    // Why it failed is told once, by whoever called.
    runtime.block_on(up(args))
}

async fn up(args: &UpArgs) -> Result<(), Failure> {
    // First of all, so that a signal during a long start ends it in good order.
    let mut group = Group::new();
    let data_dir = DataDir::open_or_create(&args.data_dir.data_dir)?;
    let lock = data_dir.lock()?;
    let access = access::prepare(args, &data_dir)?;
    let (public, private) = (bind(&args.listen)?, bind(&args.ops_listen())?);
    // Private from the beginning: the data directory itself lets other users pass through.
    create_private_dir(&data_dir.log())?;
    create_private_dir(&data_dir.index())?;
    create_private_dir(&data_dir.snapshots())?;
    let store = open_store(args.log_dir(&data_dir)?).await?;

    let token = group.token();
    let wanted = Wanted {
        postgres: args.database_url().is_none(),
        nats: args.nats_url().is_none(),
    };
    let supervisor = match Supervisor::start(&data_dir, &lock, wanted, &token).await {
        Ok(supervisor) => supervisor,
        // A signal came first: that is no failure.
        Err(SuperviseError::Cancelled) => return close_store(store).await,
        Err(error) => return Err(error.into()),
    };
    let running = Running {
        args,
        data_dir: &data_dir,
        store: &store,
        supervisor: &supervisor,
    };
    let started = running.start(&mut group, access, public, private).await;
    let ended = match started {
        Ok(services) => {
            let ended = group.wait(args.drain_s).await;
            services.shutdown().await;
            ended.map_err(Failure::from)
        }
        Err(failure) => {
            token.cancel();
            // What was started already ends; why it has to is in `failure`.
            drop(group.wait(args.drain_s).await);
            Err(failure)
        }
    };
    supervisor.stop().await;
    let closed = close_store(store).await;
    ended.and(closed)
}

/// What is there before the roles are.
struct Running<'a> {
    args: &'a UpArgs,
    data_dir: &'a DataDir,
    store: &'a Arc<EmbeddedStore>,
    supervisor: &'a Supervisor,
}

impl Running<'_> {
    async fn start(
        &self,
        group: &mut Group,
        access: access::Access,
        public: Bound,
        private: Bound,
    ) -> Result<Services, Failure> {
        let (database_url, nats_url) = self.addresses()?;
        ready::check_database(&database_url).await?;
        let store: Arc<dyn EventStore> = Arc::<EmbeddedStore>::clone(self.store);
        let shared = Shared {
            store,
            clock: Clock::system(),
            health: Health::new(),
        };
        let partitions = self.args.partitions;

        let (index, snapshots) = (self.data_dir.index(), self.data_dir.snapshots());
        let command = wiring::start_command(&shared, CommandConfig::new(index, snapshots))?;
        wiring::start_relay(
            group,
            &shared,
            RelayConfig::new(nats_url.clone(), partitions),
        );
        let projector = ProjectorConfig {
            database_url: database_url.clone(),
            nats_url: nats_url.clone(),
            partitions,
            instance: format!("daybook-{}", std::process::id()),
        };
        wiring::start_projector(group, &shared, projector);
        let query = QueryConfig {
            database_url,
            nats_url: Some(nats_url),
        };
        let query = wiring::start_query(group, &shared, query)?;

        let services = Services {
            command: Arc::clone(&command),
            query: Arc::clone(&query),
        };
        let address = ready::reachable(public.addr());
        let app = Public::new(&shared, access.verifier.clone(), command, query)?;
        let ops = Private::new(&shared, access.verifier);
        let limits = server_defaults();
        let token = group.token();
        group.spawn(
            "http",
            serve(
                public,
                limits,
                move |config| app.configure(config),
                token.clone(),
            ),
        );
        group.spawn(
            "operations http",
            serve(
                private,
                limits,
                move |config| ops.configure(config),
                token.clone(),
            ),
        );
        group.spawn("metrics", metrics::upkeep(token.clone()));
        let ready = ready::Announcement {
            address,
            token_file: access.token_file,
            outside: Outside::new(self.args.database_url(), self.args.nats_url()),
        };
        group.spawn("readiness", ready.make(shared.health, token));
        Ok(services)
    }

    fn addresses(&self) -> Result<(String, String), Failure> {
        let private = self.supervisor.addresses();
        let database = self.args.database_url().map(ToOwned::to_owned);
        let nats = self.args.nats_url().map(ToOwned::to_owned);
        match (
            database.or_else(|| private.database_url.clone()),
            nats.or_else(|| private.nats_url.clone()),
        ) {
            (Some(database), Some(nats)) => Ok((database, nats)),
            _ => Err(Failure::new(
                "neither given nor private: PostgreSQL or NATS is missing",
            )),
        }
    }
}

/// What has to finish after the listeners have drained.
struct Services {
    command: Arc<CommandService>,
    query: Arc<QueryService>,
}

impl Services {
    async fn shutdown(self) {
        self.command.shutdown().await;
        self.query.shutdown().await;
    }
}

async fn open_store(directory: PathBuf) -> Result<Arc<EmbeddedStore>, Failure> {
    let open = move || EmbeddedStore::open(&directory, Options::default());
    Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
}

/// Seals the log.
async fn close_store(store: Arc<EmbeddedStore>) -> Result<(), Failure> {
    match Arc::into_inner(store) {
        Some(store) => Ok(tokio::task::spawn_blocking(move || store.close()).await??),
        // Something still holds it, for example a history that is being streamed. It seals itself
        // when the last holder lets go; if that does not happen, the next start does it.
        None => {
            tracing::warn!("the event log is still in use; it is sealed later");
            Ok(())
        }
    }
}
