//! What the audit reads: every row of the views as text, in key order, through server-side cursors
//! of one snapshot, a few thousand rows at a time. Besides them the audit holds the state of one
//! ledger in memory: its accounts and their history, its balances, its open holds, and every change
//! of the pairs of its transactions.

use std::collections::{BTreeMap, VecDeque};

use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::audit_tables::{LEDGERS_BY_VIEW, Table};
use super::{Snapshot, ViewError, snapshot_of};

/// Rows fetched at once.
pub(super) const FETCH: usize = 1000;
/// The version of the views that this build reads.
const VIEW_VERSION: i32 = 1;
/// An audit may sort the entries of a large ledger.
const STATEMENT_TIMEOUT: &str = "30min";

/// The key of a row; what a table does not have is zero or empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Key {
    pub(crate) revision: u64,
    pub(crate) entry: u64,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(Option<String>),
    Json(Value),
    /// Of what is expected alone: a later event decides it.
    Later,
}

/// One row of a view.
#[derive(Debug, Clone)]
pub(crate) struct AuditRow {
    pub(crate) key: Key,
    /// In the order of the table's columns.
    pub(crate) cells: Vec<Cell>,
}

/// A walk through a table of one ledger.
#[derive(Debug)]
pub(crate) struct Rows {
    table: &'static Table,
    buffer: VecDeque<AuditRow>,
    at_end: bool,
}

impl Rows {
    /// The next row, left in its place.
    pub(crate) async fn peek(
        &mut self,
        snapshot: &mut Snapshot,
    ) -> Result<Option<&AuditRow>, ViewError> {
        if self.buffer.is_empty() && !self.at_end {
            let rows = sqlx::query(self.table.fetch)
                .persistent(false)
                .fetch_all(&mut *snapshot.connection)
                .await?;
            self.at_end = rows.len() < FETCH;
            for row in &rows {
                self.buffer.push_back(audit_row(row, self.table)?);
            }
        }
        Ok(self.buffer.front())
    }

    /// Takes the row that [`Self::peek`] showed.
    pub(crate) fn take(&mut self) -> Option<AuditRow> {
        self.buffer.pop_front()
    }
}

/// The views' row of a ledger, beyond what queries show.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRow {
    pub(crate) revision: u64,
    pub(crate) cells: Vec<Cell>,
}

/// The cells of [`LedgerRow`].
pub(crate) const LEDGER_COLUMNS: &[&str] = &[
    "name",
    "time_zone",
    "metadata",
    "opened_at",
    "last_recorded_at",
    "accounts",
    "transactions",
    "closed_through",
    "generation",
];

/// A projector's progress on one partition.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) partition: i32,
    /// Of how many.
    pub(crate) partitions: i32,
    pub(crate) generation: GenerationId,
    pub(crate) position: Position,
    pub(crate) event_position: Position,
    pub(crate) event_id: Option<EventId>,
}

/// A snapshot whose statements may take as long as an audit does.
pub(crate) async fn audit_snapshot(pool: &PgPool) -> Result<Snapshot, ViewError> {
    let mut snapshot = snapshot_of(pool).await?;
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(STATEMENT_TIMEOUT)
        .execute(&mut *snapshot.connection)
        .await?;
    Ok(snapshot)
}

impl Snapshot {
    /// Begins to walk a table of one ledger.
    pub(crate) async fn walk(
        &mut self,
        ledger: &LedgerId,
        table: &'static Table,
    ) -> Result<Rows, ViewError> {
        sqlx::query(table.declare)
            .bind(ledger.as_str())
            .persistent(false)
            .execute(&mut *self.connection)
            .await?;
        Ok(Rows {
            table,
            buffer: VecDeque::new(),
            at_end: false,
        })
    }

    /// The ledger's own row.
    pub(crate) async fn ledger_row(
        &mut self,
        ledger: &LedgerId,
    ) -> Result<Option<LedgerRow>, ViewError> {
        let row = sqlx::query(
            "SELECT revision, name, time_zone, metadata::text, \
                    to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
                        AS opened_at, \
                    to_char(last_recorded_at AT TIME ZONE 'UTC', \
                            'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS last_recorded_at, \
                    accounts::text, transactions::text, closed_through::text, generation::text \
             FROM books.ledgers WHERE ledger = $1",
        )
        .bind(ledger.as_str())
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let revision: i64 = row.try_get("revision")?;
        Ok(Some(LedgerRow {
            revision: u64::try_from(revision).map_err(malformed)?,
            cells: cells(&row, LEDGER_COLUMNS, &["metadata"])?,
        }))
    }

    /// How many of the ledgers the views do not have at their revision.
    pub(crate) async fn ledgers_behind(
        &mut self,
        ledgers: &BTreeMap<LedgerId, Revision>,
    ) -> Result<i64, ViewError> {
        let names: Vec<&str> = ledgers.keys().map(LedgerId::as_str).collect();
        let revisions: Vec<i64> = ledgers.values().map(|revision| revision.as_i64()).collect();
        let row = sqlx::query(
            "SELECT count(*) AS behind \
             FROM unnest($1::text[], $2::bigint[]) AS wanted(ledger, revision) \
             LEFT JOIN books.ledgers l ON l.ledger = wanted.ledger \
             WHERE l.revision IS NULL OR l.revision < wanted.revision",
        )
        .bind(names)
        .bind(revisions)
        .fetch_one(&mut *self.connection)
        .await?;
        Ok(row.try_get("behind")?)
    }

    /// The progress of the projection `books`.
    pub(crate) async fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, ViewError> {
        let rows = sqlx::query(
            "SELECT partition, partitions, generation, position, event_position, event_id \
             FROM engine.checkpoints WHERE projection = 'books' AND version = $1 \
             ORDER BY partition",
        )
        .bind(VIEW_VERSION)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter()
            .map(|row| {
                let event_id: Option<Uuid> = row.try_get("event_id")?;
                Ok(Checkpoint {
                    partition: row.try_get("partition")?,
                    partitions: row.try_get("partitions")?,
                    generation: GenerationId::new(row.try_get("generation")?),
                    position: Position::from_i64(row.try_get("position")?),
                    event_position: Position::from_i64(row.try_get("event_position")?),
                    event_id: event_id.map(EventId::new),
                })
            })
            .collect()
    }

    /// Ledgers that any view has a row of, and the view's name: a row of a ledger that has no row
    /// of its own is found as well.
    pub(crate) async fn ledgers_by_view(
        &mut self,
    ) -> Result<Vec<(String, &'static str)>, ViewError> {
        let mut found = Vec::new();
        for (view, statement) in LEDGERS_BY_VIEW {
            let rows = sqlx::query(*statement)
                .fetch_all(&mut *self.connection)
                .await?;
            for row in &rows {
                found.push((row.try_get("ledger")?, *view));
            }
        }
        Ok(found)
    }
}

fn audit_row(row: &PgRow, table: &Table) -> Result<AuditRow, ViewError> {
    let revision: i64 = row.try_get("key_revision")?;
    let entry: i64 = row.try_get("key_entry")?;
    Ok(AuditRow {
        key: Key {
            revision: u64::try_from(revision).map_err(malformed)?,
            entry: u64::try_from(entry).map_err(malformed)?,
            first: row.try_get("key_first")?,
            second: row.try_get("key_second")?,
        },
        cells: cells(row, table.columns, table.json)?,
    })
}

fn cells(row: &PgRow, columns: &[&str], json: &[&str]) -> Result<Vec<Cell>, ViewError> {
    columns
        .iter()
        .map(|column| {
            let text: Option<String> = row.try_get(*column)?;
            let value = text
                .as_deref()
                .filter(|_| json.contains(column))
                .and_then(|text| serde_json::from_str(text).ok());
            Ok(value.map_or(Cell::Text(text), Cell::Json))
        })
        .collect()
}

fn malformed(error: std::num::TryFromIntError) -> ViewError {
    ViewError::Malformed(Box::new(error))
}
