//! The guards of what a command is about: an earlier transaction to reverse, a hold to capture or
//! void. They too only judge; their place in the order is set by what calls them.

use daybook_events::event::{Entry, HoldOutcome, HoldPlaced, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::{Amount, Minor, Side};
use daybook_events::time::Timestamp;
use rustc_hash::FxHashMap;

use crate::command::NewEntry;
use crate::context::{Context, TargetKind};
use crate::ledger::{HoldView, Ledger, Reserved};
use crate::rejection::Rejection;

/// The target of a reversal: there, posted, and not reversed yet.
pub(super) fn not_reversed_yet(
    target: TransactionId,
    context: &Context,
) -> Result<&TransactionPosted, Rejection> {
    let Some(found) = &context.named.target else {
        return Err(Rejection::TransactionNotFound(target));
    };
    match &found.kind {
        TargetKind::Hold { .. } => Err(Rejection::NotPosted(target)),
        TargetKind::Posted {
            reversed_by: Some(reversed_by),
            ..
        } => Err(Rejection::AlreadyReversed {
            target,
            reversed_by: *reversed_by,
        }),
        TargetKind::Posted { posted, .. } => Ok(posted),
    }
}

/// A hold that is open: as it was placed, and what remains of it.
pub(super) struct OpenTarget<'a, 'c> {
    pub(super) hold: HoldView<'a>,
    pub(super) placed: &'c HoldPlaced,
}

/// The target of a capture or void: there, a hold, and open at the time of the decision.
pub(super) fn open_hold<'a, 'c>(
    ledger: &'a Ledger,
    hold: TransactionId,
    context: &'c Context,
) -> Result<OpenTarget<'a, 'c>, Rejection> {
    let Some(found) = &context.named.target else {
        return Err(Rejection::TransactionNotFound(hold));
    };
    let placed = match &found.kind {
        TargetKind::Posted { .. } => return Err(Rejection::NotAHold(hold)),
        TargetKind::Hold {
            ended: Some((ended, outcome @ (HoldOutcome::Captured | HoldOutcome::Voided))),
            ..
        } => {
            return Err(Rejection::AlreadySettled {
                hold,
                outcome: *outcome,
                ended: *ended,
            });
        }
        TargetKind::Hold {
            placed,
            ended: Some((_, HoldOutcome::Expired)) | None,
        } => placed,
    };
    if let Some(expires_at) = placed.expires_at.filter(|at| *at <= context.now) {
        return Err(Rejection::HoldExpired { hold, expires_at });
    }
    let open = ledger.hold(hold);
    assert!(
        open.is_some(),
        "INV-4: hold {hold}, open as far as the past is known, is open in the state"
    );
    open.map(|hold| OpenTarget { hold, placed })
        .ok_or(Rejection::TransactionNotFound(hold))
}

/// A hold is placed to last, be it for a microsecond.
pub(super) fn expires_later(
    expires_at: Option<Timestamp>,
    context: &Context,
) -> Result<(), Rejection> {
    let now = context.now;
    match expires_at {
        Some(expires_at) if expires_at <= now => {
            Err(Rejection::ExpiresInThePast { expires_at, now })
        }
        Some(_) | None => Ok(()),
    }
}

/// The entries of a hold of which one amount can say what is meant.
pub(super) fn both_entries(
    hold: TransactionId,
    placed: &HoldPlaced,
) -> Result<&[Entry], Rejection> {
    let count = placed.entries.len();
    if count == 2 {
        return Ok(&placed.entries);
    }
    Err(Rejection::Unfit(format!(
        "hold {hold} has {count} entries: say which entries are captured, not one amount"
    )))
}

/// No entry captures more than remains of its account, direction and asset after those before it;
/// gives what is left, in the order of the hold.
pub(super) fn within_hold<'a>(
    rest: &[Reserved<'a>],
    entries: &[NewEntry],
) -> Result<Vec<Reserved<'a>>, Rejection> {
    let of_rest = rest
        .iter()
        .map(|part| (key_of_part(part), Minor::from(part.amount)));
    let mut left: FxHashMap<Key<'_>, Minor> = of_rest.collect();
    for (index, entry) in entries.iter().enumerate() {
        let remaining = left.entry(key_of(entry)).or_default();
        match remaining.checked_sub(entry.amount.into()) {
            Some(less) if less >= Minor::ZERO => *remaining = less,
            Some(_) | None => {
                return Err(Rejection::CaptureExceedsHold {
                    index,
                    account: entry.account.clone(),
                    direction: entry.direction,
                    asset: entry.asset.clone(),
                    remaining: *remaining,
                });
            }
        }
    }
    let some_left = rest.iter().filter_map(|part| {
        let amount = left.get(&key_of_part(part))?.get();
        let amount = Amount::new(amount).ok()?;
        Some(Reserved { amount, ..*part })
    });
    Ok(some_left.collect())
}

/// What a hold reserves for.
type Key<'a> = (&'a AccountId, Side, &'a AssetCode);

fn key_of(entry: &NewEntry) -> Key<'_> {
    (&entry.account, entry.direction, &entry.asset)
}

fn key_of_part<'a>(part: &Reserved<'a>) -> Key<'a> {
    (part.account, part.direction, part.asset)
}
