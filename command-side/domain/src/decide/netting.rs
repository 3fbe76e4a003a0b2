//! Netting: the balances before and after the whole command, once per account and asset.

use daybook_events::ids::AssetCode;
use daybook_events::money::{AMOUNT_MAX, Minor, Side};

use crate::ledger::{Account, AccountIndex, Balance, Ledger, Reserved, Shift};

/// What a whole command does to one account and asset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Movement {
    pub(super) before: Balance,
    pub(super) after: Balance,
}

impl Movement {
    /// Whether more is held at once on one side than one entry can release again.
    pub(super) fn holds_too_much(&self) -> bool {
        let more = |after: Minor, before: Minor| after.get().saturating_sub(before.get());
        let (before, after) = (self.before, self.after);
        more(after.pending_debits(), before.pending_debits()) > AMOUNT_MAX
            || more(after.pending_credits(), before.pending_credits()) > AMOUNT_MAX
    }
}

/// One step of a command, for one entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) account: (AccountIndex, &'a Account),
    pub(super) asset: &'a AssetCode,
    pub(super) side: Side,
    pub(super) amount: Minor,
    pub(super) effect: Effect,
}

/// What an entry does to its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Its amount is posted.
    Posts,
    /// Its amount is pending from now on.
    Holds,
    /// Its amount was pending and is posted.
    Settles,
    /// Its amount was pending and no longer is.
    Releases,
}

/// For each step, in order, the movement that it is part of; the error is the first step whose
/// balance would be beyond 10^36.
pub(super) fn net<'a>(
    ledger: &Ledger,
    steps: impl Iterator<Item = Step<'a>>,
) -> Result<Vec<Movement>, usize> {
    let mut parts: Vec<(usize, Step<'a>)> = steps.enumerate().collect();
    // The index as last key keeps the first step of each account and asset in front.
    parts.sort_unstable_by_key(|(index, step)| (step.account.0, step.asset, *index));

    let mut movements = vec![Movement::default(); parts.len()];
    let mut overflowing: Option<usize> = None;
    for together in parts.chunk_by(|(_, one), (_, other)| one.is_netted_with(other)) {
        let Some((first, step)) = together.first() else {
            continue;
        };
        let before = ledger.balance(step.account.1, step.asset);
        let shift = together
            .iter()
            .try_fold(Shift::default(), |sum, (_, step)| step.add_to(sum));
        let Some(after) = shift.and_then(|shift| before.shifted(shift)) else {
            overflowing = Some(overflowing.map_or(*first, |other| other.min(*first)));
            continue;
        };
        for (index, _) in together {
            if let Some(movement) = movements.get_mut(*index) {
                *movement = Movement { before, after };
            }
        }
    }
    overflowing.map_or(Ok(movements), Err)
}

impl<'a> Step<'a> {
    /// The release of what a hold reserves; `None` if its account is not there.
    pub(super) fn releasing(ledger: &'a Ledger, part: &Reserved<'a>) -> Option<Self> {
        Some(Self {
            account: ledger.look_up(part.account)?,
            asset: part.asset,
            side: part.direction,
            amount: part.amount.into(),
            effect: Effect::Releases,
        })
    }

    fn is_netted_with(&self, other: &Self) -> bool {
        self.account.0 == other.account.0 && self.asset == other.asset
    }

    fn add_to(&self, sum: Shift) -> Option<Shift> {
        let (side, amount) = (self.side, self.amount);
        match self.effect {
            Effect::Posts => sum.posting(side, amount),
            Effect::Holds => sum.pending_on(side, amount),
            Effect::Settles => sum.releasing(side, amount)?.posting(side, amount),
            Effect::Releases => sum.releasing(side, amount),
        }
    }
}
