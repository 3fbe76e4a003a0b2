//! The checkpoint: the only progress. It moves in the transaction of the rows it covers, by
//! compare-and-set, and carries a fencing token: who took the epoch last may write.

use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, Position};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::books;

/// A partition's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) partition: u16,
    /// Of how many partitions; another number is another distribution of the ledgers.
    pub(super) partitions: u16,
    pub(super) generation: GenerationId,
    /// Every event of the partition up to here is in the views.
    pub(super) position: Position,
    /// The last event applied: its position and id, to recognize another history.
    pub(super) last: Option<(Position, EventId)>,
    pub(super) epoch: i64,
    /// Chained over the events applied: equal digests at one position mean equal histories.
    pub(super) digest: Vec<u8>,
    pub(super) events: i64,
}

impl Checkpoint {
    /// The checkpoint after these events, covering everything up to `position`.
    pub(super) fn after(&self, events: &[RecordedEvent], position: Position) -> Self {
        let mut digest = self.digest.clone();
        for event in events {
            let mut hash = Sha256::new();
            hash.update(&digest);
            hash.update(event.position.get().to_be_bytes());
            hash.update(event.id.uuid().as_bytes());
            hash.update(&event.data);
            hash.update(&event.meta);
            digest.clear();
            digest.extend_from_slice(&hash.finalize());
        }
        Self {
            position,
            last: events
                .last()
                .map(|event| (event.position, event.id))
                .or(self.last),
            digest,
            events: self
                .events
                .saturating_add(i64::try_from(events.len()).unwrap_or(i64::MAX)),
            ..self.clone()
        }
    }

    /// The checkpoint of a partition without rows, before anybody took it.
    pub(super) fn fresh(partition: u16, partitions: u16, generation: GenerationId) -> Self {
        Self {
            partition,
            partitions,
            generation,
            position: Position::new(0),
            last: None,
            epoch: 0,
            digest: Vec::new(),
            events: 0,
        }
    }
}

/// What taking a partition found.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is ours.
    Ours(Checkpoint),
    /// Another process took a later epoch.
    Fenced,
}

/// Takes a partition: with a new epoch, or, if `held` is given, as long as that one still stands.
///
/// A checkpoint that is made here covers nothing, so whatever rows the partition's ledgers have (of
/// another layout, of a checkpoint that was lost) go in the same transaction. Checkpoints of
/// partitions that this layout does not have go as well: nobody would ever move them.
pub(super) async fn take(
    pool: &PgPool,
    fresh: &Checkpoint,
    held: Option<i64>,
) -> Result<Taken, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let made = sqlx::query(
        "INSERT INTO engine.checkpoints
             (projection, version, partition, generation, position, event_position, event_id,
              epoch, digest, events, updated_at, partitions)
         VALUES ($1, $2, $3, $4, 0, 0, NULL, 0, '', 0, now(), $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(books::NAME)
    .bind(books::VERSION)
    .bind(i32::from(fresh.partition))
    .bind(fresh.generation.uuid())
    .bind(i32::from(fresh.partitions))
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    // A row that is not there any more was deleted with its whole database: begin anew.
    let held = held.filter(|_| made == 0);
    if made > 0 {
        books::clear(&mut transaction, fresh.partition, fresh.partitions).await?;
    }
    sqlx::query(
        "DELETE FROM engine.checkpoints
         WHERE projection = $1 AND version = $2 AND partition >= $3",
    )
    .bind(books::NAME)
    .bind(books::VERSION)
    .bind(i32::from(fresh.partitions))
    .execute(&mut *transaction)
    .await?;
    let row = sqlx::query(
        "UPDATE engine.checkpoints
         SET epoch = CASE WHEN $4::bigint IS NULL THEN epoch + 1 ELSE $4 END
         WHERE projection = $1 AND version = $2 AND partition = $3
           AND ($4::bigint IS NULL OR epoch = $4)
         RETURNING generation, position, event_position, event_id, epoch, digest, events,
             partitions",
    )
    .bind(books::NAME)
    .bind(books::VERSION)
    .bind(i32::from(fresh.partition))
    .bind(held)
    .fetch_optional(&mut *transaction)
    .await?;
    let taken = row.map(|row| read(fresh.partition, &row)).transpose()?;
    transaction.commit().await?;
    Ok(taken.map_or(Taken::Fenced, Taken::Ours))
}

fn read(partition: u16, row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
    let event_position = Position::from_i64(row.try_get("event_position")?);
    let event_id: Option<Uuid> = row.try_get("event_id")?;
    let partitions: i32 = row.try_get("partitions")?;
    Ok(Checkpoint {
        partition,
        // A number that does not fit was not written by this build: it never equals ours.
        partitions: u16::try_from(partitions).unwrap_or(0),
        generation: GenerationId::new(row.try_get("generation")?),
        position: Position::from_i64(row.try_get("position")?),
        last: event_id.map(|id| (event_position, EventId::new(id))),
        epoch: row.try_get("epoch")?,
        digest: row.try_get("digest")?,
        events: row.try_get("events")?,
    })
}

/// Moves the checkpoint if it still is `from`; otherwise somebody else moved it. The row stays
/// locked until the transaction ends, so that whoever comes second waits, sees the change and
/// loses.
pub(super) async fn compare_and_set(
    connection: &mut PgConnection,
    from: &Checkpoint,
    to: &Checkpoint,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "UPDATE engine.checkpoints
         SET generation = $7, position = $8, event_position = $9, event_id = $10, digest = $11,
             events = $12, partitions = $13, updated_at = now()
         WHERE projection = $1 AND version = $2 AND partition = $3
           AND epoch = $4 AND generation = $5 AND position = $6",
    )
    .bind(books::NAME)
    .bind(books::VERSION)
    .bind(i32::from(from.partition))
    .bind(from.epoch)
    .bind(from.generation.uuid())
    .bind(from.position.as_i64())
    .bind(to.generation.uuid())
    .bind(to.position.as_i64())
    .bind(to.last.map_or(0, |(position, _)| position.as_i64()))
    .bind(to.last.map(|(_, id)| id.uuid()))
    .bind(&to.digest)
    .bind(to.events)
    .bind(i32::from(to.partitions))
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// A partition's epoch and position, for a stand-by that watches whether its owner lives. A layout
/// with fewer partitions deletes the row; then the first partition, which every layout has, says
/// whether there is an owner.
pub(super) async fn watch(
    pool: &PgPool,
    partition: u16,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT epoch, position FROM engine.checkpoints
         WHERE projection = $1 AND version = $2 AND partition IN (0, $3)
         ORDER BY partition DESC
         LIMIT 1",
    )
    .bind(books::NAME)
    .bind(books::VERSION)
    .bind(i32::from(partition))
    .fetch_optional(pool)
    .await
}
