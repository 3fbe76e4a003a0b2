//! One ledger: its history replayed up to the revision of a snapshot, the views walked beside it.

use std::collections::BTreeMap;

use daybook_domain::{Ledger, evolve};
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountAfter, Entry, Event, HoldEnded, HoldOutcome, MetadataOf, MetadataSet, TransactionFacts,
    TransactionStatus,
};
use daybook_events::ids::{AccountId, LedgerId, Revision, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::problems;
use daybook_store::EventStore;
use sqlx::PgPool;

use super::claims::Claims;
use super::compare::{Comparison, differing};
use super::expected::{self, HOLD_END, HOLD_STATUS, NULL, REVERSED_BY, Row, What};
use super::fold::{Fold, Move};
use super::pairs::{Pairs, changed_pairs};
use super::reach::check_reach;
use super::report::{Kind, Report};
use super::{AuditError, CHUNK};
use crate::read_model::audit::{LEDGER_COLUMNS, LedgerRow, audit_snapshot};
use crate::read_model::audit_tables::{
    ACCOUNT_HISTORY, ACCOUNTS, ASSETS, BALANCES, ENTRIES, HOLDS, TRANSACTION_HISTORY, TRANSACTIONS,
    Table,
};
use crate::read_model::{Snapshot, ViewError};

/// Replays a ledger and compares its rows. `last` is its last revision when the audit began.
pub(super) async fn ledger(
    store: &dyn EventStore,
    pool: &PgPool,
    (ledger, last): (&LedgerId, Revision),
    report: &mut Report,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<(), AuditError> {
    let mut snapshot = audit_snapshot(pool).await?;
    let own = snapshot.ledger_row(ledger).await?;
    let to = match &own {
        Some(row) => row.revision,
        // Then every one of its rows is missing, and is counted.
        None => last.get(),
    };
    check_reach(store, (ledger, last), own.as_ref(), report).await?;
    if own.is_none() && !report.complete {
        // Not projected yet: that its rows are missing says nothing.
        return Ok(snapshot.close().await?);
    }
    let pairs = changed_pairs(store, ledger, to).await?;
    let mut replay = Replay::begin(&mut snapshot, ledger, pairs).await?;
    let mut next = Revision::new(0);
    while next.get() <= to {
        let events = store.read_ledger(ledger, next, CHUNK).await?;
        if events.is_empty() {
            break;
        }
        for recorded in events.iter().take_while(|event| event.revision.get() <= to) {
            next = next.plus(1);
            report.events += 1;
            let event = match replay.apply(recorded) {
                Ok(event) => event,
                Err(what) => {
                    let key = format!("at revision {}", recorded.revision);
                    report.differ(Kind::History, Some(ledger), key, what);
                    // What follows a broken history says nothing about the views.
                    return Ok(snapshot.close().await?);
                }
            };
            let at = (&mut snapshot, &mut *report);
            replay.compare(at, recorded, &event).await?;
        }
        told(report.events);
        if events.last().is_some_and(|event| event.revision.get() > to) {
            break;
        }
    }
    replay
        .finish(&mut snapshot, own.as_ref(), store, report)
        .await?;
    Ok(snapshot.close().await?)
}

struct Replay<'a> {
    ledger: &'a LedgerId,
    state: Ledger,
    fold: Fold,
    pairs: Pairs,
    transactions: Comparison<'a>,
    transaction_history: Comparison<'a>,
    entries: Comparison<'a>,
    holds: Comparison<'a>,
    /// What rows say they were reversed by, until the reversal is met.
    reversals: Claims<'a>,
    /// What transactions' rows say of the status of a hold, until it ends.
    statuses: Claims<'a>,
    /// What holds' rows say of how they stand, until they end.
    ends: Claims<'a>,
    assets: BTreeMap<String, Row>,
    account_history: BTreeMap<(Revision, AccountId), Row>,
}

impl<'a> Replay<'a> {
    async fn begin(
        snapshot: &mut Snapshot,
        ledger: &'a LedgerId,
        pairs: Pairs,
    ) -> Result<Self, ViewError> {
        let mut begin = async |kind, table| Comparison::begin(snapshot, ledger, kind, table).await;
        Ok(Self {
            ledger,
            state: Ledger::new(ledger.clone()),
            fold: Fold::default(),
            pairs,
            transactions: begin(Kind::Transaction, &TRANSACTIONS).await?,
            transaction_history: begin(Kind::TransactionHistory, &TRANSACTION_HISTORY).await?,
            entries: begin(Kind::Entry, &ENTRIES).await?,
            holds: begin(Kind::Hold, &HOLDS).await?,
            reversals: Claims::new(Kind::Transaction, ledger, REVERSED_BY),
            statuses: Claims::new(Kind::Transaction, ledger, HOLD_STATUS),
            ends: Claims::new(Kind::Hold, ledger, HOLD_END),
            assets: BTreeMap::new(),
            account_history: BTreeMap::new(),
        })
    }

    /// Folds the event; the error says in words what is wrong with the history.
    fn apply(&mut self, recorded: &RecordedEvent) -> Result<Event, String> {
        let event = recorded.event().map_err(|error| error.to_string())?;
        evolve(&mut self.state, recorded.into(), &event).map_err(|corrupt| corrupt.to_string())?;
        Ok(event)
    }

    /// Folds the event that was just replayed once more, and compares the rows that it made.
    async fn compare(
        &mut self,
        at: (&mut Snapshot, &mut Report),
        recorded: &RecordedEvent,
        event: &Event,
    ) -> Result<(), ViewError> {
        match event {
            Event::LedgerOpened(event) => self.fold.opened(recorded, event),
            Event::LedgerUpdated(event) => self.fold.changed(&event.after),
            Event::PeriodClosed(event) => self.fold.changed(&event.after),
            Event::PeriodReopened(event) => self.fold.changed(&event.after),
            Event::AssetRegistered(event) => {
                let row = expected::asset(recorded, event);
                self.assets.insert(event.asset.as_str().to_owned(), row);
            }
            Event::AccountOpened(event) => self.fold.open_account(recorded, event),
            Event::AccountUpdated(event) => {
                self.account(recorded, &event.account, Some(&event.after), None);
            }
            Event::AccountFrozen(event)
            | Event::AccountUnfrozen(event)
            | Event::AccountClosed(event) => {
                self.account(recorded, &event.account, Some(&event.after), None);
            }
            Event::MetadataSet(MetadataSet { of, metadata }) => match of {
                MetadataOf::Account(account) => {
                    self.account(recorded, account, None, Some(metadata));
                }
                // The rows are compared with the transaction itself.
                MetadataOf::Transaction(id) => self.fold.set_pairs(*id, metadata),
            },
            Event::TransactionPosted(event) => {
                let (what, facts) = (What::Posted(event), event.facts());
                self.transaction(at, recorded, what, &facts).await?;
            }
            Event::HoldPlaced(event) => {
                let (what, facts) = (What::Hold(event), event.facts());
                self.transaction(at, recorded, what, &facts).await?;
            }
            Event::HoldEnded(event) => self.end_hold(at, recorded, event).await?,
            // Moves the ledger's revision alone.
            Event::CommandRejected(event) => {
                if problems::find(event.status, &event.code).is_none() {
                    let (status, code) = (event.status, &event.code);
                    let what = format!("rejects with {status} {code}, which is no known problem");
                    self.history(at.1, recorded, what);
                }
            }
        }
        Ok(())
    }

    /// An account changed: what stood before has a row from the first change on.
    fn account(
        &mut self,
        recorded: &RecordedEvent,
        account: &AccountId,
        after: Option<&AccountAfter>,
        metadata: Option<&Metadata>,
    ) {
        self.keep_history(account);
        let revision = recorded.revision;
        if let Some(after) = after {
            self.fold.change_account(revision, account, after);
        }
        if let Some(metadata) = metadata {
            self.fold.set_metadata(revision, account, metadata);
        }
        self.keep_history(account);
    }

    fn keep_history(&mut self, account: &AccountId) {
        if let Some(facts) = self.fold.accounts.get(account) {
            let row = expected::account_history(account, facts.revision, &facts.values);
            self.account_history
                .insert((facts.revision, account.clone()), row);
        }
    }

    async fn transaction(
        &mut self,
        (snapshot, report): (&mut Snapshot, &mut Report),
        recorded: &RecordedEvent,
        what: What<'_>,
        facts: &TransactionFacts<'_>,
    ) -> Result<(), ViewError> {
        let id = TransactionId::from(recorded.id);
        self.fold.count_transaction();
        let changes = self.pairs.remove(&id).unwrap_or_default();
        let meta = recorded.parsed_meta()?;
        let key = meta.key.as_ref();
        let row = expected::transaction(recorded, (what, facts), key, changes.last());
        let said = self.transactions.expect(snapshot, report, row).await?;
        if !changes.is_empty() {
            let at = recorded.revision;
            for row in expected::transaction_history(at, facts.metadata, &changes) {
                self.transaction_history
                    .expect(snapshot, report, row)
                    .await?;
            }
        }
        let effective = facts.effective(recorded.recorded_at);
        let how = match what {
            What::Posted(posted) => {
                // Nearly no row was reversed, and nothing is kept of those that say so.
                self.reversals
                    .hear(id, said.filter(|cells| *cells != [NULL]));
                if let Some(target) = posted.reverses() {
                    let by = [expected::text(recorded.id)];
                    self.reversals.settle_or(report, target, &by, &[NULL]);
                }
                match posted.captures() {
                    Some(hold) => {
                        self.fold.take(hold, facts.entries);
                        Move::Capture
                    }
                    None => Move::Post,
                }
            }
            What::Hold(hold) => {
                self.statuses.hear(id, said);
                let row = expected::hold(recorded, hold);
                let said = self.holds.expect(snapshot, report, row).await?;
                self.ends.hear(id, said);
                self.fold.reserve(id, effective, facts.entries);
                Move::Hold
            }
        };
        let of = (id, effective, how);
        self.entries((snapshot, report), recorded, of, facts.entries)
            .await
    }

    async fn end_hold(
        &mut self,
        (snapshot, report): (&mut Snapshot, &mut Report),
        recorded: &RecordedEvent,
        event: &HoldEnded,
    ) -> Result<(), ViewError> {
        let status = [expected::text(event.outcome.status().as_str())];
        self.statuses.settle(report, event.hold, &status);
        let end = expected::ended_hold(recorded, event);
        self.ends.settle(report, event.hold, &end);
        // `evolve` has refused the end of what is no open hold.
        let Some((effective, changed)) = self.fold.end(event.hold) else {
            return Ok(());
        };
        // An expiry answers nobody.
        let pairs = changed.filter(|_| event.outcome != HoldOutcome::Expired);
        if event.metadata != pairs {
            let json = |pairs| serde_json::to_string(pairs).unwrap_or_default();
            let (says, by_replay) = (json(&event.metadata), json(&pairs));
            let what = format!("ends a hold with metadata {says}, {by_replay} by replay");
            self.history(report, recorded, what);
        }
        let of = (event.hold, effective, Move::Release);
        self.entries((snapshot, report), recorded, of, &event.released)
            .await
    }

    /// An event says what does not follow from those before it.
    fn history(&self, report: &mut Report, recorded: &RecordedEvent, what: String) {
        let key = format!("at revision {}", recorded.revision);
        report.differ(Kind::History, Some(self.ledger), key, what);
    }

    async fn entries(
        &mut self,
        (snapshot, report): (&mut Snapshot, &mut Report),
        recorded: &RecordedEvent,
        of: (TransactionId, EffectiveLocal, Move),
        entries: &[Entry],
    ) -> Result<(), ViewError> {
        for (index, entry) in (0_u64..).zip(entries) {
            // `evolve` has refused what is beyond the bounds.
            if let Some(after) = self.fold.add(recorded.revision, entry, of.2) {
                let row = expected::entry(recorded, of, (index, entry), after);
                self.entries.expect(snapshot, report, row).await?;
            }
        }
        Ok(())
    }

    async fn finish(
        mut self,
        snapshot: &mut Snapshot,
        own: Option<&LedgerRow>,
        store: &dyn EventStore,
        report: &mut Report,
    ) -> Result<(), AuditError> {
        for hold in self.fold.open() {
            let cells = expected::open_hold(self.fold.remaining(hold));
            self.ends.settle(report, hold, &cells);
        }
        let pending = [expected::text(TransactionStatus::Pending.as_str())];
        self.statuses.end(report, &pending);
        self.reversals.end(report, &[NULL]);
        for comparison in [
            self.transactions,
            self.transaction_history,
            self.entries,
            self.holds,
        ] {
            comparison.end(snapshot, report).await?;
        }
        let ledger = self.ledger;
        let assets = self.assets.into_values();
        whole((snapshot, report), ledger, (Kind::Asset, &ASSETS), assets).await?;
        let history = self.account_history.into_values();
        let table = (Kind::AccountHistory, &ACCOUNT_HISTORY);
        whole((snapshot, report), ledger, table, history).await?;
        let accounts = self.fold.accounts.iter();
        let accounts = accounts.map(|(id, facts)| expected::account(id, facts));
        let table = (Kind::Account, &ACCOUNTS);
        whole((snapshot, report), ledger, table, accounts).await?;
        let fold = &self.fold;
        let balances = self.state.accounts().flat_map(|account| {
            account.balances().map(move |(asset, balance)| {
                let touched = fold.touched(account.account, asset);
                expected::balance(&account, (asset, balance), touched)
            })
        });
        let table = (Kind::Balance, &BALANCES);
        whole((snapshot, report), ledger, table, balances).await?;
        if let (Some(own), Some(facts)) = (own, &self.fold.ledger) {
            report.compare(Kind::Ledger);
            let generation = store.head().await?.generation;
            let last = self.state.last_recorded_at();
            let cells = expected::ledger(facts, last, generation);
            if let Some(what) = differing(LEDGER_COLUMNS, &cells, &own.cells) {
                report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
            }
        }
        Ok(())
    }
}

/// Compares a table that is known as a whole.
async fn whole(
    (snapshot, report): (&mut Snapshot, &mut Report),
    ledger: &LedgerId,
    (kind, table): (Kind, &'static Table),
    rows: impl Iterator<Item = Row>,
) -> Result<(), ViewError> {
    let mut comparison = Comparison::begin(snapshot, ledger, kind, table).await?;
    for row in rows {
        comparison.expect(snapshot, report, row).await?;
    }
    comparison.end(snapshot, report).await
}
