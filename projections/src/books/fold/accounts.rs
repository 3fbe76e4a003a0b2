//! The accounts that a batch opens or changes, and what they were.

use daybook_events::event::{AccountAfter, AccountOpened, AccountStatus, Turnover};
use rustc_hash::FxHashMap;

use crate::books::decode::{Decoded, corrupt};
use crate::books::rows::{
    AccountHistoryRow, AccountKey, AccountRow, AccountValues, Delta, Prior, PriorAccount,
};
use crate::books::{Corrupt, Rule};

pub(super) struct Accounts<'a> {
    prior: &'a Prior<'a>,
    rows: FxHashMap<AccountKey<'a>, AccountRow<'a>>,
    history: Vec<AccountHistoryRow<'a>>,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(prior: &'a Prior<'a>) -> Self {
        Self {
            prior,
            rows: FxHashMap::default(),
            history: Vec::new(),
        }
    }

    pub(super) fn open(
        &mut self,
        decoded: &'a Decoded<'a>,
        opened: &'a AccountOpened,
    ) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let key = AccountKey {
            ledger: &recorded.ledger,
            account: &opened.account,
        };
        let row = AccountRow {
            key,
            opened_revision: recorded.revision,
            revision: recorded.revision,
            opened: Some((opened, recorded.recorded_at)),
            values: AccountValues {
                name: opened.name.as_ref(),
                status: AccountStatus::Open,
                limits: &opened.limits,
                metadata: &opened.metadata,
            },
        };
        // One that is in the rows already is refused by their primary key.
        if self.rows.insert(key, row).is_some() {
            return Err(account_rule(decoded, key));
        }
        Ok(())
    }

    /// Changes an account's values. The first change ever also notes what it was opened with.
    pub(super) fn change(
        &mut self,
        decoded: &'a Decoded<'a>,
        key: AccountKey<'a>,
        change: impl FnOnce(AccountValues<'a>) -> AccountValues<'a>,
    ) -> Result<(), Box<Corrupt>> {
        let revision = decoded.recorded.revision;
        let row = row(self.prior, &mut self.rows, decoded, key)?;
        if row.revision == row.opened_revision {
            self.history.push(AccountHistoryRow {
                key,
                revision: row.opened_revision,
                values: row.values,
            });
        }
        row.values = change(row.values);
        row.revision = revision;
        self.history.push(AccountHistoryRow {
            key,
            revision,
            values: row.values,
        });
        Ok(())
    }

    /// Whether an account may get the status that `after` gives it: that of the event, or, where
    /// the event is about something else, the one it has. Closed is for ever, and empty.
    pub(super) fn check_status(
        &mut self,
        decoded: &'a Decoded<'a>,
        key: AccountKey<'a>,
        after: &AccountAfter,
        status: Option<AccountStatus>,
    ) -> Result<(), Box<Corrupt>> {
        let before = row(self.prior, &mut self.rows, decoded, key)?.values.status;
        let is_lawful = match (before, status) {
            (before, None) => after.status == before,
            (AccountStatus::Open, Some(AccountStatus::Frozen))
            | (AccountStatus::Frozen, Some(AccountStatus::Open)) => Some(after.status) == status,
            (AccountStatus::Open | AccountStatus::Frozen, Some(AccountStatus::Closed)) => {
                Some(after.status) == status && after.balances.values().all(is_empty)
            }
            (AccountStatus::Open, Some(AccountStatus::Open))
            | (AccountStatus::Frozen, Some(AccountStatus::Frozen))
            | (AccountStatus::Closed, Some(_)) => false,
        };
        if is_lawful {
            return Ok(());
        }
        let account = key.account.to_string();
        Err(corrupt(decoded.recorded, Rule::Status { account }))
    }

    pub(super) fn finish(self, delta: &mut Delta<'a>) {
        delta.accounts = self.rows.into_values().collect();
        delta.accounts.sort_unstable_by_key(|row| row.key);
        delta.account_history = self.history;
    }
}

/// The account's row, of this batch or of before.
fn row<'r, 'a>(
    prior: &'a Prior<'a>,
    rows: &'r mut FxHashMap<AccountKey<'a>, AccountRow<'a>>,
    decoded: &Decoded<'_>,
    key: AccountKey<'a>,
) -> Result<&'r mut AccountRow<'a>, Box<Corrupt>> {
    use std::collections::hash_map::Entry;
    match rows.entry(key) {
        Entry::Occupied(row) => Ok(row.into_mut()),
        Entry::Vacant(vacant) => {
            let before = prior
                .accounts
                .get(&key)
                .ok_or_else(|| account_rule(decoded, key))?;
            Ok(vacant.insert(AccountRow {
                key,
                opened_revision: before.opened_revision,
                revision: before.revision,
                opened: None,
                values: values(before),
            }))
        }
    }
}

fn values(before: &PriorAccount) -> AccountValues<'_> {
    AccountValues {
        name: before.name.as_ref(),
        status: before.status,
        limits: &before.limits,
        metadata: &before.metadata,
    }
}

fn account_rule(decoded: &Decoded<'_>, key: AccountKey<'_>) -> Box<Corrupt> {
    let account = key.account.to_string();
    corrupt(decoded.recorded, Rule::Account { account })
}

fn is_empty(turnover: &Turnover) -> bool {
    turnover.debits == turnover.credits
        && turnover.pending_debits.is_zero()
        && turnover.pending_credits.is_zero()
}
