//! The request bodies, as sent: before any default.
//!
//! Fields stand in alphabetical order and absent ones are left out, because the serialized form of
//! these types is what a request's hash covers (see [`super::request`]). That form is kept with
//! events for ever: a field may be added, but none may be renamed, moved or written differently.

use daybook_domain::{
    AllowedAssets, Entries, NewEntry, NewPosting, OpenAccount, OpenLedger, PostTransaction,
    RegisterAsset, ReverseTransaction,
};
use daybook_events::Invalid;
use daybook_events::assets::Scale;
use daybook_events::event::account::ASSETS_MAX;
use daybook_events::event::{Limit, LimitedAsset, Limits};
use daybook_events::ids::{
    AccountId, AssetCode, Code, Description, LedgerId, Name, Reference, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::{Effective, TimeZone};
use daybook_platform::problem::FieldError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use super::amount::{NewStatus, WireAmount, WireId, WireMinor, optional_word, word};
use super::json::Object;

/// `POST /v1/ledgers`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerBody {
    pub(crate) ledger: LedgerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<TimeZone>,
}

/// `POST /v1/ledgers/{ledger}/assets`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetBody {
    asset: AssetCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    scale: Scale,
}

/// `POST /v1/ledgers/{ledger}/accounts`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountBody {
    account: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<Vec<AssetCode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<WireLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(
        default,
        deserialize_with = "optional_word",
        skip_serializing_if = "Option::is_none"
    )]
    normal_balance: Option<Side>,
    #[serde(rename = "type", deserialize_with = "word")]
    account_type: AccountType,
}

/// `POST /v1/ledgers/{ledger}/transactions`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Object<EntryBody>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<WireId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postings: Option<Vec<Object<PostingBody>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_to: Option<WireId>,
    #[serde(
        default,
        deserialize_with = "optional_word",
        skip_serializing_if = "Option::is_none"
    )]
    status: Option<NewStatus>,
}

/// One entry of a transaction.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryBody {
    account: AccountId,
    amount: WireAmount,
    asset: AssetCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(deserialize_with = "word")]
    direction: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

/// One posting: a debit and a credit of the same amount.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostingBody {
    amount: WireAmount,
    asset: AssetCode,
    credit: AccountId,
    debit: AccountId,
}

/// `POST /v1/ledgers/{ledger}/transactions/{id}/reverse`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReverseBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<WireId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    reason: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
}

/// Limits by asset, with bounds as string or number.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct WireLimits(BTreeMap<LimitedAsset, Object<WireLimit>>);

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WireLimit {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_balance: Option<WireMinor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_available: Option<WireMinor>,
}

impl<'de> Deserialize<'de> for WireLimits {
    /// Refuses an asset that stands twice.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ByAsset;
        impl<'de> serde::de::Visitor<'de> for ByAsset {
            type Value = WireLimits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of limits by asset code or *")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<WireLimits, A::Error> {
                use serde::de::Error as _;
                let mut limits = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let asset = LimitedAsset::parse(&key).map_err(A::Error::custom)?;
                    let limit = map.next_value()?;
                    if limits.insert(asset, limit).is_some() {
                        return Err(A::Error::custom("an asset stands twice"));
                    }
                    if limits.len() > ASSETS_MAX {
                        return Err(A::Error::custom("more than 100 assets"));
                    }
                }
                Ok(WireLimits(limits))
            }
        }
        d.deserialize_map(ByAsset)
    }
}

impl WireLimits {
    fn into_limits(self) -> Result<Limits, Invalid> {
        let limits = self.0.into_iter().map(|(asset, Object(limit))| {
            let limit = Limit {
                min_available: limit.min_available.map(|minor| minor.0),
                max_balance: limit.max_balance.map(|minor| minor.0),
            };
            (asset, limit)
        });
        Limits::try_new(limits.collect())
    }
}

impl LedgerBody {
    pub(crate) fn into_command(self) -> (LedgerId, OpenLedger) {
        let command = OpenLedger {
            name: self.name,
            time_zone: self.time_zone.unwrap_or(TimeZone::UTC),
            metadata: self.metadata.unwrap_or_default(),
        };
        (self.ledger, command)
    }
}

impl AssetBody {
    pub(crate) fn into_command(self) -> RegisterAsset {
        RegisterAsset {
            asset: self.asset,
            scale: self.scale,
            name: self.name,
        }
    }
}

impl AccountBody {
    pub(crate) fn into_command(self) -> Result<OpenAccount, FieldError> {
        let assets = self.assets.map(AllowedAssets::try_new).transpose();
        let limits = self.limits.map(WireLimits::into_limits).transpose();
        Ok(OpenAccount {
            account: self.account,
            account_type: self.account_type,
            normal_balance: self.normal_balance,
            name: self.name,
            assets: assets.map_err(|invalid| at("/assets", &invalid))?,
            limits: limits
                .map_err(|invalid| at("/limits", &invalid))?
                .unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
        })
    }
}

impl TransactionBody {
    pub(crate) fn into_command(self) -> Result<PostTransaction, FieldError> {
        let pointer = if self.postings.is_some() {
            "/postings"
        } else {
            "/entries"
        };
        let entries = self.entries.map(|entries| {
            entries
                .into_iter()
                .map(|entry| entry.0.into_entry())
                .collect()
        });
        let postings = self.postings.map(|postings| {
            postings
                .into_iter()
                .map(|posting| posting.0.into_posting())
                .collect()
        });
        let entries =
            Entries::from_request(entries, postings).map_err(|invalid| at(pointer, &invalid))?;
        Ok(PostTransaction {
            reference: self.reference,
            code: self.code,
            description: self.description,
            effective_at: self.effective_at,
            related_to: self.related_to.map(|id| id.0),
            entries,
            metadata: self.metadata.unwrap_or_default(),
        })
    }
}

impl EntryBody {
    fn into_entry(self) -> NewEntry {
        NewEntry {
            account: self.account,
            direction: self.direction,
            amount: self.amount.0,
            asset: self.asset,
            description: self.description,
            metadata: self.metadata.unwrap_or_default(),
        }
    }
}

impl PostingBody {
    fn into_posting(self) -> NewPosting {
        NewPosting {
            debit: self.debit,
            credit: self.credit,
            amount: self.amount.0,
            asset: self.asset,
        }
    }
}

impl ReverseBody {
    pub(crate) fn into_command(self, target: TransactionId) -> ReverseTransaction {
        ReverseTransaction {
            target,
            effective_at: self.effective_at,
            reference: self.reference,
            reason: self.reason,
            metadata: self.metadata.unwrap_or_default(),
        }
    }
}

fn at(pointer: &str, invalid: &Invalid) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        detail: invalid.to_string(),
    }
}
