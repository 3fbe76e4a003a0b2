//! An import by a client that remembers what was acknowledged, and repeats what it does not know.

use std::time::{Duration, Instant};

use daybook_tests::berka::Berka;
use daybook_tests::client::try_send;
use daybook_tests::{Answer, Client, History, Random, Service, all_pages, caught_up};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

pub(crate) const LEDGER: &str = "berka";
const CHUNK_ITEMS: usize = 150;
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRIES_MAX: usize = 600;

/// An item that was acknowledged, and where.
struct Acked {
    id: Value,
    revision: u64,
}

/// The import, one request at a time, in the file's order.
pub(crate) struct Import {
    client: Client,
    chunks: Vec<String>,
    next: usize,
    acked: Vec<Acked>,
    /// How long the last request took that nothing happened to.
    usual: Duration,
    /// How many requests were cut off.
    pub(crate) interrupted: usize,
}

impl Import {
    pub(crate) async fn new(client: Client, berka: &Berka) -> Self {
        client.open_ledger(LEDGER).await;
        let text = berka.ndjson();
        let lines: Vec<&str> = text.lines().collect();
        Self {
            client,
            chunks: lines
                .chunks(CHUNK_ITEMS)
                .map(|chunk| chunk.join("\n"))
                .collect(),
            next: 0,
            acked: Vec::new(),
            usual: Duration::from_millis(50),
            interrupted: 0,
        }
    }

    /// `faults` different places in the import at which something is to happen, in order.
    pub(crate) fn points(&self, random: &mut Random, faults: usize) -> Vec<usize> {
        let mut points = std::collections::BTreeSet::new();
        while points.len() < faults {
            points.insert(1 + random.index(self.chunks.len() - 2));
        }
        points.into_iter().collect()
    }

    /// Imports on, up to this place; every request must succeed at its first attempt.
    pub(crate) async fn run_to(&mut self, point: usize) {
        while self.next < point.min(self.chunks.len()) {
            let start = Instant::now();
            let answer = try_send(self.request()).await;
            let answer = answer.expect("commands are accepted, whatever else is down");
            self.usual = start.elapsed();
            self.acknowledge(&answer);
        }
    }

    /// Imports the rest.
    pub(crate) async fn run_to_end(&mut self) {
        self.run_to(self.chunks.len()).await;
    }

    /// Sends the next request, and lets something happen at a random time while it is under way,
    /// or just after; then repeats it until its outcome is known.
    pub(crate) async fn run_through(&mut self, random: &mut Random, happening: impl FnOnce()) {
        let pause = random.pause_below(self.usual * 5 / 4);
        let under_way = tokio::spawn(try_send(self.request()));
        tokio::time::sleep(pause).await;
        tokio::task::block_in_place(happening);
        let mut outcome = under_way.await.expect("the client has not panicked");
        self.interrupted += usize::from(outcome.is_err());
        for _ in 0..RETRIES_MAX {
            match outcome {
                Ok(answer) if answer.status < 500 => return self.acknowledge(&answer),
                _ => tokio::time::sleep(RETRY_PAUSE).await,
            }
            outcome = try_send(self.request()).await;
        }
        panic!("the outcome is never known: {outcome:?}");
    }

    fn request(&self) -> RequestBuilder {
        let path = format!("/v1/ledgers/{LEDGER}/bulk?mode=independent");
        self.client
            .request(Method::POST, &path)
            .header("Idempotency-Key", format!("chunk-{}", self.next))
            .header("Content-Type", "application/x-ndjson")
            .body(self.chunks[self.next].clone())
    }

    fn acknowledge(&mut self, answer: &Answer) {
        let body = answer.clone().expect(200);
        for result in body["results"].as_array().expect("results") {
            let status = result["status"].as_str().expect("a status");
            assert!(["applied", "replayed"].contains(&status), "{result}");
            let revision = result["revision"].as_u64().expect("a revision");
            self.acked.push(Acked {
                id: result["id"].clone(),
                revision,
            });
        }
        self.next += 1;
    }

    /// Nothing acknowledged is lost, nothing is doubled, the balances are the bank's, and every
    /// view equals the replay of the log.
    pub(crate) async fn check(&self, service: &Service, berka: &Berka) {
        let history = History::read(&self.client, LEDGER).await;
        let items = berka.accounts().len() + berka.rows.len();
        assert_eq!(
            history.events.len(),
            1 + items,
            "nothing is lost, nothing is doubled"
        );
        assert_eq!(self.acked.len(), items);
        for acked in &self.acked {
            let event = history.at(acked.revision);
            if event["type"] == "TransactionPosted" {
                assert_eq!(
                    event["id"], acked.id,
                    "INV-2: another event at an acknowledged place"
                );
            }
        }
        let ledger = caught_up(&self.client, LEDGER, history.last_revision()).await;
        assert_eq!(ledger["revision"], history.last_revision());
        let path = format!("/v1/ledgers/{LEDGER}/accounts?prefix=liabilities:customers");
        for account in all_pages(&self.client, &path, history.last_revision()).await {
            let id = account["account"].as_str().expect("an id");
            let posted = account["balances"]["CZK"]["posted"]
                .as_str()
                .expect("a balance");
            assert_eq!(posted, berka.balances[id].to_string(), "{id}");
        }
        let (clean, said) = service.audit();
        assert!(clean, "INV-4: {said}");
    }
}
