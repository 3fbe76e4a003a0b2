//! Laws over random sequences: the service's answers are those of a replay of its log.

use std::collections::BTreeMap;

use daybook_domain::{Ledger, Recorded, evolve};
use daybook_events::ids::{AccountId, AssetCode, LedgerId};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY};

#[derive(Debug, Clone)]
enum Step {
    Move {
        debit: u8,
        credit: u8,
        amount: u64,
        key: u8,
    },
    Reverse {
        nth: usize,
        key: u8,
    },
    Batch {
        amounts: Vec<(u8, u8, u64)>,
        key: u8,
        atomic: bool,
    },
    Account {
        n: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let account = 0_u8..4;
    let step = prop_oneof![
        4 => (account.clone(), account.clone(), 1_u64..50, 0_u8..30)
            .prop_map(|(debit, credit, amount, key)| Step::Move { debit, credit, amount, key }),
        1 => (0_usize..10, 0_u8..30).prop_map(|(nth, key)| Step::Reverse { nth, key }),
        1 => (prop::collection::vec((0_u8..4, 0_u8..4, 1_u64..50), 1..5), 0_u8..30, any::<bool>())
            .prop_map(|(amounts, key, atomic)| Step::Batch { amounts, key, atomic }),
        1 => account.prop_map(|n| Step::Account { n }),
    ];
    prop::collection::vec(step, 1..40)
}

fn posting(debit: u8, credit: u8, amount: u64) -> Value {
    json!({"postings": [{"debit": format!("a:{debit}"), "credit": format!("a:{credit}"),
        "amount": amount, "asset": "USD"}]})
}

async fn carry_out(bench: &Bench, steps: &[Step]) {
    let mut posted: Vec<String> = Vec::new();
    // Four at a time, so that units hold several commands and keys meet in flight.
    for group in steps.chunks(4) {
        let calls = group.iter().map(|step| match step {
            Step::Move {
                debit,
                credit,
                amount,
                key,
            } => bench.post(
                PAY,
                Some(&format!("k{key}")),
                &posting(*debit, *credit, *amount),
            ),
            Step::Reverse { nth, key } => {
                let unknown = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f".to_owned();
                let id = posted.get(*nth).unwrap_or(&unknown);
                let body = json!({"reason": "law"});
                bench.post(
                    &format!("{PAY}/{id}/reverse"),
                    Some(&format!("k{key}")),
                    &body,
                )
            }
            Step::Batch {
                amounts,
                key,
                atomic,
            } => {
                let mode = if *atomic { "atomic" } else { "independent" };
                let items: Value = amounts
                    .iter()
                    .map(|(d, c, a)| posting(*d, *c, *a))
                    .collect();
                bench.post(
                    &format!("{BULK}?mode={mode}"),
                    Some(&format!("b{key}")),
                    &items,
                )
            }
            Step::Account { n } => {
                let limits = json!({"USD": {"min_available": "0"}});
                let mut body = json!({"account": format!("a:{n}"), "type": "liability"});
                if n % 2 == 1 {
                    body["limits"] = limits;
                }
                bench.post("/v1/ledgers/acme/accounts", None, &body)
            }
        });
        for reply in join_all(calls).await {
            assert!(
                matches!(reply.status, 200 | 201 | 404 | 409 | 422),
                "{:?}",
                reply.bytes
            );
            if reply.status == 201
                && let Some(id) = reply.json()["id"].as_str()
            {
                posted.push(id.to_owned());
            }
        }
    }
}

/// Replays the log and compares: dense revisions, zero sums, one effect per key, stated balances.
async fn check(bench: &Bench) -> Ledger {
    let mut ledger = Ledger::new(LedgerId::parse("acme").unwrap());
    let mut keys = BTreeMap::new();
    for (index, stored) in bench.events("acme").await.into_iter().enumerate() {
        assert_eq!(stored.revision.get(), u64::try_from(index).unwrap());
        if let Some(key) = stored.parsed_meta().unwrap().key {
            assert_eq!(keys.insert(key.to_string(), index), None, "INV-3");
        }
        let event = stored.event().unwrap();
        evolve(&mut ledger, Recorded::from(&stored), &event).unwrap();
    }
    let usd = AssetCode::parse("USD").unwrap();
    let mut sum = 0_i128;
    for account in ledger.accounts() {
        for (asset, balance) in account.balances() {
            assert_eq!(asset, &usd);
            sum += balance.debits().get() - balance.credits().get();
        }
    }
    assert_eq!(sum, 0, "INV-1");
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn the_state_of_the_service_is_the_replay_of_its_log(steps in steps()) {
        actix_web::rt::System::new().block_on(async {
            let bench = Bench::start_with(|config| config.unit_commands_max = 3).await;
            bench.post("/v1/ledgers", None, &json!({"ledger": "acme"})).await.expect(201);
            carry_out(&bench, &steps).await;
            let replayed = check(&bench).await;
            // What the service says of each account is what the replay says.
            for account in replayed.accounts() {
                probe(&bench, &replayed, account.account).await;
            }
            let bench = bench.restart(|_| {}).await;
            carry_out(&bench, &steps).await;
            check(&bench).await;
        });
    }
}

/// Asks by a dry run what one more unit would make of the account's balance.
async fn probe(bench: &Bench, replayed: &Ledger, account: &AccountId) {
    let other = replayed
        .accounts()
        .map(|view| view.account)
        .find(|other| *other != account);
    let Some(other) = other else { return };
    let body = json!({"entries": [
        {"account": account.as_str(), "direction": "credit", "amount": 1, "asset": "USD"},
        {"account": other.as_str(), "direction": "debit", "amount": 1, "asset": "USD"}]});
    let reply = bench
        .post(&format!("{PAY}?dry_run=true"), None, &body)
        .await;
    if reply.status == 200 {
        let usd = AssetCode::parse("USD").unwrap();
        let view = replayed.account(account).unwrap();
        let known = view.balances().find(|(asset, _)| **asset == usd);
        let posted = known.map_or(0, |(_, b)| b.credits().get() - b.debits().get());
        let told = reply.json()["entries"][0]["balance"]["posted"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(told, (posted + 1).to_string(), "INV-4");
    } else {
        reply.expect_code(422, "insufficient_funds");
    }
}
