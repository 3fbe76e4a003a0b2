//! The HTTP boundary: the route table, and what every request passes through.
//!
//! A route exists only as a [`RouteSpec`]: with the access it needs and the body it takes. The
//! registration functions of actix are forbidden elsewhere by clippy.

mod body;
mod context;
mod docs;
mod hold;
mod page;
mod problems;
mod query;
mod server;
mod table;

use std::sync::Arc;

use actix_web::Route;
use actix_web::http::Method;

pub use body::{BodyTimeout, read_body};
pub use context::{RequestContext, RequestContextMiddleware, context, request_context};
pub use docs::{ApiDocument, docs_routes};
pub use query::Query;
pub use server::{Bound, ServeError, ServerDefaults, bind, serve, server_defaults};
pub use table::caller;

use crate::auth::Verifier;
use crate::clock::Clock;
use crate::problem::Problem;

/// What a route asks of the caller, checked before its handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing; a token is not even looked at.
    Public,
    /// A valid token; the handler decides the rest.
    SignedIn,
    /// A valid token with a grant that covers the path's scope; the handler checks permissions.
    Covered,
    /// A valid token with this permission on the path's scope.
    Permission(&'static str),
}

/// One route. The only way to add one.
#[derive(Debug, Clone)]
pub struct RouteSpec {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What the caller needs.
    pub access: Access,
    /// Largest body in bytes; more is 413.
    pub body_max: usize,
    /// Makes the handler. Method and path are set by the table.
    pub route: fn() -> Route,
}

/// The routes of one listener with what guards them.
#[derive(Clone)]
pub struct Api {
    /// Verifies tokens.
    pub verifier: Verifier,
    /// Tells the time that tokens are judged by.
    pub clock: Clock,
    /// The path parameter that names the scope.
    pub scope_param: &'static str,
    /// The answer for a scope that does not exist, is malformed or is not covered: all the same.
    pub scope_not_found: fn() -> Problem,
    /// Every route.
    pub routes: Arc<[RouteSpec]>,
}

#[cfg(test)]
mod tests;
