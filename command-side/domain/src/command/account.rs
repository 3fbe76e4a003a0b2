//! Commands about accounts.

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::Invalid;
use daybook_events::event::account::ASSETS_MAX;
use daybook_events::event::{LimitedAsset, Limits};
use daybook_events::ids::{AccountId, AssetCode, Description, Name};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::money::{AccountType, Minor, Side};

use super::Patch;

/// Makes an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its id.
    pub account: AccountId,
    /// What it is in the books.
    pub account_type: AccountType,
    /// The side that increases it; the type's own unless given (contra accounts).
    pub normal_balance: Option<Side>,
    /// A name for people.
    pub name: Option<Name>,
    /// The only assets it may hold; any if absent.
    pub assets: Option<AllowedAssets>,
    /// Its limits.
    pub limits: Limits,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Changes an account's name, limits or pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAccount {
    /// The account, named by the path.
    pub account: AccountId,
    /// The name for people.
    pub name: Patch<Name>,
    /// The limits; `Remove` deletes all of them.
    pub limits: Patch<LimitsPatch>,
    /// The client's own pairs; `Remove` deletes all of them.
    pub metadata: Patch<MetadataPatch>,
    /// Why.
    pub reason: Option<Description>,
}

/// A merge patch of limits: per asset and bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitsPatch(pub BTreeMap<LimitedAsset, Patch<LimitPatch>>);

/// A merge patch of the bounds of one balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitPatch {
    /// What `available` must not fall below.
    pub min_available: Patch<Minor>,
    /// What `posted` plus pending increases must not exceed.
    pub max_balance: Patch<Minor>,
}

/// Freezes, unfreezes or closes an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAccountStatus {
    /// The account, named by the path.
    pub account: AccountId,
    /// To what.
    pub change: StatusChange,
    /// Why.
    pub reason: Description,
}

/// How an account's status changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// From open to frozen.
    Freeze,
    /// From frozen to open.
    Unfreeze,
    /// From open or frozen to closed, for ever; only without balance and holds.
    Close,
}

/// The only assets that an account may hold: 1 … 100, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAssets(BTreeSet<AssetCode>);

impl AllowedAssets {
    /// Checks the count and that no asset stands twice.
    pub fn try_new(assets: Vec<AssetCode>) -> Result<Self, Invalid> {
        if assets.is_empty() || assets.len() > ASSETS_MAX {
            return Err(Invalid::new(
                "assets",
                "an account that is restricted holds 1 to 100 assets; leave the field out for any",
            ));
        }
        let count = assets.len();
        let distinct: BTreeSet<AssetCode> = assets.into_iter().collect();
        if distinct.len() != count {
            return Err(Invalid::new("assets", "an asset stands twice"));
        }
        Ok(Self(distinct))
    }

    /// The assets in code order.
    pub fn as_set(&self) -> &BTreeSet<AssetCode> {
        &self.0
    }
}
