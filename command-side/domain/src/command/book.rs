//! Commands about the book itself: the ledger, its assets, its periods, and pairs.

use daybook_events::assets::Scale;
use daybook_events::event::MetadataOf;
use daybook_events::ids::{AssetCode, Description, Name};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::time::{Day, TimeZone};

use super::Patch;

/// Makes the ledger; its id is the state's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLedger {
    /// A name for people.
    pub name: Option<Name>,
    /// The zone whose days the ledger's dates are, for ever.
    pub time_zone: TimeZone,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Changes the ledger's name or pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateLedger {
    /// The name for people.
    pub name: Patch<Name>,
    /// The client's own pairs; `Remove` deletes all of them.
    pub metadata: Patch<MetadataPatch>,
}

/// Makes an asset beyond ISO 4217 known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterAsset {
    /// Its code.
    pub asset: AssetCode,
    /// Decimal digits of its minor unit.
    pub scale: Scale,
    /// A name for people.
    pub name: Option<Name>,
}

/// Closes the days up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosePeriod {
    /// The last day that is closed.
    pub through: Day,
    /// Why.
    pub reason: Description,
}

/// Opens closed days again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReopenPeriod {
    /// The last day that stays closed; `None` if none does.
    pub through: Option<Day>,
    /// Why.
    pub reason: Description,
}

/// Changes the pairs of an account or a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMetadata {
    /// Whose.
    pub of: MetadataOf,
    /// How; `Remove` deletes all of them.
    pub metadata: Patch<MetadataPatch>,
}
