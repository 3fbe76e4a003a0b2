//! Keys never expire: not over restarts, whatever became of the index.

use std::path::Path;

use serde_json::json;

use crate::harness::{Bench, PAY, payment};

fn wipe(dir: &Path) {
    std::fs::remove_dir_all(dir.join("index")).unwrap();
}

/// Overwrites every file of the index.
pub(crate) fn damage(dir: &Path) {
    fn walk(dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path);
            } else {
                std::fs::write(&path, b"not what was here").unwrap();
            }
        }
    }
    walk(&dir.join("index"));
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn filled() -> Bench {
    let bench = Bench::start_with(|config| config.index_recent_max = 8).await;
    bench.acme().await;
    for n in 0..40 {
        bench.pay(&format!("k{n}"), n + 1).await.expect(201);
    }
    bench
}

async fn assert_all_replay(bench: &Bench) {
    let before = bench.events("acme").await.len();
    for n in 0..40 {
        let reply = bench.pay(&format!("k{n}"), n + 1).await.expect(201);
        assert!(reply.is_replayed(), "k{n}");
        assert_eq!(reply.revision(), Some(n + 3));
        bench
            .pay(&format!("k{n}"), 999)
            .await
            .expect_code(422, "idempotency_conflict");
    }
    assert_eq!(bench.events("acme").await.len(), before);
}

#[actix_web::test]
async fn replays_are_given_after_a_restart() {
    let bench = filled().await;
    let first = bench.pay("k7", 8).await;
    let bench = bench.restart(|_| {}).await;
    assert_eq!(bench.pay("k7", 8).await.bytes, first.bytes);
    assert_all_replay(&bench).await;
}

#[actix_web::test]
async fn replays_are_given_after_the_index_was_wiped() {
    let bench = filled().await.restart(wipe).await;
    assert_all_replay(&bench).await;
}

#[actix_web::test]
async fn replays_are_given_after_the_index_was_damaged() {
    let bench = filled().await.restart(damage).await;
    assert_all_replay(&bench).await;
}

#[actix_web::test]
async fn replays_are_given_with_an_index_from_before() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("early", 1).await.expect(201);
    let kept = tempfile::tempdir().unwrap();
    let kept_path = kept.path().to_owned();
    let bench = bench
        .restart(|dir| copy(&dir.join("index"), &kept_path))
        .await;
    bench.pay("late", 2).await.expect(201);
    let bench = bench
        .restart(|dir| {
            wipe(dir);
            copy(kept.path(), &dir.join("index"));
        })
        .await;
    assert!(bench.pay("early", 1).await.expect(201).is_replayed());
    assert!(bench.pay("late", 2).await.expect(201).is_replayed());
}

#[actix_web::test]
async fn a_foreign_index_is_thrown_away() {
    let foreign = Bench::start().await;
    foreign.acme().await;
    for n in 0..30 {
        foreign.pay(&format!("k{n}"), 500).await.expect(201);
    }
    foreign.service.shutdown().await;
    let bench = filled().await;
    let bench = bench
        .restart(|dir| {
            wipe(dir);
            copy(&foreign.index_dir(), &dir.join("index"));
        })
        .await;
    assert_all_replay(&bench).await;
    // A key that only the foreign index knew is free here.
    assert!(!bench.pay("k-free", 1).await.expect(201).is_replayed());
}

#[actix_web::test]
async fn old_keys_are_found_on_disk_while_the_ledger_is_loaded() {
    let bench = filled().await;
    // The recent entries are bounded to eight; the rest goes to disk within a second or two.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_all_replay(&bench).await;
    let body = json!({"reason": "test", "reference": "r-1"});
    let id = bench.pay("k3", 4).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PAY}/{id}/reverse");
    bench.post(&path, Some("rev"), &body).await.expect(201);
    let bench = bench.restart(|_| {}).await;
    assert!(
        bench
            .post(&path, Some("rev"), &body)
            .await
            .expect(201)
            .is_replayed()
    );
    bench
        .post(&path, Some("rev2"), &json!({"reason": "test"}))
        .await
        .expect_code(409, "already_reversed");
    let mut other = payment(1);
    other["reference"] = json!("r-1");
    bench
        .post(PAY, Some("ref"), &other)
        .await
        .expect_code(409, "reference_conflict");
}

/// Its marker goes first; then the process may be killed.
#[actix_web::test]
async fn what_a_wipe_left_behind_that_was_cut_short_is_not_believed() {
    let bench = filled().await.restart(|dir| {
        let index = index_files(dir);
        let database = fjall::Database::builder(index).open().unwrap();
        let names = database
            .keyspace("names-1", fjall::KeyspaceCreateOptions::default)
            .unwrap();
        names.remove(b"acme\0m").unwrap();
        // A name of another log, of which this one knows nothing.
        names.insert(b"acme\0kk-free", 5_u64.to_be_bytes()).unwrap();
        database.persist(fjall::PersistMode::SyncAll).unwrap();
    });
    let bench = bench.await;
    // Loaded and written down again, with a marker: from then on the disk is asked.
    bench.pay("k1", 2).await.expect(201);
    let bench = bench.restart(|_| {}).await;
    assert!(!bench.pay("k-free", 1).await.expect(201).is_replayed());
    assert_eq!(bench.events("acme").await.len(), 44);
}

fn index_files(dir: &Path) -> std::path::PathBuf {
    dir.join("index").join("1")
}
