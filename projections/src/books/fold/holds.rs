//! The holds that a batch places, captures or ends: what remains of each, and that nobody takes
//! more.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{Entry, Event, HoldEnded, HoldOutcome, HoldPlaced};
use daybook_events::ids::{LedgerId, TransactionId};
use daybook_events::money::Minor;
use rustc_hash::FxHashMap;

use crate::books::decode::{Decoded, corrupt};
use crate::books::rows::{Ended, HoldRow, Prior, Reserved, TransactionKey};
use crate::books::{Corrupt, Rule};

pub(super) struct Holds<'a> {
    prior: &'a Prior<'a>,
    rows: FxHashMap<TransactionKey<'a>, HoldRow<'a>>,
    /// Per ledger the hold that a capture is ending: the capture is due as the very next event.
    due: FxHashMap<&'a LedgerId, (TransactionId, &'a RecordedEvent)>,
}

impl<'a> Holds<'a> {
    pub(super) fn new(prior: &'a Prior<'a>) -> Self {
        Self {
            prior,
            rows: FxHashMap::default(),
            due: FxHashMap::default(),
        }
    }

    pub(super) fn place(
        &mut self,
        decoded: &'a Decoded<'a>,
        placed: &'a HoldPlaced,
        effective: EffectiveLocal,
    ) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let key = TransactionKey {
            ledger: &recorded.ledger,
            id: recorded.id.into(),
        };
        let remaining = reserved(&placed.entries).ok_or_else(|| {
            let hold = key.id;
            corrupt(recorded, Rule::Remaining { hold })
        })?;
        let row = HoldRow {
            key,
            placed_at: Some(recorded.revision),
            effective,
            expires_at: placed.expires_at,
            remaining,
            ended: None,
        };
        self.rows.insert(key, row);
        Ok(())
    }

    /// After the end of a hold by capture, nothing but that capture may come.
    pub(super) fn check_capture_due(&self, decoded: &Decoded<'_>) -> Result<(), Box<Corrupt>> {
        if self.due.is_empty() {
            return Ok(());
        }
        let Some((hold, _)) = self.due.get(&decoded.recorded.ledger) else {
            return Ok(());
        };
        let is_it = matches!(
            &decoded.event,
            Event::TransactionPosted(posted) if posted.captures() == Some(*hold)
        );
        if is_it {
            return Ok(());
        }
        Err(corrupt(decoded.recorded, Rule::CaptureDue { hold: *hold }))
    }

    /// Takes what a capture posts out of what remains. Only a capture that the hold's end announced
    /// takes all of it, and that one must.
    pub(super) fn capture(
        &mut self,
        decoded: &'a Decoded<'a>,
        hold: TransactionId,
        entries: &[Entry],
    ) -> Result<(), Box<Corrupt>> {
        let recorded = decoded.recorded;
        let is_last = self.due.remove(&recorded.ledger).is_some();
        let row = self.row(decoded, hold)?;
        if row.ended.is_some() != is_last {
            return Err(corrupt(recorded, Rule::Hold { hold }));
        }
        let taken = reserved(entries);
        let is_within = taken.is_some_and(|taken| {
            taken
                .iter()
                .all(|taken| take(&mut row.remaining, taken).is_some())
        });
        row.remaining.retain(|rest| !rest.amount.is_zero());
        if !is_within || row.remaining.is_empty() != is_last {
            return Err(corrupt(recorded, Rule::Remaining { hold }));
        }
        Ok(())
    }

    /// Ends a hold, and returns when it counted. What is released is all that remains, unless a
    /// capture follows that takes the rest.
    pub(super) fn end(
        &mut self,
        decoded: &'a Decoded<'a>,
        ended: &'a HoldEnded,
    ) -> Result<EffectiveLocal, Box<Corrupt>> {
        let recorded = decoded.recorded;
        let hold = ended.hold;
        let row = self.row(decoded, hold)?;
        if row.ended.is_some() {
            return Err(corrupt(recorded, Rule::Hold { hold }));
        }
        let is_due = row.expires_at.is_some_and(|at| at <= recorded.recorded_at);
        if ended.outcome == HoldOutcome::Expired && !is_due {
            return Err(corrupt(recorded, Rule::ExpiredEarly { hold }));
        }
        // In the order of the hold's entries, each account, side and asset once.
        let mut from = 0;
        let is_within = ended.released.iter().all(|entry| {
            let rest = row.remaining.get_mut(from..).unwrap_or_default();
            let found = take(rest, &of(entry));
            from += found.map_or(0, |at| at + 1);
            found.is_some()
        });
        row.remaining.retain(|rest| !rest.amount.is_zero());
        let is_captured = ended.outcome == HoldOutcome::Captured;
        if !is_within || row.remaining.is_empty() == is_captured {
            return Err(corrupt(recorded, Rule::Remaining { hold }));
        }
        row.ended = Some(Ended {
            revision: recorded.revision,
            at: recorded.recorded_at,
            outcome: ended.outcome,
            reason: ended.reason.as_ref(),
            released_json: decoded.entries_json,
        });
        let effective = row.effective;
        if is_captured {
            self.due.insert(&recorded.ledger, (hold, recorded));
        }
        Ok(effective)
    }

    pub(super) fn finish(self) -> Result<Vec<HoldRow<'a>>, Box<Corrupt>> {
        // A batch ends with a command's last event, and the capture is of the same command.
        let first = self.due.values().min_by_key(|(_, event)| event.position);
        if let Some((hold, event)) = first {
            return Err(corrupt(event, Rule::CaptureDue { hold: *hold }));
        }
        let mut rows: Vec<HoldRow<'a>> = self.rows.into_values().collect();
        rows.sort_unstable_by_key(|row| row.key);
        Ok(rows)
    }

    /// The hold's row, of this batch or open before it.
    fn row(
        &mut self,
        decoded: &'a Decoded<'a>,
        hold: TransactionId,
    ) -> Result<&mut HoldRow<'a>, Box<Corrupt>> {
        use std::collections::hash_map::Entry;
        let key = TransactionKey {
            ledger: &decoded.recorded.ledger,
            id: hold,
        };
        match self.rows.entry(key) {
            Entry::Occupied(row) => Ok(row.into_mut()),
            Entry::Vacant(vacant) => {
                let before = self
                    .prior
                    .holds
                    .get(&key)
                    .ok_or_else(|| corrupt(decoded.recorded, Rule::Hold { hold }))?;
                Ok(vacant.insert(HoldRow {
                    key,
                    placed_at: None,
                    effective: before.effective,
                    expires_at: before.expires_at,
                    remaining: before.remaining.clone(),
                    ended: None,
                }))
            }
        }
    }
}

fn of(entry: &Entry) -> Reserved {
    Reserved {
        account: entry.account.clone(),
        direction: entry.direction,
        asset: entry.asset.clone(),
        amount: Minor::from(entry.amount),
    }
}

fn is_same(a: &Reserved, b: &Reserved) -> bool {
    (&a.account, a.direction, &a.asset) == (&b.account, b.direction, &b.asset)
}

/// Entries added up per account, side and asset, in the order of the first of each; `None` beyond
/// every bound.
fn reserved(entries: &[Entry]) -> Option<Vec<Reserved>> {
    let mut sums: Vec<Reserved> = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = of(entry);
        match sums.iter_mut().find(|sum| is_same(sum, &entry)) {
            Some(sum) => sum.amount = sum.amount.checked_add(entry.amount)?,
            None => sums.push(entry),
        }
    }
    Some(sums)
}

/// Takes an amount out of what remains, and returns where; `None` if there is not so much.
fn take(remaining: &mut [Reserved], taken: &Reserved) -> Option<usize> {
    let at = remaining.iter().position(|rest| is_same(rest, taken))?;
    let rest = remaining.get_mut(at)?;
    rest.amount = rest
        .amount
        .checked_sub(taken.amount)
        .filter(|rest| *rest >= Minor::ZERO)?;
    Some(at)
}
