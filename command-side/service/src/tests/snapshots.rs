//! The states in snapshots are those of a replay, and what is damaged is none.

use std::path::Path;

use daybook_domain::{Ledger, Recorded, StatusChange, evolve};
use daybook_events::event::{AccountOpened, Event, EventType, LedgerOpened, Limits};
use daybook_events::ids::{AccountId, EventId, GenerationId, LedgerId, Revision, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::{TimeZone, Timestamp};
use daybook_platform::clock::Clock;
use daybook_store::EventStore as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Bench;
use crate::snapshot::{At, SnapshotError, Snapshots};
use crate::wire::request::Request;

fn at(ledger: &str) -> At {
    At {
        generation: GenerationId::new(Uuid::from_u128(1)),
        ledger: LedgerId::parse(ledger).unwrap(),
        revision: Revision::new(1),
        event_id: EventId::new(Uuid::from_u128(2)),
    }
}

/// A ledger with an account.
fn small(at: &At) -> Ledger {
    let mut ledger = Ledger::new(at.ledger.clone());
    let opened = Event::LedgerOpened(LedgerOpened {
        name: None,
        time_zone: TimeZone::UTC,
        metadata: Metadata::default(),
    });
    let account = Event::AccountOpened(AccountOpened {
        account: AccountId::parse("a:b").unwrap(),
        account_type: AccountType::Asset,
        normal_balance: Side::Debit,
        name: None,
        assets: None,
        limits: Limits::default(),
        metadata: Metadata::default(),
    });
    for (revision, event) in (0..).zip([opened, account]) {
        let recorded = Recorded {
            revision: Revision::new(revision),
            id: at.event_id,
            at: Timestamp::try_from_micros(0).unwrap(),
        };
        evolve(&mut ledger, recorded, &event).unwrap();
    }
    ledger
}

fn read(dir: &Path, at: &At) -> Result<Option<(At, Ledger)>, SnapshotError> {
    Snapshots::open(dir)
        .unwrap()
        .read(&at.ledger, at.generation)
}

#[test]
fn a_snapshot_that_is_damaged_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = at("acme");
    let state = small(&at);
    assert!(matches!(read(dir.path(), &at), Ok(None)));
    let written = Snapshots::open(dir.path()).unwrap().write(&at, &state);
    let file = dir.path().join("acme.snapshot");
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(written.unwrap(), bytes.len());
    assert_eq!(read(dir.path(), &at).unwrap(), Some((at.clone(), state)));
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        read(dir.path(), &at).is_err()
    };
    for place in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            assert!(refused(&damaged), "byte {place}");
        }
        assert!(refused(&bytes[..place]), "cut at {place}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(refused(&longer));
    assert!(!refused(&bytes));
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_snapshot_of_another_format_ledger_log_or_state_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    let at = at("acme");
    snapshots.write(&at, &small(&at)).unwrap();
    let file = dir.path().join("acme.snapshot");
    let bytes = std::fs::read(&file).unwrap();
    // Changed, with a digest that is right.
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = bytes[..bytes.len() - 32].to_vec();
        change(&mut body);
        let digest = Sha256::digest(&body);
        body.extend_from_slice(&digest);
        std::fs::write(&file, &body).unwrap();
        snapshots.read(&at.ledger, at.generation)
    };
    assert!(changed(&|_| {}).unwrap().is_some());
    let older = changed(&|body| body[19] = 0);
    assert!(matches!(older, Err(SnapshotError::Refused(_))), "{older:?}");
    let log = changed(&|body| body[20] ^= 1);
    assert!(matches!(log, Err(SnapshotError::Refused(_))), "{log:?}");
    let revision = changed(&|body| body[59] = 2);
    assert!(
        matches!(revision, Err(SnapshotError::Refused(_))),
        "{revision:?}"
    );
    let replaced = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        move |body: &mut Vec<u8>| {
            let text = String::from_utf8_lossy(&body[65..body.len() - 8]).into_owned();
            assert!(text.contains(&from), "{text}");
            let text = text.replace(&from, &to);
            body.truncate(65);
            body.extend_from_slice(text.as_bytes());
            body.extend_from_slice(&(text.len() as u64).to_be_bytes());
        }
    };
    let other = changed(&replaced("acme", "acne"));
    assert!(matches!(other, Err(SnapshotError::Refused(_))), "{other:?}");
    let lawless = changed(&replaced("\"transactions\":0", "\"transactions\":9"));
    assert!(
        matches!(lawless, Err(SnapshotError::Lawless(_))),
        "{lawless:?}"
    );
    let unreadable = changed(&replaced("a:b", "::"));
    assert!(
        matches!(unreadable, Err(SnapshotError::Unreadable(_))),
        "{unreadable:?}"
    );
    // The file of another ledger under this one's name.
    let foreign = LedgerId::parse("other").unwrap();
    std::fs::write(dir.path().join("other.snapshot"), &bytes).unwrap();
    let foreign = snapshots.read(&foreign, at.generation);
    assert!(
        matches!(foreign, Err(SnapshotError::Refused(_))),
        "{foreign:?}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Account(u8),
    Post {
        debit: u8,
        credit: u8,
        amount: u64,
    },
    Hold {
        debit: u8,
        credit: u8,
        amount: u64,
        expires_after_s: Option<i64>,
    },
    Capture {
        hold: usize,
        amount: u64,
        last: bool,
    },
    Void(usize),
    Pairs {
        of: usize,
        value: u8,
    },
    Status {
        account: u8,
        change: StatusChange,
    },
    Limit {
        account: u8,
        min: i64,
    },
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (account, amount) = (0_u8..4, 1_u64..40);
    let changes = [
        StatusChange::Freeze,
        StatusChange::Unfreeze,
        StatusChange::Close,
    ];
    let step = prop_oneof![
        2 => account.clone().prop_map(Step::Account),
        4 => (account.clone(), account.clone(), amount.clone())
            .prop_map(|(debit, credit, amount)| Step::Post { debit, credit, amount }),
        4 => (account.clone(), account.clone(), amount.clone(), prop::option::of(1_i64..30))
            .prop_map(|(debit, credit, amount, expires_after_s)| {
                Step::Hold { debit, credit, amount, expires_after_s }
            }),
        4 => (0_usize..8, amount, any::<bool>())
            .prop_map(|(hold, amount, last)| Step::Capture { hold, amount, last }),
        2 => (0_usize..8).prop_map(Step::Void),
        2 => (0_usize..8, any::<u8>()).prop_map(|(of, value)| Step::Pairs { of, value }),
        1 => (account.clone(), prop::sample::select(changes.to_vec()))
            .prop_map(|(account, change)| Step::Status { account, change }),
        1 => (account, -50_i64..50).prop_map(|(account, min)| Step::Limit { account, min }),
        2 => (1_i64..20).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

/// The transaction that the step of this number makes.
fn id_of(step: usize) -> String {
    format!("0198c5e2-3f4b-7c52-9d0e-{step:012x}")
}

fn request(bench: &Bench, number: usize, step: &Step, now_s: i64) -> Option<Request> {
    let scope = bench.scope();
    // One of the steps before, which may have made something else or nothing.
    let hold = |back: usize| {
        let number = number.saturating_sub(1 + back);
        TransactionId::parse(&id_of(number)).unwrap()
    };
    let account = |number: u8| AccountId::parse(&format!("a:{number}")).unwrap();
    let posting = |debit: u8, credit: u8, amount: u64, more: &str| {
        let id = id_of(number);
        let posting = format!(
            r#"{{"debit":"a:{debit}","credit":"a:{credit}","amount":{amount},"asset":"USD"}}"#
        );
        scope.post_transaction(&format!(r#"{{"id":"{id}",{more}"postings":[{posting}]}}"#))
    };
    let made = match step {
        Step::Account(n) => scope.open_account(&format!(r#"{{"account":"a:{n}","type":"asset"}}"#)),
        Step::Post {
            debit,
            credit,
            amount,
        } => posting(*debit, *credit, *amount, ""),
        Step::Hold {
            debit,
            credit,
            amount,
            expires_after_s,
        } => {
            let expires_at = expires_after_s.map_or(String::new(), |seconds| {
                let at = Timestamp::try_from_micros((now_s + seconds) * 1_000_000).unwrap();
                format!(r#""expires_at":"{at}","#)
            });
            let more = format!(r#""status":"pending",{expires_at}"#);
            posting(*debit, *credit, *amount, &more)
        }
        Step::Capture {
            hold: of,
            amount,
            last,
        } => {
            let body = format!(r#"{{"amount":{amount},"final":{last}}}"#);
            scope.capture(hold(*of), &body)
        }
        Step::Void(of) => scope.void(hold(*of), "{}"),
        Step::Pairs { of, value } => {
            let body = format!(r#"{{"metadata":{{"v":"{value}"}}}}"#);
            scope.update_transaction(hold(*of), &body)
        }
        Step::Status {
            account: of,
            change,
        } => scope.change_status(account(*of), *change, r#"{"reason":"r"}"#),
        Step::Limit { account: of, min } => {
            let body = format!(r#"{{"limits":{{"USD":{{"min_available":"{min}"}}}}}}"#);
            scope.update_account(account(*of), &body)
        }
        Step::Wait(_) => return None,
    };
    Some(made.unwrap())
}

/// Applies what the log has after a state.
async fn replay(bench: &Bench, mut state: Ledger) -> Ledger {
    loop {
        let from = state
            .revision()
            .map_or(Revision::new(0), |last| last.plus(1));
        let page = bench
            .store
            .read_ledger(&bench.ledger, from, 100)
            .await
            .unwrap();
        if page.is_empty() {
            return state;
        }
        for stored in page {
            let recorded = Recorded::from(&stored);
            evolve(&mut state, recorded, &stored.event().unwrap()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn a_snapshot_and_what_came_after_are_the_replay_of_everything(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let start_s = 1_795_176_000;
            let (clock, hand) = Clock::manual(start_s * 1_000_000);
            let bench = Bench::start_with(clock, |config| {
                config.snapshot_events = 3;
                config.snapshot_events_at_stop = 1;
            })
            .await;
            for n in 0..3 {
                bench.account(&format!("a:{n}")).await.unwrap();
            }
            let snapshots = Snapshots::open(&bench.dir.path().join("snapshots")).unwrap();
            let generation = bench.store.head().await.unwrap().generation;
            let mut now_s = start_s;
            for (number, step) in steps.iter().enumerate() {
                if let Step::Wait(seconds) = step {
                    now_s += seconds;
                    hand.set_micros(now_s * 1_000_000);
                }
                if let Some(request) = request(&bench, number, step, now_s) {
                    bench.submit(request, &format!("k{number}")).await.unwrap();
                }
                let Some((at, state)) = snapshots.read(&bench.ledger, generation).unwrap() else {
                    continue;
                };
                assert_eq!(state.revision(), Some(at.revision));
                let replayed = replay(&bench, Ledger::new(bench.ledger.clone())).await;
                assert_eq!(replay(&bench, state).await, replayed, "INV-4");
            }
            bench.service.shutdown().await;
            let left = snapshots.read(&bench.ledger, generation).unwrap();
            let (at, state) = left.expect("a stop leaves a snapshot");
            let there = bench.store.read_ledger(&bench.ledger, at.revision, 2).await.unwrap();
            assert_eq!(there.len(), 1, "of the last event");
            assert_eq!(there[0].id, at.event_id);
            assert_ne!(there[0].event_type, EventType::LedgerOpened);
            assert_eq!(state, replay(&bench, Ledger::new(bench.ledger.clone())).await, "INV-4");
        });
    }
}
