//! Clients that go on posting whatever happens, repeat what they do not know the outcome of, and
//! remember every acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Client;
use crate::client::try_send;
use crate::history::{CATCH_UP_BOUND, History};

const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// An acknowledgement, as the client saw it.
#[derive(Debug, Clone)]
pub struct Acked {
    /// The key of the request.
    pub key: String,
    /// `Ledger-Revision`.
    pub revision: u64,
    /// The body of the answer.
    pub body: Value,
}

/// Posting clients, each one transaction at a time.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    workers: JoinSet<Vec<Acked>>,
    ledger: String,
}

impl Traffic {
    /// Opens the ledger and its two accounts, and starts `workers` clients, each with this pause
    /// between two transactions.
    ///
    /// # Panics
    /// When the ledger cannot be opened.
    pub async fn start(client: &Client, ledger: &str, workers: u64, pause: Duration) -> Self {
        client.open_ledger(ledger).await;
        client
            .open_accounts(ledger, &[("cash", "asset"), ("customers", "liability")])
            .await;
        Self::start_on(client, ledger, workers, pause)
    }

    /// The same on a ledger that has the accounts `cash` and `customers`.
    pub fn start_on(client: &Client, ledger: &str, workers: u64, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut set = JoinSet::new();
        for worker in 0..workers {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            let ledger = ledger.to_owned();
            set.spawn(async move {
                let mut acked = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("traffic-{worker}-{}", acked.len());
                    acked.push(post_until_acknowledged(&client, &ledger, key).await);
                    tokio::time::sleep(pause).await;
                }
                acked
            });
        }
        Self {
            stop,
            workers: set,
            ledger: ledger.to_owned(),
        }
    }

    /// Lets every client finish what it has begun; gives all acknowledgements.
    ///
    /// # Panics
    /// When a client gets no answer for too long.
    pub async fn stop(mut self) -> Vec<Acked> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(acked) = self.workers.join_next().await {
            all.extend(acked.expect("the client has not panicked"));
        }
        assert!(!all.is_empty(), "nothing was posted to {}", self.ledger);
        all
    }
}

/// Posts, and repeats with the same key until the outcome is known.
async fn post_until_acknowledged(client: &Client, ledger: &str, key: String) -> Acked {
    let path = format!("/v1/ledgers/{ledger}/transactions");
    let body = json!({
        "reference": key,
        "postings": [{"debit": "cash", "credit": "customers", "amount": "7", "asset": "USD"}],
    });
    let repeated = async {
        loop {
            match try_send(client.post_request(&path, &key, &body)).await {
                Ok(answer) if answer.status == 201 => return answer,
                Ok(answer) => assert!(answer.status >= 500, "refused: {answer}"),
                Err(_cut_off) => {}
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    };
    let answer = tokio::time::timeout(CATCH_UP_BOUND, repeated)
        .await
        .expect("the service takes commands again");
    Acked {
        key,
        revision: answer.revision(),
        body: answer.json(),
    }
}

/// Checks that the history has exactly what was acknowledged, where it was acknowledged.
///
/// # Panics
/// When something is lost or doubled.
pub fn check_acknowledged(history: &History, acked: &[Acked]) {
    for acked in acked {
        let event = history.at(acked.revision);
        assert_eq!(event["id"], acked.body["id"], "INV-2: lost {}", acked.key);
        assert_eq!(event["meta"]["key"], acked.key.as_str(), "INV-2: {event}");
        assert_eq!(event["revision"], acked.body["revision"], "{}", acked.key);
    }
    let posted = history.of_type("TransactionPosted").count();
    assert_eq!(posted, acked.len(), "INV-3: every command has one effect");
}
