//! A store, its views and a query service, all private to one test.

use std::sync::Arc;

use daybook_events::access;
use daybook_events::money::AccountType;
use daybook_platform::auth::{AuthConfig, DevClaims, DevGrant, DevKey, Roles, Verifier};
use daybook_platform::clock::Clock;
use daybook_platform::health::Health;
use daybook_platform::http::{Api, bind, serve, server_defaults};
use daybook_platform::problem::Problem;
use daybook_projections::ProjectorConfig;
use daybook_query::{QueryConfig, QueryService};
use daybook_store::EventStore;
use daybook_tests::{Client, Postgres, TempStore, temp_store};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::book::Book;
use super::commands::Lived;

/// Where no NATS is: everything has to work without it.
const NO_NATS: &str = "nats://127.0.0.1:1";

/// A query service over its own Postgres and store.
pub(crate) struct Fixture {
    pub(crate) postgres: Postgres,
    pub(crate) temp: TempStore,
    pub(crate) client: Client,
    key: DevKey,
    clock: Clock,
    projector: Option<(CancellationToken, JoinHandle<()>)>,
    token: CancellationToken,
    _keys: TempDir,
}

impl Fixture {
    /// Starts everything but a projector, without NATS.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts everything but a projector.
    pub(crate) async fn start_with(nats_url: Option<String>) -> Self {
        let postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
        let temp = temp_store();
        let keys = tempfile::tempdir().unwrap();
        let key = DevKey::load_or_create(&keys.path().join("key")).unwrap();
        let clock = Clock::system();
        let token = CancellationToken::new();
        let config = QueryConfig {
            database_url: postgres.url(),
            nats_url,
        };
        let store: Arc<dyn EventStore> = Arc::clone(&temp.store) as Arc<dyn EventStore>;
        let part = Health::new().part("views");
        let service =
            QueryService::connect(config, store, clock.clone(), part, token.clone()).unwrap();
        let base = listen(service, &key, &clock, token.clone());
        let client = Client::new(base, None);
        let mut fixture = Self {
            postgres,
            temp,
            client,
            key,
            clock,
            projector: None,
            token,
            _keys: keys,
        };
        fixture.client = fixture.client_as("auditor", "*");
        daybook_projections::migrate(&fixture.pool().await)
            .await
            .unwrap();
        fixture
    }

    /// A client whose token has this role on these ledgers.
    pub(crate) fn client_as(&self, role: &str, ledgers: &str) -> Client {
        let claims = DevClaims {
            sub: format!("test-{role}"),
            grants: vec![DevGrant {
                scopes: vec![ledgers.to_owned()],
                roles: vec![role.to_owned()],
            }],
            ttl_s: 3600,
        };
        let token = self.key.mint(&claims, self.clock.now_s()).unwrap();
        self.client.with_token(Some(token))
    }

    /// Connections that may write.
    pub(crate) async fn pool(&self) -> PgPool {
        PgPool::connect(&self.postgres.url()).await.unwrap()
    }

    /// Runs a statement against the views: what nobody should do.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let done = sqlx::query(statement)
            .execute(&self.pool().await)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1, "{statement}");
    }

    /// Fills the views from now on.
    pub(crate) fn project(&mut self) {
        self.project_with(NO_NATS.to_owned());
    }

    /// Fills the views from now on, and tells NATS.
    pub(crate) fn project_with(&mut self, nats_url: String) {
        let token = self.token.child_token();
        let config = ProjectorConfig {
            database_url: self.postgres.url(),
            nats_url,
            partitions: daybook_events::names::PARTITIONS,
            instance: "test".to_owned(),
        };
        let store: Arc<dyn EventStore> = Arc::clone(&self.temp.store) as Arc<dyn EventStore>;
        let part = Health::new().part("projector");
        let running = daybook_projections::run(store, config, part, token.clone());
        let task = tokio::spawn(async move { running.await.unwrap() });
        self.projector = Some((token, task));
    }

    /// Stops filling the views.
    pub(crate) async fn stop_projecting(&mut self) {
        if let Some((token, task)) = self.projector.take() {
            token.cancel();
            task.await.unwrap();
        }
    }

    /// A writer of this store's ledgers.
    pub(crate) fn book(&self) -> Book {
        Book::new(Arc::clone(&self.temp.store), self.clock.clone())
    }

    /// Two customers, a bank and some postings in ledger `acme`, in the views.
    pub(crate) async fn with_acme() -> (Self, Book) {
        let mut fixture = Self::start().await;
        let mut book = fixture.book();
        book.open("acme").await;
        for (account, account_type) in [
            ("assets:bank", AccountType::Asset),
            ("users:1", AccountType::Liability),
            ("users:1:wallet", AccountType::Liability),
            ("users:12", AccountType::Liability),
        ] {
            book.account("acme", account, account_type).await;
        }
        book.post("acme", "assets:bank", "users:1", 1050).await;
        book.post("acme", "assets:bank", "users:12", 7).await;
        let third = book.post("acme", "assets:bank", "users:1", 50).await;
        book.reverse("acme", third).await;
        fixture.project();
        fixture.caught_up("acme", book.revision("acme")).await;
        (fixture, book)
    }

    /// The same, and everything else that can happen.
    pub(crate) async fn with_all() -> (Self, Book, Lived) {
        let (fixture, mut book) = Self::with_acme().await;
        let lived = book.live("acme").await;
        fixture.caught_up("acme", book.revision("acme")).await;
        (fixture, book, lived)
    }

    /// Waits until the view of a ledger has a revision.
    pub(crate) async fn caught_up(&self, ledger: &str, revision: u64) {
        let path = format!("/v1/ledgers/{ledger}?min_revision={revision}&wait_ms=30000");
        self.client.get(&path).await.expect(200);
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

fn listen(
    service: Arc<QueryService>,
    key: &DevKey,
    clock: &Clock,
    token: CancellationToken,
) -> String {
    let roles = Roles {
        permissions_of: |role| {
            let permissions = access::role(role)?;
            Some(
                permissions
                    .iter()
                    .map(|permission| permission.as_str())
                    .collect(),
            )
        },
        covers: access::covers,
    };
    let config = AuthConfig::new(vec![key.issuer()], DevKey::AUDIENCE);
    let api = Api {
        verifier: Verifier::new(config, roles),
        clock: clock.clone(),
        scope_param: "ledger",
        scope_not_found: || Problem::new(404, "ledger_not_found", "no ledger", "no ledger"),
        routes: daybook_query::http::routes().into(),
    };
    let service = actix_web::web::Data::from(service);
    let bound = bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", bound.addr());
    let configure = move |config: &mut actix_web::web::ServiceConfig| {
        config.app_data(service.clone());
        api.configure(config);
    };
    tokio::spawn(serve(bound, server_defaults(), configure, token));
    base
}
