//! Old versions of stored events: read as today's values, and what they would be if they were
//! written today.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, EventType, TransactionPosted};

use crate::golden::golden;

#[test]
fn transactions_of_version_1_are_read_as_version_2() {
    // A reversal moved into `origin`; the other lines have nothing that changed.
    let (old, new) = (
        r#""reverses":"6f1c0f7e-3d1b-4c53-8a0e-1f5e0f3c9b11","reason":"paid twice","#,
        concat!(
            r#""origin":{"kind":"reversal","of":"6f1c0f7e-3d1b-4c53-8a0e-1f5e0f3c9b11","#,
            r#""reason":"paid twice"},"#,
        ),
    );
    let all = golden!(TransactionPosted, 1);
    assert_eq!(all.len(), 3);
    let mut reversals = 0;
    for (recorded, posted) in all {
        let stored = String::from_utf8(recorded.data.to_vec()).unwrap();
        let expected = stored.replace(old, new);
        let is_reversal = stored != expected;
        assert_eq!(posted.reverses().is_some(), is_reversal);
        assert_eq!(posted.reason().is_some(), is_reversal);
        assert_eq!(posted.captures(), None);
        reversals += usize::from(is_reversal);

        let event = Event::TransactionPosted(posted);
        let mut written = Vec::new();
        event.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        let again = Event::read(EventType::TransactionPosted, 2, expected.as_bytes()).unwrap();
        assert_eq!(again, event, "version 2 means the same");
    }
    assert_eq!(reversals, 1);
}

#[test]
fn a_reversal_is_the_same_value_from_either_version() {
    let reversal = |all: Vec<(RecordedEvent, TransactionPosted)>| {
        let mut all = all.into_iter();
        all.find(|(_, posted)| posted.reverses().is_some()).unwrap()
    };
    let (old, first) = reversal(golden!(TransactionPosted, 1));
    let (new, second) = reversal(golden!(TransactionPosted, 2));
    assert_eq!(first, second);
    assert_ne!(old.data, new.data);
}

#[test]
fn a_version_takes_only_its_own_members() {
    let entry = |side: &str| {
        let rest = r#""amount":"5","asset":"USD","balance":{"posted":"5"}"#;
        format!(r#"{{"account":"a","direction":"{side}",{rest}}}"#)
    };
    let of = "6f1c0f7e-3d1b-4c53-8a0e-1f5e0f3c9b11";
    let data = |members: &str| {
        format!(
            r#"{{{members}"entries":[{},{}]}}"#,
            entry("debit"),
            entry("credit")
        )
    };
    let first = format!(r#""reverses":"{of}","reason":"x","#);
    let second = format!(r#""origin":{{"kind":"reversal","of":"{of}","reason":"x"}},"#);
    for (version, members, reason) in [
        (1, first.clone(), None),
        (2, second.clone(), None),
        (1, second, Some("unknown field `origin`")),
        (2, first, Some("unknown field `reverses`")),
        (
            1,
            format!(r#""reverses":"{of}","#),
            Some("its target and its reason"),
        ),
        (
            1,
            r#""reason":"x","#.to_owned(),
            Some("its target and its reason"),
        ),
    ] {
        let read = Event::read(
            EventType::TransactionPosted,
            version,
            data(&members).as_bytes(),
        );
        match reason {
            None => assert!(read.is_ok(), "{members}: {read:?}"),
            Some(reason) => {
                let refused = read.unwrap_err().to_string();
                assert!(
                    refused.contains(reason),
                    "version {version}, {members}: {refused}"
                );
            }
        }
    }
}
