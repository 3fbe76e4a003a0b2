//! The fold: prior rows and events give a delta. Pure, and checked: an event that breaks a law of
//! the books is refused before anything is written (INV-1, INV-4, INV-8).

mod accounts;
mod balances;
mod holds;
mod ledgers;
mod transactions;

use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountAfter, AccountStatus, Entry, Event, HoldEnded, MetadataOf, MetadataSet,
};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::Side;

use accounts::Accounts;
use balances::Balances;
use holds::Holds;
use ledgers::Ledgers;
use transactions::Transactions;

use super::decode::{Decoded, corrupt};
use super::rows::{
    AccountKey, AccountValues, AssetRow, Delta, Effect, EntryRow, Prior, Source, TransactionKey,
};
use super::{Corrupt, Rule};

/// Folds events, in order, into what they do to the rows. Deltas are per key: a balance that a
/// thousand events touch is one row.
pub(super) fn fold<'a>(
    prior: &'a Prior<'a>,
    events: &'a [Decoded<'a>],
) -> Result<Delta<'a>, Box<Corrupt>> {
    let mut fold = Fold {
        ledgers: Ledgers::new(prior),
        accounts: Accounts::new(prior),
        balances: Balances::new(prior),
        transactions: Transactions::new(prior),
        holds: Holds::new(prior),
        assets: Vec::new(),
        entries: Vec::new(),
        touched: Vec::new(),
    };
    for decoded in events {
        fold.take(decoded)?;
    }
    fold.finish()
}

struct Fold<'a> {
    ledgers: Ledgers<'a>,
    accounts: Accounts<'a>,
    balances: Balances<'a>,
    transactions: Transactions<'a>,
    holds: Holds<'a>,
    assets: Vec<AssetRow<'a>>,
    entries: Vec<EntryRow<'a>>,
    /// The balances that an event's entries touched; kept for its memory.
    touched: Vec<usize>,
}

impl<'a> Fold<'a> {
    fn take(&mut self, decoded: &'a Decoded<'a>) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let ledger = self.ledgers.next(decoded)?;
        self.holds.check_capture_due(decoded)?;
        match &decoded.event {
            Event::LedgerOpened(opened) => ledger.open(opened, recorded.recorded_at),
            Event::LedgerUpdated(updated) => ledger.update(decoded, &updated.after)?,
            Event::PeriodClosed(closed) => ledger.close_period(decoded, closed)?,
            Event::PeriodReopened(reopened) => ledger.reopen_period(decoded, reopened)?,
            Event::AssetRegistered(registered) => self.assets.push(AssetRow {
                ledger: &recorded.ledger,
                revision: recorded.revision,
                registered,
            }),
            Event::AccountOpened(opened) => {
                ledger.state.accounts += 1;
                self.accounts.open(decoded, opened)?;
                self.balances
                    .know(&recorded.ledger, &opened.account, opened.normal_balance);
            }
            Event::AccountUpdated(updated) => {
                self.change_account(decoded, &updated.account, &updated.after, None)?;
            }
            Event::AccountFrozen(change) => {
                let status = Some(AccountStatus::Frozen);
                self.change_account(decoded, &change.account, &change.after, status)?;
            }
            Event::AccountUnfrozen(change) => {
                let status = Some(AccountStatus::Open);
                self.change_account(decoded, &change.account, &change.after, status)?;
            }
            Event::AccountClosed(change) => {
                let status = Some(AccountStatus::Closed);
                self.change_account(decoded, &change.account, &change.after, status)?;
            }
            Event::TransactionPosted(posted) => {
                ledger.state.transactions += 1;
                let source = Source::Posted(posted);
                let effect = match posted.captures() {
                    Some(hold) => {
                        self.holds.capture(decoded, hold, &posted.entries)?;
                        Effect::Capture
                    }
                    None => Effect::Post,
                };
                self.take_transaction(decoded, source, effect)?;
            }
            Event::HoldPlaced(placed) => {
                ledger.state.transactions += 1;
                let effective =
                    self.take_transaction(decoded, Source::Held(placed), Effect::Hold)?;
                self.holds.place(decoded, placed, effective)?;
            }
            Event::HoldEnded(ended) => self.end_hold(decoded, ended)?,
            Event::MetadataSet(set) => self.set_metadata(decoded, set)?,
            // It changes nothing; that it was there shows in the ledger's revision.
            Event::CommandRejected(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Delta<'a>, Box<Corrupt>> {
        let mut delta = Delta {
            ledgers: self.ledgers.finish(),
            assets: self.assets,
            balances: self.balances.finish(),
            holds: self.holds.finish()?,
            entries: self.entries,
            ..Delta::default()
        };
        self.accounts.finish(&mut delta);
        self.transactions.finish(&mut delta);
        Ok(delta)
    }

    fn change_account(
        &mut self,
        decoded: &'a Decoded<'a>,
        account: &'a AccountId,
        after: &'a AccountAfter,
        status: Option<AccountStatus>,
    ) -> Result<(), Box<Corrupt>> {
        let key = AccountKey {
            ledger: &decoded.recorded.ledger,
            account,
        };
        self.balances.check_all(decoded, key, &after.balances)?;
        self.accounts.check_status(decoded, key, after, status)?;
        self.accounts.change(decoded, key, |_| AccountValues {
            name: after.name.as_ref(),
            status: after.status,
            limits: &after.limits,
            metadata: &after.metadata,
        })
    }

    fn set_metadata(
        &mut self,
        decoded: &'a Decoded<'a>,
        set: &'a MetadataSet,
    ) -> Result<(), Box<Corrupt>> {
        let ledger = &decoded.recorded.ledger;
        match &set.of {
            MetadataOf::Account(account) => {
                let key = AccountKey { ledger, account };
                self.accounts.change(decoded, key, |before| AccountValues {
                    metadata: &set.metadata,
                    ..before
                })
            }
            MetadataOf::Transaction(id) => {
                let key = TransactionKey { ledger, id: *id };
                self.transactions.set_metadata(decoded, key, &set.metadata)
            }
        }
    }

    fn take_transaction(
        &mut self,
        decoded: &'a Decoded<'a>,
        source: Source<'a>,
        effect: Effect,
    ) -> Result<EffectiveLocal, Box<Corrupt>> {
        let facts = source.facts();
        check_balanced(decoded, facts.entries)?;
        let id = TransactionId::from(decoded.recorded.id);
        let effective = facts.effective(decoded.recorded.recorded_at);
        self.take_entries(decoded, facts.entries, (id, effective), effect)?;
        self.transactions.add(decoded, source, effective)?;
        Ok(effective)
    }

    fn end_hold(
        &mut self,
        decoded: &'a Decoded<'a>,
        ended: &'a HoldEnded,
    ) -> Result<(), Box<Corrupt>> {
        let effective = self.holds.end(decoded, ended)?;
        let of = (ended.hold, effective);
        self.take_entries(decoded, &ended.released, of, Effect::Release)
    }

    /// Moves the balances, entry by entry. The balances that the entries carry are those after all
    /// of them (INV-4).
    fn take_entries(
        &mut self,
        decoded: &'a Decoded<'a>,
        entries: &'a [Entry],
        (transaction, effective): (TransactionId, EffectiveLocal),
        effect: Effect,
    ) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        self.touched.clear();
        for (index, entry) in entries.iter().enumerate() {
            let (balance, after) = self.balances.take(decoded, entry, effect)?;
            self.touched.push(balance);
            self.entries.push(EntryRow {
                ledger: &recorded.ledger,
                revision: recorded.revision,
                index,
                transaction,
                effect,
                entry,
                after,
                effective,
                recorded_at: recorded.recorded_at,
            });
        }
        for (index, (entry, balance)) in entries.iter().zip(&self.touched).enumerate() {
            if self.balances.shown(*balance) != Some(entry.balance) {
                return Err(corrupt(recorded, Rule::Balance { index }));
            }
        }
        Ok(())
    }
}

/// Per asset, debits equal credits (INV-1).
fn check_balanced(decoded: &Decoded<'_>, entries: &[Entry]) -> Result<(), Box<Corrupt>> {
    // Nearly every transaction has one asset or two: a short list beats a map.
    let mut sums: Vec<(&AssetCode, Option<i128>)> = Vec::with_capacity(2);
    for entry in entries {
        let signed = match entry.direction {
            Side::Debit => entry.amount.get(),
            Side::Credit => -entry.amount.get(),
        };
        match sums.iter_mut().find(|(asset, _)| *asset == &entry.asset) {
            Some((_, sum)) => *sum = sum.and_then(|sum| sum.checked_add(signed)),
            None => sums.push((&entry.asset, Some(signed))),
        }
    }
    let unbalanced = sums.iter().find(|(_, sum)| *sum != Some(0));
    unbalanced.map_or(Ok(()), |(asset, _)| {
        Err(corrupt(
            decoded.recorded,
            Rule::Unbalanced {
                asset: asset.to_string(),
            },
        ))
    })
}
