//! The claims of a token, parsed strictly: a type that is not the expected one is a refusal, never
//! a claim skipped.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};

/// Most grants, patterns per grant and roles per grant that a token may carry.
const LIST_MAX: usize = 256;

/// What a token says. Serde refuses a repeated claim of these names.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: Audience,
    pub(super) exp: u64,
    #[serde(default, deserialize_with = "present")]
    pub(super) nbf: Option<u64>,
    #[serde(default)]
    grants: Vec<GrantClaim>,
    /// Shorthand for one grant, together with `ledgers`.
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default, rename = "ledgers")]
    scopes: Vec<String>,
    #[serde(default, deserialize_with = "refused")]
    #[expect(dead_code, reason = "its presence refuses the token")]
    accounts: (),
}

/// One text or a list of them (RFC 7519).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

/// One grant as the token carries it.
#[derive(Debug, Deserialize)]
pub(super) struct GrantClaim {
    #[serde(rename = "ledgers")]
    pub(super) scopes: Vec<String>,
    pub(super) roles: Vec<String>,
    #[serde(default, deserialize_with = "refused")]
    #[expect(dead_code, reason = "its presence refuses the token")]
    accounts: (),
}

impl Audience {
    pub(super) fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl Claims {
    /// The grants with the shorthand among them, or `None` if there are too many.
    pub(super) fn into_grants(self) -> Option<Vec<GrantClaim>> {
        let mut grants = self.grants;
        if !(self.roles.is_empty() && self.scopes.is_empty()) {
            grants.push(GrantClaim {
                scopes: self.scopes,
                roles: self.roles,
                accounts: (),
            });
        }
        let fits =
            |grant: &GrantClaim| grant.scopes.len() <= LIST_MAX && grant.roles.len() <= LIST_MAX;
        (grants.len() <= LIST_MAX && grants.iter().all(fits)).then_some(grants)
    }
}

/// A claim that may be absent, but not null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

/// A claim that narrows a grant and is not enforced yet: to ignore it would widen the grant.
fn refused<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Err(D::Error::custom("`accounts` is reserved"))
}
