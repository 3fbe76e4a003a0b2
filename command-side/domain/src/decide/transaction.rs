//! Deciding transactions and reversals: one sequence of guards, in the order of the API, for
//! everything that has entries.

use std::borrow::Cow;

use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{Entry, Event, Origin, TransactionPosted};
use daybook_events::ids::{Reference, Revision};
use daybook_events::metadata::Metadata;
use daybook_events::time::Effective;

use super::guards;
use super::netting::{Effect, Movement};
use super::targets;
use crate::command::{NewEntry, PostTransaction, ReverseTransaction};
use crate::context::{Context, Decision};
use crate::ledger::{Account, AccountIndex, Ledger, Reserved};
use crate::rejection::Rejection;

pub(super) fn post(
    ledger: &Ledger,
    command: &PostTransaction,
    context: &Context,
) -> Result<Decision, Rejection> {
    let common = Common::of(command);
    let judged = judge(ledger, common, context, || {
        Ok(Asked::whole(command.entries.as_slice(), Effect::Posts))
    })?;
    let judged = match judged {
        Judged::Before(first) => return Ok(Decision::Replay(first)),
        Judged::Fine(judged) => judged,
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
            origin: None,
            entries: judged.entries,
            metadata: command.metadata.clone(),
        },
    )))
}

pub(super) fn reverse(
    ledger: &Ledger,
    command: &ReverseTransaction,
    context: &Context,
) -> Result<Decision, Rejection> {
    let common = Common {
        reference: command.reference.as_ref(),
        effective_at: command.effective_at,
    };
    let judged = judge(ledger, common, context, || {
        let posted = targets::not_reversed_yet(command.target, context)?;
        Ok(Asked::whole(mirrored(&posted.entries), Effect::Posts))
    })?;
    let judged = match judged {
        Judged::Before(first) => return Ok(Decision::Replay(first)),
        Judged::Fine(judged) => judged,
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
            origin: Some(Origin::Reversal {
                of: command.target,
                reason: command.reason.clone(),
            }),
            entries: judged.entries,
            metadata: command.metadata.clone(),
        },
    )))
}

/// What every command with entries says beside them.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) reference: Option<&'a Reference>,
    pub(super) effective_at: Option<Effective>,
}

impl<'a> Common<'a> {
    pub(super) fn of(command: &'a PostTransaction) -> Self {
        Self {
            reference: command.reference.as_ref(),
            effective_at: command.effective_at,
        }
    }
}

/// What a command asks for, once it is clear that nothing is replayed.
pub(super) struct Asked<'a> {
    pub(super) entries: Cow<'a, [NewEntry]>,
    /// What each entry does to its account.
    pub(super) effect: Effect,
    /// What a capture leaves of its hold.
    pub(super) left: Vec<Reserved<'a>>,
    /// Whether what is left is released in the same command.
    pub(super) releases: bool,
}

impl<'a> Asked<'a> {
    /// Entries that stand for themselves.
    pub(super) fn whole(entries: impl Into<Cow<'a, [NewEntry]>>, effect: Effect) -> Self {
        Self {
            entries: entries.into(),
            effect,
            left: Vec::new(),
            releases: false,
        }
    }

    /// What is no longer pending after the command, though it was not captured.
    pub(super) fn released(&self) -> &[Reserved<'a>] {
        if self.releases { &self.left } else { &[] }
    }
}

/// What became of judging.
pub(super) enum Judged<'a> {
    /// It happened before, at this revision.
    Before(Revision),
    /// Every rule is kept.
    Fine(Fine<'a>),
}

/// What may happen.
pub(super) struct Fine<'a> {
    /// The entries with the balances that the whole command leads to.
    pub(super) entries: Vec<Entry>,
    /// What a capture leaves of its hold.
    pub(super) left: Vec<Reserved<'a>>,
}

/// Judges a transaction in the order of the API. Where a rule names no state (shape), the types
/// and constructors of the command have judged it already. `asked` judges the transaction that the
/// command is about, if there is one, and says which entries are meant.
pub(super) fn judge<'a>(
    ledger: &'a Ledger,
    common: Common<'_>,
    context: &Context,
    asked: impl FnOnce() -> Result<Asked<'a>, Rejection>,
) -> Result<Judged<'a>, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Judged::Before(first));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;
    guards::reference_is_free(common.reference, context)?;
    let asked = asked()?;
    let entries = &asked.entries;
    let accounts = guards::accounts_exist(ledger, entries)?;
    guards::assets_are_known_and_allowed(ledger, entries, &accounts)?;
    guards::accounts_take_entries(entries, &accounts, asked.effect)?;
    guards::balanced_per_asset(entries)?;
    guards::period_is_open(ledger, common.effective_at, context)?;
    let movements = guards::within_bounds(ledger, &asked, &accounts)?;
    guards::within_limits(entries, &accounts, &movements)?;
    guards::conditions_hold(entries, &accounts, &movements)?;
    Ok(Judged::Fine(Fine {
        entries: with_balances(entries, &accounts, &movements),
        left: asked.left,
    }))
}

/// Each entry with its account's balance after the whole command.
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
            condition: None,
        })
        .collect()
}

/// How the effective time reads in the ledger's zone, kept with the event unless that is UTC; also
/// for "now", since the day of `recorded_at` depends on the zone as well.
pub(super) fn effective_local(
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
