//! Splits by ratio.

use daybook_tests::Random;
use serde_json::{Value, json};

use super::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parts_of_a_split_add_up_in_every_asset() {
    let bench = Bench::start().await;
    let mut random = Random::seeded(0x0073_706c);
    let points = json!({"asset": "PTS", "scale": 6});
    bench
        .client
        .post("/v1/ledgers/acme/assets", "pts", &points)
        .await
        .expect(201);
    for round in 0..60 {
        let postings = ["USD", "EUR", "JPY", "PTS"].map(|asset| {
            let weights: Vec<u64> = (0..2 + random.index(6))
                .map(|_| 1 + random.below(999))
                .collect();
            let shares = weights.iter().enumerate().map(|(n, weight)| {
                let account = ["merchants", "fees", "bank"][n % 3];
                let ratio = format!("{}.{:03}", weight / 10, 1 + weight % 999);
                let ratio = ratio.trim_end_matches('0').to_owned();
                json!({"account": account, "ratio": ratio})
            });
            let split = json!({"split": shares.collect::<Vec<_>>()});
            let amount = 10_u128.pow(u32::try_from(random.below(25)).expect("small"))
                + u128::from(random.below(97));
            let amount = amount.to_string();
            if random.once_in(2) {
                json!({"debit": "bank", "credit": split, "amount": amount, "asset": asset})
            } else {
                json!({"debit": split, "credit": "bank", "amount": amount, "asset": asset})
            }
        });
        let body = json!({"postings": postings});
        let posted = bench
            .post("", &format!("split-{round}"), body.clone())
            .await
            .expect(201);
        for posting in &postings {
            parts_add_up(posting, posted["entries"].as_array().expect("entries"));
        }
    }
}

/// The entries of a posting that splits: both sides are the amount, each part is its share.
fn parts_add_up(posting: &Value, entries: &[Value]) {
    let amount = whole(&posting["amount"]);
    for side in ["debit", "credit"] {
        let of_side = entries
            .iter()
            .filter(|entry| entry["asset"] == posting["asset"] && entry["direction"] == side);
        let parts: Vec<u128> = of_side.map(|entry| whole(&entry["amount"])).collect();
        assert_eq!(parts.iter().sum::<u128>(), amount, "{posting}");
        let Some(shares) = posting[side]["split"].as_array() else {
            assert_eq!(parts.len(), 1, "{posting}");
            continue;
        };
        let weight = |share: &Value| {
            let ratio = share["ratio"].as_str().expect("a ratio");
            let (units, fraction) = ratio.split_once('.').unwrap_or((ratio, ""));
            format!("{units}{fraction:0<6}")
                .parse::<u128>()
                .expect("a ratio")
        };
        let sum: u128 = shares.iter().map(weight).sum();
        // In whole units and a remainder, so that nothing overflows.
        let part = |share| {
            let weight = weight(share);
            amount / sum * weight + amount % sum * weight / sum
        };
        let least = shares.iter().map(part).filter(|part| *part > 0);
        let met = parts.iter().zip(least.clone());
        if parts.len() == least.clone().count() {
            for (part, least) in met {
                assert!(
                    *part == least || *part == least + 1,
                    "{part} of {least}: {posting}"
                );
            }
        }
    }
}

fn whole(amount: &Value) -> u128 {
    amount.as_str().expect("a string").parse().expect("digits")
}
