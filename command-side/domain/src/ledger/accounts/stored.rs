//! Accounts as a snapshot stores them.

use std::collections::BTreeSet;

use daybook_events::Invalid;
use daybook_events::event::{AccountStatus, Turnover};
use daybook_events::ids::{AccountId, AssetCode, Revision};
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Serialize};

use super::{Account, AccountIndex, Accounts, Terms};
use crate::ledger::Balance;
use crate::ledger::assets::AssetIndex;
use crate::ledger::snapshot::refused;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct StoredAccount {
    account: AccountId,
    account_type: AccountType,
    normal_balance: Side,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assets: Option<BTreeSet<AssetCode>>,
    opened_at: Timestamp,
    opened_revision: Revision,
    revision: Revision,
    terms: Terms,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    balances: Vec<(AssetIndex, Turnover)>,
}

impl Accounts {
    /// Every account, in the order of opening, which is that of the indexes.
    pub(in crate::ledger) fn stored(&self) -> Vec<StoredAccount> {
        let mut ids: Vec<Option<&AccountId>> = vec![None; self.rows.len()];
        for (id, index) in &self.by_id {
            if let Some(place) = ids.get_mut(index.place()) {
                *place = Some(id);
            }
        }
        ids.into_iter()
            .zip(&self.rows)
            .filter_map(|(id, row)| Some(row.stored(id?)))
            .collect()
    }

    /// The table again, if every account could have come to be by `last`.
    pub(in crate::ledger) fn from_stored(
        stored: Vec<StoredAccount>,
        last: (Revision, Timestamp),
    ) -> Result<Self, Invalid> {
        let mut accounts = Self {
            by_id: FxHashMap::with_capacity_and_hasher(stored.len(), FxBuildHasher),
            rows: Vec::with_capacity(stored.len()),
        };
        // The ledger itself is opened by revision 0.
        let mut opened_before = Revision::new(0);
        for (index, account) in (0..).zip(stored) {
            let in_order = opened_before < account.opened_revision
                && account.opened_revision <= account.revision
                && account.revision <= last.0
                && account.opened_at <= last.1;
            if !in_order {
                return Err(refused("an account is not as old as it says"));
            }
            opened_before = account.opened_revision;
            let (id, row) = Account::from_stored(account)?;
            if accounts.by_id.insert(id, AccountIndex(index)).is_some() {
                return Err(refused("an account stands twice"));
            }
            accounts.rows.push(row);
        }
        Ok(accounts)
    }

    /// Every balance, by account and asset.
    pub(in crate::ledger) fn balances(
        &self,
    ) -> impl Iterator<Item = (AccountIndex, AssetIndex, Balance)> {
        (0..).zip(&self.rows).flat_map(|(index, row)| {
            row.balances
                .iter()
                .map(move |(asset, balance)| (AccountIndex(index), *asset, *balance))
        })
    }
}

impl Account {
    fn stored(&self, id: &AccountId) -> StoredAccount {
        StoredAccount {
            account: id.clone(),
            account_type: self.account_type,
            normal_balance: self.normal_balance,
            assets: self.assets.clone(),
            opened_at: self.opened_at,
            opened_revision: self.opened_revision,
            revision: self.revision,
            terms: self.terms.clone(),
            balances: self
                .balances
                .iter()
                .map(|(asset, balance)| (*asset, balance.turnover()))
                .collect(),
        }
    }

    fn from_stored(stored: StoredAccount) -> Result<(AccountId, Self), Invalid> {
        let mut balances = Vec::with_capacity(stored.balances.len());
        for (asset, turnover) in stored.balances {
            if balances.last().is_some_and(|(last, _)| *last >= asset) {
                return Err(refused("the assets of an account are not in order"));
            }
            let Some(balance) = Balance::try_new(turnover) else {
                return Err(refused("a turnover is below zero or beyond 10^36"));
            };
            if stored.terms.status == AccountStatus::Closed && !balance.is_empty() {
                return Err(refused("a closed account is not empty"));
            }
            balances.push((asset, balance));
        }
        let account = Self {
            account_type: stored.account_type,
            normal_balance: stored.normal_balance,
            assets: stored.assets,
            opened_at: stored.opened_at,
            opened_revision: stored.opened_revision,
            revision: stored.revision,
            terms: stored.terms,
            balances,
        };
        Ok((stored.account, account))
    }
}
