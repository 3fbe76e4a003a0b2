//! One batch, one transaction: the rows and the checkpoint that covers them.

use std::time::Duration;

use sqlx::PgPool;

use super::checkpoint::{self, Checkpoint};
use super::pending::Batch;
use crate::books::{self, BooksError, Corrupt, Rule, Touched};
use crate::schema::STATEMENT_TIMEOUT;

/// Batches below this get along with the limit that every statement has. For each such piece of a
/// larger one (one command may be large, and is never cut) a statement has that long once more: a
/// limit that a batch can never keep would stop its partition for ever.
const LIGHT_BYTES: usize = 1 << 20;

/// Why a batch is not in Postgres.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// Somebody else moved the checkpoint: nothing was written.
    #[error("another projector moved the checkpoint")]
    Fenced,
    /// An event that cannot be applied, now or later.
    #[error("an event cannot be applied")]
    Corrupt(#[from] Box<Corrupt>),
    /// The rows refuse what follows from the events: they are not what the checkpoint says.
    #[error("the rows do not agree with the checkpoint")]
    Rows(#[source] BooksError),
    /// Postgres is away, or the outcome of the commit is not known.
    #[error("Postgres did not take the batch")]
    Database(#[source] sqlx::Error),
}

/// How long a statement of a batch of this size may take.
pub(super) fn statement_limit(bytes: usize) -> Duration {
    let pieces = u32::try_from(bytes / LIGHT_BYTES).unwrap_or(u32::MAX);
    STATEMENT_TIMEOUT.saturating_mul(pieces.saturating_add(1))
}

/// Applies a batch. On [`ApplyError::Database`] the outcome is unknown: the checkpoint, read again,
/// tells.
pub(super) async fn apply(
    pool: &PgPool,
    from: &Checkpoint,
    batch: &Batch,
) -> Result<(Checkpoint, Touched), ApplyError> {
    let to = from.after(&batch.events, batch.position);
    let mut transaction = pool.begin().await.map_err(judge)?;
    if !checkpoint::compare_and_set(&mut transaction, from, &to)
        .await
        .map_err(judge)?
    {
        return Err(ApplyError::Fenced);
    }
    if batch.bytes >= LIGHT_BYTES {
        let limit_ms = statement_limit(batch.bytes).as_millis().to_string();
        sqlx::query("SELECT set_config('statement_timeout', $1, true)")
            .bind(limit_ms)
            .execute(&mut *transaction)
            .await
            .map_err(judge)?;
    }
    let touched = if batch.events.is_empty() {
        Touched::new()
    } else {
        match books::apply(&mut transaction, from.generation, &batch.events).await {
            Ok(touched) => touched,
            Err(BooksError::Corrupt(corrupt)) => return Err(ApplyError::Corrupt(corrupt)),
            Err(BooksError::Database(error)) => return Err(judge(error)),
            Err(error @ BooksError::Row(_)) => return Err(ApplyError::Rows(error)),
        }
    };
    transaction.commit().await.map_err(judge)?;
    Ok((to, touched))
}

/// Deletes the partition's rows and begins its checkpoint anew, in one transaction.
pub(super) async fn restart(
    pool: &PgPool,
    from: &Checkpoint,
    to: &Checkpoint,
) -> Result<usize, ApplyError> {
    let mut transaction = pool.begin().await.map_err(ApplyError::Database)?;
    if !checkpoint::compare_and_set(&mut transaction, from, to)
        .await
        .map_err(ApplyError::Database)?
    {
        return Err(ApplyError::Fenced);
    }
    let ledgers = books::clear(&mut transaction, to.partition, to.partitions)
        .await
        .map_err(ApplyError::Database)?;
    transaction.commit().await.map_err(ApplyError::Database)?;
    Ok(ledgers)
}

impl ApplyError {
    /// Whether the rows, not the event, may be what is wrong: then they can be made anew.
    pub(super) fn may_be_the_rows(&self) -> bool {
        match self {
            Self::Rows(_) => true,
            Self::Corrupt(corrupt) => match corrupt.rule {
                Rule::Unreadable(_) | Rule::Unbalanced { .. } => false,
                Rule::Revision { .. }
                | Rule::Bounds { .. }
                | Rule::Account { .. }
                | Rule::Balance { .. }
                | Rule::Turnovers { .. }
                | Rule::Status { .. }
                | Rule::Ledger
                | Rule::Period
                | Rule::Reversal
                | Rule::Transaction { .. }
                | Rule::Hold { .. }
                | Rule::Remaining { .. }
                | Rule::CaptureDue { .. }
                | Rule::ExpiredEarly { .. } => true,
            },
            Self::Fenced | Self::Database(_) => false,
        }
    }
}

/// Data that Postgres refuses (classes 22 and 23) it refuses again; everything else passes.
fn judge(error: sqlx::Error) -> ApplyError {
    let refused = error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code.starts_with("22") || code.starts_with("23"));
    if refused {
        ApplyError::Rows(error.into())
    } else {
        ApplyError::Database(error)
    }
}
