//! A ledger's state from its history alone: the domain's replay, without any view.

use std::sync::Arc;

use daybook_domain::{Corrupt, Ledger, evolve};
use daybook_events::Invalid;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{LedgerId, Revision};
use daybook_store::{EventStore, ReadError};

use crate::views::{AccountState, Balance, HoldState, ReservedEntry, State};

/// Events read from the store at once; the store bounds their bytes.
const CHUNK: usize = 1000;
/// The most accounts, balances, holds and parts of holds of one answer: about 100 MB of JSON.
pub(crate) const STATE_ROWS_MAX: usize = 250_000;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The history cannot be read now.
    #[error("failed to read the history")]
    Store(#[from] ReadError),
    /// An event is not what this build can read: a damaged store, or a bug.
    #[error("failed to read an event of ledger {ledger}")]
    Event {
        ledger: LedgerId,
        #[source]
        source: Invalid,
    },
    /// The history breaks a law.
    #[error("failed to replay the history")]
    Corrupt(#[from] Corrupt),
    /// The replay itself failed.
    #[error("failed to finish the replay")]
    Task(#[from] tokio::task::JoinError),
}

/// The state, or why it is not shown.
#[derive(Debug)]
pub(crate) enum Replayed {
    State(Box<State>),
    /// More rows than one answer may have.
    TooLong,
    /// The revision is inside a command, whose last event this is: nobody ever saw the ledger so.
    Inside(Revision),
}

/// Replays a ledger up to a revision that the store has.
pub(crate) async fn replay(
    store: &dyn EventStore,
    ledger: &LedgerId,
    to: Revision,
) -> Result<Replayed, ReplayError> {
    let end = command_end(store, ledger, to).await?;
    if end != to {
        return Ok(Replayed::Inside(end));
    }
    let mut state = Ledger::new(ledger.clone());
    let mut next = Revision::new(0);
    while next <= to {
        let events: Arc<[RecordedEvent]> = store.read_ledger(ledger, next, CHUNK).await?.into();
        let Some(last) = events.last() else {
            let reason = format!("{ledger} ends before its last revision");
            return Err(ReadError::Damaged { reason }.into());
        };
        next = last.revision.plus(1);
        // A thousand large transactions take a while: whoever else is to be answered goes on.
        let folding = tokio::task::spawn_blocking(move || fold(state, &events, to));
        state = folding.await??;
    }
    Ok(tokio::task::spawn_blocking(move || show(&state)).await?)
}

/// The last event of the command that this event is of.
async fn command_end(
    store: &dyn EventStore,
    ledger: &LedgerId,
    from: Revision,
) -> Result<Revision, ReplayError> {
    let mut next = from;
    loop {
        let events = store.read_ledger(ledger, next, CHUNK).await?;
        for recorded in &events {
            next = recorded.revision.plus(1);
            let meta = recorded
                .parsed_meta()
                .map_err(|source| ReplayError::Event {
                    ledger: recorded.ledger.clone(),
                    source,
                })?;
            if !meta.more() {
                return Ok(recorded.revision);
            }
        }
        if events.is_empty() {
            let reason = format!("{ledger} ends inside a command");
            return Err(ReadError::Damaged { reason }.into());
        }
    }
}

fn fold(mut state: Ledger, events: &[RecordedEvent], to: Revision) -> Result<Ledger, ReplayError> {
    for recorded in events.iter().take_while(|event| event.revision <= to) {
        let event = recorded.event().map_err(|source| ReplayError::Event {
            ledger: recorded.ledger.clone(),
            source,
        })?;
        evolve(&mut state, recorded.into(), &event)?;
    }
    Ok(state)
}

fn show(ledger: &Ledger) -> Replayed {
    if is_too_long(ledger) {
        return Replayed::TooLong;
    }
    let holds = ledger.holds().map(|hold| HoldState {
        id: hold.id,
        expires_at: hold.expires_at(),
        remaining: hold
            .remaining()
            .map(|part| ReservedEntry {
                account: part.account.clone(),
                direction: part.direction,
                amount: part.amount,
                asset: part.asset.clone(),
            })
            .collect(),
    });
    let accounts = ledger.accounts().map(|account| AccountState {
        account: account.account.clone(),
        account_type: account.account_type,
        normal_balance: account.normal_balance,
        status: account.status,
        balances: account
            .balances()
            .map(|(asset, balance)| {
                let normal = account.normal_balance;
                (asset.clone(), Balance::replayed(normal, balance))
            })
            .collect(),
    });
    Replayed::State(Box::new(State {
        ledger: ledger.id().clone(),
        revision: ledger.revision().unwrap_or(Revision::new(0)),
        recorded_at: ledger.last_recorded_at(),
        closed_through: ledger.closed_through(),
        accounts: accounts.collect(),
        holds: holds.collect(),
    }))
}

fn is_too_long(ledger: &Ledger) -> bool {
    let accounts = ledger
        .accounts()
        .map(|account| 1 + account.balances().count());
    let holds = ledger.holds().map(|hold| 1 + hold.remaining().count());
    let left = accounts
        .chain(holds)
        .try_fold(STATE_ROWS_MAX, usize::checked_sub);
    left.is_none()
}
