//! Who is calling, and what the caller may do.
//!
//! A bearer token (JWT) is verified against pinned keys; its grants are resolved to permissions
//! through [`Roles`]. Deny by default: what no grant gives is not allowed.

mod claims;
mod dev_key;
mod keys;
mod verifier;

use std::collections::BTreeSet;

pub use dev_key::{DevClaims, DevGrant, DevKey};
pub use keys::{Issuer, KeyError, KeySet};
pub use verifier::{AuthConfig, AuthError, Verifier};

/// The permission table and the pattern rule, given by the binary: this crate knows neither.
#[derive(Clone, Copy, Debug)]
pub struct Roles {
    /// The permissions of a role, or `None` if there is no such role.
    pub permissions_of: fn(&str) -> Option<Vec<&'static str>>,
    /// Whether a grant's pattern covers a scope: `covers(pattern, scope)`.
    pub covers: fn(&str, &str) -> bool,
}

/// A verified caller: who, and what the token's grants allow.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The issuer that vouches for the caller.
    pub iss: String,
    /// The caller, unique within the issuer.
    pub sub: String,
    grants: Vec<Grant>,
    covers: fn(&str, &str) -> bool,
}

#[derive(Clone, Debug)]
struct Grant {
    patterns: Vec<String>,
    permissions: BTreeSet<&'static str>,
}

impl Grant {
    /// Names that are no role give nothing, so that a new role can be issued before it is known.
    fn resolve(patterns: Vec<String>, role_names: &[String], roles: &Roles) -> Self {
        let permissions = role_names
            .iter()
            .filter_map(|name| (roles.permissions_of)(name))
            .flatten()
            .collect();
        Self {
            patterns,
            permissions,
        }
    }
}

impl Caller {
    /// Whether any grant covers this scope, whatever it allows there.
    pub fn covers(&self, scope: &str) -> bool {
        self.on(scope).next().is_some()
    }

    /// Whether the union of the grants that cover this scope has this permission.
    pub fn allows(&self, permission: &str, scope: &str) -> bool {
        self.on(scope)
            .any(|grant| grant.permissions.contains(permission))
    }

    /// Whether any grant has this permission on any scope at all. A grant that names no scope
    /// gives nothing.
    pub fn allows_anywhere(&self, permission: &str) -> bool {
        self.grants
            .iter()
            .any(|grant| !grant.patterns.is_empty() && grant.permissions.contains(permission))
    }

    /// The scope patterns of the grants that have this permission, for building a list.
    pub fn patterns_with(&self, permission: &str) -> Vec<&str> {
        let with = self
            .grants
            .iter()
            .filter(|grant| grant.permissions.contains(permission));
        with.flat_map(|grant| grant.patterns.iter().map(String::as_str))
            .collect()
    }

    fn on(&self, scope: &str) -> impl Iterator<Item = &Grant> {
        let covers = self.covers;
        self.grants
            .iter()
            .filter(move |grant| grant.patterns.iter().any(|pattern| covers(pattern, scope)))
    }
}

#[cfg(test)]
pub(crate) mod tests;
