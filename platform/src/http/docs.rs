//! `/openapi.json` and `/docs`: the document is given by the binary, the page is made from it here.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use super::{Access, RouteSpec};

/// The OpenAPI document of this service; the application holds it as `web::Data`.
#[derive(Debug)]
pub struct ApiDocument {
    json: String,
    page: String,
}

impl ApiDocument {
    /// Keeps the document and makes its page.
    pub fn new(document: &serde_json::Value) -> Self {
        Self {
            json: document.to_string(),
            page: super::page::render(document),
        }
    }

    /// The document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// `/openapi.json` and `/docs`. The application holds `web::Data<ApiDocument>`.
pub fn docs_routes() -> Vec<RouteSpec> {
    let get = |path, route| RouteSpec {
        method: Method::GET,
        path,
        access: Access::Public,
        body_max: 0,
        route,
    };
    vec![
        get("/openapi.json", || web::to(json)),
        get("/docs", || web::to(page)),
    ]
}

async fn json(document: web::Data<ApiDocument>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(document.json.clone())
}

async fn page(document: web::Data<ApiDocument>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ))
        .body(document.page.clone())
}
