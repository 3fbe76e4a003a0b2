//! Which ledgers have holds that expire, and when: one small table for all ledgers, fed from the
//! store's order, so that whoever is not loaded is woken in time.
//!
//! Keys: `c` alone is the checkpoint; `t <time> <hold> <ledger>` is the order of expiry;
//! `h <ledger> 0x00 <hold>` gives the time of a hold, for its end does not name it. Changes and the
//! checkpoint that covers them are written together.

use std::collections::HashMap;

use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, TransactionId};
use daybook_events::time::Timestamp;
use uuid::Uuid;

use super::disk::{Disk, IndexError};

/// The layout of keys and values; another one is rebuilt.
pub(super) const KEYSPACE: &str = "due-1";

const CHECKPOINT: &[u8] = b"c";
const BY_TIME: u8 = b't';
const BY_HOLD: u8 = b'h';

/// How far the store's order was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) generation: GenerationId,
    pub(crate) position: Position,
    /// The event there; none at position 0.
    pub(crate) event_id: Option<EventId>,
    /// Whether every event up to there that is about a hold could be read.
    pub(crate) whole: bool,
}

/// An open hold that expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueHold {
    pub(crate) expires_at: Timestamp,
    pub(crate) ledger: LedgerId,
    pub(crate) hold: TransactionId,
}

/// What became of holds, by the last event of each: when it expires, or `None` once it has ended.
pub(crate) type HoldChanges = HashMap<(LedgerId, TransactionId), Option<Timestamp>>;

impl Disk {
    /// How far the table goes; `None` if it has to be filled from the beginning.
    pub(crate) fn due_passed(&self) -> Result<Option<Passed>, IndexError> {
        let value = self.due.get(CHECKPOINT);
        let value = value.map_err(|error| self.broken("read", error))?;
        Ok(value.as_deref().and_then(read_passed))
    }

    /// Empties the table. The checkpoint goes first: without one it is emptied again.
    pub(crate) fn due_wipe(&self) -> Result<(), IndexError> {
        self.due
            .remove(CHECKPOINT)
            .and_then(|()| self.due.clear())
            .map_err(|error| self.broken("wipe", error))
    }

    /// Writes what became of holds up to `passed`, all of it or nothing.
    pub(crate) fn due_pass(
        &self,
        changes: &HoldChanges,
        passed: &Passed,
    ) -> Result<(), IndexError> {
        let mut batch = self.database.batch();
        for ((ledger, hold), expires_at) in changes {
            let by_hold = key_by_hold(ledger, *hold);
            match expires_at {
                Some(expires_at) => {
                    let value = ordered(*expires_at).to_be_bytes();
                    batch.insert(&self.due, key_by_time(*expires_at, ledger, *hold), []);
                    batch.insert(&self.due, by_hold, value);
                }
                None => {
                    let known = self.due.get(&by_hold);
                    let known = known.map_err(|error| self.broken("read", error))?;
                    if let Some(at) = known.as_deref().and_then(read_time) {
                        batch.remove(&self.due, key_by_time(at, ledger, *hold));
                        batch.remove(&self.due, by_hold);
                    }
                }
            }
        }
        batch.insert(&self.due, CHECKPOINT, write_passed(passed));
        batch.commit().map_err(|error| self.broken("write", error))
    }

    /// The first holds that are due at `now`, after one of them; at most `limit`.
    pub(crate) fn due_at(
        &self,
        now: Timestamp,
        after: Option<&DueHold>,
        limit: usize,
    ) -> Result<Vec<DueHold>, IndexError> {
        let first = match after {
            Some(last) => {
                let mut key = key_by_time(last.expires_at, &last.ledger, last.hold);
                // The next key there can be: no ledger's name holds a NUL.
                key.push(0);
                key
            }
            None => vec![BY_TIME],
        };
        let mut end = vec![BY_TIME];
        end.extend_from_slice(&ordered(now).saturating_add(1).to_be_bytes());
        let mut due = Vec::new();
        for guard in self.due.range(first..end).take(limit) {
            let key = guard.key().map_err(|error| self.broken("read", error))?;
            due.extend(read_by_time(&key));
        }
        Ok(due)
    }

    /// When the first hold expires after a time, or of all.
    pub(crate) fn due_first(
        &self,
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, IndexError> {
        let mut first = vec![BY_TIME];
        if let Some(after) = after {
            first.extend_from_slice(&ordered(after).saturating_add(1).to_be_bytes());
        }
        let Some(guard) = self.due.range(first..vec![BY_TIME + 1]).next() else {
            return Ok(None);
        };
        let key = guard.key().map_err(|error| self.broken("read", error))?;
        Ok(key.get(1..9).and_then(read_time))
    }
}

/// A time as a number whose bytes sort as the times do.
fn ordered(time: Timestamp) -> u64 {
    time.micros().cast_unsigned() ^ (1 << 63)
}

fn read_time(bytes: &[u8]) -> Option<Timestamp> {
    let ordered = u64::from_be_bytes(bytes.try_into().ok()?);
    Timestamp::try_from_micros((ordered ^ (1 << 63)).cast_signed())
}

fn key_by_time(expires_at: Timestamp, ledger: &LedgerId, hold: TransactionId) -> Vec<u8> {
    let mut key = Vec::with_capacity(25 + ledger.as_str().len());
    key.push(BY_TIME);
    key.extend_from_slice(&ordered(expires_at).to_be_bytes());
    key.extend_from_slice(hold.uuid().as_bytes());
    key.extend_from_slice(ledger.as_str().as_bytes());
    key
}

fn read_by_time(key: &[u8]) -> Option<DueHold> {
    let (time, rest) = key.get(1..)?.split_first_chunk::<8>()?;
    let (hold, ledger) = rest.split_first_chunk::<16>()?;
    Some(DueHold {
        expires_at: read_time(time)?,
        ledger: LedgerId::parse(std::str::from_utf8(ledger).ok()?).ok()?,
        hold: TransactionId::new(Uuid::from_bytes(*hold)),
    })
}

fn key_by_hold(ledger: &LedgerId, hold: TransactionId) -> Vec<u8> {
    let mut key = Vec::with_capacity(18 + ledger.as_str().len());
    key.push(BY_HOLD);
    key.extend_from_slice(ledger.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(hold.uuid().as_bytes());
    key
}

fn write_passed(passed: &Passed) -> Vec<u8> {
    let mut value = Vec::with_capacity(41);
    value.extend_from_slice(passed.generation.uuid().as_bytes());
    value.extend_from_slice(&passed.position.get().to_be_bytes());
    value.push(u8::from(passed.whole));
    if let Some(id) = passed.event_id {
        value.extend_from_slice(id.uuid().as_bytes());
    }
    value
}

fn read_passed(value: &[u8]) -> Option<Passed> {
    let (generation, rest) = value.split_first_chunk::<16>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let ([whole], id) = rest.split_first_chunk::<1>()?;
    let event_id = match id {
        [] => None,
        id => Some(EventId::new(Uuid::from_slice(id).ok()?)),
    };
    Some(Passed {
        generation: GenerationId::new(Uuid::from_bytes(*generation)),
        position: Position::new(u64::from_be_bytes(*position)),
        event_id,
        whole: *whole == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(n: u128) -> TransactionId {
        TransactionId::new(Uuid::from_u128(n))
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::try_from_micros(micros).unwrap()
    }

    fn passed(position: u64) -> Passed {
        Passed {
            generation: GenerationId::new(Uuid::from_u128(1)),
            position: Position::new(position),
            event_id: Some(EventId::new(Uuid::from_u128(2))),
            whole: position != 8,
        }
    }

    #[test]
    fn due_holds_come_in_the_order_of_their_times_until_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::open(dir.path()).unwrap();
        assert_eq!(disk.due_passed().unwrap(), None);
        let (a, b) = (
            LedgerId::parse("a").unwrap(),
            LedgerId::parse("ab").unwrap(),
        );
        let placed = [
            ((a.clone(), hold(1)), Some(at(30))),
            ((b.clone(), hold(1)), Some(at(-5))),
            ((b.clone(), hold(2)), Some(at(10))),
            // Placed and ended within one page: it leaves nothing.
            ((a.clone(), hold(9)), None),
        ];
        disk.due_pass(&HoldChanges::from(placed), &passed(7))
            .unwrap();
        assert_eq!(disk.due_passed().unwrap(), Some(passed(7)));
        assert_eq!(disk.due_first(None).unwrap(), Some(at(-5)));
        assert_eq!(disk.due_first(Some(at(-6))).unwrap(), Some(at(-5)));
        assert_eq!(disk.due_first(Some(at(-5))).unwrap(), Some(at(10)));
        assert_eq!(disk.due_first(Some(at(30))).unwrap(), None);
        let due = disk.due_at(at(10), None, 10).unwrap();
        let times: Vec<i64> = due.iter().map(|due| due.expires_at.micros()).collect();
        assert_eq!(times, [-5, 10]);
        assert_eq!(disk.due_at(at(30), Some(&due[1]), 10).unwrap().len(), 1);
        assert_eq!(disk.due_at(at(30), None, 2).unwrap(), due);
        let ended = [((b, hold(1)), None)];
        disk.due_pass(&HoldChanges::from(ended), &passed(8))
            .unwrap();
        assert_eq!(disk.due_passed().unwrap(), Some(passed(8)));
        assert_eq!(disk.due_first(None).unwrap(), Some(at(10)));
        assert_eq!(disk.due_at(at(30), None, 10).unwrap().len(), 2);
        disk.due_wipe().unwrap();
        assert_eq!(disk.due_passed().unwrap(), None);
        assert_eq!(disk.due_first(None).unwrap(), None);
    }
}
