//! Snapshots: a load reads little where there is a good one, and all of it where there is not.

use std::path::Path;
use std::time::Duration;

use daybook_store::testing::Fault;
use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Bench, PAY, eventually, hold, hold_path, id, payout};
use crate::restart::copy;

const PAYMENTS: u64 = 200;

/// A ledger with much behind it: holds, an end, pairs; 100 + 1 + 2 … 200 on `users:1`.
async fn filled(bench: &Bench) {
    bench.funded(100).await;
    bench.post(PAY, None, &hold(1, 30, None)).await.expect(201);
    bench.post(PAY, None, &hold(2, 20, None)).await.expect(201);
    let part = json!({"amount": 10, "final": false});
    bench
        .post(&hold_path(1, "post"), Some("part"), &part)
        .await
        .expect(201);
    bench
        .post(&hold_path(2, "void"), Some("v"), &json!({}))
        .await
        .expect(200);
    let path = format!("{PAY}/{}", id(1));
    let pairs = json!({"metadata": {"a": "1"}});
    bench.patch(&path, None, &pairs).await.expect(200);
    for n in 0..PAYMENTS {
        bench.pay(&format!("k{n}"), n + 1).await.expect(201);
    }
}

/// What was true before is true after a load, and the state is what it was.
async fn assert_as_it_was(bench: &Bench) {
    for n in [0, PAYMENTS / 2, PAYMENTS - 1] {
        let reply = bench.pay(&format!("k{n}"), n + 1).await.expect(201);
        assert!(reply.is_replayed());
        assert_eq!(reply.revision(), Some(n + 9));
    }
    let all = 100 - 10 - 20 + PAYMENTS * (PAYMENTS + 1) / 2;
    let dry = format!("{PAY}?dry_run=true");
    bench.post(&dry, None, &payout(all)).await.expect(200);
    let more = bench.post(&dry, None, &payout(all + 1)).await;
    more.expect_code(422, "insufficient_funds");
    let capture = format!("{}?dry_run=true", hold_path(1, "post"));
    let capture = bench.post(&capture, None, &json!({})).await.expect(200);
    assert_eq!(capture.json()["entries"][0]["amount"], "20");
    let void = format!("{}?dry_run=true", hold_path(1, "void"));
    let void = bench.post(&void, None, &json!({})).await.expect(200);
    assert_eq!(void.json()["metadata"], json!({"a": "1"}));
}

/// Restarts, and gives how many events were read until the first answer.
async fn restarted(bench: Bench, meddle: impl FnOnce(&Path)) -> (Bench, usize) {
    let bench = bench.restart(meddle).await;
    let dry = format!("{PAY}?dry_run=true");
    bench.post(&dry, None, &payout(1)).await.expect(200);
    let read = bench.store.events_read();
    (bench, read)
}

#[actix_web::test]
async fn a_ledger_is_loaded_from_its_snapshot_and_what_came_after() {
    let bench = Bench::start_with(|config| {
        config.snapshot_events = 50;
        config.snapshot_events_at_stop = u64::MAX;
    })
    .await;
    filled(&bench).await;
    let snapshot = bench.snapshot("acme");
    eventually(|| snapshot.exists()).await;
    let (bench, read) = restarted(bench, |_| {}).await;
    assert!(read < 110, "{read} events were read");
    assert_as_it_was(&bench).await;
    // The index does not begin where the snapshot does, and is filled from where it ends.
    let (bench, read) = restarted(bench, |dir| {
        std::fs::remove_dir_all(dir.join("index")).unwrap();
    })
    .await;
    assert!(read > 200, "{read} events were read");
    assert_as_it_was(&bench).await;
    // And the other way round.
    let (bench, read) = restarted(bench, |_| std::fs::remove_file(&snapshot).unwrap()).await;
    assert!(read > 200, "{read} events were read");
    assert_as_it_was(&bench).await;
}

#[actix_web::test]
async fn a_ledger_that_is_let_go_leaves_a_snapshot_if_it_is_worth_one() {
    for (worth, expected) in [(100, true), (1_000, false)] {
        let bench = Bench::start_with(|config| {
            config.snapshot_events = u64::MAX;
            config.snapshot_events_at_stop = worth;
        })
        .await;
        filled(&bench).await;
        let snapshot = bench.snapshot("acme");
        assert!(!snapshot.exists());
        let (bench, read) = restarted(bench, |_| {}).await;
        assert_eq!(snapshot.exists(), expected);
        assert_eq!(read < 10, expected, "{read} events were read");
        assert_as_it_was(&bench).await;
    }
}

#[actix_web::test]
async fn a_failed_append_costs_no_replay_of_everything() {
    let bench = Bench::start_with(|config| config.snapshot_events = 50).await;
    filled(&bench).await;
    let snapshot = bench.snapshot("acme");
    eventually(|| snapshot.exists()).await;
    // The last one may still be on its way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = bench.store.events_read();
    bench.store.fail_appends(Fault::Unavailable, 1);
    bench.pay("again", 1).await.expect(201);
    let read = bench.store.events_read() - before;
    assert!(read < 120, "{read} events were read");
    bench.post(PAY, Some("back"), &payout(1)).await.expect(201);
    assert_as_it_was(&bench).await;
}

/// Whatever stands in the place of a ledger's snapshot: it is not believed where it is not true.
#[actix_web::test]
async fn a_snapshot_that_is_not_of_this_ledger_and_log_is_ignored() {
    let change = |config: &mut daybook_command::CommandConfig| {
        config.snapshot_events = u64::MAX;
        config.snapshot_events_at_stop = 1;
    };
    // Another log with a longer ledger of the same name, and another ledger.
    let foreign = Bench::start_with(change).await;
    foreign.funded(1_000).await;
    for n in 0..300 {
        foreign.pay(&format!("f{n}"), 7).await.expect(201);
    }
    foreign
        .post("/v1/ledgers", None, &json!({"ledger": "other"}))
        .await
        .expect(201);
    foreign.service.shutdown().await;
    let bench = Bench::start_with(change).await;
    filled(&bench).await;
    bench
        .post("/v1/ledgers", None, &json!({"ledger": "other"}))
        .await
        .expect(201);
    let snapshot = bench.snapshot("acme");
    let other = bench.snapshot("other");
    let mut bench = bench;
    let whole = |bytes: &[u8]| bytes.to_vec();
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    type Make<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let own = None;
    let theirs = Some(foreign.snapshot("acme"));
    let cases: [(Option<&Path>, Make<'_>); 6] = [
        (theirs.as_deref(), &whole),
        (Some(&foreign.snapshot("other")), &whole),
        (Some(&other), &whole),
        (own, &cut),
        (own, &flipped),
        (own, &|_| Vec::new()),
    ];
    for (index, (from, make)) in cases.into_iter().enumerate() {
        let (started, read) = restarted(bench, |_| {
            let bytes = std::fs::read(from.unwrap_or(&snapshot)).unwrap();
            std::fs::write(&snapshot, make(&bytes)).unwrap();
        })
        .await;
        assert!(read > 200, "case {index}: {read} events were read");
        assert_as_it_was(&started).await;
        // Enough to be worth a good one again.
        started.pay(&format!("more{index}"), 1).await.expect(201);
        started
            .post(PAY, Some(&format!("less{index}")), &payout(1))
            .await
            .expect(201);
        bench = started;
    }
    let (bench, read) = restarted(bench, |_| {}).await;
    assert!(read < 20, "{read} events were read");
    assert_as_it_was(&bench).await;
}

/// The same generation, but the log was cut back and went another way: copies of a data directory
/// that was put back do that.
#[actix_web::test]
async fn a_snapshot_of_a_log_that_went_another_way_is_ignored() {
    let kept = tempfile::tempdir().unwrap();
    let bench = Bench::start_with(|config| {
        config.snapshot_events = u64::MAX;
        config.snapshot_events_at_stop = 1;
    })
    .await;
    bench.funded(100).await;
    let log = kept.path().join("log");
    let bench = bench.restart(|dir| copy(&dir.join("log"), &log)).await;
    for n in 0..10 {
        bench.pay(&format!("lost{n}"), 1_000).await.expect(201);
    }
    let put_back = |dir: &Path| {
        std::fs::remove_dir_all(dir.join("log")).unwrap();
        copy(&log, &dir.join("log"));
    };
    // Beyond the head.
    let bench = bench.restart(put_back).await;
    let dry = format!("{PAY}?dry_run=true");
    bench.post(&dry, None, &payout(100)).await.expect(200);
    bench
        .post(&dry, None, &payout(101))
        .await
        .expect_code(422, "insufficient_funds");
    for n in 0..10 {
        bench.pay(&format!("lost{n}"), 1_000).await.expect(201);
    }
    // Another event at its revision.
    let bench = bench
        .restart(|dir| {
            let snapshot = dir.join("snapshots").join("acme.snapshot");
            std::fs::copy(&snapshot, kept.path().join("snapshot")).unwrap();
            put_back(dir);
        })
        .await;
    for n in 0..10 {
        bench.pay(&format!("other{n}"), 1).await.expect(201);
    }
    let bench = bench
        .restart(|dir| {
            let snapshot = dir.join("snapshots").join("acme.snapshot");
            std::fs::copy(kept.path().join("snapshot"), &snapshot).unwrap();
        })
        .await;
    bench.post(&dry, None, &payout(110)).await.expect(200);
    bench
        .post(&dry, None, &payout(111))
        .await
        .expect_code(422, "insufficient_funds");
}

#[actix_web::test]
async fn snapshots_are_written_while_sixty_four_clients_write() {
    let bench = Bench::start_with(|config| {
        config.snapshot_events = 40;
        config.snapshot_events_at_stop = u64::MAX;
    })
    .await;
    bench.funded(100).await;
    let clients = (0..64).map(|client| {
        let bench = &bench;
        async move {
            for n in 0..10 {
                let key = format!("c{client}-{n}");
                bench.pay(&key, 1).await.expect(201);
            }
        }
    });
    let snapshot = bench.snapshot("acme");
    let seen = async {
        let mut seen = std::collections::BTreeSet::new();
        loop {
            if let Ok(metadata) = std::fs::metadata(&snapshot) {
                seen.insert(metadata.modified().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            if bench.events("acme").await.len() == 644 {
                return seen.len();
            }
        }
    };
    let (_, seen) = futures_util::future::join(join_all(clients), seen).await;
    assert!(
        seen > 1,
        "{seen} snapshots were seen while the clients wrote"
    );
    let (bench, read) = restarted(bench, |_| {}).await;
    assert!(read < 400, "{read} events were read");
    let dry = format!("{PAY}?dry_run=true");
    bench.post(&dry, None, &payout(740)).await.expect(200);
    bench
        .post(&dry, None, &payout(741))
        .await
        .expect_code(422, "insufficient_funds");
    assert!(bench.pay("c63-9", 1).await.expect(201).is_replayed());
}

/// Ledgers that take turns in memory are each loaded from their own.
#[actix_web::test]
async fn ledgers_that_are_let_go_and_loaded_again_keep_their_states_apart() {
    let bench = Bench::start_with(|config| {
        config.ledgers_max = 1;
        config.snapshot_events_at_stop = 1;
    })
    .await;
    for round in 1..=3_u64 {
        for ledger in ["l1", "l2", "l3"] {
            let path = format!("/v1/ledgers/{ledger}");
            let transactions = format!("{path}/transactions");
            if round == 1 {
                let open = json!({"ledger": ledger});
                bench.post("/v1/ledgers", None, &open).await.expect(201);
                for account in ["assets:bank", "users:1"] {
                    let account = json!({"account": account, "type": "liability"});
                    bench
                        .post(&format!("{path}/accounts"), None, &account)
                        .await
                        .expect(201);
                }
            }
            let amount = ledger[1..].parse::<u64>().unwrap();
            let key = format!("k{round}");
            let body = crate::harness::payment(amount);
            let reply = bench
                .post(&transactions, Some(&key), &body)
                .await
                .expect(201);
            let told = reply.json()["entries"][1]["balance"]["posted"].clone();
            assert_eq!(told, (amount * round).to_string(), "{ledger}");
            assert!(bench.snapshot(ledger).exists() || round == 1);
        }
    }
}
