//! Sixteen and more connections send a sequence's requests at once, and write down what they sent,
//! when, and what they were told.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daybook_platform::clock::Clock;
use daybook_tests::Random;
use serde_json::Value;

use crate::script::{Planned, Step};
use crate::sent::Sent;
use crate::server::Server;
use crate::wire::{Written, write};

/// One sending of a request.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) sent: Arc<Sent>,
    pub(crate) request_id: String,
    /// When it was sent, among all sendings and answers.
    pub(crate) sent_at: u64,
    /// When it was answered.
    pub(crate) answered_at: Option<u64>,
    /// What the service's clock said when it was sent, and when it was answered.
    pub(crate) clock: (i64, i64),
    pub(crate) reply: Option<Reply>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) revision: Option<u64>,
    pub(crate) replayed: bool,
    pub(crate) location: Option<String>,
    pub(crate) body: Value,
}

impl Reply {
    /// Whether it says what came of the request.
    pub(crate) fn is_known(&self) -> bool {
        let items = self.body["results"].as_array();
        let failures = self.body["failures"].as_array();
        let mut items = items.into_iter().chain(failures).flatten();
        self.status < 500 && !items.any(item_is_unknown)
    }
}

/// Whether a bulk result says only that there is no answer.
pub(crate) fn item_is_unknown(item: &Value) -> bool {
    let codes = ["store_unavailable", "overloaded", "internal"];
    item["code"]
        .as_str()
        .is_some_and(|code| codes.contains(&code))
}

/// Drives one ledger of one server.
pub(crate) struct Driver {
    ledger: String,
    seed: u64,
    ticks: AtomicU64,
    sends: AtomicUsize,
    /// The last revision that anybody was told.
    seen: AtomicU64,
    attempts: Mutex<Vec<Attempt>>,
    /// Each is a connection of its own.
    clients: Vec<reqwest::Client>,
}

/// No command of a sequence may stay unknown for longer.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

impl Driver {
    pub(crate) fn new(ledger: &str, seed: u64, connections: usize) -> Self {
        let client = || {
            reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client")
        };
        Self {
            ledger: ledger.to_owned(),
            seed,
            ticks: AtomicU64::new(0),
            sends: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            attempts: Mutex::default(),
            clients: std::iter::repeat_with(client).take(connections).collect(),
        }
    }

    /// Everything that was sent.
    pub(crate) fn attempts(self) -> Vec<Attempt> {
        self.attempts.into_inner().expect("no driver panicked")
    }

    /// Takes the steps, on all connections at once.
    pub(crate) async fn drive(&self, server: &Server, steps: &[Step]) {
        let next = AtomicUsize::new(0);
        let workers = self.clients.iter();
        let workers = workers.map(|client| self.work(server, client, steps, &next));
        futures_util::future::join_all(workers).await;
    }

    /// Takes the steps one after the other.
    pub(crate) async fn prepare(&self, server: &Server, steps: &[Step]) {
        let next = AtomicUsize::new(0);
        self.work(server, &self.clients[0], steps, &next).await;
    }

    async fn work(
        &self,
        server: &Server,
        client: &reqwest::Client,
        steps: &[Step],
        next: &AtomicUsize,
    ) {
        while let Some(step) = steps.get(next.fetch_add(1, Ordering::SeqCst)) {
            match step {
                Step::Send(planned) => self.send(server, client, planned).await,
                Step::Advance(micros) => server.hand.advance_micros(*micros),
                Step::Fail(fault, times) => server.store.fail_appends(*fault, *times),
                Step::FailReads(times) => server.store.fail_reads(*times),
                Step::Stall(millis) => {
                    server.store.hold();
                    tokio::time::sleep(Duration::from_millis(*millis)).await;
                    server.store.release();
                }
            }
        }
    }

    /// Sends a request until its outcome is known.
    async fn send(&self, server: &Server, client: &reqwest::Client, planned: &Planned) {
        let sent = if planned.if_match {
            Arc::new(planned.sent.if_match(self.seen.load(Ordering::SeqCst)))
        } else {
            Arc::clone(&planned.sent)
        };
        let mut gives_up = planned.gives_up.map(Duration::from_micros);
        let until = Instant::now() + KNOWN_WITHIN;
        loop {
            let reply = self.attempt(server, client, &sent, gives_up.take()).await;
            if reply.is_some_and(|reply| reply.is_known()) || !sent.is_repeatable() {
                return;
            }
            assert!(Instant::now() < until, "it stays unknown: {sent:?}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Sends a request once.
    async fn attempt(
        &self,
        server: &Server,
        client: &reqwest::Client,
        sent: &Arc<Sent>,
        gives_up: Option<Duration>,
    ) -> Option<Reply> {
        let number = self.sends.fetch_add(1, Ordering::SeqCst);
        let spelling = self.seed.rotate_left(32) ^ u64::try_from(number).expect("a count");
        let written = write(&self.ledger, sent, Random::of(spelling));
        let request_id = format!("{}-{number}", self.ledger);
        let (sent_at, from) = (self.tick(), now(&server.clock));
        let reply = exchange(server, client, &request_id, written);
        let reply = match gives_up {
            Some(bound) => tokio::time::timeout(bound, reply).await.ok().flatten(),
            None => reply.await,
        };
        let answered_at = reply.as_ref().map(|_| self.tick());
        // Whoever was not answered may be heard at any later time.
        let to = if reply.is_some() {
            now(&server.clock)
        } else {
            i64::MAX
        };
        if let Some(revision) = reply.as_ref().and_then(|reply| reply.revision) {
            self.seen.fetch_max(revision, Ordering::SeqCst);
        }
        self.attempts
            .lock()
            .expect("no driver panicked")
            .push(Attempt {
                sent: Arc::clone(sent),
                request_id,
                sent_at,
                answered_at,
                clock: (from, to),
                reply: reply.clone(),
            });
        reply
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }
}

fn now(clock: &Clock) -> i64 {
    clock.now_micros()
}

/// `None`: the connection ended without an answer.
async fn exchange(
    server: &Server,
    client: &reqwest::Client,
    request_id: &str,
    written: Written,
) -> Option<Reply> {
    let url = format!("{}{}", server.base(), written.path);
    let mut request = client
        .request(written.method, url)
        .bearer_auth(&server.token)
        .header("X-Request-Id", request_id)
        .body(written.body);
    for (name, value) in written.headers {
        request = request.header(name, value);
    }
    let response = request.send().await.ok()?;
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (revision, replayed) = (header("Ledger-Revision"), header("Idempotent-Replayed"));
    let location = header("Location");
    let status = response.status().as_u16();
    let body = response.bytes().await.ok()?;
    Some(Reply {
        status,
        revision: revision.and_then(|text| text.parse().ok()),
        replayed: replayed.is_some(),
        location,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
