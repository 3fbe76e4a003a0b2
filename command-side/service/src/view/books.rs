//! Ledgers, assets and accounts.

use std::collections::BTreeMap;

use daybook_domain::Balance;
use daybook_events::event::{
    AccountAfter, AccountOpened, AccountStatus, AssetRegistered, LedgerAfter, LedgerOpened, Limits,
};
use daybook_events::ids::AccountId;
use daybook_events::money::Minor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::work::Record;

/// A ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerView<'a> {
    /// Its id.
    #[schema(example = "acme")]
    ledger: &'a str,
    /// A name for people.
    name: Option<&'a str>,
    /// The zone whose days the ledger's dates are (IANA name).
    #[schema(example = "UTC")]
    time_zone: &'a str,
    /// The revision that this answer reflects.
    revision: u64,
    /// How many accounts it has.
    accounts: u64,
    /// How many transactions it has, holds included.
    transactions: u64,
    /// The last day of the closed period.
    #[schema(format = Date, example = "2026-11-30")]
    closed_through: Option<String>,
    /// When it was opened.
    #[schema(format = DateTime, example = "2026-11-20T14:58:49.123456Z")]
    opened_at: String,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: BTreeMap<&'a str, &'a str>,
}

/// An asset beyond ISO 4217.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetView<'a> {
    /// Its code.
    #[schema(example = "POINTS")]
    asset: &'a str,
    /// Decimal digits of its minor unit.
    scale: u8,
    /// A name for people.
    name: Option<&'a str>,
    /// The ledger's revision.
    revision: u64,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView<'a> {
    /// Its id.
    #[schema(example = "users:123:wallet")]
    account: &'a str,
    /// `asset`, `liability`, `equity`, `income` or `expense`.
    #[schema(example = "liability")]
    r#type: &'a str,
    /// The side that increases it: `debit` or `credit`.
    #[schema(example = "credit")]
    normal_balance: &'a str,
    /// A name for people.
    name: Option<&'a str>,
    /// `open`, `frozen` or `closed`.
    #[schema(example = "open")]
    status: &'a str,
    /// The only assets that it may hold; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<Vec<&'a str>>,
    /// Its limits by asset, `*` for assets not named.
    limits: BTreeMap<&'a str, LimitView>,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: BTreeMap<&'a str, &'a str>,
    /// When it was opened.
    #[schema(format = DateTime, example = "2026-11-20T14:58:49.123456Z")]
    opened_at: String,
    /// Its balances, of every asset that ever had an entry or hold.
    #[schema(value_type = BTreeMap<String, FullBalanceView>)]
    balances: BTreeMap<&'a str, FullBalanceView>,
    /// The ledger's revision that made it what is shown.
    revision: u64,
}

/// The bounds of one balance, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitView {
    /// `available` must not fall below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_available: Option<String>,
    /// `posted` plus pending increases must not exceed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_balance: Option<String>,
}

/// A balance with the turnovers that make it, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FullBalanceView {
    /// What was posted, in the account's normal direction.
    #[schema(value_type = String, example = "1050")]
    posted: Minor,
    /// What is held, in the account's normal direction; not included in `posted`.
    #[schema(value_type = String, example = "0")]
    pending: Minor,
    /// What holds leave to spend.
    #[schema(value_type = String, example = "1050")]
    available: Minor,
    /// Posted debits.
    #[schema(value_type = String, example = "0")]
    debits: Minor,
    /// Posted credits.
    #[schema(value_type = String, example = "1050")]
    credits: Minor,
    /// Debits of open holds.
    #[schema(value_type = String, example = "0")]
    pending_debits: Minor,
    /// Credits of open holds.
    #[schema(value_type = String, example = "0")]
    pending_credits: Minor,
}

impl<'a> AssetView<'a> {
    pub(super) fn of(record: &Record, event: &'a AssetRegistered) -> Self {
        Self {
            asset: event.asset.as_str(),
            scale: event.scale.get(),
            name: event.name.as_ref().map(|name| name.as_str()),
            revision: record.revision.get(),
        }
    }
}

/// A ledger as it was opened.
pub(super) fn opened<'a>(record: &'a Record, event: &'a LedgerOpened) -> LedgerView<'a> {
    LedgerView {
        ledger: record.ledger.as_str(),
        name: event.name.as_ref().map(|name| name.as_str()),
        time_zone: event.time_zone.name(),
        revision: record.revision.get(),
        accounts: 0,
        transactions: 0,
        closed_through: None,
        opened_at: record.recorded_at.to_string(),
        metadata: event.metadata.iter().collect(),
    }
}

/// A ledger as an event left it.
pub(super) fn ledger<'a>(record: &'a Record, after: &'a LedgerAfter) -> LedgerView<'a> {
    LedgerView {
        ledger: record.ledger.as_str(),
        name: after.name.as_ref().map(|name| name.as_str()),
        time_zone: after.time_zone.name(),
        revision: record.revision.get(),
        accounts: after.accounts,
        transactions: after.transactions,
        closed_through: after.closed_through.map(|day| day.to_string()),
        opened_at: after.opened_at.to_string(),
        metadata: after.metadata.iter().collect(),
    }
}

/// An account as it was opened.
pub(super) fn account_opened<'a>(record: &Record, event: &'a AccountOpened) -> AccountView<'a> {
    AccountView {
        account: event.account.as_str(),
        r#type: event.account_type.as_str(),
        normal_balance: event.normal_balance.as_str(),
        name: event.name.as_ref().map(|name| name.as_str()),
        status: AccountStatus::Open.as_str(),
        assets: event
            .assets
            .as_ref()
            .map(|assets| assets.iter().map(|asset| asset.as_str()).collect()),
        limits: limits(&event.limits),
        metadata: event.metadata.iter().collect(),
        opened_at: record.recorded_at.to_string(),
        balances: BTreeMap::new(),
        revision: record.revision.get(),
    }
}

/// An account as an event left it; `None` if its balances are none.
pub(super) fn account<'a>(
    record: &Record,
    account: &'a AccountId,
    after: &'a AccountAfter,
) -> Option<AccountView<'a>> {
    let balances = after.balances.iter().map(|(asset, turnover)| {
        let balance = Balance::try_new(*turnover)?;
        let sums = balance.after(after.normal_balance);
        let view = FullBalanceView {
            posted: sums.posted,
            pending: sums.pending,
            available: sums.available,
            debits: turnover.debits,
            credits: turnover.credits,
            pending_debits: turnover.pending_debits,
            pending_credits: turnover.pending_credits,
        };
        Some((asset.as_str(), view))
    });
    Some(AccountView {
        account: account.as_str(),
        r#type: after.account_type.as_str(),
        normal_balance: after.normal_balance.as_str(),
        name: after.name.as_ref().map(|name| name.as_str()),
        status: after.status.as_str(),
        assets: after
            .assets
            .as_ref()
            .map(|assets| assets.iter().map(|asset| asset.as_str()).collect()),
        limits: limits(&after.limits),
        metadata: after.metadata.iter().collect(),
        opened_at: after.opened_at.to_string(),
        balances: balances.collect::<Option<_>>()?,
        revision: record.revision.get(),
    })
}

fn limits(limits: &Limits) -> BTreeMap<&str, LimitView> {
    let limits = limits.iter().map(|(asset, limit)| {
        let limit = LimitView {
            min_available: limit.min_available.map(|minor| minor.to_string()),
            max_balance: limit.max_balance.map(|minor| minor.to_string()),
        };
        (asset.as_str(), limit)
    });
    limits.collect()
}
