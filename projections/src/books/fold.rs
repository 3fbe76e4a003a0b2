//! The fold: prior rows and events give a delta. Pure, and checked: an event that breaks a law of
//! the books is refused before anything is written (INV-1, INV-8).

use std::collections::BTreeMap;

use daybook_events::event::{Event, TransactionPosted};
use daybook_events::ids::{AssetCode, Revision, TransactionId};
use daybook_events::money::Side;
use rustc_hash::FxHashMap;

use super::decode::{Decoded, corrupt};
use super::rows::{
    AccountRow, AssetRow, BalanceKey, BalanceRow, Delta, EntryRow, LedgerRow, LedgerState, Prior,
    Reversal, TransactionRow, Turnover,
};
use super::{Corrupt, Rule};

type Balances<'a> = FxHashMap<BalanceKey<'a>, (Turnover, Revision)>;

/// Folds events, in order, into what they do to the rows. Deltas are per key: a balance that a
/// thousand events touch is one row.
pub(super) fn fold<'a>(
    prior: &Prior<'_>,
    events: &'a [Decoded<'a>],
) -> Result<Delta<'a>, Box<Corrupt>> {
    let mut delta = Delta::default();
    let mut ledgers: BTreeMap<_, LedgerRow<'a>> = BTreeMap::new();
    let mut balances: Balances<'a> = FxHashMap::default();
    for decoded in events {
        let recorded = decoded.recorded;
        let row = next_of_ledger(prior, ledgers.get(&recorded.ledger), decoded)?;
        let row = ledgers.entry(&recorded.ledger).insert_entry(row).into_mut();
        match &decoded.event {
            Event::LedgerOpened(opened) => row.opened = Some((opened, recorded.recorded_at)),
            Event::AssetRegistered(registered) => delta.assets.push(AssetRow {
                ledger: &recorded.ledger,
                revision: recorded.revision,
                registered,
            }),
            Event::AccountOpened(opened) => {
                row.state.accounts += 1;
                delta.accounts.push(AccountRow {
                    ledger: &recorded.ledger,
                    revision: recorded.revision,
                    opened_at: recorded.recorded_at,
                    opened,
                });
            }
            Event::TransactionPosted(posted) => {
                row.state.transactions += 1;
                check_balanced(decoded, posted)?;
                post(prior, &mut delta, &mut balances, decoded, posted)?;
            }
        }
    }
    delta.ledgers = ledgers.into_values().collect();
    delta.balances = balances
        .into_iter()
        .map(|(key, (turnover, revision))| BalanceRow {
            key,
            turnover,
            revision,
        })
        .collect();
    delta.balances.sort_unstable_by_key(|row| row.key);
    Ok(delta)
}

/// The ledger's row after this event, which must be the next of its stream: a ledger begins with
/// its opening at revision 0, and revisions have no holes.
fn next_of_ledger<'a>(
    prior: &Prior<'_>,
    so_far: Option<&LedgerRow<'a>>,
    decoded: &Decoded<'a>,
) -> Result<LedgerRow<'a>, Box<Corrupt>> {
    let recorded = decoded.recorded;
    let before = so_far
        .map(|row| row.state)
        .or_else(|| prior.ledgers.get(&recorded.ledger).copied());
    let expected = before.map_or(Revision::new(0), |state| state.revision.plus(1));
    let opens = matches!(decoded.event, Event::LedgerOpened(_));
    if recorded.revision != expected || opens == before.is_some() {
        let at = before.map(|state| state.revision);
        return Err(corrupt(recorded, Rule::Revision { at }));
    }
    let state = LedgerState {
        revision: recorded.revision,
        accounts: before.map_or(0, |state| state.accounts),
        transactions: before.map_or(0, |state| state.transactions),
    };
    Ok(LedgerRow {
        ledger: &recorded.ledger,
        state,
        last_recorded_at: recorded.recorded_at,
        opened: so_far.and_then(|row| row.opened),
    })
}

/// Per asset, debits equal credits (INV-1).
fn check_balanced(decoded: &Decoded<'_>, posted: &TransactionPosted) -> Result<(), Box<Corrupt>> {
    // Nearly every transaction has one asset or two: a short list beats a map.
    let mut sums: Vec<(&AssetCode, Option<i128>)> = Vec::with_capacity(2);
    for entry in &posted.entries {
        let signed = match entry.direction {
            Side::Debit => entry.amount.get(),
            Side::Credit => -entry.amount.get(),
        };
        match sums.iter_mut().find(|(asset, _)| *asset == &entry.asset) {
            Some((_, sum)) => *sum = sum.and_then(|sum| sum.checked_add(signed)),
            None => sums.push((&entry.asset, Some(signed))),
        }
    }
    let unbalanced = sums.iter().find(|(_, sum)| *sum != Some(0));
    unbalanced.map_or(Ok(()), |(asset, _)| {
        Err(corrupt(
            decoded.recorded,
            Rule::Unbalanced {
                asset: asset.to_string(),
            },
        ))
    })
}

fn post<'a>(
    prior: &Prior<'_>,
    delta: &mut Delta<'a>,
    balances: &mut Balances<'a>,
    decoded: &'a Decoded<'a>,
    posted: &'a TransactionPosted,
) -> Result<(), Box<Corrupt>> {
    let recorded = decoded.recorded;
    let id = TransactionId::from(recorded.id);
    let effective = posted.effective(recorded.recorded_at);
    for (index, entry) in posted.entries.iter().enumerate() {
        let key = BalanceKey {
            ledger: &recorded.ledger,
            account: &entry.account,
            asset: &entry.asset,
        };
        let (turnover, revision) = balances.entry(key).or_insert_with(|| {
            (
                prior.balances.get(&key).copied().unwrap_or_default(),
                recorded.revision,
            )
        });
        *turnover = turnover
            .plus(entry.direction, entry.amount)
            .ok_or_else(|| {
                corrupt(
                    recorded,
                    Rule::Overflow {
                        account: entry.account.to_string(),
                    },
                )
            })?;
        *revision = recorded.revision;
        delta.entries.push(EntryRow {
            ledger: &recorded.ledger,
            revision: recorded.revision,
            index,
            transaction: id,
            entry,
            after: *turnover,
            effective,
            recorded_at: recorded.recorded_at,
        });
    }
    if let Some(target) = posted.reverses {
        delta.reversals.push(Reversal {
            by: recorded,
            target,
        });
    }
    delta.transactions.push(TransactionRow {
        ledger: &recorded.ledger,
        revision: recorded.revision,
        id,
        posted,
        effective,
        recorded_at: recorded.recorded_at,
        key: decoded.key.as_ref(),
        entries_json: decoded.entries_json,
    });
    Ok(())
}
