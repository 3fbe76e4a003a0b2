//! The suite that every store must pass. [`contract_tests!`](crate::contract_tests) makes a test of
//! each case; each panics with a message where the store breaks the port's contract.
//!
//! A store under test may be shared and may hold other ledgers and holes between positions: a case
//! uses ledgers of its own and begins at the head that it finds.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test suite: a failed expectation is a failed test"
)]

mod append;
mod read;

use std::sync::Arc;
use std::time::Duration;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::EventType;
use daybook_events::ids::{EventId, LedgerId, Position, Revision};
use daybook_events::time::Timestamp;
use uuid::Uuid;

use crate::port::{AppendError, Appended, EventStore, ExpectedRevision};
use crate::unit::Unit;

pub use append::*;
pub use read::*;

/// Makes a test of every case. The argument is an async function that gives a [`Subject`] and
/// whatever has to live as long as the test.
#[macro_export]
macro_rules! contract_tests {
    ($subject:path) => {
        $crate::contract_tests!(@cases $subject:
            a_ledger_is_created_appended_to_and_read,
            the_revision_must_be_exact,
            creating_a_ledger_twice_is_refused,
            a_zero_event_append_checks_and_writes_nothing,
            a_repeated_append_gives_the_same_answer,
            an_append_that_repeats_only_in_part_is_refused,
            an_append_that_repeats_ids_with_other_content_is_refused,
            an_event_id_may_not_stand_twice_in_a_unit,
            of_two_writers_one_wins_each_revision,
            many_ledgers_are_dense_and_in_commit_order,
            reads_honour_their_limits,
            reads_honour_the_limit_of_bytes,
            metadata_is_joined_from_its_fragments,
            an_unknown_ledger_is_empty,
            events_are_found_by_position,
            a_subscription_has_no_gap_and_no_duplicate,
            a_subscription_that_is_dropped_while_it_waits_loses_nothing,
            nothing_is_read_beyond_the_head,
        );
    };
    (@cases $subject:path: $($case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (subject, _alive) = $subject().await;
                $crate::contract::$case(&subject).await;
            }
        )*
    };
}

/// A store under test, and what makes this test's ledgers its own.
#[derive(Clone)]
pub struct Subject {
    store: Arc<dyn EventStore>,
    suffix: String,
}

/// How long a case waits for anything before it fails.
const WAIT: Duration = Duration::from_secs(20);

impl Subject {
    /// `suffix` ends the id of every ledger of this test: `[a-z0-9]+`, another one for each test.
    pub fn new(store: Arc<dyn EventStore>, suffix: &str) -> Self {
        let suffix = suffix.to_owned();
        Self { store, suffix }
    }

    fn ledger(&self, name: &str) -> LedgerId {
        LedgerId::parse(&format!("{name}-{}", self.suffix)).expect("a suffix is [a-z0-9]+")
    }

    async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        tokio::time::timeout(WAIT, self.store.append(unit))
            .await
            .expect("an append is answered")
    }

    async fn head(&self) -> Position {
        self.store.head().await.expect("the head is known").position
    }

    async fn ledger_events(&self, ledger: &LedgerId) -> Vec<RecordedEvent> {
        let mut events: Vec<RecordedEvent> = Vec::new();
        loop {
            let from = Revision::new(number(events.len()));
            let page = self.store.read_ledger(ledger, from, 100).await;
            let page = page.expect("a ledger is read");
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }

    /// All events of this test's ledgers after a position.
    async fn all_events(&self, after: Position) -> Vec<RecordedEvent> {
        let (mut events, mut after) = (Vec::new(), after);
        loop {
            let page = self.store.read_all(after, 100).await;
            let page = page.expect("everything is read");
            let Some(last) = page.last() else {
                return events;
            };
            after = last.position;
            events.extend(page.into_iter().filter(|event| self.owns(event)));
        }
    }

    fn owns(&self, event: &RecordedEvent) -> bool {
        event.ledger.as_str().ends_with(&self.suffix)
    }
}

/// A unit whose events have the ids `ids`, with small data.
pub fn unit(
    ledger: &LedgerId,
    expected: ExpectedRevision,
    ids: impl IntoIterator<Item = u128>,
) -> Unit {
    sized_unit(ledger, expected, ids, 1)
}

/// A unit whose events have about `bytes` bytes of data.
pub fn sized_unit(
    ledger: &LedgerId,
    expected: ExpectedRevision,
    ids: impl IntoIterator<Item = u128>,
    bytes: usize,
) -> Unit {
    let filling = "x".repeat(bytes);
    let content = Content {
        filling: &filling,
        ..Content::default()
    };
    content.unit(ledger, expected, ids)
}

/// What the events of a unit say beside their ids.
#[derive(Clone)]
struct Content<'a> {
    micros: i64,
    event_type: EventType,
    filling: &'a str,
    own: &'a str,
    shared: &'a str,
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self {
            micros: 1_790_000_000_000_000,
            event_type: EventType::TransactionPosted,
            filling: "x",
            own: r#""key":"k""#,
            shared: r#""request_id":"r1""#,
        }
    }
}

impl Content<'_> {
    fn unit(
        &self,
        ledger: &LedgerId,
        expected: ExpectedRevision,
        ids: impl IntoIterator<Item = u128>,
    ) -> Unit {
        let recorded_at = Timestamp::try_from_micros(self.micros).expect("a year before 9999");
        let mut unit = Unit::new(ledger.clone(), expected, recorded_at);
        let shared = unit.push_shared(self.shared.as_bytes());
        for id in ids {
            let data = format!(r#"{{"id":"{id}","filling":"{}"}}"#, self.filling);
            unit.push(
                EventId::new(Uuid::from_u128(id)),
                self.event_type,
                shared,
                |out| out.extend_from_slice(data.as_bytes()),
                |out| out.extend_from_slice(self.own.as_bytes()),
            );
        }
        unit
    }
}

/// After the last event of this revision.
pub fn after(revision: u64) -> ExpectedRevision {
    ExpectedRevision::Exact(Revision::new(revision))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("counts are small")
}

fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.revision.get()).collect()
}

fn ids(events: &[RecordedEvent]) -> Vec<u128> {
    (events.iter().map(|event| event.id.uuid().as_u128())).collect()
}

fn assert_ascending(events: &[RecordedEvent]) {
    for pair in events.windows(2) {
        let [first, second] = pair else { continue };
        assert!(
            first.position < second.position,
            "INV-8: position {} comes before {}",
            first.position,
            second.position
        );
    }
}

#[track_caller]
fn assert_wrong_revision(result: Result<Appended, AppendError>, actual: Option<u64>) {
    match result {
        Err(AppendError::WrongExpectedRevision { actual: found, .. }) => {
            assert_eq!(
                found.map(Revision::get),
                actual,
                "the error names the actual revision"
            );
        }
        other => panic!("expected a wrong revision with actual {actual:?}, got {other:?}"),
    }
}
