//! Netting: the balances before and after the whole transaction, once per account and asset.

use daybook_events::money::{Minor, Side};

use crate::command::NewEntry;
use crate::ledger::{Account, AccountIndex, Balance, Ledger};

/// What a whole transaction does to one account and asset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Movement {
    pub(super) before: Balance,
    pub(super) after: Balance,
}

/// For each entry, in order, the movement that it is part of; the error is the first entry whose
/// balance would be beyond 10^36.
pub(super) fn net(
    ledger: &Ledger,
    entries: &[NewEntry],
    accounts: &[(AccountIndex, &Account)],
) -> Result<Vec<Movement>, usize> {
    let mut parts: Vec<Part<'_>> = entries
        .iter()
        .zip(accounts)
        .enumerate()
        .map(|(index, (entry, (place, account)))| Part {
            index,
            entry,
            place: *place,
            account,
        })
        .collect();
    // The index as last key keeps the first entry of each account and asset in front.
    parts.sort_unstable_by_key(|part| (part.place, &part.entry.asset, part.index));

    let mut movements = vec![Movement::default(); entries.len()];
    let mut overflowing: Option<usize> = None;
    for together in parts.chunk_by(Part::is_netted_with) {
        let Some(first) = together.first() else {
            continue;
        };
        let before = ledger.balance(first.account, &first.entry.asset);
        let Some(after) = posted_together(before, together) else {
            overflowing = Some(overflowing.map_or(first.index, |other| other.min(first.index)));
            continue;
        };
        for part in together {
            if let Some(movement) = movements.get_mut(part.index) {
                *movement = Movement { before, after };
            }
        }
    }
    overflowing.map_or(Ok(movements), Err)
}

/// An entry with its account and its place in the transaction.
struct Part<'a> {
    index: usize,
    entry: &'a NewEntry,
    place: AccountIndex,
    account: &'a Account,
}

impl Part<'_> {
    fn is_netted_with(&self, other: &Self) -> bool {
        self.place == other.place && self.entry.asset == other.entry.asset
    }
}

fn posted_together(before: Balance, parts: &[Part<'_>]) -> Option<Balance> {
    let (mut debits, mut credits) = (Minor::ZERO, Minor::ZERO);
    for part in parts {
        let total = match part.entry.direction {
            Side::Debit => &mut debits,
            Side::Credit => &mut credits,
        };
        *total = total.checked_add(part.entry.amount.into())?;
    }
    before
        .posting(Side::Debit, debits)?
        .posting(Side::Credit, credits)
}
