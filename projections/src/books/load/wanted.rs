//! Which rows a batch builds on.

use daybook_events::event::{AccountAfter, Entry, Event, MetadataOf};
use daybook_events::ids::{AccountId, LedgerId};

use crate::books::decode::Decoded;
use crate::books::rows::{AccountKey, BalanceKey, TransactionKey};

/// Keys, each once, in order.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    pub(super) ledgers: Vec<&'a LedgerId>,
    pub(super) balances: Vec<BalanceKey<'a>>,
    /// Those that are changed.
    pub(super) accounts: Vec<AccountKey<'a>>,
    /// Those whose pairs are changed.
    pub(super) transactions: Vec<TransactionKey<'a>>,
    /// Those that are captured or ended.
    pub(super) holds: Vec<TransactionKey<'a>>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(events: &'a [Decoded<'a>]) -> Self {
        let mut wanted = Self::default();
        for decoded in events {
            wanted.add(&decoded.recorded.ledger, &decoded.event);
        }
        sort(&mut wanted.ledgers);
        sort(&mut wanted.balances);
        sort(&mut wanted.accounts);
        sort(&mut wanted.transactions);
        sort(&mut wanted.holds);
        wanted
    }

    fn add(&mut self, ledger: &'a LedgerId, event: &'a Event) {
        if self.ledgers.last() != Some(&ledger) {
            self.ledgers.push(ledger);
        }
        match event {
            Event::TransactionPosted(posted) => {
                self.add_entries(ledger, &posted.entries);
                let hold = posted.captures();
                self.holds
                    .extend(hold.map(|id| TransactionKey { ledger, id }));
            }
            Event::HoldPlaced(placed) => self.add_entries(ledger, &placed.entries),
            Event::HoldEnded(ended) => {
                self.add_entries(ledger, &ended.released);
                let id = ended.hold;
                self.holds.push(TransactionKey { ledger, id });
            }
            Event::AccountUpdated(updated) => {
                self.add_account(ledger, &updated.account, &updated.after);
            }
            Event::AccountFrozen(change)
            | Event::AccountUnfrozen(change)
            | Event::AccountClosed(change) => {
                self.add_account(ledger, &change.account, &change.after);
            }
            Event::MetadataSet(set) => match &set.of {
                MetadataOf::Account(account) => self.accounts.push(AccountKey { ledger, account }),
                MetadataOf::Transaction(id) => {
                    let id = *id;
                    self.transactions.push(TransactionKey { ledger, id });
                }
            },
            Event::LedgerOpened(_)
            | Event::LedgerUpdated(_)
            | Event::AssetRegistered(_)
            | Event::AccountOpened(_)
            | Event::PeriodClosed(_)
            | Event::PeriodReopened(_)
            | Event::CommandRejected(_) => {}
        }
    }

    fn add_entries(&mut self, ledger: &'a LedgerId, entries: &'a [Entry]) {
        self.balances.extend(entries.iter().map(|entry| BalanceKey {
            ledger,
            account: &entry.account,
            asset: &entry.asset,
        }));
    }

    fn add_account(
        &mut self,
        ledger: &'a LedgerId,
        account: &'a AccountId,
        after: &'a AccountAfter,
    ) {
        self.accounts.push(AccountKey { ledger, account });
        let assets = after.balances.keys();
        self.balances.extend(assets.map(|asset| BalanceKey {
            ledger,
            account,
            asset,
        }));
    }
}

fn sort<T: Ord>(keys: &mut Vec<T>) {
    keys.sort_unstable();
    keys.dedup();
}
