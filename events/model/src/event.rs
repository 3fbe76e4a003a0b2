//! The event types: what happened, as stored. A stored shape never changes (INV-7): a change makes
//! a new version, its old type stays in [`upcast`], and each has a golden file in `golden/`.

pub mod account;
pub mod hold;
pub mod ledger;
pub mod metadata_set;
mod object;
pub mod transaction;
pub mod upcast;

use std::fmt;

pub use account::{
    AccountAfter, AccountOpened, AccountStatus, AccountStatusChanged, AccountUpdated, Limit,
    LimitedAsset, Limits, Turnover,
};
pub use hold::{HoldEnded, HoldOutcome, HoldPlaced};
pub use ledger::{
    AssetRegistered, CommandRejected, LedgerAfter, LedgerOpened, LedgerUpdated, PeriodClosed,
    PeriodReopened,
};
pub use metadata_set::{MetadataOf, MetadataSet};
pub use transaction::{
    BalanceAfter, Entry, Origin, TransactionFacts, TransactionPosted, TransactionStatus,
};

use crate::invalid::Invalid;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($data:ident) = $version:literal),+ $(,)?) => {
        /// The kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType {
            $($(#[$doc])* $name),+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }

            /// The version that this build writes.
            pub const fn version(self) -> u16 {
                match self {
                    $(Self::$name => $version),+
                }
            }
        }

        /// What happened.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $(
                #[doc = concat!("See [`EventType::", stringify!($name), "`].")]
                $name($data)
            ),+
        }

        impl Event {
            /// Its type.
            pub const fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name(_) => EventType::$name),+
                }
            }

            /// Appends the event's `data`, one JSON object in the version this build writes.
            pub fn write(&self, out: &mut Vec<u8>) {
                let written = match self {
                    $(Self::$name(event) => serde_json::to_writer(out, event)),+
                };
                // Every field writes itself as a string, a number or a map with string keys into
                // memory.
                debug_assert!(
                    written.is_ok(),
                    "an event's data is always JSON: {written:?}"
                );
            }
        }
    };
}

events! {
    /// A ledger came to be; always revision 0.
    LedgerOpened(LedgerOpened) = 1,
    /// The ledger's name or pairs were changed.
    LedgerUpdated(LedgerUpdated) = 1,
    /// An asset beyond ISO 4217 was made known to the ledger.
    AssetRegistered(AssetRegistered) = 1,
    /// An account came to be.
    AccountOpened(AccountOpened) = 1,
    /// An account's name, limits or pairs were changed.
    AccountUpdated(AccountUpdated) = 1,
    /// An account takes no entries until it is unfrozen.
    AccountFrozen(AccountStatusChanged) = 1,
    /// A frozen account takes entries again.
    AccountUnfrozen(AccountStatusChanged) = 1,
    /// An account takes no entries ever again.
    AccountClosed(AccountStatusChanged) = 1,
    /// A transaction was posted; captures and reversals too.
    TransactionPosted(TransactionPosted) = 2,
    /// A hold was placed.
    HoldPlaced(HoldPlaced) = 1,
    /// A hold was captured for the last time, voided, or expired.
    HoldEnded(HoldEnded) = 1,
    /// The pairs of an account or transaction were changed.
    MetadataSet(MetadataSet) = 1,
    /// The days up to one were closed.
    PeriodClosed(PeriodClosed) = 1,
    /// Closed days were opened again.
    PeriodReopened(PeriodReopened) = 1,
    /// A rule refused a command, and the client asked for that to be kept.
    CommandRejected(CommandRejected) = 1,
}

impl EventType {
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
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Event {
    /// Reads an event's `data`, of any version that was ever written.
    pub fn read(event_type: EventType, version: u16, data: &[u8]) -> Result<Self, Invalid> {
        upcast::read(event_type, version, data)
    }

    /// What a posted transaction and a hold have in common; `None` for every other event.
    pub fn transaction(&self) -> Option<TransactionFacts<'_>> {
        match self {
            Self::TransactionPosted(posted) => Some(posted.facts()),
            Self::HoldPlaced(placed) => Some(placed.facts()),
            Self::LedgerOpened(_)
            | Self::LedgerUpdated(_)
            | Self::AssetRegistered(_)
            | Self::AccountOpened(_)
            | Self::AccountUpdated(_)
            | Self::AccountFrozen(_)
            | Self::AccountUnfrozen(_)
            | Self::AccountClosed(_)
            | Self::HoldEnded(_)
            | Self::MetadataSet(_)
            | Self::PeriodClosed(_)
            | Self::PeriodReopened(_)
            | Self::CommandRejected(_) => None,
        }
    }
}
