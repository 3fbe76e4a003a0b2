//! One ledger: its history replayed up to the revision of a snapshot, the views walked beside it.

use std::collections::{BTreeMap, HashMap};

use daybook_domain::{Ledger, evolve};
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Revision};
use daybook_events::meta::Meta;
use daybook_store::EventStore;
use sqlx::PgPool;

use super::compare::{Comparison, differing};
use super::expected::{self, Running};
use super::report::{Kind, Report};
use super::{AuditError, CHUNK};
use crate::read_model::audit::{Cell, Key, LEDGER_COLUMNS, LedgerRow, audit_snapshot};
use crate::read_model::audit_tables::{ACCOUNTS, ASSETS, BALANCES, ENTRIES, TRANSACTIONS};
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
    let mut replay = Replay::begin(&mut snapshot, ledger).await?;
    let mut next = Revision::new(0);
    while next.get() <= to {
        let events = store.read_ledger(ledger, next, CHUNK).await?;
        if events.is_empty() {
            break;
        }
        for recorded in events.iter().take_while(|event| event.revision.get() <= to) {
            next = next.plus(1);
            report.events += 1;
            if let Err(what) = replay.apply(recorded) {
                let key = format!("at revision {}", recorded.revision);
                report.differ(Kind::History, Some(ledger), key, what);
                // What follows a broken history says nothing about the views.
                return Ok(snapshot.close().await?);
            }
            replay.compare(&mut snapshot, recorded, report).await?;
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

/// The view is as far as the audit waited for, and not further than the store.
async fn check_reach(
    store: &dyn EventStore,
    (ledger, last): (&LedgerId, Revision),
    own: Option<&LedgerRow>,
    report: &mut Report,
) -> Result<(), AuditError> {
    let Some(row) = own else {
        // Views that are known to be behind may not have it yet.
        if report.complete {
            let what = "is missing from the views".to_owned();
            report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
        }
        return Ok(());
    };
    let stored = store.last_revision(ledger).await?.map_or(0, Revision::get);
    if row.revision > stored {
        let what = format!(
            "is at revision {}, the history ends at {stored}",
            row.revision
        );
        report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
    } else if report.complete && row.revision < last.get() {
        let what = format!("is at revision {}, the history was at {last}", row.revision);
        report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
    }
    Ok(())
}

struct Replay<'a> {
    ledger: &'a LedgerId,
    state: Ledger,
    running: Running,
    event: Option<Event>,
    transactions: Comparison<'a>,
    entries: Comparison<'a>,
    /// What rows say they were reversed by, until the reversal is met; by transaction id.
    claimed: HashMap<String, String>,
    /// The last revision that touched an account's asset.
    touched: HashMap<(AccountId, AssetCode), u64>,
    assets: BTreeMap<String, (Key, Vec<Cell>)>,
}

impl<'a> Replay<'a> {
    async fn begin(snapshot: &mut Snapshot, ledger: &'a LedgerId) -> Result<Self, ViewError> {
        Ok(Self {
            ledger,
            state: Ledger::new(ledger.clone()),
            running: Running::default(),
            event: None,
            transactions: Comparison::begin(snapshot, ledger, Kind::Transaction, &TRANSACTIONS)
                .await?,
            entries: Comparison::begin(snapshot, ledger, Kind::Entry, &ENTRIES).await?,
            claimed: HashMap::new(),
            touched: HashMap::new(),
            assets: BTreeMap::new(),
        })
    }

    /// Folds the event; the error says in words what is wrong with the history.
    fn apply(&mut self, recorded: &RecordedEvent) -> Result<(), String> {
        let event = recorded.event().map_err(|error| error.to_string())?;
        evolve(
            &mut self.state,
            recorded.revision,
            recorded.recorded_at,
            &event,
        )
        .map_err(|corrupt| corrupt.to_string())?;
        self.event = Some(event);
        Ok(())
    }

    /// Compares the rows that the event that was just folded made.
    async fn compare(
        &mut self,
        snapshot: &mut Snapshot,
        recorded: &RecordedEvent,
        report: &mut Report,
    ) -> Result<(), ViewError> {
        match self.event.take() {
            Some(Event::TransactionPosted(event)) => {
                self.compare_transaction(snapshot, recorded, &event, report)
                    .await
            }
            Some(Event::AssetRegistered(event)) => {
                let row = expected::asset(recorded, &event);
                self.assets.insert(event.asset.as_str().to_owned(), row);
                Ok(())
            }
            // Accounts and the ledger are compared when the whole history was folded.
            Some(Event::LedgerOpened(_) | Event::AccountOpened(_)) | None => Ok(()),
        }
    }

    async fn compare_transaction(
        &mut self,
        snapshot: &mut Snapshot,
        recorded: &RecordedEvent,
        event: &TransactionPosted,
        report: &mut Report,
    ) -> Result<(), ViewError> {
        let meta: Meta = recorded.parsed_meta()?;
        let row = expected::transaction(recorded, event, meta.key.as_ref());
        let aside = self.transactions.expect(snapshot, report, row).await?;
        if let Some(by) = aside {
            self.claimed.insert(recorded.id.to_string(), by);
        }
        if let Some(target) = event.reverses {
            let said = self.claimed.remove(&target.to_string());
            if said.as_deref() != Some(recorded.id.to_string().as_str()) {
                let said = said.unwrap_or_else(|| "null".to_owned());
                let what = format!(
                    "has reversed_by {said} in the views, {} by replay",
                    recorded.id
                );
                report.differ(
                    Kind::Transaction,
                    Some(self.ledger),
                    target.to_string(),
                    what,
                );
            }
        }
        for (index, entry) in (0_u64..).zip(&event.entries) {
            let key = (entry.account.clone(), entry.asset.clone());
            self.touched.insert(key, recorded.revision.get());
            let row = expected::entry(recorded, event, (index, entry), &mut self.running);
            // `evolve` has refused what is beyond the bounds.
            if let Some(row) = row {
                self.entries.expect(snapshot, report, row).await?;
            }
        }
        Ok(())
    }

    async fn finish(
        self,
        snapshot: &mut Snapshot,
        own: Option<&LedgerRow>,
        store: &dyn EventStore,
        report: &mut Report,
    ) -> Result<(), AuditError> {
        let ledger = self.ledger;
        for (target, said) in self.claimed {
            let what = format!("has reversed_by {said} in the views, null by replay");
            report.differ(Kind::Transaction, Some(ledger), target, what);
        }
        self.transactions.end(snapshot, report).await?;
        self.entries.end(snapshot, report).await?;
        let mut assets = Comparison::begin(snapshot, ledger, Kind::Asset, &ASSETS).await?;
        for row in self.assets.into_values() {
            assets.expect(snapshot, report, row).await?;
        }
        assets.end(snapshot, report).await?;
        let mut accounts = Comparison::begin(snapshot, ledger, Kind::Account, &ACCOUNTS).await?;
        let mut balances = Comparison::begin(snapshot, ledger, Kind::Balance, &BALANCES).await?;
        for account in self.state.accounts() {
            accounts
                .expect(snapshot, report, expected::account(&account))
                .await?;
            for (asset, balance) in account.balances() {
                let key = (account.account.clone(), asset.clone());
                let touched = self.touched.get(&key).copied().unwrap_or_default();
                let row = expected::balance(&account, (asset, balance), touched);
                balances.expect(snapshot, report, row).await?;
            }
        }
        accounts.end(snapshot, report).await?;
        balances.end(snapshot, report).await?;
        if let Some(own) = own {
            report.compare(Kind::Ledger);
            let generation = store.head().await?.generation;
            let cells = expected::ledger(&self.state, generation);
            if let Some(what) = differing(LEDGER_COLUMNS, &cells, &own.cells) {
                report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
            }
        }
        Ok(())
    }
}
