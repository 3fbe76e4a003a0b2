//! The guards: each judges one rule, and names the first entry that breaks it. What calls them
//! decides their order, which is the API's.

use daybook_events::event::AccountStatus;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::ids::{AssetCode, Reference, Revision, TransactionId};
use daybook_events::money::{Amount, Minor, Side};
use daybook_events::time::Effective;

use super::netting::{Effect, Movement, Step, net};
use super::transaction::Asked;
use crate::command::{Comparison, NewEntry};
use crate::context::{Context, Earlier};
use crate::ledger::{Account, AccountIndex, Ledger};
use crate::rejection::{Existing, Rejection};

pub(super) fn ledger_exists(ledger: &Ledger) -> Result<(), Rejection> {
    match ledger.revision() {
        Some(_) => Ok(()),
        None => Err(Rejection::LedgerNotFound(ledger.id().clone())),
    }
}

/// The idempotency key, then the client-made id: an equal request is answered again, any other
/// request under the same name is refused (INV-3).
pub(super) fn happened_before(context: &Context) -> Result<Option<Revision>, Rejection> {
    if let Some(Earlier {
        revision,
        same_request,
    }) = context.named.key
    {
        return if same_request {
            Ok(Some(revision))
        } else {
            Err(Rejection::IdempotencyConflict(revision))
        };
    }
    if let Some(Earlier {
        revision,
        same_request,
    }) = context.named.id
    {
        return if same_request {
            Ok(Some(revision))
        } else {
            let existing = Existing::Transaction(TransactionId::from(context.id));
            Err(Rejection::AlreadyExists(existing))
        };
    }
    Ok(None)
}

pub(super) fn at_the_revision_insisted_on(
    ledger: &Ledger,
    context: &Context,
) -> Result<(), Rejection> {
    let actual = ledger.revision();
    match context.if_match {
        Some(expected) if actual != Some(expected) => {
            Err(Rejection::RevisionConflict { expected, actual })
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn reference_is_free(
    reference: Option<&Reference>,
    context: &Context,
) -> Result<(), Rejection> {
    match (reference, context.named.reference) {
        (Some(reference), Some(revision)) => Err(Rejection::ReferenceConflict {
            reference: reference.clone(),
            revision,
        }),
        (Some(_) | None, _) => Ok(()),
    }
}

pub(super) fn accounts_exist<'a>(
    ledger: &'a Ledger,
    entries: &[NewEntry],
) -> Result<Vec<(AccountIndex, &'a Account)>, Rejection> {
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            ledger
                .look_up(&entry.account)
                .ok_or_else(|| Rejection::AccountNotFound {
                    index: Some(index),
                    account: entry.account.clone(),
                })
        })
        .collect()
}

pub(super) fn assets_are_known_and_allowed(
    ledger: &Ledger,
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
) -> Result<(), Rejection> {
    for (index, (entry, (_, account))) in entries.iter().zip(accounts).enumerate() {
        if ledger.scale_of(&entry.asset).is_none() {
            return Err(Rejection::AssetUnknown {
                index: Some(index),
                asset: entry.asset.clone(),
            });
        }
        if !account.allows(&entry.asset) {
            return Err(Rejection::AssetNotAllowed {
                index,
                account: entry.account.clone(),
                asset: entry.asset.clone(),
            });
        }
    }
    Ok(())
}

/// Closed accounts take no entries; frozen ones only those that settle what was held before.
pub(super) fn accounts_take_entries(
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
    effect: Effect,
) -> Result<(), Rejection> {
    for (index, (entry, (_, account))) in entries.iter().zip(accounts).enumerate() {
        let index = Some(index);
        match account.status() {
            AccountStatus::Closed => {
                let account = entry.account.clone();
                return Err(Rejection::AccountClosed { index, account });
            }
            AccountStatus::Frozen if effect != Effect::Settles => {
                let account = entry.account.clone();
                return Err(Rejection::AccountFrozen { index, account });
            }
            AccountStatus::Open | AccountStatus::Frozen => {}
        }
    }
    Ok(())
}

/// Debits equal credits per asset (INV-1).
pub(super) fn balanced_per_asset(entries: &[NewEntry]) -> Result<(), Rejection> {
    let moves = entries
        .iter()
        .map(|entry| (&entry.asset, entry.direction, entry.amount));
    match first_unbalanced(moves) {
        Some(Unbalanced {
            index,
            asset,
            debits,
            credits,
        }) => Err(Rejection::Unbalanced {
            index,
            asset: asset.clone(),
            debits,
            credits,
        }),
        None => Ok(()),
    }
}

/// The day on which the transaction counts is not closed.
pub(super) fn period_is_open(
    ledger: &Ledger,
    effective_at: Option<Effective>,
    context: &Context,
) -> Result<(), Rejection> {
    let Some(closed_through) = ledger.closed_through() else {
        return Ok(());
    };
    let effective = effective_at.unwrap_or(Effective::Instant(context.now));
    let date = EffectiveLocal::resolve(effective, ledger.time_zone()).date;
    if date > closed_through {
        return Ok(());
    }
    Err(Rejection::PeriodClosed {
        date,
        closed_through,
    })
}

/// No turnover and no balance beyond 10^36, and no part of a hold beyond what one entry can
/// release again; gives the movement that each entry is part of.
pub(super) fn within_bounds(
    ledger: &Ledger,
    asked: &Asked<'_>,
    accounts: &[(AccountIndex, &Account)],
) -> Result<Vec<Movement>, Rejection> {
    let entries = asked.entries.iter().zip(accounts);
    let steps = entries.map(|(entry, account)| Step {
        account: *account,
        asset: &entry.asset,
        side: entry.direction,
        amount: entry.amount.into(),
        effect: asked.effect,
    });
    let released = asked
        .released()
        .iter()
        .filter_map(|part| Step::releasing(ledger, part));
    let movements =
        net(ledger, steps.chain(released)).map_err(|index| Rejection::Overflow { index })?;
    match movements.iter().position(Movement::holds_too_much) {
        Some(index) => Err(Rejection::HoldTooLarge { index }),
        None => Ok(movements),
    }
}

/// No account beyond its limits (INV-6), judged on the balance after the whole command.
pub(super) fn within_limits(
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
    movements: &[Movement],
) -> Result<(), Rejection> {
    let judged = entries.iter().zip(accounts).zip(movements).enumerate();
    for (index, ((entry, (_, account)), movement)) in judged {
        if !account.limits().is_empty() {
            within_limit(index, entry, account, movement)?;
        }
    }
    Ok(())
}

/// A breached balance passes unless the command makes it worse: a limit may be set that is breached
/// already, and what was held before that still settles.
fn within_limit(
    index: usize,
    entry: &NewEntry,
    account: &Account,
    movement: &Movement,
) -> Result<(), Rejection> {
    let normal = account.normal_balance();
    let limit = account.limits().of(&entry.asset);
    if let Some(min_available) = limit.min_available {
        let available = movement.after.available(normal);
        if available < min_available && available < movement.before.available(normal) {
            return Err(Rejection::InsufficientFunds {
                index,
                account: entry.account.clone(),
                asset: entry.asset.clone(),
                available,
                min_available,
            });
        }
    }
    if let Some(max_balance) = limit.max_balance {
        let balance = movement.after.with_pending_increases(normal);
        if balance > max_balance && balance > movement.before.with_pending_increases(normal) {
            return Err(Rejection::LimitExceeded {
                index,
                account: entry.account.clone(),
                asset: entry.asset.clone(),
                balance,
                max_balance,
            });
        }
    }
    Ok(())
}

/// What the client insists on, judged on the balance after the whole command.
pub(super) fn conditions_hold(
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
    movements: &[Movement],
) -> Result<(), Rejection> {
    let judged = entries.iter().zip(accounts).zip(movements).enumerate();
    for (index, ((entry, (_, account)), movement)) in judged {
        let Some(condition) = entry.condition else {
            continue;
        };
        let after = movement.after.after(account.normal_balance());
        for (what, balance, comparison) in [
            ("available", after.available, condition.available),
            ("posted", after.posted, condition.posted),
        ] {
            if let Some(condition) = first_unmet(comparison, balance) {
                return Err(Rejection::ConditionFailed {
                    index,
                    account: entry.account.clone(),
                    asset: entry.asset.clone(),
                    what,
                    balance,
                    condition,
                });
            }
        }
    }
    Ok(())
}

/// The first bound that the balance does not meet, in words.
fn first_unmet(comparison: Comparison, balance: Minor) -> Option<String> {
    let Comparison { gte, lte, eq } = comparison;
    let bounds = [
        ("gte", gte, gte.is_none_or(|bound| balance >= bound)),
        ("lte", lte, lte.is_none_or(|bound| balance <= bound)),
        ("eq", eq, eq.is_none_or(|bound| balance == bound)),
    ];
    let (word, bound, _) = bounds.into_iter().find(|(_, _, met)| !met)?;
    Some(format!("{word} {}", bound?))
}

/// An asset whose debits and credits differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unbalanced<'a> {
    /// The first entry of the asset.
    pub(crate) index: usize,
    pub(crate) asset: &'a AssetCode,
    pub(crate) debits: Minor,
    pub(crate) credits: Minor,
}

/// The first asset, in the order of the entries, whose debits and credits differ.
pub(crate) fn first_unbalanced<'a>(
    entries: impl Iterator<Item = (&'a AssetCode, Side, Amount)>,
) -> Option<Unbalanced<'a>> {
    let mut sums: Vec<Unbalanced<'a>> = Vec::new();
    for (index, (asset, side, amount)) in entries.enumerate() {
        // Transactions have one or two assets; the last one is the likeliest to come again.
        let place = sums.iter().rposition(|sum| sum.asset == asset);
        let place = place.unwrap_or_else(|| {
            sums.push(Unbalanced {
                index,
                asset,
                debits: Minor::ZERO,
                credits: Minor::ZERO,
            });
            sums.len().saturating_sub(1)
        });
        if let Some(sum) = sums.get_mut(place) {
            let total = match side {
                Side::Debit => &mut sum.debits,
                Side::Credit => &mut sum.credits,
            };
            // 1,000 amounts of 10^30 are 10^33: far from the bound of 10^36.
            *total = total.checked_add(amount.into()).unwrap_or(*total);
        }
    }
    sums.into_iter().find(|sum| sum.debits != sum.credits)
}
