//! Laws of the fold: over random histories, and one by one.

mod accounts;
mod holds;
mod ledgers;
mod parts;
mod random;
mod rows;
mod transactions;
mod writer;

use daybook_events::envelope::RecordedEvent;

use super::fold::fold;
use super::rows::Prior;
use super::{Corrupt, Rule, decode};

/// Why the fold refuses a history, which it takes without its last event.
fn refused(events: &[RecordedEvent]) -> Corrupt {
    let before = decode::all(&events[..events.len() - 1]).unwrap();
    fold(&Prior::default(), &before).expect("everything before the last event is lawful");
    let decoded = decode::all(events).unwrap();
    let refused = fold(&Prior::default(), &decoded).unwrap_err();
    assert_eq!(refused.id, events.last().unwrap().id, "{refused}");
    *refused
}

/// The rule that the last event breaks.
fn rule(events: &[RecordedEvent]) -> Rule {
    refused(events).rule
}
