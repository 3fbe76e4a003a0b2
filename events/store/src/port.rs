//! The port: what every event store must do, and what it may answer.

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision};

use crate::unit::Unit;

/// The revision that a writer believes its stream to be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// The stream does not exist yet.
    NoStream,
    /// The stream's last event has this revision.
    Exact(Revision),
}

impl ExpectedRevision {
    /// What to expect of a stream whose last revision is `last`.
    pub fn from_last(last: Option<Revision>) -> Self {
        last.map_or(Self::NoStream, Self::Exact)
    }

    /// The revision that the first event of an append gets.
    pub fn next(self) -> Revision {
        match self {
            Self::NoStream => Revision::new(0),
            Self::Exact(last) => last.plus(1),
        }
    }
}

/// What a durable append reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The stream's last revision; `None` after a zero-event append to a stream that is not there.
    pub last_revision: Option<Revision>,
    /// The position of the unit's last event; for a zero-event append the store's head.
    pub last_position: Position,
}

/// Why an append did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written: the stream is elsewhere.
    #[error("stream is at revision {actual:?}, not at {expected:?}")]
    WrongExpectedRevision {
        /// What the writer believed.
        expected: ExpectedRevision,
        /// Where the stream is.
        actual: Option<Revision>,
    },
    /// Nothing was written: the unit is more than the store takes in one append.
    #[error("unit of {bytes} bytes is over the store's limit of {bytes_max}")]
    TooLarge {
        /// The unit's size.
        bytes: usize,
        /// The store's limit.
        bytes_max: usize,
    },
    /// Nothing was written: no store takes such a unit (it repeats an event id). A caller's bug.
    #[error("unit is not acceptable: {reason}")]
    Refused {
        /// Why, for the log.
        reason: String,
    },
    /// Nothing was written: the store cannot take appends now (full disk, full queue, breaker open).
    #[error("event store takes no appends now: {reason}")]
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
    /// The outcome is unknown: ask by reading, or repeat with the same event ids.
    #[error("outcome of the append is unknown: {reason}")]
    Unknown {
        /// Why, for the log.
        reason: String,
    },
}

/// Why a read did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store cannot be read now.
    #[error("event store cannot be read now: {reason}")]
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
    /// What was read does not check.
    #[error("event store is damaged: {reason}")]
    Damaged {
        /// Where and how, for the operator.
        reason: String,
    },
}

/// Where a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which life of the log.
    pub generation: GenerationId,
    /// The durable head: the position of the last event that is safe; 0 if there is none.
    pub position: Position,
}

/// An event store for ledgers. Shared by reference; every method may be called concurrently.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends a unit, whole or not at all, and returns when it is durable.
    ///
    /// A unit without events checks the expected revision and writes nothing. Repeating an append
    /// whose events already stand at their places succeeds with the same answer (idempotent retry),
    /// if they are equal in `recorded_at`, id, type, version, data, own and shared metadata, however
    /// they were cut into units. Any other mismatch is [`AppendError::WrongExpectedRevision`]. An
    /// event id that stands twice in a unit is [`AppendError::Refused`].
    ///
    /// Equal ids are not enough: ids are also made by clients, and an append whose outcome nobody
    /// knew may take effect late, at the place of a later decision that carries the same id. Success
    /// would acknowledge what was never stored. A store that itself compares ids only (EventStoreDB
    /// does) is no such port by itself: its adapter reads the events back after every success that
    /// may be a repetition, and answers [`AppendError::WrongExpectedRevision`] if they differ.
    async fn append(&self, unit: Unit) -> Result<Appended, AppendError>;

    /// The events of a ledger from revision `from` on, ascending, at most `limit` of them and at
    /// most [`READ_BYTES_MAX`] bytes (but always one if there is one). Empty beyond the end and for
    /// an unknown ledger.
    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// The last revision of a ledger's stream, or `None` if there is no such stream.
    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError>;

    /// The events of all ledgers after position `after`, in order, never beyond the durable head;
    /// at most `limit` of them and at most [`READ_BYTES_MAX`] bytes (but always one if there is one).
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// The id of the event at a position, or `None` if no ledger event is there.
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError>;

    /// Where the store is.
    async fn head(&self) -> Result<Head, ReadError>;

    /// Follows the store's order after a position, without a gap and without an end.
    fn subscribe(&self, after: Position) -> Box<dyn Subscription>;
}

/// The most bytes of events that one read returns, so that a page is bounded whatever its events.
pub const READ_BYTES_MAX: usize = 8 << 20;

/// A position in the store's order that follows it as it grows.
#[async_trait]
pub trait Subscription: Send {
    /// Waits until there are events after the last ones given, and gives at most `limit` of them in
    /// order. Cancel-safe: a dropped wait loses nothing.
    async fn next(&mut self, limit: usize) -> Result<Vec<RecordedEvent>, ReadError>;
}
