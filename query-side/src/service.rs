//! The query service: the views, the event store, and the waiting for a revision.

use std::sync::Arc;
use std::time::Duration;

use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::clock::Clock;
use daybook_platform::health::Part;
use daybook_platform::problem::Problem;
use daybook_store::EventStore;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::errors;
use crate::freshness::{self, Waiter, Waits};
use crate::params::Freshness;
use crate::read_model::{self, Mark, ReadModel, Snapshot, ViewError};

/// Reports made at once: each may hold a connection and tens of megabytes for seconds.
const REPORTS_MAX: usize = 2;
/// Histories replayed at once: each keeps a processor busy and holds a ledger's whole state.
const REPLAYS_MAX: usize = 2;
/// Whole histories streamed at once: each reads the log as fast as its client takes it.
const STREAMS_MAX: usize = 32;
/// Pages of events made or sent at once: each is up to 8 MiB in memory, and as much again while it
/// is read from the store.
const EVENT_PAGES_MAX: usize = 16;
/// After Postgres contradicted a message: it is asked again this much later.
const DOUBT_PAUSE: Duration = Duration::from_millis(25);
/// How often the health of the views is asked for.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// Answers in vain after which Postgres counts as away.
const FAILURES_MAX: u32 = 2;

/// Where the service reads from.
#[derive(Clone)]
pub struct QueryConfig {
    /// Postgres, with the views.
    pub database_url: String,
    /// NATS, where projectors say what they applied; without it Postgres is polled.
    pub nats_url: Option<String>,
}

/// The service cannot start: the configuration is wrong by itself.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `DATABASE_URL` is no Postgres URL.
    #[error("failed to understand the database URL")]
    DatabaseUrl(#[source] sqlx::Error),
}

/// Answers queries. Shared by all handlers of the process.
pub struct QueryService {
    pub(crate) read_model: ReadModel,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) reports: Semaphore,
    pub(crate) replays: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) event_pages: Arc<Semaphore>,
    /// Places of those who wait for the store itself.
    pub(crate) store_waits: Semaphore,
    waits: Arc<Waits>,
    pub(crate) tasks: TaskTracker,
}

impl QueryService {
    /// Starts the service. Postgres and NATS need not be there yet: until they are, answers are
    /// 503 `view_behind`. The service's tasks end when the token is cancelled.
    pub fn connect(
        config: QueryConfig,
        store: Arc<dyn EventStore>,
        clock: Clock,
        health: Part,
        token: CancellationToken,
    ) -> Result<Arc<Self>, ConnectError> {
        // Nothing here depends on the time of day yet; `as_of` of a later version will.
        drop(clock);
        let read_model =
            ReadModel::connect_lazy(&config.database_url).map_err(ConnectError::DatabaseUrl)?;
        let waits = Arc::new(Waits::default());
        let tasks = TaskTracker::new();
        tasks.spawn(freshness::poll(
            Arc::clone(&waits),
            read_model.clone(),
            token.clone(),
        ));
        if let Some(nats_url) = config.nats_url {
            tasks.spawn(freshness::listen(
                Arc::clone(&waits),
                nats_url,
                token.clone(),
            ));
        }
        tasks.spawn(watch_health(read_model.clone(), health, token));
        tasks.close();
        Ok(Arc::new(Self {
            read_model,
            store,
            reports: Semaphore::new(REPORTS_MAX),
            replays: Semaphore::new(REPLAYS_MAX),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            event_pages: Arc::new(Semaphore::new(EVENT_PAGES_MAX)),
            store_waits: Semaphore::new(freshness::WAITERS_MAX),
            waits,
            tasks,
        }))
    }

    /// Waits until the tasks have ended (cancel the token first), and closes the connections.
    pub async fn shutdown(&self) {
        self.tasks.wait().await;
        self.read_model.close().await;
    }

    /// A snapshot of the views in which the ledger is as fresh as asked, with its mark.
    pub(crate) async fn snapshot(
        &self,
        ledger: &LedgerId,
        freshness: Freshness,
    ) -> Result<(Snapshot, Mark), Problem> {
        self.fresh(ledger, freshness, async |min| {
            let mut snapshot = self.read_model.snapshot().await?;
            match snapshot.mark(ledger).await? {
                Some(mark) if Some(mark.revision) >= min => Ok(Look::Fresh(mark, snapshot)),
                behind => {
                    snapshot.close().await?;
                    Ok(Look::Behind(behind.map(|mark| mark.revision)))
                }
            }
        })
        .await
        .map(|(mark, snapshot)| (snapshot, mark))
    }

    /// The ledger's mark alone, as fresh as asked: one cheap statement.
    pub(crate) async fn mark(
        &self,
        ledger: &LedgerId,
        freshness: Freshness,
    ) -> Result<Mark, Problem> {
        self.fresh(ledger, freshness, async |min| {
            Ok(match self.read_model.mark(ledger).await? {
                Some(mark) if Some(mark.revision) >= min => Look::Fresh(mark, ()),
                behind => Look::Behind(behind.map(|mark| mark.revision)),
            })
        })
        .await
        .map(|(mark, ())| mark)
    }

    /// Reads until the view has reached what was asked for, or the wait is over. Nothing is read
    /// from memory: what was heard from NATS only says when to look.
    async fn fresh<T>(
        &self,
        ledger: &LedgerId,
        freshness: Freshness,
        look: impl AsyncFn(Option<Revision>) -> Result<Look<T>, ViewError>,
    ) -> Result<(Mark, T), Problem> {
        let until = Instant::now() + freshness.wait;
        let mut waiter: Option<Waiter> = None;
        loop {
            let looked = read_model::within_read_time(look(freshness.min_revision)).await?;
            let reached = match looked {
                Look::Fresh(mark, found) => return Ok((mark, found)),
                Look::Behind(reached) => reached,
            };
            let Some(min) = freshness.min_revision else {
                return Err(errors::ledger_not_found());
            };
            // After the wait as well the views were asked once more, and have the last word.
            if Instant::now() >= until {
                return Err(errors::view_behind(reached));
            }
            match &mut waiter {
                // A place is taken before the next look, so that nothing is missed in between.
                None => {
                    let joined = self.waits.join(ledger);
                    waiter =
                        Some(joined.ok_or_else(|| {
                            errors::overloaded("too many reads wait for a revision")
                        })?);
                }
                Some(waiter) => wait(waiter, min, until).await,
            }
        }
    }
}

/// One look at the views. What is behind holds nothing: a wait can last half a minute, and as many
/// open snapshots as the pool has connections would stop every other read (INV-9).
enum Look<T> {
    /// As fresh as asked.
    Fresh(Mark, T),
    /// Not yet, and how far it is; `None` if the ledger is not there.
    Behind(Option<Revision>),
}

/// Waits until there is a reason to look again, at most until the wait is over.
async fn wait(waiter: &mut Waiter, min: Revision, until: Instant) {
    if waiter.has_seen(min) {
        // Seen, and yet Postgres had it not: a view that is being rebuilt.
        waiter.doubt();
        tokio::time::sleep_until(until.min(Instant::now() + DOUBT_PAUSE)).await;
    }
    tokio::select! {
        () = waiter.until(min) => {}
        () = tokio::time::sleep_until(until) => {}
    }
}

/// Asks for the health of the views again and again. One answer in vain may be a full pool; after
/// [`FAILURES_MAX`] in a row Postgres counts as away, and requests are told at once.
async fn watch_health(read_model: ReadModel, health: Part, token: CancellationToken) {
    let mut failures = 0_u32;
    loop {
        let asked = tokio::select! {
            () = token.cancelled() => return,
            asked = read_model.ping() => asked,
        };
        match asked {
            Ok(()) => {
                failures = 0;
                read_model.set_away(false);
                health.ready("the views answer");
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "views do not answer"
                );
                health.not_ready("the views do not answer");
                if failures == FAILURES_MAX {
                    tracing::warn!("views are away: reads are refused until they answer again");
                    read_model.set_away(true);
                }
            }
        }
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(HEALTH_EVERY) => {}
        }
    }
}
