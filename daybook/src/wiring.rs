//! How the parts meet: the routes of both sides in one table, and a start function for each role.
//!
//! A role gets the event store, the clock and its own line in `/readyz`; nothing else is shared.
//! That is what lets a later version start each of them in a process of its own.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use daybook_command::{CommandConfig, CommandService};
use daybook_events::access;
use daybook_events::problems;
use daybook_platform::auth::{Roles, Verifier};
use daybook_platform::clock::Clock;
use daybook_platform::health::Health;
use daybook_platform::http::{Access, Api, ApiDocument, RouteSpec, docs_routes};
use daybook_platform::ops;
use daybook_platform::problem::Problem;
use daybook_platform::tasks::Group;
use daybook_projections::ProjectorConfig;
use daybook_query::{QueryConfig, QueryService};
use daybook_relay::RelayConfig;
use daybook_store::EventStore;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};

use crate::failure::Failure;

/// Every route of the public listener.
pub fn routes() -> Vec<RouteSpec> {
    let mut routes = ops::routes();
    routes.extend(docs_routes());
    routes.push(problems_route());
    routes.extend(daybook_command::http::routes());
    routes.extend(daybook_query::http::routes());
    routes
}

/// What every problem means, where the `type` of a problem points to.
const PROBLEMS: &str = include_str!("../../docs/errors.md");

fn problems_route() -> RouteSpec {
    RouteSpec {
        method: Method::GET,
        path: "/docs/errors.md",
        access: Access::Public,
        body_max: 0,
        route: || web::to(problems_page),
    }
}

async fn problems_page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/markdown; charset=utf-8")
        .body(PROBLEMS)
}

/// Every route of the private listener.
pub fn ops_routes() -> Vec<RouteSpec> {
    let mut routes = ops::routes();
    routes.extend(ops::private_routes());
    routes
}

/// The description of every route of the public listener.
pub fn openapi() -> OpenApi {
    let mut info = Info::new("Daybook", env!("CARGO_PKG_VERSION"));
    info.description = Some("An event-sourced, double-entry ledger service.".to_owned());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT");
    let mut components = Components::new();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    let no_scopes: [&str; 0] = [];
    let mut api = OpenApiBuilder::new()
        .security(Some([SecurityRequirement::new("bearer", no_scopes)]))
        .info(info)
        .components(Some(components))
        .build();
    for (path, what) in [
        ("/livez", "Whether the process works."),
        (
            "/readyz",
            "Whether the service can do its job, with the state of each of its parts.",
        ),
        ("/openapi.json", "This document."),
        ("/docs", "This document as a page."),
        (
            "/docs/errors.md",
            "What every problem means and what to do about it; `type` of a problem points here.",
        ),
    ] {
        let answer = ResponseBuilder::new().description(what).build();
        let mut operation = OperationBuilder::new()
            .summary(Some(what))
            .tag("operations")
            .securities(Some([SecurityRequirement::default()]))
            .response("200", answer);
        if path == "/readyz" {
            let not_ready = ResponseBuilder::new().description("Some part cannot work now.");
            operation = operation.response("503", not_ready.build());
        }
        let item = PathItem::new(HttpMethod::Get, operation.build());
        api.paths.paths.insert(path.to_owned(), item);
    }
    api.merge(daybook_command::http::openapi());
    let mut queries = daybook_query::http::openapi();
    describe_problems(&mut queries);
    api.merge(queries);
    api
}

/// Both sides answer the same problems; the command side's document says what they look like.
fn describe_problems(queries: &mut OpenApi) {
    let problem = Ref::from_schema_name("ProblemBody");
    let problem = ContentBuilder::new().schema(Some(problem)).build();
    let items = queries.paths.paths.values_mut();
    for operation in items.filter_map(|item| item.get.as_mut()) {
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.starts_with(['4', '5'])
            {
                let media = "application/problem+json".to_owned();
                response.content.insert(media, RefOr::T(problem.clone()));
            }
        }
    }
}

/// The table of roles, for whoever verifies tokens.
pub fn roles() -> Roles {
    Roles {
        permissions_of,
        covers: access::covers,
    }
}

fn permissions_of(role: &str) -> Option<Vec<&'static str>> {
    let permissions = access::role(role)?;
    Some(
        permissions
            .iter()
            .map(|permission| permission.as_str())
            .collect(),
    )
}

fn ledger_not_found() -> Problem {
    let known = problems::LEDGER_NOT_FOUND;
    Problem::new(
        known.status,
        known.code,
        known.title,
        "there is no such ledger",
    )
}

/// What every role gets.
#[derive(Clone)]
pub struct Shared {
    /// The record.
    pub store: Arc<dyn EventStore>,
    /// Time and ids.
    pub clock: Clock,
    /// What each part says about itself.
    pub health: Health,
}

/// Starts the command side: commands → events.
pub fn start_command(
    shared: &Shared,
    config: CommandConfig,
) -> Result<Arc<CommandService>, Failure> {
    let store = Arc::clone(&shared.store);
    let service = CommandService::open(store, config, shared.clock.clone())?;
    service.report_to(shared.health.part("command"));
    Ok(service)
}

/// Starts the relay: events → NATS.
pub fn start_relay(group: &mut Group, shared: &Shared, config: RelayConfig) {
    let (store, health) = (Arc::clone(&shared.store), shared.health.part("relay"));
    let token = group.token();
    group.spawn("relay", async move {
        Ok(daybook_relay::run(store, config, health, token).await?)
    });
}

/// Starts the projector: events → views.
pub fn start_projector(group: &mut Group, shared: &Shared, config: ProjectorConfig) {
    let (store, health) = (Arc::clone(&shared.store), shared.health.part("projector"));
    let token = group.token();
    group.spawn("projector", async move {
        Ok(daybook_projections::run(store, config, health, token).await?)
    });
}

/// Starts the query side: views → answers.
pub fn start_query(
    group: &Group,
    shared: &Shared,
    config: QueryConfig,
) -> Result<Arc<QueryService>, Failure> {
    let (store, health) = (Arc::clone(&shared.store), shared.health.part("query"));
    let clock = shared.clock.clone();
    Ok(QueryService::connect(
        config,
        store,
        clock,
        health,
        group.token(),
    )?)
}

/// The public listener's application: everything that its handlers take.
#[derive(Clone)]
pub struct Public {
    api: Api,
    command: web::Data<CommandService>,
    query: web::Data<QueryService>,
    health: web::Data<Health>,
    document: web::Data<ApiDocument>,
}

impl Public {
    /// Gathers what the handlers take.
    pub fn new(
        shared: &Shared,
        verifier: Verifier,
        command: Arc<CommandService>,
        query: Arc<QueryService>,
    ) -> Result<Self, Failure> {
        let document = serde_json::to_value(openapi())?;
        Ok(Self {
            api: api(shared, verifier, routes()),
            command: web::Data::from(command),
            query: web::Data::from(query),
            health: web::Data::new(shared.health.clone()),
            document: web::Data::new(ApiDocument::new(&document)),
        })
    }

    /// Adds the data and the routes.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        config
            .app_data(self.command.clone())
            .app_data(self.query.clone())
            .app_data(self.health.clone())
            .app_data(self.document.clone());
        self.api.configure(config);
    }
}

/// The private listener's application.
#[derive(Clone)]
pub struct Private {
    api: Api,
    health: web::Data<Health>,
}

impl Private {
    /// Gathers what the handlers take.
    pub fn new(shared: &Shared, verifier: Verifier) -> Self {
        let health = web::Data::new(shared.health.clone());
        Self {
            api: api(shared, verifier, ops_routes()),
            health,
        }
    }

    /// Adds the data and the routes.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        config.app_data(self.health.clone());
        self.api.configure(config);
    }
}

fn api(shared: &Shared, verifier: Verifier, routes: Vec<RouteSpec>) -> Api {
    Api {
        verifier,
        clock: shared.clock.clone(),
        scope_param: "ledger",
        scope_not_found: ledger_not_found,
        routes: routes.into(),
    }
}
