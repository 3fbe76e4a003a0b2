//! The one place of this crate that speaks SQL: reads of the views, each answer from one snapshot.
//!
//! Values reach a statement as bound parameters only. Amounts leave Postgres as text and become
//! [`Minor`]: a `numeric` is wider than every integer, and a float is no money.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod audit_tables;
pub(crate) mod entries;
pub(crate) mod ledgers;
pub(crate) mod reports;
pub(crate) mod rows;
pub(crate) mod transactions;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daybook_events::Invalid;
use daybook_events::ids::{GenerationId, LedgerId, Revision};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Row as _, Transaction};

/// Connections of one query process: each answer holds one for a few milliseconds.
const CONNECTIONS_MAX: u32 = 16;
/// How long an answer waits for a connection before it says 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// The whole read of one answer, beyond what Postgres itself bounds: a server that does not answer
/// at all (half-open connection) must not hold a request for ever.
const READ_TIMEOUT: Duration = Duration::from_secs(6);
/// What Postgres lets one statement take.
const STATEMENT_TIMEOUT_MS: &str = "5000";
/// What a report's statement may take; set for its transaction alone.
pub(crate) const REPORT_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Postgres does not answer now, or the views are not there yet.
    #[error("failed to read the views")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres did not answer within the bound.
    #[error("views did not answer within {0:?}")]
    Slow(Duration),
    /// Postgres did not answer when it was last asked, a moment ago.
    #[error("views did not answer a moment ago")]
    Away,
    /// A row that this build cannot read: a bug or a damaged view.
    #[error("failed to understand a row of the views")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for ViewError {
    fn from(error: sqlx::Error) -> Self {
        let of_a_row = matches!(
            error,
            sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnIndexOutOfBounds { .. }
                | sqlx::Error::TypeNotFound { .. }
        );
        match of_a_row {
            true => Self::Malformed(Box::new(error)),
            false => Self::Unavailable(error),
        }
    }
}

impl From<Invalid> for ViewError {
    fn from(error: Invalid) -> Self {
        Self::Malformed(Box::new(error))
    }
}

impl From<serde_json::Error> for ViewError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(Box::new(error))
    }
}

/// Where a ledger's view is, and in which life of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The store's generation that the view was built from.
    pub(crate) generation: GenerationId,
    /// The view reflects the ledger up to here.
    pub(crate) revision: Revision,
}

/// The views, through a bounded pool. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReadModel {
    pool: PgPool,
    away: Arc<AtomicBool>,
}

/// One moment of the views: every statement sees the same rows.
#[derive(Debug)]
pub(crate) struct Snapshot {
    connection: Transaction<'static, Postgres>,
}

impl ReadModel {
    /// Connects when first used, so that the process can start while Postgres is down.
    pub(crate) fn connect_lazy(database_url: &str) -> Result<Self, sqlx::Error> {
        let options = database_url
            .parse::<PgConnectOptions>()?
            .application_name("daybook-query")
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT_MS),
                ("default_transaction_read_only", "on"),
                // Compiling a statement of a few milliseconds takes longer than running it.
                ("jit", "off"),
                // The best plan of a list depends on the account or key that it is asked for: a
                // generic plan was measured to read a whole ledger where the other read two rows.
                ("plan_cache_mode", "force_custom_plan"),
                ("idle_in_transaction_session_timeout", "60000"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            away: Arc::default(),
        })
    }

    /// Takes a snapshot.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, ViewError> {
        snapshot_of(self.pool()?).await
    }

    /// While Postgres is known to be away, answers say so at once: waiting for a connection that
    /// cannot come would hold every request for [`ACQUIRE_TIMEOUT`] (INV-9).
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    fn pool(&self) -> Result<&PgPool, ViewError> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(ViewError::Away),
            false => Ok(&self.pool),
        }
    }

    /// Where a ledger's view is; one cheap statement, `None` for an unknown ledger.
    pub(crate) async fn mark(&self, ledger: &LedgerId) -> Result<Option<Mark>, ViewError> {
        let row = sqlx::query("SELECT generation, revision FROM books.ledgers WHERE ledger = $1")
            .bind(ledger.as_str())
            .fetch_optional(self.pool()?)
            .await?;
        row.map(|row| mark_of(&row)).transpose()
    }

    /// The revisions that the views reflect, of those of the ledgers that are there.
    pub(crate) async fn revisions(
        &self,
        ledgers: Vec<String>,
    ) -> Result<Vec<(LedgerId, Revision)>, ViewError> {
        let rows = sqlx::query("SELECT ledger, revision FROM books.ledgers WHERE ledger = ANY($1)")
            .bind(ledgers)
            .fetch_all(self.pool()?)
            .await?;
        rows.iter()
            .map(|row| {
                let ledger = LedgerId::parse(row.try_get("ledger")?)?;
                Ok((ledger, Revision::from_i64(row.try_get("revision")?)))
            })
            .collect()
    }

    /// Whether Postgres answers and the views are there.
    pub(crate) async fn ping(&self) -> Result<(), ViewError> {
        let ask = sqlx::query("SELECT 1 FROM books.ledgers LIMIT 1").fetch_optional(&self.pool);
        bounded(READ_TIMEOUT, async {
            ask.await?;
            Ok(())
        })
        .await
    }

    /// Ends the pool's connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Takes a snapshot through any pool.
pub(crate) async fn snapshot_of(pool: &PgPool) -> Result<Snapshot, ViewError> {
    let connection = pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    Ok(Snapshot { connection })
}

impl Snapshot {
    /// Where a ledger's view is in this snapshot.
    pub(crate) async fn mark(&mut self, ledger: &LedgerId) -> Result<Option<Mark>, ViewError> {
        let row = sqlx::query("SELECT generation, revision FROM books.ledgers WHERE ledger = $1")
            .bind(ledger.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map(|row| mark_of(&row)).transpose()
    }

    /// Lets the statements of this snapshot alone take as long as a report may.
    pub(crate) async fn allow_report_time(&mut self) -> Result<(), ViewError> {
        sqlx::query("SELECT set_config('statement_timeout', $1, true)")
            .bind(REPORT_TIMEOUT.as_millis().to_string())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Gives the connection back; nothing was written, so nothing can be lost.
    pub(crate) async fn close(self) -> Result<(), ViewError> {
        Ok(self.connection.rollback().await?)
    }
}

fn mark_of(row: &sqlx::postgres::PgRow) -> Result<Mark, ViewError> {
    Ok(Mark {
        generation: GenerationId::new(row.try_get("generation")?),
        revision: Revision::from_i64(row.try_get("revision")?),
    })
}

/// Bounds the whole read of one answer.
pub(crate) async fn within_read_time<T>(
    read: impl Future<Output = Result<T, ViewError>>,
) -> Result<T, ViewError> {
    bounded(READ_TIMEOUT, read).await
}

/// Bounds a read by a time.
pub(crate) async fn bounded<T>(
    limit: Duration,
    read: impl Future<Output = Result<T, ViewError>>,
) -> Result<T, ViewError> {
    match tokio::time::timeout(limit, read).await {
        Ok(result) => result,
        Err(_elapsed) => Err(ViewError::Slow(limit)),
    }
}
