//! `/livez` and `/readyz` on the public listener; `/metrics` on the private one.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::health::Health;
use crate::http::{Access, RouteSpec};

/// `/livez` and `/readyz`. The application holds `web::Data<Health>`.
pub fn routes() -> Vec<RouteSpec> {
    let get = |path, route| RouteSpec {
        method: Method::GET,
        path,
        access: Access::Public,
        body_max: 0,
        route,
    };
    vec![
        get("/livez", || web::to(livez)),
        get("/readyz", || web::to(readyz)),
    ]
}

/// `/metrics`, for the private listener only (with [`routes`] beside it).
pub fn private_routes() -> Vec<RouteSpec> {
    vec![RouteSpec {
        method: Method::GET,
        path: "/metrics",
        access: Access::Public,
        body_max: 0,
        route: || web::to(metrics),
    }]
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "live"}))
}

async fn readyz(health: web::Data<Health>) -> HttpResponse {
    let snapshot = health.snapshot();
    if snapshot.ready {
        HttpResponse::Ok().json(snapshot)
    } else {
        HttpResponse::ServiceUnavailable().json(snapshot)
    }
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Content-Type", "text/plain; version=0.0.4; charset=utf-8"))
        .body(crate::metrics::render())
}
