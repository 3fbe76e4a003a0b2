//! Cases of appending.

use std::time::Duration;

use daybook_events::event::EventType;
use daybook_events::ids::Revision;

use super::{
    Content, Subject, after, assert_ascending, assert_wrong_revision, ids, number, revisions, unit,
};
use crate::port::{AppendError, Appended, ExpectedRevision::NoStream};

/// Create, append, read back: ids, revisions, positions, data.
pub async fn a_ledger_is_created_appended_to_and_read(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let before = subject.head().await;
    let created = subject
        .append(unit(&ledger, NoStream, [1]))
        .await
        .expect("created");
    assert_eq!(created.last_revision, Some(Revision::new(0)));
    let appended = subject
        .append(unit(&ledger, after(0), [2, 3]))
        .await
        .expect("appended");
    assert_eq!(appended.last_revision, Some(Revision::new(2)));
    assert!(created.last_position < appended.last_position, "INV-8");
    assert!(subject.head().await >= appended.last_position, "INV-2");

    let events = subject.ledger_events(&ledger).await;
    assert_eq!(
        (revisions(&events), ids(&events)),
        (vec![0, 1, 2], vec![1, 2, 3])
    );
    assert_ascending(&events);
    assert_eq!(events, subject.all_events(before).await);
    let [first, _, last] = events.as_slice() else {
        panic!("three events, got {}", events.len());
    };
    assert_eq!(first.position, created.last_position);
    assert_eq!(last.position, appended.last_position);
    assert_eq!(last.data.as_ref(), br#"{"id":"3","filling":"x"}"#);
    assert_eq!(last.version, last.event_type.version());
    assert_eq!(last.recorded_at.micros(), 1_790_000_000_000_000);
    let last_revision = subject.store.last_revision(&ledger).await.expect("read");
    assert_eq!(last_revision, Some(Revision::new(2)));
}

/// Neither behind nor ahead; nothing is written.
pub async fn the_revision_must_be_exact(subject: &Subject) {
    let ledger = subject.ledger("acme");
    assert_wrong_revision(subject.append(unit(&ledger, after(0), [1])).await, None);
    subject
        .append(unit(&ledger, NoStream, [1, 2, 3]))
        .await
        .expect("created");
    for wrong in [0, 1, 3, u64::MAX] {
        assert_wrong_revision(
            subject.append(unit(&ledger, after(wrong), [9])).await,
            Some(2),
        );
    }
    assert_eq!(ids(&subject.ledger_events(&ledger).await), [1, 2, 3]);
}

/// By another event; a repetition is another case.
pub async fn creating_a_ledger_twice_is_refused(subject: &Subject) {
    let ledger = subject.ledger("acme");
    subject
        .append(unit(&ledger, NoStream, [1]))
        .await
        .expect("created");
    assert_wrong_revision(subject.append(unit(&ledger, NoStream, [2])).await, Some(0));
    assert_eq!(ids(&subject.ledger_events(&ledger).await), [1]);
}

/// The check of a batch that appends nothing.
pub async fn a_zero_event_append_checks_and_writes_nothing(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let none = subject
        .append(unit(&ledger, NoStream, []))
        .await
        .expect("not there");
    assert_eq!(none.last_revision, None);
    assert_wrong_revision(subject.append(unit(&ledger, after(0), [])).await, None);
    let created = subject
        .append(unit(&ledger, NoStream, [1, 2]))
        .await
        .expect("created");
    let checked = subject
        .append(unit(&ledger, after(1), []))
        .await
        .expect("checked");
    assert_eq!(checked.last_revision, Some(Revision::new(1)));
    assert!(checked.last_position >= created.last_position);
    for wrong in [NoStream, after(0), after(2)] {
        assert_wrong_revision(subject.append(unit(&ledger, wrong, [])).await, Some(1));
    }
    assert_eq!(ids(&subject.ledger_events(&ledger).await), [1, 2]);
}

/// Also after further events, also of several at once, also of a creation.
pub async fn a_repeated_append_gives_the_same_answer(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let units = [
        unit(&ledger, NoStream, [1, 2]),
        unit(&ledger, after(1), [3]),
        unit(&ledger, after(2), [4, 5, 6]),
    ];
    let mut answers: Vec<Appended> = Vec::new();
    for unit in &units {
        answers.push(subject.append(unit.clone()).await.expect("appended"));
        let repeated = subject
            .append(unit.clone())
            .await
            .expect("repeated at once");
        assert_eq!(Some(&repeated), answers.last());
    }
    for (unit, answer) in units.iter().zip(&answers) {
        let repeated = subject.append(unit.clone()).await.expect("repeated later");
        assert_eq!(repeated, *answer);
    }
    // The same events cut into other units are the same events, if they have the same time.
    let whole = unit(&ledger, NoStream, [1, 2, 3, 4, 5, 6]);
    let whole = subject.append(whole).await.expect("repeated as one");
    assert_eq!(Some(&whole), answers.last());
    assert_eq!(
        ids(&subject.ledger_events(&ledger).await),
        [1, 2, 3, 4, 5, 6]
    );
}

/// Wherever the difference is.
pub async fn an_append_that_repeats_only_in_part_is_refused(subject: &Subject) {
    let ledger = subject.ledger("acme");
    subject
        .append(unit(&ledger, NoStream, [1, 2, 3, 4]))
        .await
        .expect("created");
    for (expected, other) in [
        (NoStream, vec![9, 2, 3, 4]),
        (NoStream, vec![1, 9, 3]),
        (NoStream, vec![1, 2, 3, 9]),
        (after(0), vec![2, 3, 9]),
        (after(0), vec![3, 2]),
        // Goes beyond what is there.
        (after(1), vec![3, 4, 5]),
        (NoStream, vec![1, 2, 3, 4, 5]),
    ] {
        assert_wrong_revision(
            subject.append(unit(&ledger, expected, other)).await,
            Some(3),
        );
    }
    assert_eq!(ids(&subject.ledger_events(&ledger).await), [1, 2, 3, 4]);
}

/// A client-made id may come again with something else, and an append whose outcome nobody knew may
/// take effect late: what was not stored must not be acknowledged. Durable or still on its way.
pub async fn an_append_that_repeats_ids_with_other_content_is_refused(subject: &Subject) {
    let first = Content::default();
    let others = [
        Content {
            micros: first.micros + 1,
            ..first.clone()
        },
        Content {
            event_type: EventType::AccountOpened,
            ..first.clone()
        },
        Content {
            filling: "y",
            ..first.clone()
        },
        Content {
            own: r#""key":"l""#,
            ..first.clone()
        },
        Content {
            shared: r#""request_id":"r2""#,
            ..first.clone()
        },
    ];
    let ledger = subject.ledger("acme");
    let stored = first.unit(&ledger, NoStream, [1, 2]);
    subject.append(stored.clone()).await.expect("created");
    for other in &others {
        let other = other.unit(&ledger, NoStream, [1, 2]);
        assert_wrong_revision(subject.append(other).await, Some(1));
    }
    subject.append(stored).await.expect("the very same again");
    assert_eq!(ids(&subject.ledger_events(&ledger).await), [1, 2]);

    for (number, other) in others.iter().enumerate() {
        let ledger = subject.ledger(&format!("l{number}"));
        let (one, two) = tokio::join!(
            subject.append(first.unit(&ledger, NoStream, [1])),
            subject.append(other.unit(&ledger, NoStream, [1])),
        );
        assert!(one.is_ok() != two.is_ok(), "got {one:?} and {two:?}");
    }
}

/// Else the rule for repetitions could not tell.
pub async fn an_event_id_may_not_stand_twice_in_a_unit(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let twice = subject.append(unit(&ledger, NoStream, [1, 2, 1])).await;
    assert!(
        matches!(twice, Err(AppendError::Refused { .. })),
        "got {twice:?}"
    );
    assert!(subject.ledger_events(&ledger).await.is_empty());
}

/// Two writers each add twenty events, each reading where it lost.
pub async fn of_two_writers_one_wins_each_revision(subject: &Subject) {
    const EACH: u128 = 20;
    let ledger = subject.ledger("acme");
    let writer = |first_id: u128| {
        let (subject, ledger) = (subject.clone(), ledger.clone());
        async move {
            for id in first_id..first_id + EACH {
                let mut expected = NoStream;
                while let Err(error) = subject.append(unit(&ledger, expected, [id])).await {
                    let AppendError::WrongExpectedRevision { actual, .. } = error else {
                        panic!("a racing writer only ever loses its place: {error}");
                    };
                    expected = crate::port::ExpectedRevision::from_last(actual);
                }
            }
        }
    };
    let (first, second) = (tokio::spawn(writer(100)), tokio::spawn(writer(200)));
    first.await.expect("first writer");
    second.await.expect("second writer");
    let events = subject.ledger_events(&ledger).await;
    assert_eq!(
        revisions(&events),
        (0..40).collect::<Vec<_>>(),
        "INV-8: dense"
    );
    let (first, second): (Vec<_>, Vec<_>) = ids(&events).into_iter().partition(|id| *id < 200);
    assert_eq!(
        first,
        (100..120).collect::<Vec<_>>(),
        "each writer's order is kept"
    );
    assert_eq!(
        second,
        (200..220).collect::<Vec<_>>(),
        "each writer's order is kept"
    );
}

/// Thirty ledgers at once; the order of all is the order in which each became durable.
pub async fn many_ledgers_are_dense_and_in_commit_order(subject: &Subject) {
    const LEDGERS: u64 = 30;
    const UNITS: u64 = 10;
    let before = subject.head().await;
    let mut writers = Vec::new();
    for name in 0..LEDGERS {
        let subject = subject.clone();
        writers.push(tokio::spawn(async move {
            let ledger = subject.ledger(&format!("l{name}"));
            let mut expected = NoStream;
            for id in 0..UNITS {
                // Whatever was acknowledged before stands before what is appended now.
                let head = subject.head().await;
                let appended = unit(
                    &ledger,
                    expected,
                    [u128::from(2 * id), u128::from(2 * id + 1)],
                );
                let appended = subject.append(appended).await.expect("appended");
                assert!(appended.last_position > head, "INV-8: commit order");
                expected = crate::port::ExpectedRevision::from_last(appended.last_revision);
                tokio::time::sleep(Duration::from_micros(name * 50)).await;
            }
            ledger
        }));
    }
    let mut ledgers = Vec::new();
    for writer in writers {
        ledgers.push(writer.await.expect("a writer"));
    }
    let all = subject.all_events(before).await;
    assert_eq!(number(all.len()), LEDGERS * UNITS * 2);
    assert_ascending(&all);
    for ledger in &ledgers {
        let own = subject.ledger_events(ledger).await;
        assert_eq!(
            revisions(&own),
            (0..UNITS * 2).collect::<Vec<_>>(),
            "INV-8: dense"
        );
        let in_all: Vec<_> = all
            .iter()
            .filter(|event| event.ledger == *ledger)
            .cloned()
            .collect();
        assert_eq!(own, in_all, "one order for both ways of reading");
    }
}
