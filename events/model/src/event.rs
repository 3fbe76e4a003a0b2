//! The event types: what happened, as stored. A stored shape never changes (INV-7): a change makes
//! a new version, its old type stays in [`upcast`], and each has a golden file in `golden/`.

pub mod account;
pub mod ledger;
pub mod transaction;
pub mod upcast;

use std::fmt;

pub use account::{AccountOpened, Limit, LimitedAsset, Limits};
pub use ledger::{AssetRegistered, LedgerOpened};
pub use transaction::{BalanceAfter, Entry, TransactionPosted};

use crate::invalid::Invalid;

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// A ledger came to be; always revision 0.
    LedgerOpened,
    /// An asset beyond ISO 4217 was made known to the ledger.
    AssetRegistered,
    /// An account came to be.
    AccountOpened,
    /// A transaction was posted; reversals too.
    TransactionPosted,
}

impl EventType {
    /// Every type.
    pub const ALL: &'static [Self] = &[
        Self::LedgerOpened,
        Self::AssetRegistered,
        Self::AccountOpened,
        Self::TransactionPosted,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LedgerOpened => "LedgerOpened",
            Self::AssetRegistered => "AssetRegistered",
            Self::AccountOpened => "AccountOpened",
            Self::TransactionPosted => "TransactionPosted",
        }
    }

    /// Parses the stable name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| {
                Invalid::new(
                    "event type",
                    format!("{text:?} is unknown to this build; it was written by a newer one"),
                )
            })
    }

    /// The version that this build writes.
    pub const fn version(self) -> u16 {
        match self {
            Self::LedgerOpened
            | Self::AssetRegistered
            | Self::AccountOpened
            | Self::TransactionPosted => 1,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// See [`EventType::LedgerOpened`].
    LedgerOpened(LedgerOpened),
    /// See [`EventType::AssetRegistered`].
    AssetRegistered(AssetRegistered),
    /// See [`EventType::AccountOpened`].
    AccountOpened(AccountOpened),
    /// See [`EventType::TransactionPosted`].
    TransactionPosted(TransactionPosted),
}

impl Event {
    /// Its type.
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::LedgerOpened(_) => EventType::LedgerOpened,
            Self::AssetRegistered(_) => EventType::AssetRegistered,
            Self::AccountOpened(_) => EventType::AccountOpened,
            Self::TransactionPosted(_) => EventType::TransactionPosted,
        }
    }

    /// Appends the event's `data`, one JSON object in the version this build writes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let written = match self {
            Self::LedgerOpened(event) => serde_json::to_writer(out, event),
            Self::AssetRegistered(event) => serde_json::to_writer(out, event),
            Self::AccountOpened(event) => serde_json::to_writer(out, event),
            Self::TransactionPosted(event) => serde_json::to_writer(out, event),
        };
        // Every field writes itself as a string, a number or a map with string keys into memory.
        debug_assert!(
            written.is_ok(),
            "an event's data is always JSON: {written:?}"
        );
    }

    /// Reads an event's `data`, of any version that was ever written.
    pub fn read(event_type: EventType, version: u16, data: &[u8]) -> Result<Self, Invalid> {
        upcast::read(event_type, version, data)
    }
}
