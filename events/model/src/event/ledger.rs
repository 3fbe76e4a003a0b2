//! Events about the ledger itself.

use serde::{Deserialize, Serialize};

use super::object;
use crate::assets::Scale;
use crate::ids::{AssetCode, Description, Name};
use crate::metadata::Metadata;
use crate::time::{Day, TimeZone, Timestamp};

/// A ledger came to be. Its id is the stream's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerOpened {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The zone whose days the ledger's dates are.
    pub time_zone: TimeZone,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// An asset beyond ISO 4217 was made known to the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetRegistered {
    /// Its code.
    pub asset: AssetCode,
    /// Decimal digits of its minor unit.
    pub scale: Scale,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

/// The ledger's name or pairs were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerUpdated {
    /// The ledger as it is from now on.
    #[serde(deserialize_with = "object::one")]
    pub after: LedgerAfter,
}

/// Nothing more is accepted that counts on a day up to `through`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodClosed {
    /// The last day of the closed period, in the ledger's zone.
    pub through: Day,
    /// Why.
    pub reason: Description,
    /// The ledger as it is from now on.
    #[serde(deserialize_with = "object::one")]
    pub after: LedgerAfter,
}

/// Days that were closed are open again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodReopened {
    /// The last day that stays closed; `null` if none does.
    #[serde(deserialize_with = "Option::deserialize")]
    pub through: Option<Day>,
    /// Why.
    pub reason: Description,
    /// The ledger as it is from now on.
    #[serde(deserialize_with = "object::one")]
    pub after: LedgerAfter,
}

/// A ledger without its id, whole, as an event left it: the answer to the command, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerAfter {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The zone whose days the ledger's dates are.
    pub time_zone: TimeZone,
    /// How many accounts it has.
    pub accounts: u64,
    /// How many transactions it has, holds included.
    pub transactions: u64,
    /// The last day of the closed period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_through: Option<Day>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// A rule refused a command, and the client had asked for that to be kept.
///
/// The refusal is the answer to the idempotency key (or id) of the event from now on, so that a
/// late duplicate cannot succeed after a decline was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRejected {
    /// The HTTP status of the refusal.
    pub status: u16,
    /// Its code, one of `docs/errors.md`.
    pub code: String,
    /// Its detail.
    pub detail: String,
    /// The first entry that broke the rule, where the rule is about entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u16>,
}
