//! A full disk: commands answer 503 while it lasts, and are taken again when there is space.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, History, Nats, Postgres, Setup, process, until_async};
use serde_json::{Value, json};

/// Enough for an empty data directory, little enough to be filled soon.
const DISK_BYTES: &str = "256m";

/// A service whose data directory is a small disk of its own, in a mount namespace that ends with
/// the service.
fn on_small_disk(postgres: &Postgres, nats: &Nats) -> Setup {
    let setup = Setup::new()
        .environment("DATABASE_URL", postgres.url())
        .environment("NATS_URL", nats.url());
    std::fs::create_dir(setup.data()).unwrap();
    let mount = format!(
        "mount -t tmpfs -o size={DISK_BYTES} none {} && exec \"$@\"",
        setup.data().display()
    );
    let namespace = if process::is_root() { "-m" } else { "-Urm" };
    setup.prefix(&["unshare", namespace, "sh", "-c", &mount, "sh"])
}

async fn post(client: &Client, key: &str) -> Answer {
    let filler = "x".repeat(1000);
    let items: Vec<Value> = (0..100)
        .map(|_| {
            json!({
                "postings": [
                    {"debit": "cash", "credit": "customers", "amount": "1", "asset": "USD"},
                ],
                "metadata": {"a": filler, "b": filler, "c": filler},
            })
        })
        .collect();
    let path = "/v1/ledgers/acme/bulk?mode=atomic";
    sent(client.post_request(path, key, &Value::from(items))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_answers_503_and_heals_when_there_is_space_again() {
    let (postgres, nats) = (Postgres::start(), Nats::start());
    let service = on_small_disk(&postgres, &nats).start();
    // The disk is seen through the service's own root: nobody else has it mounted.
    let seen = PathBuf::from(format!("/proc/{}/root", service.pid()));
    let disk = seen.join(service.setup().data().strip_prefix("/").unwrap());
    let token = std::fs::read_to_string(disk.join("token"))
        .unwrap()
        .trim()
        .to_owned();
    let client = Client::new(service.base(), Some(token));
    client.open_ledger("acme").await;
    client
        .open_accounts("acme", &[("cash", "asset"), ("customers", "liability")])
        .await;
    post(&client, "before").await.checked(200).json();

    let filler = disk.join("filler");
    fill(&filler);
    // What was allocated beforehand may still take some.
    let mut taken = 0;
    let refused = until_async("the disk is full", Duration::from_secs(120), async || {
        let answer = post(&client, &format!("during-{taken}")).await;
        if answer.status == 200 {
            taken += 1;
            return None;
        }
        Some(answer)
    })
    .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "store_unavailable"),
        "{refused}"
    );
    assert!(refused.header("Retry-After").is_some());
    let key = format!("during-{taken}");
    assert_eq!(post(&client, &key).await.status, 503, "while it lasts");
    let history = History::read(&client, "acme").await;
    let expected = (taken + 1) * 100;
    assert_eq!(
        history.of_type("TransactionPosted").count(),
        expected,
        "nothing was written"
    );

    std::fs::remove_file(&filler).unwrap();
    let healed = until_async(
        "commands are taken again",
        Duration::from_secs(60),
        async || {
            let answer = post(&client, &key).await;
            (answer.status != 503).then_some(answer)
        },
    )
    .await;
    healed.checked(200).json();
    let history = History::read(&client, "acme").await;
    assert_eq!(
        history.of_type("TransactionPosted").count(),
        expected + 100,
        "exactly once"
    );
}

/// Writes until there is no space left.
fn fill(path: &std::path::Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0; 64 * 1024];
    while file.write_all(&block).is_ok() {}
    let block = vec![0; 512];
    while file.write_all(&block).is_ok() {}
}
