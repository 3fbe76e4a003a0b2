//! The accounts of a ledger with their balances, interned to small indexes.

use std::collections::BTreeSet;

use daybook_events::event::{AccountOpened, Limits};
use daybook_events::ids::{AccountId, AssetCode, Name, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Timestamp;
use rustc_hash::FxHashMap;

use super::assets::{AssetIndex, Assets};
use super::balance::Balance;
use super::journal::BalanceBefore;

/// An account of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    name: Option<Name>,
    assets: Option<BTreeSet<AssetCode>>,
    limits: Limits,
    metadata: Metadata,
    opened_at: Timestamp,
    opened_revision: Revision,
    revision: Revision,
    /// Sorted by asset index; most accounts have one.
    balances: Vec<(AssetIndex, Balance)>,
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
        &self.limits
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
            name: event.name.clone(),
            assets: event.assets.clone(),
            limits: event.limits.clone(),
            metadata: event.metadata.clone(),
            opened_at: at,
            opened_revision: revision,
            revision,
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
    pub(super) fn restore(&mut self, before: BalanceBefore) {
        let Some(row) = self.row_mut(before.account) else {
            return;
        };
        row.revision = before.revision;
        match before.balance {
            Some(balance) => row.set_balance(before.asset, balance),
            None => row.balances.retain(|(asset, _)| *asset != before.asset),
        }
    }

    /// Takes back the last [`Self::open`].
    pub(super) fn forget(&mut self, id: &AccountId) {
        self.by_id.remove(id);
        self.rows.pop();
    }

    fn row(&self, index: AccountIndex) -> Option<&Account> {
        self.rows.get(usize::try_from(index.0).ok()?)
    }

    fn row_mut(&mut self, index: AccountIndex) -> Option<&mut Account> {
        self.rows.get_mut(usize::try_from(index.0).ok()?)
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
            name: account.name.as_ref(),
            assets: account.assets.as_ref(),
            limits: &account.limits,
            metadata: &account.metadata,
            opened_at: account.opened_at,
            opened_revision: account.opened_revision,
            revision: account.revision,
            balances: &account.balances,
            codes,
        }
    }

    /// Every asset that ever had an entry, with its balance, in code order.
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
}
