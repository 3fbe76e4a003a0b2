//! The audit: every row of the views against a replay of the history (INV-4).
//!
//! Two independent paths lead to a balance: the projection's SQL and the domain's `evolve`. The
//! audit reads the history from the event store, folds it with the domain (the laws, and the
//! balances) and with a naive fold of its own (all else), and walks every table of the views beside
//! it.

mod claims;
mod compare;
mod expected;
mod fold;
mod pairs;
mod reach;
mod replay;
mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use daybook_events::ids::{LedgerId, Position, Revision};
use daybook_store::{EventStore, ReadError};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::read_model::ViewError;
use crate::read_model::audit::{Checkpoint, audit_snapshot};

pub use report::{Difference, Finding, Kind, Report};

/// Events read from the store at once.
const CHUNK: usize = 1000;
/// While waiting for the views, they are asked this soon again …
const POLL_FIRST: Duration = Duration::from_millis(50);
/// … and then slower and slower, down to this.
const POLL_MAX: Duration = Duration::from_secs(1);

/// A checkpoint that is not there after this long is missing.
const CHECKPOINTS_WAIT: Duration = Duration::from_secs(2);

/// Told of an audit's progress.
pub type OnProgress = Box<dyn FnMut(&Progress) + Send>;

/// What to audit, and how.
pub struct Options {
    /// Only these ledgers; all if absent.
    pub ledgers: Option<Vec<LedgerId>>,
    /// How long to wait for the views to reach the store's head.
    pub wait: Duration,
    /// Called now and then.
    pub progress: Option<OnProgress>,
}

impl Default for Options {
    /// All ledgers; half a minute for the views to catch up.
    fn default() -> Self {
        Self {
            ledgers: None,
            wait: Duration::from_secs(30),
            progress: None,
        }
    }
}

/// How far an audit is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The ledger that is being replayed.
    pub ledger: LedgerId,
    /// Ledgers done.
    pub ledgers_done: usize,
    /// Ledgers in all.
    pub ledgers: usize,
    /// Events replayed, of all ledgers.
    pub events: u64,
}

/// The audit could not be made: this says nothing about the books.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The event store.
    #[error("failed to read the history")]
    Store(#[from] ReadError),
    /// Postgres.
    #[error("failed to read the views")]
    Views(#[from] ViewError),
    /// A ledger was named that no history knows.
    #[error("ledger {0} is not in the event store")]
    UnknownLedger(LedgerId),
}

/// Compares the views with a replay of the store and reports what differs. Writes nothing, and may
/// run beside a working service: each ledger is compared at the revision of one snapshot.
pub async fn verify(
    store: &dyn EventStore,
    pool: &PgPool,
    mut options: Options,
) -> Result<Report, AuditError> {
    let head = store.head().await?;
    let ledgers = match &options.ledgers {
        Some(named) => last_revisions(store, named).await?,
        None => all_ledgers(store, head.position).await?,
    };
    let mut report = Report {
        complete: reached(pool, &ledgers, options.wait).await?,
        ..Report::default()
    };
    check_checkpoints(store, pool, &mut report).await?;
    if options.ledgers.is_none() {
        check_strangers(store, pool, &ledgers, &mut report).await?;
    }
    let count = ledgers.len();
    for (done, (ledger, last)) in ledgers.into_iter().enumerate() {
        let mut told = |events: u64| {
            if let Some(progress) = &mut options.progress {
                progress(&Progress {
                    ledger: ledger.clone(),
                    ledgers_done: done,
                    ledgers: count,
                    events,
                });
            }
        };
        replay::ledger(store, pool, (&ledger, last), &mut report, &mut told).await?;
        report.ledgers += 1;
    }
    Ok(report)
}

async fn last_revisions(
    store: &dyn EventStore,
    named: &[LedgerId],
) -> Result<BTreeMap<LedgerId, Revision>, AuditError> {
    let mut ledgers = BTreeMap::new();
    for ledger in named {
        let last = store.last_revision(ledger).await?;
        let last = last.ok_or_else(|| AuditError::UnknownLedger(ledger.clone()))?;
        ledgers.insert(ledger.clone(), last);
    }
    Ok(ledgers)
}

/// Every ledger up to a position, with its last revision there.
async fn all_ledgers(
    store: &dyn EventStore,
    head: Position,
) -> Result<BTreeMap<LedgerId, Revision>, AuditError> {
    let mut ledgers = BTreeMap::new();
    let mut after = Position::new(0);
    while after < head {
        let events = store.read_all(after, CHUNK).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        for event in events.iter().filter(|event| event.position <= head) {
            match ledgers.get_mut(&event.ledger) {
                Some(last) => *last = event.revision,
                None => drop(ledgers.insert(event.ledger.clone(), event.revision)),
            }
        }
    }
    Ok(ledgers)
}

/// Waits until the views have every ledger at its last revision; `false` if they did not within the
/// bound. Where checkpoints are is not asked: that of a partition without news may rightly lie
/// behind. That all are there is waited for, a moment only: a projector that has just been started
/// makes them one by one.
async fn reached(
    pool: &PgPool,
    ledgers: &BTreeMap<LedgerId, Revision>,
    wait: Duration,
) -> Result<bool, AuditError> {
    let until = Instant::now() + wait;
    let all_by = Instant::now() + wait.min(CHECKPOINTS_WAIT);
    let mut pause = POLL_FIRST;
    loop {
        let mut snapshot = audit_snapshot(pool).await?;
        let behind = snapshot.ledgers_behind(ledgers).await?;
        let all = missing(&snapshot.checkpoints().await?).is_empty();
        snapshot.close().await?;
        if behind == 0 && (all || ledgers.is_empty() || Instant::now() >= all_by) {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
        pause = pause.saturating_mul(2).min(POLL_MAX);
    }
}

/// Every partition has a checkpoint, and it is of this life of the store, not beyond its head, and
/// names the event that is at its position (D3).
async fn check_checkpoints(
    store: &dyn EventStore,
    pool: &PgPool,
    report: &mut Report,
) -> Result<(), AuditError> {
    let mut snapshot = audit_snapshot(pool).await?;
    let checkpoints = snapshot.checkpoints().await?;
    snapshot.close().await?;
    // Read after the checkpoints: the store only grows.
    let head = store.head().await?;
    let partitions = partitions(&checkpoints);
    // Views that are known to be behind, or have nothing to show, may not have begun everywhere.
    if report.complete && head.position > Position::new(0) {
        for partition in missing(&checkpoints) {
            let key = format!("of partition {partition}");
            report.differ(Kind::Checkpoint, None, key, "is missing".to_owned());
        }
    }
    for checkpoint in checkpoints {
        if checkpoint.partition >= partitions {
            // Of an earlier layout: nobody moves it, and nothing depends on it.
            continue;
        }
        report.compare(Kind::Checkpoint);
        let mut differs = |what: String| {
            let key = format!("of partition {}", checkpoint.partition);
            report.differ(Kind::Checkpoint, None, key, what);
        };
        if checkpoint.generation != head.generation {
            differs(format!(
                "is of generation {}, the store is {}",
                checkpoint.generation, head.generation
            ));
        }
        if checkpoint.position > head.position {
            differs(format!(
                "is at position {}, the store ends at {}",
                checkpoint.position, head.position
            ));
        }
        if checkpoint.event_position > Position::new(0) {
            let stored = store.event_id_at(checkpoint.event_position).await?;
            if stored != checkpoint.event_id {
                let show = |id: Option<daybook_events::ids::EventId>| {
                    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
                };
                differs(format!(
                    "names event {} at position {}, the store has {}",
                    show(checkpoint.event_id),
                    checkpoint.event_position,
                    show(stored)
                ));
            }
        }
    }
    Ok(())
}

/// Of how many partitions the checkpoints are. The first row says it, which is partition 0's: every
/// layout has that one. Without any row at least that one is missing.
fn partitions(checkpoints: &[Checkpoint]) -> i32 {
    checkpoints.first().map_or(1, |first| first.partitions)
}

/// The partitions that have no checkpoint.
fn missing(checkpoints: &[Checkpoint]) -> Vec<i32> {
    (0..partitions(checkpoints))
        .filter(|number| !checkpoints.iter().any(|row| row.partition == *number))
        .collect()
}

/// Rows of ledgers that the store does not know, and rows of ledgers without a row of their own.
async fn check_strangers(
    store: &dyn EventStore,
    pool: &PgPool,
    ledgers: &BTreeMap<LedgerId, Revision>,
    report: &mut Report,
) -> Result<(), AuditError> {
    let mut snapshot = audit_snapshot(pool).await?;
    let found = snapshot.ledgers_by_view().await?;
    snapshot.close().await?;
    for (name, view) in found {
        let known = match LedgerId::parse(&name) {
            // One opened since the scan is known to the store all the same.
            Ok(ledger) => {
                ledgers.contains_key(&ledger) || store.last_revision(&ledger).await?.is_some()
            }
            Err(_not_an_id) => false,
        };
        if !known {
            let what = "is not in the event store".to_owned();
            report.differ(Kind::of_view(view), None, format!("of ledger {name}"), what);
        }
    }
    Ok(())
}
