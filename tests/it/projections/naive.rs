//! What the views must say, folded as simply as can be, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode, EventId, LedgerId, Position, TransactionId};
use daybook_events::money::Side;
use daybook_store::port::EventStore;

/// All events of a store.
pub(crate) async fn all_events(store: &dyn EventStore) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Position::new(0), |last| last.position);
        let page = store.read_all(after, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// What the views must say, one line a row.
pub(crate) async fn expected_rows(store: &dyn EventStore) -> BTreeSet<String> {
    let events = all_events(store).await;
    let mut fold = Fold::default();
    for recorded in &events {
        if let Event::TransactionPosted(posted) = recorded.event().unwrap()
            && let Some(target) = posted.reverses
        {
            fold.reversed_by
                .insert((recorded.ledger.clone(), target), recorded.id);
        }
    }
    for recorded in &events {
        fold.take(recorded);
    }
    fold.rows()
}

#[derive(Default)]
struct Fold {
    rows: BTreeSet<String>,
    /// Revision, accounts, transactions.
    ledgers: BTreeMap<LedgerId, (u64, u64, u64)>,
    /// Debits, credits, revision.
    balances: BTreeMap<(LedgerId, AccountId, AssetCode), (i128, i128, u64)>,
    reversed_by: BTreeMap<(LedgerId, TransactionId), EventId>,
}

impl Fold {
    fn take(&mut self, recorded: &RecordedEvent) {
        let (ledger, revision) = (&recorded.ledger, recorded.revision.get());
        let counts = self.ledgers.entry(ledger.clone()).or_default();
        counts.0 = revision;
        match recorded.event().unwrap() {
            Event::AccountOpened(opened) => {
                counts.1 += 1;
                self.rows
                    .insert(format!("account {ledger} {} {revision}", opened.account));
            }
            Event::TransactionPosted(posted) => {
                counts.2 += 1;
                self.take_entries(recorded, &posted);
                self.take_transaction(recorded, &posted);
            }
            Event::LedgerOpened(_) | Event::AssetRegistered(_) => {}
        }
    }

    fn take_entries(&mut self, recorded: &RecordedEvent, posted: &TransactionPosted) {
        let (ledger, revision) = (&recorded.ledger, recorded.revision.get());
        for (index, entry) in posted.entries.iter().enumerate() {
            let key = (ledger.clone(), entry.account.clone(), entry.asset.clone());
            let turnover = self.balances.entry(key).or_default();
            match entry.direction {
                Side::Debit => turnover.0 += entry.amount.get(),
                Side::Credit => turnover.1 += entry.amount.get(),
            }
            turnover.2 = revision;
            let (id, account, asset) = (recorded.id, &entry.account, &entry.asset);
            let (side, amount) = (entry.direction.as_str(), entry.amount);
            let (debits, credits, _) = turnover;
            self.rows.insert(format!(
                "entry {ledger} {account} {revision} {index} {id} {asset} {side} {amount} \
                 {debits} {credits} {}",
                recorded.recorded_at.micros()
            ));
        }
    }

    fn take_transaction(&mut self, recorded: &RecordedEvent, posted: &TransactionPosted) {
        let (ledger, revision, id) = (&recorded.ledger, recorded.revision, recorded.id);
        let data: serde_json::Value = serde_json::from_slice(&recorded.data).unwrap();
        let reversed_by = self.reversed_by.get(&(ledger.clone(), id.into()));
        let show = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        self.rows.insert(format!(
            "transaction {ledger} {revision} {id} {} {} {} {} {} {} {} {}",
            show(posted.reference.as_ref().map(ToString::to_string)),
            show(
                recorded
                    .parsed_meta()
                    .unwrap()
                    .key
                    .map(|key| key.to_string())
            ),
            posted.effective(recorded.recorded_at).date,
            show(posted.effective_at.map(|given| given.to_string())),
            show(posted.reverses.map(|target| target.to_string())),
            show(reversed_by.map(ToString::to_string)),
            data["entries"],
            data.get("metadata").unwrap_or(&serde_json::json!({})),
        ));
    }

    fn rows(mut self) -> BTreeSet<String> {
        for (ledger, (revision, accounts, transactions)) in self.ledgers {
            self.rows.insert(format!(
                "ledger {ledger} {revision} {accounts} {transactions}"
            ));
        }
        for ((ledger, account, asset), (debits, credits, revision)) in self.balances {
            self.rows.insert(format!(
                "balance {ledger} {account} {asset} {debits} {credits} {revision}"
            ));
        }
        self.rows
    }
}

/// What the views say, in the same form.
pub(crate) async fn actual_rows(pool: &sqlx::PgPool) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for statement in [
        "SELECT concat_ws(' ', 'ledger', ledger, revision, accounts, transactions)
         FROM books.ledgers",
        "SELECT concat_ws(' ', 'account', ledger, account, revision) FROM books.accounts",
        "SELECT concat_ws(' ', 'balance', ledger, account, asset, debits, credits, revision)
         FROM books.balances WHERE pending_debits = 0 AND pending_credits = 0",
        "SELECT concat_ws(' ', 'entry', ledger, account, revision, entry, transaction_id, asset,
             direction, amount, debits_after, credits_after,
             (extract(epoch FROM recorded_at) * 1000000)::bigint)
         FROM books.entries",
    ] {
        let lines: Vec<String> = sqlx::query_scalar(statement).fetch_all(pool).await.unwrap();
        rows.extend(lines);
    }
    let transactions: Vec<(String, serde_json::Value, serde_json::Value)> = sqlx::query_as(
        "SELECT concat_ws(' ', 'transaction', ledger, revision, id, coalesce(reference, '-'),
             coalesce(key, '-'), effective_date, coalesce(effective_given, '-'),
             coalesce(reverses::text, '-'), coalesce(reversed_by::text, '-')), entries, metadata
         FROM books.transactions",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    rows.extend(
        transactions
            .iter()
            .map(|(start, entries, metadata)| format!("{start} {entries} {metadata}")),
    );
    rows
}
