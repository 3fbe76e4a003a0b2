//! The command side as a client meets it: real HTTP on a free port, over a store that can be made
//! to fail, with a clock that the test moves.

use std::path::Path;
use std::sync::Arc;

use actix_web::web;
use daybook_command::{CommandConfig, CommandService, http};
use daybook_events::access;
use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::auth::{AuthConfig, DevClaims, DevGrant, DevKey, Roles, Verifier};
use daybook_platform::clock::{Clock, ManualClock};
use daybook_platform::http::{Api, bind, serve, server_defaults};
use daybook_platform::problem::Problem;
use daybook_store::EventStore;
use daybook_store::embedded::{EmbeddedStore, Options};
use daybook_store::testing::FaultyStore;
use daybook_tests::model::calendar::micros;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running command side.
pub(crate) struct Server {
    pub(crate) store: FaultyStore,
    pub(crate) hand: ManualClock,
    pub(crate) clock: Clock,
    pub(crate) token: String,
    running: Option<Running>,
    key: Arc<DevKey>,
    dir: TempDir,
    change: Change,
}

/// What a test changes of the command side's configuration.
pub(crate) type Change = fn(&mut CommandConfig);

struct Running {
    base: String,
    service: Arc<CommandService>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Tokens are judged by the machine's clock, commands by the test's.
const TOKEN_TTL_S: u64 = 3_600;

impl Server {
    /// On the runtime that is to carry it.
    pub(crate) fn start(at: i64, change: Change) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (clock, hand) = Clock::manual(at);
        let key = DevKey::load_or_create(&dir.path().join("key")).expect("a key");
        let claims = DevClaims {
            sub: "driver".to_owned(),
            grants: vec![DevGrant {
                scopes: vec!["*".to_owned()],
                roles: ["operator", "controller", "admin"]
                    .map(str::to_owned)
                    .to_vec(),
            }],
            ttl_s: TOKEN_TTL_S,
        };
        let token = key.mint(&claims, Clock::system().now_s()).expect("a token");
        let mut server = Self {
            store: open(dir.path()),
            hand,
            clock,
            token,
            running: None,
            key: Arc::new(key),
            dir,
            change,
        };
        server.run();
        server
    }

    /// Stops everything and starts it again; without the derived files if they are `forgotten`.
    pub(crate) async fn restart(&mut self, forgotten: bool) {
        self.stop().await;
        if forgotten {
            for derived in ["index", "snapshots"] {
                // Absent as well if it was never made.
                drop(std::fs::remove_dir_all(self.dir.path().join(derived)));
            }
        }
        self.run();
    }

    /// Stops the service, and leaves what it wrote.
    pub(crate) async fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.stop.cancel();
        running.task.await.expect("the server ends");
        running.service.shutdown().await;
    }

    /// Starts the service where it stopped.
    pub(crate) fn run(&mut self) {
        let derived = |name: &str| self.dir.path().join(name);
        let mut config = CommandConfig::new(derived("index"), derived("snapshots"));
        (self.change)(&mut config);
        let shared: Arc<dyn EventStore> = Arc::new(self.store.clone());
        let service = CommandService::open(shared, config, self.clock.clone()).expect("it opens");
        let auth = AuthConfig::new(vec![self.key.issuer()], DevKey::AUDIENCE);
        let api = Api {
            verifier: Verifier::new(auth, roles()),
            clock: Clock::system(),
            scope_param: "ledger",
            scope_not_found: || Problem::new(404, "ledger_not_found", "t", "no such ledger"),
            routes: http::routes().into(),
        };
        let bound = bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", bound.addr());
        let stop = CancellationToken::new();
        let data = web::Data::from(Arc::clone(&service));
        let configure = move |cfg: &mut web::ServiceConfig| {
            cfg.app_data(data.clone());
            api.configure(cfg);
        };
        let token = stop.clone();
        let task = tokio::spawn(async move {
            let served = serve(bound, server_defaults(), configure, token).await;
            served.expect("it serves until it is told to stop");
        });
        self.running = Some(Running {
            base,
            service,
            stop,
            task,
        });
    }

    pub(crate) fn base(&self) -> &str {
        &self.running.as_ref().expect("it runs").base
    }

    /// The whole history of a ledger, as auditors see it.
    pub(crate) async fn log(&self, ledger: &str) -> Vec<Recorded> {
        let ledger = LedgerId::parse(ledger).expect("a ledger's name");
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let from = Revision::new(u64::try_from(events.len()).expect("a length"));
            let page = self.store.read_ledger(&ledger, from, 1_000).await;
            let page = page.expect("the store can be read");
            if page.is_empty() {
                return events;
            }
            for event in page {
                let mut line = Vec::new();
                event.write_line(&mut line);
                events.push(Recorded::read(&line));
            }
        }
    }
}

/// An event of the log.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) revision: u64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) recorded_at: i64,
    pub(crate) data: Value,
    pub(crate) meta: Value,
}

impl Recorded {
    fn read(line: &[u8]) -> Self {
        let mut event: Value = serde_json::from_slice(line).expect("an event is JSON");
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        Self {
            revision: event["revision"].as_u64().expect("a revision"),
            id: text("id"),
            kind: text("type"),
            recorded_at: micros(&text("recorded_at")),
            data: event["data"].take(),
            meta: event["meta"].take(),
        }
    }

    /// Whether the command has further events.
    pub(crate) fn more(&self) -> bool {
        self.meta["more"] == 1
    }

    /// The HTTP request that made it.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.meta["request_id"].as_str()
    }
}

fn open(dir: &Path) -> FaultyStore {
    let embedded = EmbeddedStore::open(&dir.join("log"), Options::default());
    FaultyStore::new(Arc::new(
        embedded.expect("an empty directory becomes a store"),
    ))
}

fn roles() -> Roles {
    Roles {
        permissions_of: |role| {
            access::role(role).map(|all| all.iter().map(|p| p.as_str()).collect())
        },
        covers: access::covers,
    }
}
