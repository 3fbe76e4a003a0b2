//! The rows, as a database would hold them, and the fold over batches.

use std::collections::BTreeMap;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::Turnover;
use daybook_events::ids::{AccountId, AssetCode, EventId, LedgerId, Revision, TransactionId};
use daybook_events::money::Side;
use rustc_hash::FxHashMap;

use super::writer::ASSETS;
use crate::books::fold::fold;
use crate::books::rows::{
    AccountKey, BalanceKey, Delta, LedgerState, Prior, PriorAccount, PriorBalance, PriorHold,
    PriorTransaction, TransactionKey,
};
use crate::books::{Corrupt, decode};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) ledgers: BTreeMap<LedgerId, (LedgerState, String)>,
    pub(super) accounts: BTreeMap<(LedgerId, AccountId), (PriorAccount, Side)>,
    pub(super) balances: BTreeMap<(LedgerId, AccountId, AssetCode), (Turnover, Revision)>,
    pub(super) transactions: BTreeMap<(LedgerId, TransactionId), Transaction>,
    pub(super) holds: BTreeMap<(LedgerId, TransactionId), (PriorHold, String)>,
    /// What is only ever added.
    pub(super) added: Vec<String>,
    /// Every asset that an entry may be of.
    assets: Vec<AssetCode>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) prior: PriorTransaction,
    pub(super) status: &'static str,
    pub(super) reversed_by: Option<EventId>,
}

impl Rows {
    pub(super) fn prior(&self) -> Prior<'_> {
        let account = |(ledger, account)| AccountKey { ledger, account };
        let transaction = |(ledger, id)| TransactionKey { ledger, id };
        let ledgers = self.ledgers.iter();
        let accounts = self
            .accounts
            .iter()
            .map(|((l, a), row)| (account((l, a)), row.0.clone()));
        let open = self
            .holds
            .iter()
            .filter(|((l, id), _)| self.transactions[&(l.clone(), *id)].status == "pending");
        Prior {
            ledgers: ledgers.map(|(id, (state, _))| (id, *state)).collect(),
            accounts: accounts.collect(),
            balances: self.prior_balances(),
            transactions: self
                .transactions
                .iter()
                .map(|((l, id), row)| (transaction((l, *id)), row.prior.clone()))
                .collect(),
            holds: open
                .map(|((l, id), row)| (transaction((l, *id)), row.0.clone()))
                .collect(),
        }
    }

    /// As the statement that reads them does: of every account, whether it was moved or not.
    fn prior_balances(&self) -> FxHashMap<BalanceKey<'_>, PriorBalance> {
        let mut balances = FxHashMap::default();
        for ((ledger, account), (_, normal)) in &self.accounts {
            for asset in &self.assets {
                let key = (ledger.clone(), account.clone(), asset.clone());
                let turnover = self.balances.get(&key).map(|row| row.0);
                let key = BalanceKey {
                    ledger,
                    account,
                    asset,
                };
                let normal = *normal;
                balances.insert(key, PriorBalance { normal, turnover });
            }
        }
        balances
    }

    fn take(&mut self, delta: &Delta<'_>) {
        for row in &delta.ledgers {
            let known = self.ledgers.entry(row.ledger.clone());
            let known = known.or_insert((row.state, String::new()));
            known.0 = row.state;
            if let Some(values) = row.values {
                known.1 = format!("{values:?}");
            }
        }
        for row in &delta.balances {
            let BalanceKey {
                ledger,
                account,
                asset,
            } = row.key;
            let key = (ledger.clone(), account.clone(), asset.clone());
            self.balances.insert(key, (row.turnover, row.revision));
        }
        self.take_accounts(delta);
        self.take_transactions(delta);
        self.added
            .extend(delta.entries.iter().map(|row| format!("{row:?}")));
        self.added
            .extend(delta.account_history.iter().map(|row| format!("{row:?}")));
        let history = &delta.transaction_history;
        self.added
            .extend(history.iter().map(|row| format!("{row:?}")));
        self.added.sort();
    }

    fn take_accounts(&mut self, delta: &Delta<'_>) {
        for row in &delta.accounts {
            let key = (row.key.ledger.clone(), row.key.account.clone());
            let normal = match row.opened {
                Some((opened, _)) => opened.normal_balance,
                None => self.accounts[&key].1,
            };
            let prior = PriorAccount {
                opened_revision: row.opened_revision,
                revision: row.revision,
                name: row.values.name.cloned(),
                status: row.values.status,
                limits: row.values.limits.clone(),
                metadata: row.values.metadata.clone(),
                assets: Vec::new(),
            };
            self.accounts.insert(key, (prior, normal));
        }
        // As the statement that reads them does.
        for ((ledger, account), (row, _)) in &mut self.accounts {
            let of_account =
                |(l, a, _): &&(LedgerId, AccountId, AssetCode)| (l, a) == (&*ledger, &*account);
            let keys = self.balances.keys().filter(of_account);
            row.assets = keys.map(|key| key.2.clone()).collect();
        }
    }

    fn take_transactions(&mut self, delta: &Delta<'_>) {
        for row in &delta.transactions {
            let key = (row.key.ledger.clone(), row.key.id);
            let facts = row.source.facts();
            let transaction = Transaction {
                prior: PriorTransaction {
                    revision: row.revision,
                    metadata: facts.metadata.clone(),
                    is_changed: false,
                },
                status: "posted",
                reversed_by: None,
            };
            self.transactions.insert(key, transaction);
            self.added.push(format!("{row:?}"));
        }
        for row in &delta.holds {
            let key = (row.key.ledger.clone(), row.key.id);
            let prior = PriorHold {
                effective: row.effective,
                expires_at: row.expires_at,
                remaining: row.remaining.clone(),
            };
            self.transactions.get_mut(&key).unwrap().status = row.status().as_str();
            let ended = format!("{} {:?}", row.status().as_str(), row.ended);
            self.holds.insert(key, (prior, ended));
        }
        for change in &delta.transaction_changes {
            let key = (change.key.ledger.clone(), change.key.id);
            let row = self.transactions.get_mut(&key).unwrap();
            if let Some((metadata, _)) = change.metadata {
                row.prior.metadata = metadata.clone();
                row.prior.is_changed = true;
            }
            if let Some(event) = change.reversed_by {
                row.reversed_by = Some(event.id);
            }
        }
    }
}

/// Folds a history in batches that end at the cuts, or where the command that is cut ends.
pub(super) fn fold_in_parts(events: &[RecordedEvent], cuts: &[usize]) -> Rows {
    try_fold(events, cuts).unwrap()
}

/// The same, of a history that may break a law.
pub(super) fn try_fold(events: &[RecordedEvent], cuts: &[usize]) -> Result<Rows, Box<Corrupt>> {
    let is_whole = |cut: &usize| {
        cut.checked_sub(1)
            .is_none_or(|last| !events[last].parsed_meta().unwrap().more())
    };
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (events.len() + 1)).collect();
    cuts.extend([0, events.len()]);
    for cut in &mut cuts {
        *cut = (*cut..=events.len()).find(is_whole).unwrap();
    }
    cuts.sort_unstable();
    let mut rows = Rows {
        assets: ASSETS.map(|asset| AssetCode::parse(asset).unwrap()).into(),
        ..Rows::default()
    };
    for range in cuts.windows(2) {
        let decoded = decode::all(&events[range[0]..range[1]]).unwrap();
        let mut next = rows.clone();
        next.take(&fold(&rows.prior(), &decoded)?);
        rows = next;
    }
    Ok(rows)
}
