//! Balances at 10^36. It takes a million entries to get there, so a snapshot that says so stands in
//! for them: nothing else of the log tells another story.

use std::path::Path;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::harness::{BULK, Bench, PAY, payment};

const DIGEST_BYTES: usize = 32;
const LENGTH_BYTES: usize = 8;
/// An amount that nothing else in the snapshot equals.
const MARK: u64 = 123_456_789;

/// Makes turnovers of [`MARK`] into 10^36 − 1, and the file whole again.
fn raise(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let state_end = bytes.len() - DIGEST_BYTES - LENGTH_BYTES;
    let length = bytes[state_end..][..LENGTH_BYTES].try_into().unwrap();
    let state_start = state_end - usize::try_from(u64::from_be_bytes(length)).unwrap();
    let state = std::str::from_utf8(&bytes[state_start..state_end]).unwrap();
    let high = "9".repeat(36);
    assert_eq!(state.matches(&MARK.to_string()).count(), 2, "{state}");
    let state = state.replace(&MARK.to_string(), &high);
    let mut raised = bytes[..state_start].to_vec();
    raised.extend_from_slice(state.as_bytes());
    raised.extend_from_slice(&u64::try_from(state.len()).unwrap().to_be_bytes());
    let digest = Sha256::digest(&raised);
    raised.extend_from_slice(&digest);
    std::fs::write(file, raised).unwrap();
}

#[actix_web::test]
async fn what_would_pass_10_to_the_36th_is_refused_in_every_way() {
    let bench = Bench::start_with(|config| config.snapshot_events_at_stop = 1).await;
    bench.acme().await;
    bench.pay("mark", MARK).await.expect(201);
    let snapshot = bench.snapshot("acme");
    let bench = bench.restart(|_| raise(&snapshot)).await;
    let mut hold = payment(2);
    hold["status"] = "pending".into();
    for body in [payment(2), hold] {
        let reply = bench.post(PAY, Some("k"), &body).await;
        let reply = reply.expect_code(422, "overflow");
        assert_eq!(
            (&reply.json()["index"], reply.revision()),
            (&json!(0), Some(3))
        );
        let items = json!([payment(1), body]);
        let reply = bench.post(BULK, Some("b"), &items).await;
        assert_eq!(reply.expect_code(422, "overflow").json()["index"], 1);
    }
    let last = bench.pay("last", 1).await.expect(201).json();
    let high = format!("1{}", "0".repeat(36));
    assert_eq!(last["entries"][0]["balance"]["posted"], high);
    bench.pay("k", 1).await.expect_code(422, "overflow");
}
