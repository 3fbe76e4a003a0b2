//! The request bodies about ledgers, accounts and periods, as sent: before any default.
//!
//! Fields stand in alphabetical order and absent ones are left out, because the serialized form of
//! these types is what a request's hash covers (see [`super::request`]). That form is kept with
//! events for ever: a field may be added, but none may be renamed, moved or written differently.

use daybook_domain::{
    AllowedAssets, ChangeAccountStatus, ClosePeriod, OpenAccount, OpenLedger, RegisterAsset,
    ReopenPeriod, StatusChange, UpdateAccount, UpdateLedger,
};
use daybook_events::Invalid;
use daybook_events::assets::Scale;
use daybook_events::event::{Limit, Limits};
use daybook_events::ids::{AccountId, AssetCode, Description, LedgerId, Name};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::money::{AccountType, Side};
use daybook_events::time::{Day, TimeZone};
use daybook_platform::problem::FieldError;
use serde::{Deserialize, Serialize};

use super::amount::{WireMinor, optional_word, word};
use super::json::{Object, at};
use super::patch::{ByAsset, Member, WireLimitsPatch};

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
    limits: Option<ByAsset<Object<WireLimit>>>,
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

/// The bounds of one balance, as string or number.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WireLimit {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_balance: Option<WireMinor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_available: Option<WireMinor>,
}

/// `PATCH /v1/ledgers/{ledger}`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerPatchBody {
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    metadata: Member<MetadataPatch>,
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    name: Member<Name>,
}

/// `PATCH /v1/ledgers/{ledger}/accounts/{account}`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountPatchBody {
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    limits: Member<WireLimitsPatch>,
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    metadata: Member<MetadataPatch>,
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    name: Member<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Description>,
}

/// `POST /v1/ledgers/{ledger}/accounts/{account}/freeze`, `unfreeze` and `close`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusBody {
    reason: Description,
}

/// `POST /v1/ledgers/{ledger}/periods/close`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseBody {
    reason: Description,
    through: Day,
}

/// `POST /v1/ledgers/{ledger}/periods/reopen`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReopenBody {
    reason: Description,
    /// Must be there: `null` opens every day, and that is not to happen by leaving something out.
    #[serde(deserialize_with = "Option::deserialize")]
    through: Option<Day>,
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
        let limits = self.limits.map(limits).transpose();
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

impl LedgerPatchBody {
    pub(crate) fn into_command(self) -> UpdateLedger {
        UpdateLedger {
            name: self.name.into_patch(),
            metadata: self.metadata.into_patch(),
        }
    }
}

impl AccountPatchBody {
    pub(crate) fn into_command(self, account: AccountId) -> UpdateAccount {
        UpdateAccount {
            account,
            name: self.name.into_patch(),
            limits: self.limits.map(ByAsset::into_patch),
            metadata: self.metadata.into_patch(),
            reason: self.reason,
        }
    }
}

impl StatusBody {
    pub(crate) fn into_command(
        self,
        account: AccountId,
        change: StatusChange,
    ) -> ChangeAccountStatus {
        ChangeAccountStatus {
            account,
            change,
            reason: self.reason,
        }
    }
}

impl CloseBody {
    pub(crate) fn into_command(self) -> ClosePeriod {
        ClosePeriod {
            through: self.through,
            reason: self.reason,
        }
    }
}

impl ReopenBody {
    pub(crate) fn into_command(self) -> ReopenPeriod {
        ReopenPeriod {
            through: self.through,
            reason: self.reason,
        }
    }
}

fn limits(limits: ByAsset<Object<WireLimit>>) -> Result<Limits, Invalid> {
    let limits = limits.0.into_iter().map(|(asset, Object(limit))| {
        let limit = Limit {
            min_available: limit.min_available.map(|minor| minor.0),
            max_balance: limit.max_balance.map(|minor| minor.0),
        };
        (asset, limit)
    });
    Limits::try_new(limits.collect())
}
