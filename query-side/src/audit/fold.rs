//! The audit's own fold: what the events add up to, by plain sums and plain overwriting. Nothing
//! here asks the domain, so that the views are compared with a second opinion.

use std::collections::{BTreeMap, HashMap};

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountAfter, AccountOpened, AccountStatus, Entry, LedgerAfter, LedgerOpened, Turnover,
};
use daybook_events::ids::{AccountId, AssetCode, Revision, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Minor, Side};
use serde::Serialize;

/// What an entry does to a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// It posts.
    Post,
    /// It posts what was pending.
    Capture,
    /// It becomes pending.
    Hold,
    /// It is no longer pending.
    Release,
}

impl Move {
    /// The kind of the entry's row.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Post | Self::Capture => "posted",
            Self::Hold => "held",
            Self::Release => "released",
        }
    }

    const fn posts(self) -> bool {
        matches!(self, Self::Post | Self::Capture)
    }
}

/// An account as its events left it.
#[derive(Debug)]
pub(super) struct AccountFacts {
    pub(super) opened_revision: Revision,
    /// Of its last event.
    pub(super) revision: Revision,
    /// Without balances.
    pub(super) values: AccountAfter,
}

/// What was reserved on one account, and is still.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Remaining {
    account: AccountId,
    direction: Side,
    asset: AssetCode,
    amount: Minor,
}

/// A balance and the last revision that touched it.
type Touched = (Turnover, Revision);

/// The fold of one ledger.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// The ledger itself, its counts included.
    pub(super) ledger: Option<LedgerAfter>,
    pub(super) accounts: BTreeMap<AccountId, AccountFacts>,
    balances: HashMap<(AccountId, AssetCode), Touched>,
    open: HashMap<TransactionId, Open>,
}

/// An open hold.
#[derive(Debug)]
struct Open {
    /// When it counts.
    effective: EffectiveLocal,
    remaining: Vec<Remaining>,
    /// Its pairs, if they were changed since it was placed.
    pairs: Option<Metadata>,
}

impl Fold {
    /// The ledger's first event.
    pub(super) fn opened(&mut self, recorded: &RecordedEvent, event: &LedgerOpened) {
        self.ledger = Some(LedgerAfter {
            name: event.name.clone(),
            time_zone: event.time_zone,
            accounts: 0,
            transactions: 0,
            closed_through: None,
            opened_at: recorded.recorded_at,
            metadata: event.metadata.clone(),
        });
    }

    /// The ledger was changed. Its counts go on as they were counted here.
    pub(super) fn changed(&mut self, after: &LedgerAfter) {
        if let Some(ledger) = &mut self.ledger {
            *ledger = LedgerAfter {
                accounts: ledger.accounts,
                transactions: ledger.transactions,
                ..after.clone()
            };
        }
    }

    /// A transaction was posted or a hold placed.
    pub(super) fn count_transaction(&mut self) {
        if let Some(ledger) = &mut self.ledger {
            ledger.transactions += 1;
        }
    }

    /// An account was opened.
    pub(super) fn open_account(&mut self, recorded: &RecordedEvent, event: &AccountOpened) {
        if let Some(ledger) = &mut self.ledger {
            ledger.accounts += 1;
        }
        let facts = AccountFacts {
            opened_revision: recorded.revision,
            revision: recorded.revision,
            values: AccountAfter {
                account_type: event.account_type,
                normal_balance: event.normal_balance,
                name: event.name.clone(),
                status: AccountStatus::Open,
                assets: event.assets.clone(),
                limits: event.limits.clone(),
                metadata: event.metadata.clone(),
                opened_at: recorded.recorded_at,
                balances: BTreeMap::new(),
            },
        };
        self.accounts.insert(event.account.clone(), facts);
    }

    /// The pairs of an account were changed.
    pub(super) fn set_metadata(
        &mut self,
        revision: Revision,
        account: &AccountId,
        metadata: &Metadata,
    ) {
        if let Some(facts) = self.accounts.get_mut(account) {
            facts.revision = revision;
            facts.values.metadata = metadata.clone();
        }
    }

    /// An account was changed.
    pub(super) fn change_account(
        &mut self,
        revision: Revision,
        account: &AccountId,
        after: &AccountAfter,
    ) {
        if let Some(facts) = self.accounts.get_mut(account) {
            facts.revision = revision;
            facts.values = AccountAfter {
                balances: BTreeMap::new(),
                ..after.clone()
            };
        }
    }

    /// The turnovers after an entry; `None` below zero or beyond 10^36, which a replay has refused.
    pub(super) fn add(
        &mut self,
        revision: Revision,
        entry: &Entry,
        what: Move,
    ) -> Option<Turnover> {
        let key = (entry.account.clone(), entry.asset.clone());
        let (turnover, touched) = self
            .balances
            .entry(key)
            .or_insert_with(|| (Turnover::default(), revision));
        *touched = revision;
        let (posted, pending) = match entry.direction {
            Side::Debit => (&mut turnover.debits, &mut turnover.pending_debits),
            Side::Credit => (&mut turnover.credits, &mut turnover.pending_credits),
        };
        let amount = Minor::from(entry.amount);
        if what.posts() {
            *posted = posted.checked_add(amount)?;
        }
        match what {
            Move::Post => {}
            Move::Hold => *pending = pending.checked_add(amount)?,
            Move::Capture | Move::Release => *pending = at_least_zero(*pending, amount)?,
        }
        Some(*turnover)
    }

    /// The last revision that touched an account's balance of an asset.
    pub(super) fn touched(&self, account: &AccountId, asset: &AssetCode) -> Option<Revision> {
        let (_, revision) = self.balances.get(&(account.clone(), asset.clone()))?;
        Some(*revision)
    }

    /// A hold was placed: its entries remain, added up by account, direction and asset.
    pub(super) fn reserve(
        &mut self,
        hold: TransactionId,
        effective: EffectiveLocal,
        entries: &[Entry],
    ) {
        let mut all = Vec::<Remaining>::new();
        for entry in entries {
            let amount = Minor::from(entry.amount);
            match all.iter_mut().find(|known| known.is_of(entry)) {
                Some(known) => known.amount = known.amount.checked_add(amount).unwrap_or_default(),
                None => all.push(Remaining {
                    account: entry.account.clone(),
                    direction: entry.direction,
                    asset: entry.asset.clone(),
                    amount,
                }),
            }
        }
        let open = Open {
            effective,
            remaining: all,
            pairs: None,
        };
        self.open.insert(hold, open);
    }

    /// The pairs of a transaction were changed; only those of open holds are of interest.
    pub(super) fn set_pairs(&mut self, hold: TransactionId, metadata: &Metadata) {
        if let Some(open) = self.open.get_mut(&hold) {
            open.pairs = Some(metadata.clone());
        }
    }

    /// A part of a hold was captured.
    pub(super) fn take(&mut self, hold: TransactionId, entries: &[Entry]) {
        let Some(Open { remaining: all, .. }) = self.open.get_mut(&hold) else {
            return;
        };
        for entry in entries {
            if let Some(known) = all.iter_mut().find(|known| known.is_of(entry)) {
                let left = at_least_zero(known.amount, entry.amount.into());
                known.amount = left.unwrap_or_default();
            }
        }
        all.retain(|known| !known.amount.is_zero());
    }

    /// A hold ended; gives when it counted, and its pairs if they were changed. What the next event
    /// may still capture of it remains no more.
    pub(super) fn end(
        &mut self,
        hold: TransactionId,
    ) -> Option<(EffectiveLocal, Option<Metadata>)> {
        let open = self.open.remove(&hold)?;
        Some((open.effective, open.pairs))
    }

    /// What remains of an open hold; nothing of one that ended.
    pub(super) fn remaining(&self, hold: TransactionId) -> &[Remaining] {
        self.open.get(&hold).map_or(&[], |open| &open.remaining)
    }

    /// The holds that are still open, by id.
    pub(super) fn open(&self) -> Vec<TransactionId> {
        let mut open: Vec<_> = self.open.keys().copied().collect();
        open.sort_unstable();
        open
    }
}

impl Remaining {
    fn is_of(&self, entry: &Entry) -> bool {
        self.account == entry.account
            && self.direction == entry.direction
            && self.asset == entry.asset
    }
}

fn at_least_zero(from: Minor, amount: Minor) -> Option<Minor> {
    from.checked_sub(amount).filter(|left| *left >= Minor::ZERO)
}
