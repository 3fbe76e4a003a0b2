//! Deciding transactions and reversals: one sequence of guards, in the order of the API.

use std::borrow::Cow;

use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{Entry, Event, TransactionPosted};
use daybook_events::ids::Reference;
use daybook_events::metadata::Metadata;
use daybook_events::time::Effective;

use super::guards;
use super::netting::Movement;
use crate::command::{NewEntry, PostTransaction, ReverseTransaction};
use crate::context::{Context, Decision};
use crate::ledger::{Account, AccountIndex, Ledger};
use crate::rejection::Rejection;

pub(super) fn post(
    ledger: &Ledger,
    command: &PostTransaction,
    context: &Context,
) -> Result<Decision, Rejection> {
    let judged = judge(ledger, command.reference.as_ref(), context, || {
        Ok(Cow::Borrowed(command.entries.as_slice()))
    })?;
    let entries = match judged {
        Judged::Before(first) => return Ok(first),
        Judged::Fine(entries) => entries,
    };

    // After this point the command succeeds.
    Ok(Decision::Event(Event::TransactionPosted(
        TransactionPosted {
            reference: command.reference.clone(),
            code: command.code.clone(),
            description: command.description.clone(),
            effective_at: command.effective_at,
            effective_local: effective_local(ledger, command.effective_at, context),
            related_to: command.related_to,
            reverses: None,
            reason: None,
            entries,
            metadata: command.metadata.clone(),
        },
    )))
}

pub(super) fn reverse(
    ledger: &Ledger,
    command: &ReverseTransaction,
    context: &Context,
) -> Result<Decision, Rejection> {
    let judged = judge(ledger, command.reference.as_ref(), context, || {
        let target = guards::not_reversed_yet(command.target, context)?;
        Ok(Cow::Owned(mirrored(&target.posted.entries)))
    })?;
    let entries = match judged {
        Judged::Before(first) => return Ok(first),
        Judged::Fine(entries) => entries,
    };

    // After this point the command succeeds.
    Ok(Decision::Event(Event::TransactionPosted(
        TransactionPosted {
            reference: command.reference.clone(),
            code: None,
            description: None,
            effective_at: command.effective_at,
            effective_local: effective_local(ledger, command.effective_at, context),
            related_to: None,
            reverses: Some(command.target),
            reason: Some(command.reason.clone()),
            entries,
            metadata: command.metadata.clone(),
        },
    )))
}

/// What became of judging.
enum Judged {
    /// It happened before.
    Before(Decision),
    /// Every rule is kept; these are the entries with the balances they lead to.
    Fine(Vec<Entry>),
}

/// Judges a transaction in the order of the API. Where a rule names no state (shape), the types
/// and constructors of the command have judged it already. `entries` says which entries are meant,
/// once it is clear that nothing is replayed.
fn judge<'a>(
    ledger: &Ledger,
    reference: Option<&Reference>,
    context: &Context,
    entries: impl FnOnce() -> Result<Cow<'a, [NewEntry]>, Rejection>,
) -> Result<Judged, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Judged::Before(Decision::Replay(first)));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;
    guards::reference_is_free(reference, context)?;
    let entries = entries()?;
    let accounts = guards::accounts_exist(ledger, &entries)?;
    guards::assets_are_known_and_allowed(ledger, &entries, &accounts)?;
    guards::balanced_per_asset(&entries)?;
    let movements = guards::within_bounds(ledger, &entries, &accounts)?;
    guards::within_limits(&entries, &accounts, &movements)?;
    Ok(Judged::Fine(with_balances(&entries, &accounts, &movements)))
}

/// Each entry with its account's balance after the whole transaction.
fn with_balances(
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
    movements: &[Movement],
) -> Vec<Entry> {
    entries
        .iter()
        .zip(accounts)
        .zip(movements)
        .map(|((entry, (_, account)), movement)| Entry {
            account: entry.account.clone(),
            direction: entry.direction,
            amount: entry.amount,
            asset: entry.asset.clone(),
            description: entry.description.clone(),
            metadata: entry.metadata.clone(),
            balance: movement.after.after(account.normal_balance()),
        })
        .collect()
}

/// Every entry on the other side, in the same order. Descriptions and pairs stay with the original.
fn mirrored(entries: &[Entry]) -> Vec<NewEntry> {
    entries
        .iter()
        .map(|entry| NewEntry {
            account: entry.account.clone(),
            direction: entry.direction.opposite(),
            amount: entry.amount,
            asset: entry.asset.clone(),
            description: None,
            metadata: Metadata::default(),
        })
        .collect()
}

/// How the effective time reads in the ledger's zone, kept with the event unless that is UTC; also
/// for "now", since the day of `recorded_at` depends on the zone as well.
fn effective_local(
    ledger: &Ledger,
    effective_at: Option<Effective>,
    context: &Context,
) -> Option<EffectiveLocal> {
    let zone = ledger.time_zone();
    (!zone.is_utc()).then(|| {
        let effective = effective_at.unwrap_or(Effective::Instant(context.now));
        EffectiveLocal::resolve(effective, zone)
    })
}
