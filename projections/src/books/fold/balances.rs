//! The balances that a batch moves: each stands once, however many entries touch it.

use std::collections::BTreeMap;

use daybook_events::event::{BalanceAfter, Entry, Turnover};
use daybook_events::ids::{AccountId, AssetCode, LedgerId};
use daybook_events::money::{Minor, Side};
use rustc_hash::FxHashMap;

use crate::books::decode::{Decoded, corrupt};
use crate::books::rows::{AccountKey, BalanceKey, BalanceRow, Effect, Prior};
use crate::books::{Corrupt, Rule};

pub(super) struct Balances<'a> {
    prior: &'a Prior<'a>,
    /// Where a balance stands in `moved`.
    index: FxHashMap<BalanceKey<'a>, usize>,
    moved: Vec<Moved<'a>>,
    /// The accounts that this batch opens, with the side that increases each.
    opened: FxHashMap<AccountKey<'a>, Side>,
    /// Of the first `listed` of `moved`: the assets by account. Only an event that says what an
    /// account has asks for it, so that plain transactions need not pay for it.
    by_account: FxHashMap<AccountKey<'a>, Vec<&'a AssetCode>>,
    listed: usize,
}

struct Moved<'a> {
    row: BalanceRow<'a>,
    normal: Side,
}

impl<'a> Balances<'a> {
    pub(super) fn new(prior: &'a Prior<'a>) -> Self {
        Self {
            prior,
            index: FxHashMap::default(),
            moved: Vec::new(),
            opened: FxHashMap::default(),
            by_account: FxHashMap::default(),
            listed: 0,
        }
    }

    /// Notes an account that this batch opens.
    pub(super) fn know(&mut self, ledger: &'a LedgerId, account: &'a AccountId, normal: Side) {
        let key = AccountKey { ledger, account };
        self.opened.insert(key, normal);
    }

    /// Moves the entry's balance; returns where it stands, and its turnover now.
    pub(super) fn take(
        &mut self,
        decoded: &'a Decoded<'a>,
        entry: &'a Entry,
        effect: Effect,
    ) -> Result<(usize, Turnover), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let key = BalanceKey {
            ledger: &recorded.ledger,
            account: &entry.account,
            asset: &entry.asset,
        };
        let index = match self.index.get(&key) {
            Some(index) => *index,
            None => self.add(decoded, key)?,
        };
        let account = || entry.account.to_string();
        let Moved { row, .. } = self.moved.get_mut(index).ok_or_else(|| {
            let account = account();
            corrupt(recorded, Rule::Account { account })
        })?;
        row.turnover = after(row.turnover, entry, effect).ok_or_else(|| {
            let account = account();
            corrupt(recorded, Rule::Bounds { account })
        })?;
        row.revision = recorded.revision;
        Ok((index, row.turnover))
    }

    fn add(&mut self, decoded: &Decoded<'_>, key: BalanceKey<'a>) -> Result<usize, Box<Corrupt>> {
        let BalanceKey {
            ledger, account, ..
        } = key;
        let before = self.prior.balances.get(&key);
        let opened = || self.opened.get(&AccountKey { ledger, account }).copied();
        let normal = before
            .map(|before| before.normal)
            .or_else(opened)
            .ok_or_else(|| {
                let account = account.to_string();
                corrupt(decoded.recorded, Rule::Account { account })
            })?;
        let turnover = before.and_then(|before| before.turnover);
        let index = self.moved.len();
        self.moved.push(Moved {
            row: BalanceRow {
                key,
                turnover: turnover.unwrap_or_default(),
                revision: decoded.recorded.revision,
            },
            normal,
        });
        self.index.insert(key, index);
        Ok(index)
    }

    /// A moved balance as its account shows it; `None` beyond every bound.
    pub(super) fn shown(&self, index: usize) -> Option<BalanceAfter> {
        let Moved { row, normal } = self.moved.get(index)?;
        let Turnover {
            debits,
            credits,
            pending_debits,
            pending_credits,
        } = row.turnover;
        let (posted, pending, reserved) = match normal {
            Side::Debit => (
                debits.checked_sub(credits)?,
                pending_debits.checked_sub(pending_credits)?,
                pending_credits,
            ),
            Side::Credit => (
                credits.checked_sub(debits)?,
                pending_credits.checked_sub(pending_debits)?,
                pending_debits,
            ),
        };
        Some(BalanceAfter {
            posted,
            pending,
            available: posted.checked_sub(reserved)?,
        })
    }

    /// The turnovers that an event says an account has are those that its entries add up to, of
    /// every asset that ever had one (INV-4).
    pub(super) fn check_all(
        &mut self,
        decoded: &Decoded<'_>,
        key: AccountKey<'a>,
        said: &BTreeMap<AssetCode, Turnover>,
    ) -> Result<(), Box<Corrupt>> {
        self.list_by_account();
        let AccountKey { ledger, account } = key;
        let is_so = |(asset, said): (&AssetCode, &Turnover)| {
            let key = BalanceKey {
                ledger,
                account,
                asset,
            };
            self.turnover(&key) == Some(*said)
        };
        let before = self.prior.accounts.get(&key);
        let before = before.into_iter().flat_map(|account| &account.assets);
        let moved = self.by_account.get(&key).into_iter().flatten().copied();
        if said.iter().all(is_so) && before.chain(moved).all(|asset| said.contains_key(asset)) {
            return Ok(());
        }
        let account = account.to_string();
        Err(corrupt(decoded.recorded, Rule::Turnovers { account }))
    }

    fn list_by_account(&mut self) {
        for Moved { row, .. } in self.moved.iter().skip(self.listed) {
            let BalanceKey {
                ledger,
                account,
                asset,
            } = row.key;
            let key = AccountKey { ledger, account };
            self.by_account.entry(key).or_default().push(asset);
        }
        self.listed = self.moved.len();
    }

    fn turnover(&self, key: &BalanceKey<'_>) -> Option<Turnover> {
        match self.index.get(key) {
            Some(index) => Some(self.moved.get(*index)?.row.turnover),
            None => self.prior.balances.get(key)?.turnover,
        }
    }

    pub(super) fn finish(self) -> Vec<BalanceRow<'a>> {
        let mut rows: Vec<BalanceRow<'a>> = self.moved.into_iter().map(|moved| moved.row).collect();
        rows.sort_unstable_by_key(|row| row.key);
        rows
    }
}

/// The turnover after an entry; `None` beyond every bound, or where less is pending than is taken.
fn after(turnover: Turnover, entry: &Entry, effect: Effect) -> Option<Turnover> {
    let amount = Minor::from(entry.amount);
    let (posted, pending) = match entry.direction {
        Side::Debit => (turnover.debits, turnover.pending_debits),
        Side::Credit => (turnover.credits, turnover.pending_credits),
    };
    let posted = match effect {
        Effect::Post | Effect::Capture => posted.checked_add(amount)?,
        Effect::Hold | Effect::Release => posted,
    };
    let pending = match effect {
        Effect::Post => pending,
        Effect::Hold => pending.checked_add(amount)?,
        Effect::Capture | Effect::Release => pending
            .checked_sub(amount)
            .filter(|rest| *rest >= Minor::ZERO)?,
    };
    Some(match entry.direction {
        Side::Debit => Turnover {
            debits: posted,
            pending_debits: pending,
            ..turnover
        },
        Side::Credit => Turnover {
            credits: posted,
            pending_credits: pending,
            ..turnover
        },
    })
}
