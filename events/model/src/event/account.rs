//! Events about accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::object;
use crate::ids::{AccountId, AssetCode, Description, Name};
use crate::invalid::Invalid;
use crate::metadata::Metadata;
use crate::money::{AccountType, Minor, Side};
use crate::time::Timestamp;

/// The most assets that an account's restriction or limits may name.
pub const ASSETS_MAX: usize = 100;

/// An account came to be, open, with zero balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountOpened {
    /// Its id.
    pub account: AccountId,
    /// What it is in the books.
    #[serde(rename = "type")]
    pub account_type: AccountType,
    /// The side that increases it.
    pub normal_balance: Side,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The only assets it may hold; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "object::assets")]
    pub assets: Option<BTreeSet<AssetCode>>,
    /// Its limits.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// An account's name, limits or pairs were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountUpdated {
    /// The account.
    pub account: AccountId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Description>,
    /// The account as it is from now on.
    #[serde(deserialize_with = "object::one")]
    pub after: AccountAfter,
}

/// An account was frozen, unfrozen or closed: three event types of one shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountStatusChanged {
    /// The account.
    pub account: AccountId,
    /// Why.
    pub reason: Description,
    /// The account as it is from now on.
    #[serde(deserialize_with = "object::one")]
    pub after: AccountAfter,
}

/// What an account lets happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Everything.
    #[default]
    Open,
    /// No entries, but what its holds reserved still settles.
    Frozen,
    /// Nothing, for ever.
    Closed,
}

impl AccountStatus {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account without its id, whole, as an event left it: the answer to the command, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountAfter {
    /// What it is in the books.
    #[serde(rename = "type")]
    pub account_type: AccountType,
    /// The side that increases it.
    pub normal_balance: Side,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What it lets happen.
    pub status: AccountStatus,
    /// The only assets it may hold; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "object::assets")]
    pub assets: Option<BTreeSet<AssetCode>>,
    /// Its limits.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its turnovers, of every asset that ever had an entry or hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(deserialize_with = "object::by_asset")]
    pub balances: BTreeMap<AssetCode, Turnover>,
}

/// The turnovers of one account and asset, each 0 … 10^36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turnover {
    /// Posted debits.
    #[serde(default, skip_serializing_if = "Minor::is_zero")]
    #[serde(deserialize_with = "object::not_negative")]
    pub debits: Minor,
    /// Posted credits.
    #[serde(default, skip_serializing_if = "Minor::is_zero")]
    #[serde(deserialize_with = "object::not_negative")]
    pub credits: Minor,
    /// Debits of open holds.
    #[serde(default, skip_serializing_if = "Minor::is_zero")]
    #[serde(deserialize_with = "object::not_negative")]
    pub pending_debits: Minor,
    /// Credits of open holds.
    #[serde(default, skip_serializing_if = "Minor::is_zero")]
    #[serde(deserialize_with = "object::not_negative")]
    pub pending_credits: Minor,
}

/// The bounds of one balance, in minor units; a bound that is absent does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limit {
    /// `available` must not fall below it: `"0"` forbids overdraft, `"-50000"` allows some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<Minor>,
    /// `posted` plus pending increases must not exceed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_balance: Option<Minor>,
}

impl<'de> Deserialize<'de> for Limit {
    /// Takes an object alone; a derived reader would also take an array of the two bounds.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Bounds {
            #[serde(default)]
            min_available: Option<Minor>,
            #[serde(default)]
            max_balance: Option<Minor>,
        }
        let Bounds {
            min_available,
            max_balance,
        } = object::one(d)?;
        Ok(Self {
            min_available,
            max_balance,
        })
    }
}

/// What a limit is for: one asset, or every asset that is not named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitedAsset {
    /// `*`: every asset not named.
    Other,
    /// This asset.
    Asset(AssetCode),
}

impl LimitedAsset {
    /// Parses `*` or an asset code.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            Ok(Self::Other)
        } else {
            AssetCode::parse(text).map(Self::Asset)
        }
    }

    /// `*` or the asset's code.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other => "*",
            Self::Asset(asset) => asset.as_str(),
        }
    }
}

impl Serialize for LimitedAsset {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// An account's limits by asset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<LimitedAsset, Limit>);

impl Limits {
    /// Wraps the limits if there are at most [`ASSETS_MAX`].
    pub fn try_new(limits: BTreeMap<LimitedAsset, Limit>) -> Result<Self, Invalid> {
        if limits.len() > ASSETS_MAX {
            return Err(Invalid::new("limits", "more than 100 assets"));
        }
        Ok(Self(limits))
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The limit that binds for an asset: its own, else that of `*`, else none.
    pub fn of(&self, asset: &AssetCode) -> Limit {
        self.0
            .get(&LimitedAsset::Asset(asset.clone()))
            .or_else(|| self.0.get(&LimitedAsset::Other))
            .copied()
            .unwrap_or_default()
    }

    /// The limits, `*` first, then by asset.
    pub fn iter(&self) -> impl Iterator<Item = (&LimitedAsset, &Limit)> {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for Limits {
    /// Refuses an asset that stands twice.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ByAsset;
        impl<'de> serde::de::Visitor<'de> for ByAsset {
            type Value = Limits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of limits by asset code or *")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Limits, A::Error> {
                use serde::de::Error as _;
                let mut limits = BTreeMap::new();
                while let Some((key, limit)) = map.next_entry::<String, Limit>()? {
                    let asset = LimitedAsset::parse(&key).map_err(A::Error::custom)?;
                    if limits.insert(asset, limit).is_some() {
                        return Err(A::Error::custom(format!(
                            "invalid limits: {key} stands twice"
                        )));
                    }
                    if limits.len() > ASSETS_MAX {
                        return Err(A::Error::custom("invalid limits: more than 100 assets"));
                    }
                }
                Ok(Limits(limits))
            }
        }
        d.deserialize_map(ByAsset)
    }
}
