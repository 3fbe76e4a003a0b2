//! A toy table behind a real listener, spoken to over plain sockets.

mod access;
mod bodies;
mod context;
mod failures;
mod queries;
mod serving;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::auth::tests::{NOW, Signer, with};
use crate::clock::ManualClock;
use crate::health::Health;

pub(super) const BODY_MAX: usize = 64;
pub(super) const BODY_TIMEOUT: Duration = Duration::from_millis(300);

/// The running toy service; its thread ends with the test.
pub(super) struct Toy {
    pub(super) addr: SocketAddr,
    pub(super) signer: Signer,
    pub(super) hand: ManualClock,
    pub(super) health: Health,
    pub(super) token: CancellationToken,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

fn spec(method: Method, path: &'static str, access: Access, route: fn() -> Route) -> RouteSpec {
    RouteSpec {
        method,
        path,
        access,
        body_max: BODY_MAX,
        route,
    }
}

/// Parameters before literals on purpose: the table sorts.
fn table() -> Vec<RouteSpec> {
    use Access::{Covered, Permission, Public, SignedIn};
    let mut routes = vec![
        spec(Method::GET, "/things/{ledger}/{part}/{id}", Covered, || {
            web::to(echo_path)
        }),
        spec(
            Method::GET,
            "/things/{ledger}/items/{id}",
            Permission("things:read"),
            || web::to(echo_path),
        ),
        spec(Method::GET, "/things/{ledger}", Covered, || {
            web::to(echo_path)
        }),
        spec(
            Method::POST,
            "/things/{ledger}",
            Permission("things:write"),
            || web::to(echo_body),
        ),
        spec(Method::GET, "/things/special", Public, || web::to(special)),
        spec(Method::GET, "/me", SignedIn, || web::to(me)),
        spec(Method::POST, "/open", Public, || web::to(echo_body)),
        spec(Method::GET, "/open", Public, || web::to(ids)),
        spec(Method::POST, "/any", Public, || web::to(any_body)),
        spec(Method::GET, "/query", Public, || web::to(query)),
        spec(Method::GET, "/panic", Public, || web::to(panics)),
        spec(Method::GET, "/error", Public, || web::to(fails)),
        spec(Method::GET, "/number/{n}", Public, || web::to(number)),
        spec(Method::GET, "/problem", Public, || web::to(problem)),
        spec(Method::GET, "/no-data", Public, || web::to(no_data)),
    ];
    routes.extend(crate::ops::routes());
    routes.extend(crate::ops::private_routes());
    routes.extend(docs_routes());
    routes
}

async fn echo_path(req: HttpRequest) -> HttpResponse {
    let pairs: Vec<(String, String)> = req
        .match_info()
        .iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    HttpResponse::Ok().json(pairs)
}

async fn special() -> &'static str {
    "special"
}

async fn me(req: HttpRequest) -> HttpResponse {
    let caller = caller(&req).unwrap();
    HttpResponse::Ok().json(json!({"sub": caller.sub, "iss": caller.iss}))
}

async fn ids(req: HttpRequest) -> HttpResponse {
    assert!(caller(&req).is_none());
    let context = context(&req);
    HttpResponse::Ok().json(json!({"id": context.request_id, "trace": context.traceparent}))
}

async fn echo_body(req: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let media = ["application/json", "application/x-ndjson"];
    Ok(HttpResponse::Ok().body(read_body(&req, payload, &media).await?))
}

async fn any_body(req: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().body(read_body(&req, payload, &[]).await?))
}

async fn query(req: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(&req)?;
    let (limit, accounts) = (query.one("limit")?, query.many("account"));
    let metadata = query.keyed("metadata");
    query.finish()?;
    Ok(HttpResponse::Ok().json((limit, accounts, metadata)))
}

async fn panics() -> HttpResponse {
    panic!("canary-panic");
}

async fn fails() -> Result<HttpResponse, std::io::Error> {
    Err(std::io::Error::other("canary-internal"))
}

async fn number(n: web::Path<u8>) -> String {
    n.to_string()
}

async fn problem() -> HttpResponse {
    use actix_web::ResponseError as _;
    let mut answer = Problem::new(
        422,
        "unbalanced",
        "Debits and credits differ",
        "by 1 \"USD\"",
    )
    .with_index(3)
    .retry_after_s(7)
    .with_header("X-Bad", "a\nb".to_owned())
    .error_response();
    let name = actix_web::http::header::HeaderName::from_static("ledger-revision");
    answer.headers_mut().insert(name, 42.into());
    answer
}

async fn no_data(_: web::Data<String>) -> &'static str {
    "never"
}

/// Must run inside a runtime.
pub(super) fn toy() -> Toy {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let (clock, hand) = Clock::manual(NOW * 1_000_000);
    let api = Api {
        verifier: signer.verifier(),
        clock,
        scope_param: "ledger",
        scope_not_found: || Problem::new(404, "thing_not_found", "Not found", "no such thing"),
        routes: table().into(),
    };
    let (health, token) = (Health::new(), CancellationToken::new());
    let bound = bind("127.0.0.1:0").unwrap();
    let addr = bound.addr();
    let document = web::Data::new(ApiDocument::new(&json!({"info": {"title": "Toy"}})));
    let data = health.clone();
    let configure = move |cfg: &mut actix_web::web::ServiceConfig| {
        cfg.app_data(BodyTimeout(BODY_TIMEOUT));
        cfg.app_data(document.clone())
            .app_data(web::Data::new(data.clone()));
        api.configure(cfg);
    };
    let limits = ServerDefaults {
        workers: 1,
        drain_s: 2,
        ..server_defaults()
    };
    tokio::spawn(serve(bound, limits, configure, token.clone()));
    Toy {
        addr,
        signer,
        hand,
        health,
        token,
    }
}

impl Toy {
    pub(super) fn bearer(&self, grants: Value) -> String {
        let token = self.signer.sign(&with("grants", grants));
        format!("Authorization: Bearer {token}\r\n")
    }

    pub(super) async fn send(&self, method: &str, target: &str, headers: &str) -> Answer {
        self.send_body(method, target, headers, "").await
    }

    pub(super) async fn send_body(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        self.raw(format!("{head}{length}{headers}\r\n{body}").as_bytes())
            .await
    }

    /// Sends these bytes and reads until the service closes.
    pub(super) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        read_answer(&mut socket).await
    }
}

pub(super) async fn read_answer(socket: &mut TcpStream) -> Answer {
    let mut all = Vec::new();
    let reading = socket.read_to_end(&mut all);
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("closed")
        .unwrap();
    let all = String::from_utf8(all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value)
    }

    /// What every problem must be; gives its code.
    pub(super) fn problem(&self) -> String {
        let body = self.json();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("server"), None);
        assert_eq!(body["status"], self.status);
        assert_eq!(
            body["request_id"].as_str(),
            self.header("x-request-id"),
            "{}",
            self.head
        );
        assert!(
            body["request_id"].is_string() && body["title"].is_string(),
            "{body}"
        );
        let code = body["code"].as_str().unwrap().to_owned();
        assert!(
            body["type"]
                .as_str()
                .unwrap()
                .ends_with(&format!("docs/errors.md#{code}"))
        );
        code
    }
}
