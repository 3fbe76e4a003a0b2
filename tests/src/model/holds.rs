//! The rules of transactions of every kind: posted, held, captured, voided, expired, reversed.

use serde_json::json;

use super::calendar;
use super::drafts::{Draft, Origin};
use super::effect::{Change, Effect, Event};
use super::judge::{Moment, Ruled};
use super::ledger::{Hold, Ledger, Refusal, Share, Transaction, Yes};
use super::money::{Moves, Turnovers, entries_of};
use super::render::{entry, stored_entry, without_empty};
use super::request::{Capture, Entry, NewTransaction, Part, Reverse};

const EXPIRED: Refusal = Refusal::new(422, "hold_expired");

impl Ledger {
    /// A transaction that a path names.
    pub(super) fn found(&self, id: &str) -> Result<&Transaction, Refusal> {
        let found = self.transactions.get(id);
        found
            .map(|found| &**found)
            .ok_or(Refusal::new(404, "transaction_not_found"))
    }

    fn reference_is_free(&self, reference: Option<&String>) -> Result<(), Refusal> {
        if reference.is_some_and(|reference| self.references.contains(reference)) {
            return Err(Refusal::new(409, "reference_conflict"));
        }
        Ok(())
    }

    pub(super) fn transaction(&self, new: &NewTransaction, moment: Moment<'_>) -> Ruled {
        self.reference_is_free(new.reference.as_ref())?;
        let pending = new.pending == Some(true);
        if pending && new.expires_at.is_some_and(|at| at <= moment.now) {
            return Err(EXPIRED);
        }
        let entries = entries_of(&new.lines);
        let moves = if pending { Moves::Holds } else { Moves::Posts };
        let day = self.day(new.effective_at.as_ref(), moment.now);
        let after = self.checked(&entries, moves, &day, Turnovers::new())?;
        let draft = Draft {
            id: new.id.as_deref().unwrap_or(moment.minted),
            reference: new.reference.as_ref(),
            code: new.code.as_ref(),
            description: new.description.as_ref(),
            effective_at: new.effective_at.as_ref(),
            related_to: new.related_to.as_ref(),
            metadata: new.metadata.clone().unwrap_or_default(),
            entries,
            origin: if pending {
                Origin::Hold(new.expires_at)
            } else {
                Origin::Itself
            },
        };
        Ok(self.recorded(draft, after, moment.now, self.revision + 1))
    }

    pub(super) fn reverse(&self, reverse: &Reverse, moment: Moment<'_>) -> Ruled {
        self.reference_is_free(reverse.reference.as_ref())?;
        let target = self.found(&reverse.target)?;
        if target.hold.is_some() {
            return Err(Refusal::new(409, "not_posted"));
        }
        if target.reversed_by.is_some() {
            return Err(Refusal::new(409, "already_reversed"));
        }
        let mirrored = target.entries.iter().map(|entry| Entry {
            side: entry.side.other(),
            ..bare(entry)
        });
        let entries: Vec<Entry> = mirrored.collect();
        let day = self.day(reverse.effective_at.as_ref(), moment.now);
        let after = self.checked(&entries, Moves::Posts, &day, Turnovers::new())?;
        let id = reverse.id.as_deref().unwrap_or(moment.minted);
        let draft = Draft {
            id,
            reference: reverse.reference.as_ref(),
            code: None,
            description: None,
            effective_at: reverse.effective_at.as_ref(),
            related_to: None,
            metadata: reverse.metadata.clone().unwrap_or_default(),
            entries,
            origin: Origin::Reversal(&reverse.target, &reverse.reason),
        };
        let mut effect = self.recorded(draft, after, moment.now, self.revision + 1);
        let linked = Transaction {
            reversed_by: Some(id.to_owned()),
            ..target.clone()
        };
        let change = Change::Transaction(reverse.target.clone(), linked);
        effect.changes.push(change);
        Ok(effect)
    }

    /// Everything that is judged about entries, in order; gives the turnovers after them.
    fn checked(
        &self,
        entries: &[Entry],
        moves: Moves,
        day: &str,
        before: Turnovers,
    ) -> Result<Turnovers, Refusal> {
        self.entries_fit(entries, moves)?;
        self.day_is_open(day)?;
        let after = self.moved(before, entries, moves);
        self.balances_fit(entries, &after)?;
        Ok(after)
    }

    /// A hold that can still be captured or voided.
    fn open_hold(&self, id: &str, now: i64) -> Result<(&Transaction, &Hold), Refusal> {
        let target = self.found(id)?;
        let Some(hold) = &target.hold else {
            return Err(Refusal::new(409, "not_a_hold"));
        };
        match hold.status {
            "pending" if hold.expires_at.is_some_and(|at| at <= now) => Err(EXPIRED),
            "pending" => Ok((target, hold)),
            "expired" => Err(EXPIRED),
            _ => Err(Refusal::new(409, "already_settled")),
        }
    }

    pub(super) fn capture(&self, capture: &Capture, moment: Moment<'_>) -> Ruled {
        self.reference_is_free(capture.reference.as_ref())?;
        let (target, hold) = self.open_hold(&capture.hold, moment.now)?;
        let entries = taken(target, hold, &capture.part)?;
        let rest = rest(hold, &entries)?;
        let ends = capture.last != Some(false) || rest.is_empty();
        let released = if ends { rest.as_slice() } else { &[] };
        let freed = self.released(released);
        let day = self.day(capture.effective_at.as_ref(), moment.now);
        let after = self.checked(&entries, Moves::Captures, &day, freed.clone())?;
        let draft = Draft {
            id: capture.id.as_deref().unwrap_or(moment.minted),
            reference: capture.reference.as_ref(),
            code: None,
            description: None,
            effective_at: capture.effective_at.as_ref(),
            related_to: None,
            metadata: capture.metadata.clone().unwrap_or_default(),
            entries,
            origin: Origin::Capture(&capture.hold),
        };
        let first = self.revision + 1;
        let mut after_hold = target.clone();
        let revision = if ends { first + 1 } else { first };
        let mut effect = self.recorded(draft, after, moment.now, revision);
        let change = if ends {
            let (event, ended) = self.ended(
                &capture.hold,
                released,
                &freed,
                ("captured", None),
                moment.now,
            );
            effect.events.insert(0, event);
            ended
        } else {
            after_hold.hold = Some(Hold {
                rest,
                ..hold.clone()
            });
            after_hold
        };
        let change = Change::Transaction(capture.hold.clone(), change);
        effect.changes.push(change);
        Ok(effect)
    }

    pub(super) fn void(&self, id: &str, reason: Option<&str>, now: i64) -> Ruled {
        let (_, hold) = self.open_hold(id, now)?;
        Ok(self.end(id, hold, ("voided", reason), now))
    }

    /// The end of a hold whose time is over.
    ///
    /// # Panics
    /// When there is no such hold.
    pub fn expire(&self, id: &str, now: i64) -> Effect {
        let hold = self.transactions[id].hold.as_ref();
        let hold = hold.unwrap_or_else(|| panic!("{id} is no hold"));
        self.end(id, hold, ("expired", None), now)
    }

    fn end(&self, id: &str, hold: &Hold, how: (&'static str, Option<&str>), now: i64) -> Effect {
        let freed = self.released(&hold.rest);
        let (event, after) = self.ended(id, &hold.rest, &freed, how, now);
        let yes = Yes {
            status: 200,
            body: after.shown(),
            location: None,
            id: Some(id.to_owned()),
        };
        let mut changes = self.accounts_after(&freed);
        changes.push(Change::Transaction(id.to_owned(), after));
        Effect::one(event, yes, changes)
    }

    /// A hold that ends now: its event, and the hold as it is then.
    fn ended(
        &self,
        id: &str,
        released: &[Share],
        freed: &Turnovers,
        (outcome, reason): (&'static str, Option<&str>),
        now: i64,
    ) -> (Event, Transaction) {
        let mut after = (*self.transactions[id]).clone();
        let entries: Vec<Entry> = released.iter().map(entry_of).collect();
        let stored = entries
            .iter()
            .map(|entry| stored_entry(entry, self.balance_in(freed, entry)));
        let shown = entries
            .iter()
            .map(|one| entry(one, self.balance_in(freed, one), None));
        let mut data = without_empty(json!({
            "hold": id,
            "outcome": outcome,
            "reason": reason,
            "released": stored.collect::<Vec<_>>(),
        }));
        if after.metadata_changed && outcome != "expired" {
            data["metadata"] = json!(after.metadata);
        }
        if let Some(hold) = &mut after.hold {
            hold.rest = Vec::new();
            hold.status = match outcome {
                "captured" => "posted",
                other => other,
            };
            hold.ended = json!({
                "revision": self.revision + 1,
                "at": calendar::text(now),
                "outcome": outcome,
                "reason": reason,
                "released": shown.collect::<Vec<_>>(),
            });
        }
        let event = Event {
            kind: "HoldEnded",
            id: None,
            data,
        };
        (event, after)
    }
}

fn entry_of(share: &Share) -> Entry {
    Entry {
        account: share.account.clone(),
        side: share.side,
        amount: share.amount,
        asset: share.asset.clone(),
        description: None,
        metadata: None,
        condition: None,
    }
}

/// What an entry moves, without what its client said about it.
fn bare(entry: &Entry) -> Entry {
    Entry {
        description: None,
        metadata: None,
        condition: None,
        ..entry.clone()
    }
}

/// The entries of a capture.
fn taken(target: &Transaction, hold: &Hold, part: &Part) -> Result<Vec<Entry>, Refusal> {
    match part {
        Part::Rest => Ok(hold.rest.iter().map(entry_of).collect()),
        Part::Entries(entries) => Ok(entries.clone()),
        Part::Amount(_) if target.entries.len() != 2 => Err(Refusal::new(422, "validation")),
        Part::Amount(amount) => {
            let entries = target.entries.iter().map(|entry| Entry {
                amount: *amount,
                ..bare(entry)
            });
            Ok(entries.collect())
        }
    }
}

/// What remains of a hold after these entries, as long as they stay within it.
fn rest(hold: &Hold, entries: &[Entry]) -> Result<Vec<Share>, Refusal> {
    let mut rest = hold.rest.clone();
    for (index, entry) in entries.iter().enumerate() {
        let share = rest.iter_mut().find(|share| share.is_of(entry));
        match share.filter(|share| share.amount >= entry.amount) {
            Some(share) => share.amount -= entry.amount,
            None => return Err(Refusal::at(index, "capture_exceeds_hold")),
        }
    }
    rest.retain(|share| share.amount > 0);
    Ok(rest)
}
