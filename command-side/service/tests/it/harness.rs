//! A command side in a temporary directory, called through its route table.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use actix_web::{App, test, web};
use daybook_command::{CommandConfig, CommandService, http};
use daybook_events::access;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::auth::{AuthConfig, DevClaims, DevGrant, DevKey, Roles, Verifier};
use daybook_platform::clock::{Clock, ManualClock};
use daybook_platform::http::{Api, request_context};
use daybook_platform::problem::Problem;
use daybook_store::embedded::{EmbeddedStore, Options};
use daybook_store::testing::FaultyStore;
use daybook_store::{EventStore, ReadError};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::bodies::*;

type Answered = Pin<Box<dyn Future<Output = Reply>>>;

/// A running command side.
pub(crate) struct Bench {
    pub(crate) service: Arc<CommandService>,
    pub(crate) store: FaultyStore,
    call: Rc<dyn Fn(test::TestRequest) -> Answered>,
    token: String,
    key: DevKey,
    dir: Rc<TempDir>,
    config: CommandConfig,
    clock: Clock,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {:?}", self.bytes))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn revision(&self) -> Option<u64> {
        self.header("Ledger-Revision")
            .map(|text| text.parse().unwrap())
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.header("Idempotent-Replayed") == Some("true")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}", self.bytes);
        self
    }

    #[track_caller]
    pub(crate) fn expect_code(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{:?}",
            self.bytes
        );
        self
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl Fn(&mut CommandConfig)) -> Self {
        Self::start_at(Clock::system(), change).await
    }

    /// By a clock that the test moves, from [`NOON`] on.
    pub(crate) async fn start_by_hand(change: impl Fn(&mut CommandConfig)) -> (Self, ManualClock) {
        let (clock, hand) = Clock::manual(NOON);
        (Self::start_at(clock, change).await, hand)
    }

    async fn start_at(clock: Clock, change: impl Fn(&mut CommandConfig)) -> Self {
        let dir = Rc::new(tempfile::tempdir().unwrap());
        let mut config = Self::config(&dir);
        change(&mut config);
        Self::open_with(dir, config, Options::default(), clock).await
    }

    /// Over a store that takes no unit of more than `unit_bytes_max`.
    pub(crate) async fn start_with_small_units(unit_bytes_max: usize) -> Self {
        Self::start_small(unit_bytes_max, Clock::system()).await
    }

    /// The same by a clock that the test moves.
    pub(crate) async fn start_small_by_hand(unit_bytes_max: usize) -> (Self, ManualClock) {
        let (clock, hand) = Clock::manual(NOON);
        (Self::start_small(unit_bytes_max, clock).await, hand)
    }

    async fn start_small(unit_bytes_max: usize, clock: Clock) -> Self {
        let dir = Rc::new(tempfile::tempdir().unwrap());
        let config = Self::config(&dir);
        let options = Options {
            unit_bytes_max,
            ..Options::default()
        };
        Self::open_with(dir, config, options, clock).await
    }

    fn config(dir: &TempDir) -> CommandConfig {
        CommandConfig::new(dir.path().join("index"), dir.path().join("snapshots"))
    }

    async fn open_with(
        dir: Rc<TempDir>,
        config: CommandConfig,
        options: Options,
        clock: Clock,
    ) -> Self {
        let embedded = EmbeddedStore::open(&dir.path().join("log"), options).unwrap();
        let store = FaultyStore::new(Arc::new(embedded));
        Self::over(dir, config, store, clock).await
    }

    /// Another command side over the same store, with everything that is derived its own.
    pub(crate) async fn beside(&self) -> Self {
        let mut config = self.config.clone();
        config.index_dir = self.dir.path().join("index-beside");
        config.snapshot_dir = self.dir.path().join("snapshots-beside");
        let (dir, store) = (Rc::clone(&self.dir), self.store.clone());
        Self::over(dir, config, store, self.clock.clone()).await
    }

    async fn over(
        dir: Rc<TempDir>,
        config: CommandConfig,
        store: FaultyStore,
        clock: Clock,
    ) -> Self {
        let shared: Arc<dyn EventStore> = Arc::new(store.clone());
        let service = CommandService::open(shared, config.clone(), clock.clone()).unwrap();
        let key = DevKey::load_or_create(&dir.path().join("key")).unwrap();
        let roles = Roles {
            permissions_of: |role| {
                access::role(role).map(|all| all.iter().map(|p| p.as_str()).collect())
            },
            covers: access::covers,
        };
        let api = Api {
            verifier: Verifier::new(AuthConfig::new(vec![key.issuer()], DevKey::AUDIENCE), roles),
            clock: clock.clone(),
            scope_param: "ledger",
            scope_not_found: || Problem::new(404, "ledger_not_found", "t", "no such ledger"),
            routes: http::routes().into(),
        };
        let app = App::new()
            .app_data(web::Data::from(Arc::clone(&service)))
            .wrap(request_context())
            .configure(|cfg| api.configure(cfg));
        let app = Rc::new(test::init_service(app).await);
        let call = Rc::new(move |req: test::TestRequest| -> Answered {
            let app = Rc::clone(&app);
            Box::pin(async move {
                let response = test::call_service(&*app, req.to_request()).await;
                Reply {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    bytes: test::read_body(response).await,
                }
            })
        });
        let mut bench = Self {
            service,
            store,
            call,
            token: String::new(),
            key,
            dir,
            config,
            clock,
        };
        bench.token = bench.token_of(&["operator", "admin", "controller"], "*");
        bench
    }

    pub(crate) fn token_of(&self, roles: &[&str], ledger: &str) -> String {
        let claims = DevClaims {
            sub: "tester".to_owned(),
            grants: vec![DevGrant {
                scopes: vec![ledger.to_owned()],
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            }],
            // Tests that move the clock stay signed in.
            ttl_s: 400 * 86_400,
        };
        self.key.mint(&claims, self.clock.now_s()).unwrap()
    }

    pub(crate) fn index_dir(&self) -> PathBuf {
        self.config.index_dir.clone()
    }

    /// The snapshot file of a ledger.
    pub(crate) fn snapshot(&self, ledger: &str) -> PathBuf {
        self.config.snapshot_dir.join(format!("{ledger}.snapshot"))
    }

    /// Stops everything, lets `meddle` work on the directory, and starts again.
    pub(crate) async fn restart(self, meddle: impl FnOnce(&std::path::Path)) -> Self {
        let Self {
            service,
            store,
            call,
            dir,
            config,
            clock,
            ..
        } = self;
        service.shutdown().await;
        drop((service, store, call));
        meddle(dir.path());
        Self::open_with(dir, config, Options::default(), clock).await
    }

    pub(crate) fn request(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        self.send(Method::POST, path, headers, body)
    }

    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        let mut req = test::TestRequest::with_uri(path)
            .method(method)
            .insert_header(("Authorization", format!("Bearer {}", self.token)))
            .insert_header(("Content-Type", "application/json"));
        // The payload comes with a length of its own: what the test asks for has the last word.
        req = req.set_payload(body.to_vec());
        for (name, value) in headers {
            req = req.insert_header((*name, *value));
        }
        (self.call)(req)
    }

    pub(crate) fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Answered {
        let body = serde_json::to_vec(body).unwrap();
        match key {
            Some(key) => self.request(path, &[("Idempotency-Key", key)], &body),
            None => self.request(path, &[], &body),
        }
    }

    pub(crate) fn patch(&self, path: &str, key: Option<&str>, body: &Value) -> Answered {
        let body = serde_json::to_vec(body).unwrap();
        let headers = key.map(|key| ("Idempotency-Key", key));
        self.send(Method::PATCH, path, headers.as_slice(), &body)
    }

    /// Posts `amount` from `assets:bank` to `users:1` of the ledger `acme`.
    pub(crate) fn pay(&self, key: &str, amount: u64) -> Answered {
        self.post(PAY, Some(key), &payment(amount))
    }

    /// Opens the ledger `acme` with `assets:bank` and `users:1`, which must not be overdrawn.
    pub(crate) async fn acme(&self) {
        self.post("/v1/ledgers", None, &json!({"ledger": "acme"}))
            .await
            .expect(201);
        let limits = json!({"*": {"min_available": "0"}});
        for account in [
            json!({"account": "assets:bank", "type": "asset"}),
            json!({"account": "users:1", "type": "liability", "limits": limits}),
        ] {
            self.post("/v1/ledgers/acme/accounts", None, &account)
                .await
                .expect(201);
        }
    }

    /// As [`Self::acme`], with `amount` on `users:1`; the ledger has four events.
    pub(crate) async fn funded(&self, amount: u64) {
        self.acme().await;
        self.pay("fund", amount).await.expect(201);
    }

    /// Waits until the ledger has so many events, for at most ten seconds.
    pub(crate) async fn until_events(&self, ledger: &str, count: usize) -> Vec<RecordedEvent> {
        for _ in 0..1_000 {
            // A test may have asked the store to fail.
            if let Ok(events) = self.try_events(ledger).await
                && events.len() >= count
            {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there were not {count} events within ten seconds");
    }

    pub(crate) async fn events(&self, ledger: &str) -> Vec<RecordedEvent> {
        self.try_events(ledger).await.unwrap()
    }

    async fn try_events(&self, ledger: &str) -> Result<Vec<RecordedEvent>, ReadError> {
        let ledger = LedgerId::parse(ledger).unwrap();
        let mut events: Vec<RecordedEvent> = Vec::new();
        loop {
            let from = Revision::new(u64::try_from(events.len()).unwrap());
            let page = self.store.read_ledger(&ledger, from, 1000).await?;
            if page.is_empty() {
                return Ok(events);
            }
            events.extend(page);
        }
    }
}

/// Waits for a condition, for at most five seconds.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within five seconds");
}
