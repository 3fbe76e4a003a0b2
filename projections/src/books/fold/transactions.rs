//! The transactions that a batch records or changes, and what they were.

use std::collections::BTreeMap;

use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::ids::{Revision, TransactionId};
use daybook_events::metadata::Metadata;
use rustc_hash::FxHashMap;

use crate::books::decode::{Decoded, corrupt};
use crate::books::rows::{
    Delta, Prior, Source, TransactionChange, TransactionHistoryRow, TransactionKey, TransactionRow,
};
use crate::books::{Corrupt, Rule};

pub(super) struct Transactions<'a> {
    prior: &'a Prior<'a>,
    rows: Vec<TransactionRow<'a>>,
    changes: BTreeMap<TransactionKey<'a>, TransactionChange<'a>>,
    history: Vec<TransactionHistoryRow<'a>>,
    /// Where the first `indexed` of `rows` stand. Only a change of pairs asks for it, so that plain
    /// transactions need not pay for it.
    index: FxHashMap<TransactionKey<'a>, usize>,
    indexed: usize,
}

impl<'a> Transactions<'a> {
    pub(super) fn new(prior: &'a Prior<'a>) -> Self {
        Self {
            prior,
            rows: Vec::new(),
            changes: BTreeMap::new(),
            history: Vec::new(),
            index: FxHashMap::default(),
            indexed: 0,
        }
    }

    pub(super) fn add(
        &mut self,
        decoded: &'a Decoded<'a>,
        source: Source<'a>,
        effective: EffectiveLocal,
    ) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let ledger = &recorded.ledger;
        let reverses = match source {
            Source::Posted(posted) => posted.reverses(),
            Source::Held(_) => None,
        };
        if let Some(id) = reverses {
            let change = self.change(TransactionKey { ledger, id });
            if change.reversed_by.replace(recorded).is_some() {
                return Err(corrupt(recorded, Rule::Reversal));
            }
        }
        self.rows.push(TransactionRow {
            key: TransactionKey {
                ledger,
                id: TransactionId::from(recorded.id),
            },
            revision: recorded.revision,
            source,
            effective,
            recorded_at: recorded.recorded_at,
            idempotency_key: decoded.key.as_ref(),
            entries_json: decoded.entries_json,
        });
        Ok(())
    }

    /// Changes a transaction's pairs. The first change ever also notes those it was recorded with.
    pub(super) fn set_metadata(
        &mut self,
        decoded: &'a Decoded<'a>,
        key: TransactionKey<'a>,
        metadata: &'a Metadata,
    ) -> Result<(), Box<Corrupt>> {
        let revision = decoded.recorded.revision;
        let (recorded, unchanged) = self
            .recorded(key)
            .ok_or_else(|| corrupt(decoded.recorded, Rule::Transaction { id: key.id }))?;
        let before = self.change(key).metadata.replace((metadata, revision));
        if let (None, Some(metadata)) = (before, unchanged) {
            self.history.push(TransactionHistoryRow {
                ledger: key.ledger,
                transaction_revision: recorded,
                revision: recorded,
                metadata,
            });
        }
        self.history.push(TransactionHistoryRow {
            ledger: key.ledger,
            transaction_revision: recorded,
            revision,
            metadata,
        });
        Ok(())
    }

    /// The revision that recorded a transaction, and the pairs it was recorded with if no earlier
    /// batch has changed them.
    fn recorded(&mut self, key: TransactionKey<'a>) -> Option<(Revision, Option<&'a Metadata>)> {
        if let Some(before) = self.prior.transactions.get(&key) {
            let unchanged = (!before.is_changed).then_some(&before.metadata);
            return Some((before.revision, unchanged));
        }
        let unindexed = self.rows.iter().enumerate().skip(self.indexed);
        self.index
            .extend(unindexed.map(|(index, row)| (row.key, index)));
        self.indexed = self.rows.len();
        let row = self.rows.get(*self.index.get(&key)?)?;
        Some((row.revision, Some(row.source.facts().metadata)))
    }

    fn change(&mut self, key: TransactionKey<'a>) -> &mut TransactionChange<'a> {
        self.changes.entry(key).or_insert(TransactionChange {
            key,
            metadata: None,
            reversed_by: None,
        })
    }

    pub(super) fn finish(self, delta: &mut Delta<'a>) {
        delta.transactions = self.rows;
        delta.transaction_changes = self.changes.into_values().collect();
        delta.transaction_history = self.history;
    }
}
