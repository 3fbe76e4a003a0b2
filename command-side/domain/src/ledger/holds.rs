//! The open holds of a ledger: what each still reserves, and when which is due.

mod stored;

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::event::Entry;
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::{AMOUNT_MAX, Amount, Minor, Side};
use daybook_events::time::Timestamp;

use super::Ledger;
use super::assets::AssetIndex;
use super::journal::Change;
pub(super) use stored::StoredHold;

/// The table. Placing, capturing and ending cost the logarithm of the open holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Holds {
    /// A tree, since clients make the ids: no choice of ids makes a look-up slow.
    open: BTreeMap<TransactionId, OpenHold>,
    /// Those that expire, the earliest first; not the one that is being ended.
    due: BTreeSet<(Timestamp, TransactionId)>,
    /// The hold that has ended but for its last capture, which is the next event.
    ending: Option<TransactionId>,
}

/// A hold without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenHold {
    expires_at: Option<Timestamp>,
    /// One per account, direction and asset, sorted by these.
    parts: Box<[Part]>,
}

/// What a hold reserves of one account, direction and asset.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    account: AccountId,
    direction: Side,
    asset: AssetIndex,
    /// Its place among the parts in the order of the hold's entries.
    place: usize,
    /// Nothing once all of it is captured: which parts a hold has does not change.
    remaining: Minor,
}

/// What takes a change of the holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HoldChange {
    Placed(TransactionId),
    Taken {
        hold: TransactionId,
        part: usize,
        before: Minor,
    },
    Ending(TransactionId),
    Ended {
        id: TransactionId,
        hold: OpenHold,
        was_ending: bool,
    },
}

impl OpenHold {
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether its time is over at `now`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    fn is_used_up(&self) -> bool {
        self.parts.iter().all(|part| part.remaining.is_zero())
    }

    fn find(&self, account: &AccountId, direction: Side, asset: AssetIndex) -> Option<usize> {
        let key = (account, direction, asset);
        self.parts
            .binary_search_by(|part| part.key().cmp(&key))
            .ok()
    }

    fn in_order(&self) -> Vec<&Part> {
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_unstable_by_key(|part| part.place);
        parts
    }
}

impl Part {
    fn key(&self) -> (&AccountId, Side, AssetIndex) {
        (&self.account, self.direction, self.asset)
    }
}

impl Holds {
    fn insert(&mut self, id: TransactionId, hold: OpenHold) {
        if let Some(at) = hold.expires_at {
            self.due.insert((at, id));
        }
        self.open.insert(id, hold);
    }

    fn remove(&mut self, id: TransactionId) -> Option<OpenHold> {
        let hold = self.open.remove(&id)?;
        if let Some(at) = hold.expires_at {
            self.due.remove(&(at, id));
        }
        Some(hold)
    }

    fn part_mut(&mut self, hold: TransactionId, part: usize) -> Option<&mut Part> {
        self.open.get_mut(&hold)?.parts.get_mut(part)
    }

    fn set_ending(&mut self, id: TransactionId) {
        let expires_at = self.open.get(&id).and_then(OpenHold::expires_at);
        if let Some(at) = expires_at {
            self.due.remove(&(at, id));
        }
        self.ending = Some(id);
    }

    pub(super) fn undo(&mut self, change: HoldChange) {
        match change {
            HoldChange::Placed(id) => {
                self.remove(id);
            }
            HoldChange::Taken { hold, part, before } => {
                if let Some(part) = self.part_mut(hold, part) {
                    part.remaining = before;
                }
            }
            HoldChange::Ending(id) => {
                self.ending = None;
                if let Some(hold) = self.open.remove(&id) {
                    self.insert(id, hold);
                }
            }
            HoldChange::Ended {
                id,
                hold,
                was_ending,
            } => {
                self.insert(id, hold);
                if was_ending {
                    self.set_ending(id);
                }
            }
        }
    }
}

/// What the holds of a ledger say to others.
impl Ledger {
    /// The open holds whose time is over at `now`, the earliest first.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = TransactionId> + '_ {
        let due = self.holds.due.iter();
        due.take_while(move |(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// When the first open hold expires; `None` if none ever does.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.holds.due.first().map(|(at, _)| *at)
    }

    /// The open holds, sorted by id.
    pub fn holds(&self) -> impl Iterator<Item = HoldView<'_>> {
        let open = self.holds.open.iter();
        open.map(|(id, hold)| HoldView {
            id: *id,
            hold,
            ledger: self,
        })
    }

    /// An open hold.
    pub fn hold(&self, id: TransactionId) -> Option<HoldView<'_>> {
        let (hold, ledger) = (self.holds.open.get(&id)?, self);
        Some(HoldView { id, hold, ledger })
    }
}

/// How [`crate::decide`] reads and [`crate::evolve`] changes the holds.
impl Ledger {
    pub(crate) fn open_hold(&self, id: TransactionId) -> Option<&OpenHold> {
        self.holds.open.get(&id)
    }

    /// The hold that has ended but for its last capture.
    pub(crate) fn being_ended(&self) -> Option<TransactionId> {
        self.holds.ending
    }

    /// Whether nothing remains of an open hold.
    pub(crate) fn is_used_up(&self, hold: TransactionId) -> bool {
        self.open_hold(hold).is_some_and(OpenHold::is_used_up)
    }

    /// Opens a hold whose assets all have an entry already. The error is the first entry of an
    /// account, direction and asset of which more than 10^30 would be reserved: one entry could
    /// not release it again.
    pub(crate) fn add_hold(
        &mut self,
        id: TransactionId,
        expires_at: Option<Timestamp>,
        entries: &[Entry],
    ) -> Result<(), usize> {
        let parts = entries.iter().enumerate().filter_map(|(place, entry)| {
            Some(Part {
                account: entry.account.clone(),
                direction: entry.direction,
                asset: self.assets.index_of(&entry.asset)?,
                place,
                remaining: entry.amount.into(),
            })
        });
        let parts = merged(parts.collect())?;
        self.holds.insert(id, OpenHold { expires_at, parts });
        self.journal.record(|| Change::Hold(HoldChange::Placed(id)));
        Ok(())
    }

    /// Takes an entry's amount out of a hold and gives its place in the order of the hold's
    /// entries; `None` if less than that remains.
    pub(crate) fn take_from_hold(&mut self, hold: TransactionId, entry: &Entry) -> Option<usize> {
        let asset = self.assets.index_of(&entry.asset)?;
        let open = self.holds.open.get_mut(&hold)?;
        let index = open.find(&entry.account, entry.direction, asset)?;
        let part = open.parts.get_mut(index)?;
        let before = part.remaining;
        let after = before.checked_sub(entry.amount.into())?;
        if after < Minor::ZERO {
            return None;
        }
        part.remaining = after;
        let place = part.place;
        self.journal.record(|| {
            Change::Hold(HoldChange::Taken {
                hold,
                part: index,
                before,
            })
        });
        Some(place)
    }

    /// Ends an open hold but for its last capture, which is the next event.
    pub(crate) fn await_last_capture(&mut self, hold: TransactionId) {
        self.holds.set_ending(hold);
        self.journal
            .record(|| Change::Hold(HoldChange::Ending(hold)));
    }

    /// Forgets a hold that has ended.
    pub(crate) fn forget_hold(&mut self, id: TransactionId) {
        let was_ending = self.holds.ending.take_if(|ending| *ending == id).is_some();
        if let Some(hold) = self.holds.remove(id) {
            self.journal.record(|| {
                Change::Hold(HoldChange::Ended {
                    id,
                    hold,
                    was_ending,
                })
            });
        }
    }
}

/// One part per account, direction and asset, at the place of its first entry among them. The
/// error is the first place of which more than 10^30 would be reserved.
fn merged(mut parts: Vec<Part>) -> Result<Box<[Part]>, usize> {
    parts.sort_by(|one, other| one.key().cmp(&other.key()));
    let mut too_much: Option<usize> = None;
    // The sort is stable: of equal parts the one that is kept is the first in the entries.
    parts.dedup_by(|part, kept| {
        let same = part.key() == kept.key();
        if same {
            let sum = kept.remaining.checked_add(part.remaining);
            match sum.filter(|sum| sum.get() <= AMOUNT_MAX) {
                Some(sum) => kept.remaining = sum,
                None => {
                    let first = too_much.map_or(kept.place, |other| other.min(kept.place));
                    too_much = Some(first);
                }
            }
        }
        same
    });
    if let Some(first) = too_much {
        return Err(first);
    }
    let mut in_order: Vec<&mut Part> = parts.iter_mut().collect();
    in_order.sort_unstable_by_key(|part| part.place);
    for (place, part) in in_order.into_iter().enumerate() {
        part.place = place;
    }
    Ok(parts.into_boxed_slice())
}

/// An open hold as others see it.
#[derive(Debug, Clone, Copy)]
pub struct HoldView<'a> {
    /// Its id.
    pub id: TransactionId,
    hold: &'a OpenHold,
    ledger: &'a Ledger,
}

/// What remains of a hold for one account, direction and asset; never nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The side.
    pub direction: Side,
    /// The asset.
    pub asset: &'a AssetCode,
    /// Minor units.
    pub amount: Amount,
}

impl<'a> HoldView<'a> {
    /// From this instant on it is expired; `None`: it waits for ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.hold.expires_at
    }

    /// What remains, once per account, direction and asset, in the order of the hold's entries.
    pub fn remaining(&self) -> impl Iterator<Item = Reserved<'a>> + use<'a> {
        let ledger = self.ledger;
        self.hold.in_order().into_iter().filter_map(move |part| {
            Some(Reserved {
                account: &part.account,
                direction: part.direction,
                asset: ledger.assets.code_of(part.asset)?,
                // Never beyond 10^30: either something remains or nothing.
                amount: Amount::new(part.remaining.get()).ok()?,
            })
        })
    }
}
