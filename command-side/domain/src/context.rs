//! What a decision needs beyond the command and the state: time, the new event's id, and what the
//! ledger's past knows under the names that the command carries. All of it is looked up beforehand
//! by the ledger's writer, so that deciding stays pure and the state holds no past (D9).

use daybook_events::event::{Event, HoldEnded, HoldOutcome, HoldPlaced, TransactionPosted};
use daybook_events::ids::{EventId, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::time::Timestamp;

/// Everything that is handed to [`crate::decide`] beside the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The unit's `recorded_at`: "now" for everything decided in it (D11).
    pub now: Timestamp,
    /// The id of the event to be: minted, or made by the client.
    pub id: EventId,
    /// The ledger revision that the client insists on (`If-Match`).
    pub if_match: Option<Revision>,
    /// What the past knows under the command's names.
    pub named: Named,
}

/// What the ledger's past knows under the names that a command carries. Absent: nothing, or the
/// command does not carry such a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// The earlier event with the command's idempotency key.
    pub key: Option<Earlier>,
    /// The earlier event with the command's client-made id.
    pub id: Option<Earlier>,
    /// The revision of the transaction that has the command's reference.
    pub reference: Option<Revision>,
    /// The transaction, posted or hold, that the command is about.
    pub target: Option<Target>,
}

/// An earlier event under the same key or id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Where it is.
    pub revision: Revision,
    /// Whether it answered an equal request (section 3 of the API).
    pub same_request: bool,
}

/// The transaction that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its pairs, where they were changed since it was recorded.
    pub metadata: Option<Metadata>,
    /// What it is.
    pub kind: TargetKind,
}

/// What the transaction is that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// It was posted.
    Posted {
        /// What was posted.
        posted: TransactionPosted,
        /// The revision of its reversal, if there is one.
        reversed_by: Option<Revision>,
    },
    /// It is a hold.
    Hold {
        /// What was placed.
        placed: HoldPlaced,
        /// How and where it ended, if it did.
        ended: Option<(Revision, HoldOutcome)>,
    },
}

/// What comes of an acceptable command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This happens, now.
    Event(Event),
    /// These two happen, now, in this order and together. The second answers the command and bears
    /// its id, key and request; the first is the end of the hold that the second captures.
    Ending(Box<HoldEnded>, Event),
    /// It happened before, at this revision; its answer is given again.
    Replay(Revision),
}
