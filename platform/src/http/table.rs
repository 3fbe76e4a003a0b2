//! Turns the route table into resources, and guards each by its access.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::ServiceConfig;
use actix_web::{Error, HttpMessage as _, HttpRequest, Resource, ResponseError as _, web};

use super::body::BodyMax;
use super::context::RoutePath;
use super::{Access, Api, RouteSpec};
use crate::auth::{AuthError, Caller};
use crate::problem::Problem;

/// The verified caller of this request; `None` on public routes.
pub fn caller(req: &HttpRequest) -> Option<Arc<Caller>> {
    req.extensions().get::<Arc<Caller>>().cloned()
}

/// A path with the routes on it.
type OnePath = (&'static str, Vec<RouteSpec>);

/// One path with everything that is allowed on it.
struct Guarded {
    api: Api,
    path: &'static str,
    specs: Vec<RouteSpec>,
}

impl Api {
    /// Adds every route, the 405 of known paths and the 404 of all others.
    ///
    /// # Panics
    /// If the table is wrong by itself: a route twice, or one that needs a scope without the
    /// parameter in its path. That is a bug of the program, found at its first start.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that registers routes"
    )]
    pub fn configure(&self, cfg: &mut ServiceConfig) {
        for (path, specs) in self.by_path() {
            let guarded = Guarded {
                api: self.clone(),
                path,
                specs,
            };
            let allow = guarded.allow();
            let mut resource: Resource = web::resource(path);
            for spec in &guarded.specs {
                resource = resource.route((spec.route)().method(spec.method.clone()));
            }
            resource = resource.default_service(web::to(move || {
                let answer = method_not_allowed(&allow).error_response();
                async move { answer }
            }));
            let guarded = Rc::new(guarded);
            cfg.service(resource.wrap(from_fn(move |req, next| {
                let guarded = Rc::clone(&guarded);
                async move { guarded.pass(req, next).await }
            })));
        }
        cfg.default_service(web::to(|| async { Problem::not_found().error_response() }));
    }

    /// The specs by path. Literal segments come before parameters, whatever the order they were
    /// given in, since the first resource that matches a path takes it.
    fn by_path(&self) -> Vec<OnePath> {
        let mut paths: BTreeMap<Vec<(bool, &str)>, OnePath> = BTreeMap::new();
        for spec in self.routes.iter() {
            self.assert_sound(spec);
            let order = spec
                .path
                .split('/')
                .map(|it| (it.starts_with('{'), it))
                .collect();
            let (_, specs) = paths
                .entry(order)
                .or_insert_with(|| (spec.path, Vec::new()));
            let twice = specs.iter().any(|other| other.method == spec.method);
            assert!(
                !twice,
                "route {} {} is in the table twice",
                spec.method, spec.path
            );
            specs.push(spec.clone());
        }
        paths.into_values().collect()
    }

    fn assert_sound(&self, spec: &RouteSpec) {
        let has_scope = spec.path.contains(&format!("{{{}}}", self.scope_param));
        let needs_scope = matches!(spec.access, Access::Covered | Access::Permission(_));
        assert!(
            has_scope || !needs_scope,
            "route {} {} needs a scope that its path does not name (INV-10)",
            spec.method,
            spec.path
        );
    }

    /// Who may pass, and as whom.
    fn admit(
        &self,
        spec: &RouteSpec,
        req: &ServiceRequest,
    ) -> Result<Option<Arc<Caller>>, Problem> {
        if spec.access == Access::Public {
            return Ok(None);
        }
        let caller = self.authenticate(req.request())?;
        let scope = req.match_info().get(self.scope_param).unwrap_or_default();
        match spec.access {
            Access::Public | Access::SignedIn => {}
            Access::Covered => self.covered(&caller, scope)?,
            Access::Permission(permission) => {
                self.covered(&caller, scope)?;
                if !caller.allows(permission, scope) {
                    return Err(Problem::forbidden(permission));
                }
            }
        }
        Ok(Some(caller))
    }

    fn covered(&self, caller: &Caller, scope: &str) -> Result<(), Problem> {
        if is_plain(scope) && caller.covers(scope) {
            Ok(())
        } else {
            Err((self.scope_not_found)())
        }
    }

    fn authenticate(&self, req: &HttpRequest) -> Result<Arc<Caller>, Problem> {
        let mut given = req.headers().get_all(header::AUTHORIZATION);
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Problem::unauthenticated("a bearer token is required"));
        };
        let token = value.to_str().ok().and_then(bearer);
        let token =
            token.ok_or_else(|| Problem::bad_token("the credentials are no bearer token"))?;
        self.verifier
            .verify(token, self.clock.now_s())
            .map_err(|why| {
                tracing::debug!(reason = %why, "token refused");
                match why {
                    AuthError::Expired => Problem::bad_token("the token has expired"),
                    AuthError::NotYet
                    | AuthError::TooLong
                    | AuthError::Malformed
                    | AuthError::Algorithm
                    | AuthError::UnknownKey
                    | AuthError::Signature
                    | AuthError::Audience => Problem::bad_token("the token is not accepted"),
                }
            })
    }
}

impl Guarded {
    async fn pass(
        &self,
        req: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        req.extensions_mut().insert(RoutePath(self.path));
        let Some(spec) = self.specs.iter().find(|spec| spec.method == *req.method()) else {
            return next.call(req).await;
        };
        match self.api.admit(spec, &req) {
            Err(problem) => return Ok(req.into_response(problem.error_response())),
            Ok(Some(caller)) => drop(req.extensions_mut().insert(caller)),
            Ok(None) => {}
        }
        if !req.match_info().iter().all(|(_, value)| is_plain(value)) {
            return Ok(req.into_response(Problem::not_found().error_response()));
        }
        req.extensions_mut().insert(BodyMax(spec.body_max));
        next.call(req).await
    }

    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.specs.iter().map(|spec| spec.method.as_str()).collect();
        methods.sort_unstable();
        methods.join(", ")
    }
}

/// Whether a path segment is what it looks like. actix leaves `%2F`, `%25` and `%2B` encoded while
/// it matches and decodes them for the handler: such a segment would be judged by one name here
/// and used by another name there. No id has any of these.
fn is_plain(segment: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '%' | '/' | '\\' | '\u{fffd}');
    !(segment.is_empty() || segment == "." || segment == ".." || segment.contains(odd))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn method_not_allowed(allow: &str) -> Problem {
    let detail = format!("this address takes {allow}");
    Problem::new(
        405,
        "method_not_allowed",
        "The method is not allowed here",
        detail,
    )
    .with_header("Allow", allow.to_owned())
}
