//! The accounts of a ledger with their balances, interned to small indexes.

mod stored;

use std::collections::BTreeSet;

use daybook_events::event::{AccountAfter, AccountOpened, AccountStatus, Limits};
use daybook_events::ids::{AccountId, AssetCode, Name, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Timestamp;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::assets::{AssetIndex, Assets};
use super::balance::Balance;
use super::journal::{BalanceBefore, TermsBefore};
pub(super) use stored::StoredAccount;

/// An account of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AccountIndex(u32);

/// The table. An account's id stands in the map alone, so that its text lives once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Accounts {
    by_id: FxHashMap<AccountId, AccountIndex>,
    rows: Vec<Account>,
}

/// An account without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    account_type: AccountType,
    normal_balance: Side,
    assets: Option<BTreeSet<AssetCode>>,
    opened_at: Timestamp,
    opened_revision: Revision,
    revision: Revision,
    terms: Terms,
    /// Sorted by asset index; most accounts have one.
    balances: Vec<(AssetIndex, Balance)>,
}

/// What may change of an account beside its balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Name>,
    pub(crate) status: AccountStatus,
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub(crate) limits: Limits,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
}

impl AccountIndex {
    /// Its place in the table; beyond any table where it does not fit.
    fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Account {
    pub(crate) fn normal_balance(&self) -> Side {
        self.normal_balance
    }

    pub(crate) fn allows(&self, asset: &AssetCode) -> bool {
        self.assets
            .as_ref()
            .is_none_or(|assets| assets.contains(asset))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    pub(crate) fn status(&self) -> AccountStatus {
        self.terms.status
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) fn balance(&self, asset: AssetIndex) -> Option<Balance> {
        let place = self.place(asset).ok()?;
        self.balances.get(place).map(|(_, balance)| *balance)
    }

    fn place(&self, asset: AssetIndex) -> Result<usize, usize> {
        self.balances.binary_search_by_key(&asset, |(key, _)| *key)
    }

    fn set_balance(&mut self, asset: AssetIndex, balance: Balance) {
        match self.place(asset) {
            Ok(place) => {
                if let Some(known) = self.balances.get_mut(place) {
                    known.1 = balance;
                }
            }
            Err(place) => self.balances.insert(place, (asset, balance)),
        }
    }
}

impl Accounts {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn look_up(&self, id: &AccountId) -> Option<(AccountIndex, &Account)> {
        let index = *self.by_id.get(id)?;
        Some((index, self.row(index)?))
    }

    pub(super) fn named(&self, id: &AccountId) -> Option<(&AccountId, &Account)> {
        let (id, index) = self.by_id.get_key_value(id)?;
        Some((id, self.row(*index)?))
    }

    /// Every account, sorted by id; the map's own order never leaves this function.
    pub(super) fn sorted(&self) -> Vec<(&AccountId, &Account)> {
        let mut accounts: Vec<_> = self
            .by_id
            .iter()
            .filter_map(|(id, index)| Some((id, self.row(*index)?)))
            .collect();
        accounts.sort_unstable_by_key(|(id, _)| *id);
        accounts
    }

    /// Adds an account that is not there yet. `false` after four billion accounts.
    pub(super) fn open(
        &mut self,
        event: &AccountOpened,
        at: Timestamp,
        revision: Revision,
    ) -> bool {
        let Ok(index) = u32::try_from(self.rows.len()) else {
            return false;
        };
        self.by_id
            .insert(event.account.clone(), AccountIndex(index));
        self.rows.push(Account {
            account_type: event.account_type,
            normal_balance: event.normal_balance,
            assets: event.assets.clone(),
            opened_at: at,
            opened_revision: revision,
            revision,
            terms: Terms {
                name: event.name.clone(),
                status: AccountStatus::Open,
                limits: event.limits.clone(),
                metadata: event.metadata.clone(),
            },
            balances: Vec::new(),
        });
        true
    }

    /// Sets a balance and says what stood before.
    pub(super) fn set_balance(
        &mut self,
        account: AccountIndex,
        asset: AssetIndex,
        balance: Balance,
        revision: Revision,
    ) -> Option<BalanceBefore> {
        let row = self.row_mut(account)?;
        let before = BalanceBefore {
            account,
            asset,
            balance: row.balance(asset),
            revision: row.revision,
        };
        row.set_balance(asset, balance);
        row.revision = revision;
        Some(before)
    }

    /// Takes back [`Self::set_balance`].
    pub(super) fn restore_balance(&mut self, before: BalanceBefore) {
        let Some(row) = self.row_mut(before.account) else {
            return;
        };
        row.revision = before.revision;
        match before.balance {
            Some(balance) => row.set_balance(before.asset, balance),
            None => row.balances.retain(|(asset, _)| *asset != before.asset),
        }
    }

    /// Sets the terms and says what stood before.
    pub(super) fn set_terms(
        &mut self,
        account: AccountIndex,
        terms: Terms,
        revision: Revision,
    ) -> Option<TermsBefore> {
        let row = self.row_mut(account)?;
        let before = TermsBefore {
            account,
            terms: std::mem::replace(&mut row.terms, terms),
            revision: row.revision,
        };
        row.revision = revision;
        Some(before)
    }

    /// Takes back [`Self::set_terms`].
    pub(super) fn restore_terms(&mut self, before: TermsBefore) {
        if let Some(row) = self.row_mut(before.account) {
            row.terms = before.terms;
            row.revision = before.revision;
        }
    }

    /// Takes back the last [`Self::open`].
    pub(super) fn forget(&mut self, id: &AccountId) {
        self.by_id.remove(id);
        self.rows.pop();
    }

    fn row(&self, index: AccountIndex) -> Option<&Account> {
        self.rows.get(index.place())
    }

    fn row_mut(&mut self, index: AccountIndex) -> Option<&mut Account> {
        self.rows.get_mut(index.place())
    }
}

/// An account as others see it.
#[derive(Debug, Clone, Copy)]
pub struct AccountView<'a> {
    /// Its id.
    pub account: &'a AccountId,
    /// What it is in the books.
    pub account_type: AccountType,
    /// The side that increases it.
    pub normal_balance: Side,
    /// A name for people.
    pub name: Option<&'a Name>,
    /// What it lets happen.
    pub status: AccountStatus,
    /// The only assets it may hold; any if absent.
    pub assets: Option<&'a BTreeSet<AssetCode>>,
    /// Its limits.
    pub limits: &'a Limits,
    /// The client's own pairs.
    pub metadata: &'a Metadata,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The revision that opened it.
    pub opened_revision: Revision,
    /// The last revision that changed it or one of its balances.
    pub revision: Revision,
    balances: &'a [(AssetIndex, Balance)],
    codes: &'a Assets,
}

impl<'a> AccountView<'a> {
    pub(super) fn new(id: &'a AccountId, account: &'a Account, codes: &'a Assets) -> Self {
        Self {
            account: id,
            account_type: account.account_type,
            normal_balance: account.normal_balance,
            name: account.terms.name.as_ref(),
            status: account.terms.status,
            assets: account.assets.as_ref(),
            limits: &account.terms.limits,
            metadata: &account.terms.metadata,
            opened_at: account.opened_at,
            opened_revision: account.opened_revision,
            revision: account.revision,
            balances: &account.balances,
            codes,
        }
    }

    /// Every asset that ever had an entry or hold, with its balance, in code order.
    pub fn balances(&self) -> impl Iterator<Item = (&'a AssetCode, Balance)> + use<'a> {
        let mut balances: Vec<_> = self
            .balances
            .iter()
            .filter_map(|(asset, balance)| Some((self.codes.code_of(*asset)?, *balance)))
            .collect();
        balances.sort_unstable_by_key(|(asset, _)| *asset);
        balances.into_iter()
    }

    /// The balance of one asset; zero if it never had an entry.
    pub fn balance(&self, asset: &AssetCode) -> Balance {
        self.codes
            .index_of(asset)
            .and_then(|index| {
                let place = self.balances.binary_search_by_key(&index, |(key, _)| *key);
                self.balances.get(place.ok()?)
            })
            .map(|(_, balance)| *balance)
            .unwrap_or_default()
    }

    /// The first asset, in code order, of which it has a balance or something pending.
    pub(crate) fn first_not_empty(&self) -> Option<(&'a AssetCode, Balance)> {
        self.balances().find(|(_, balance)| !balance.is_empty())
    }

    /// The account as an event about it stores it.
    pub(crate) fn after(&self) -> AccountAfter {
        AccountAfter {
            account_type: self.account_type,
            normal_balance: self.normal_balance,
            name: self.name.cloned(),
            status: self.status,
            assets: self.assets.cloned(),
            limits: self.limits.clone(),
            metadata: self.metadata.clone(),
            opened_at: self.opened_at,
            balances: self
                .balances()
                .map(|(asset, balance)| (asset.clone(), balance.turnover()))
                .collect(),
        }
    }
}
