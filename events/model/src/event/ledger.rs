//! Events about the ledger itself.

use serde::{Deserialize, Serialize};

use crate::assets::Scale;
use crate::ids::{AssetCode, Name};
use crate::metadata::Metadata;
use crate::time::TimeZone;

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
