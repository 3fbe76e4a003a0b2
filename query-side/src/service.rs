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
/// Whole histories streamed at once: each reads the log as fast as its client takes it.
const STREAMS_MAX: usize = 32;
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
    pub(crate) streams: Arc<Semaphore>,
    /// Places of those who wait for the store itself.
    pub(crate) store_waits: Semaphore,
    waits: Arc<Waits>,
    tasks: TaskTracker,
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
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
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
        self.fresh(ledger, freshness, async || {
            let mut snapshot = self.read_model.snapshot().await?;
            match snapshot.mark(ledger).await? {
                Some(mark) => Ok(Some((mark, snapshot))),
                None => {
                    snapshot.close().await?;
                    Ok(None)
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
        self.fresh(ledger, freshness, async || {
            let mark = self.read_model.mark(ledger).await?;
            Ok(mark.map(|mark| (mark, ())))
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
        read: impl AsyncFn() -> Result<Option<(Mark, T)>, ViewError>,
    ) -> Result<(Mark, T), Problem> {
        let until = Instant::now() + freshness.wait;
        let Some(min) = freshness.min_revision else {
            return read_model::within_read_time(read())
                .await?
                .ok_or_else(errors::ledger_not_found);
        };
        let mut waiter: Option<Waiter> = None;
        loop {
            let found = read_model::within_read_time(read()).await?;
            let reached = match found {
                Some((mark, found)) if mark.revision >= min => return Ok((mark, found)),
                Some((mark, _)) => Some(mark.revision),
                None => None,
            };
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
                Some(waiter) => self.wait(waiter, min, reached, until).await?,
            }
        }
    }

    async fn wait(
        &self,
        waiter: &mut Waiter,
        min: Revision,
        reached: Option<Revision>,
        until: Instant,
    ) -> Result<(), Problem> {
        if waiter.has_seen(min) {
            // Seen, and yet Postgres had it not: a view that is being rebuilt.
            waiter.doubt();
            tokio::time::sleep_until(until.min(Instant::now() + DOUBT_PAUSE)).await;
        }
        match tokio::time::timeout_at(until, waiter.until(min)).await {
            Ok(()) => Ok(()),
            Err(_elapsed) => Err(errors::view_behind(reached)),
        }
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
