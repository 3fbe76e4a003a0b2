//! Every event reads back as it was written, and is written again to the same bytes.

use std::collections::BTreeSet;

use daybook_events::event::{Event, EventType};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::values::event;

proptest! {
    #[test]
    fn an_event_reads_back_as_it_was_written(event in event()) {
        let mut written = Vec::new();
        event.write(&mut written);
        let kind = event.event_type();
        let read = Event::read(kind, kind.version(), &written).unwrap();
        prop_assert_eq!(&read, &event);
        let mut again = Vec::new();
        read.write(&mut again);
        prop_assert_eq!(again, written);
    }
}

#[test]
fn events_of_every_type_are_made_up() {
    let mut runner = TestRunner::deterministic();
    let made: BTreeSet<EventType> = (0..500)
        .map(|_| {
            event()
                .new_tree(&mut runner)
                .unwrap()
                .current()
                .event_type()
        })
        .collect();
    assert_eq!(made, EventType::ALL.iter().copied().collect());
}
