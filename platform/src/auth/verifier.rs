//! Verifies tokens, and remembers verified ones for a while.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::keys::Issuer;
use super::{Caller, Grant, Roles};

/// Longest token that is looked at.
const TOKEN_MAX_BYTES: usize = 8 * 1024;
/// Clocks of issuer and verifier may differ by so much, never by more.
const LEEWAY_MAX_S: u64 = 30;

/// Whom to believe.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// The issuers with their keys.
    pub issuers: Vec<Issuer>,
    /// The `aud` that a token must name.
    pub audience: String,
    /// How far clocks may differ; 30 s at most, more is cut to it.
    pub leeway_s: u64,
    /// How many verified tokens are remembered.
    pub cache_max: u64,
}

impl AuthConfig {
    /// These issuers and this audience, with the defaults.
    pub fn new(issuers: Vec<Issuer>, audience: impl Into<String>) -> Self {
        Self {
            issuers,
            audience: audience.into(),
            leeway_s: 10,
            cache_max: 10_000,
        }
    }
}

/// Why a token is refused. For the log and for tests: the client learns less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Longer than 8 KiB.
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// Not a JWT, or one with claims of wrong types, or without a required one.
    #[error("the token is malformed")]
    Malformed,
    /// An algorithm that is not taken, or not the one of its key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Signed by a key or for an issuer that is not known.
    #[error("the token's key or issuer is not known")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature does not verify")]
    Signature,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// For another audience.
    #[error("the token is for another audience")]
    Audience,
}

/// Verifies tokens. Cheap to clone; clones share keys and memory.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    audience: String,
    leeway_s: u64,
    roles: Roles,
    trusted: RwLock<Arc<Trusted>>,
    cache: Cache<[u8; 32], Verified>,
}

struct Trusted {
    issuers: Vec<Issuer>,
    /// Counts changes of the keys, so that a token verified with old ones is not remembered.
    epoch: u64,
}

#[derive(Clone)]
struct Verified {
    caller: Arc<Caller>,
    exp: u64,
    nbf: Option<u64>,
    epoch: u64,
}

impl Verifier {
    /// Believes these issuers.
    pub fn new(config: AuthConfig, roles: Roles) -> Self {
        let trusted = Trusted {
            issuers: config.issuers,
            epoch: 0,
        };
        Self {
            inner: Arc::new(Inner {
                audience: config.audience,
                leeway_s: config.leeway_s.min(LEEWAY_MAX_S),
                roles,
                trusted: RwLock::new(Arc::new(trusted)),
                cache: Cache::new(config.cache_max),
            }),
        }
    }

    /// Replaces the issuers and their keys and forgets every verified token.
    pub fn replace_issuers(&self, issuers: Vec<Issuer>) {
        let mut trusted = self
            .inner
            .trusted
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let epoch = trusted.epoch.wrapping_add(1);
        *trusted = Arc::new(Trusted { issuers, epoch });
        self.inner.cache.invalidate_all();
    }

    /// The caller that this token speaks for, now.
    pub fn verify(&self, token: &str, now_s: i64) -> Result<Arc<Caller>, AuthError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(AuthError::TooLong);
        }
        let trusted = Arc::clone(
            &self
                .inner
                .trusted
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self
            .inner
            .cache
            .get(&hash)
            .filter(|it| it.epoch == trusted.epoch)
        {
            self.in_time(known.exp, known.nbf, now_s)?;
            return Ok(known.caller);
        }
        let verified = self.verify_afresh(token, &trusted, now_s)?;
        self.inner.cache.insert(hash, verified.clone());
        Ok(verified.caller)
    }

    /// How many tokens are remembered now.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> u64 {
        self.inner.cache.run_pending_tasks();
        self.inner.cache.entry_count()
    }

    fn verify_afresh(
        &self,
        token: &str,
        trusted: &Trusted,
        now_s: i64,
    ) -> Result<Verified, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(kind)?;
        if header.crit.is_some() {
            // RFC 7515 4.1.11: an extension that must be understood, and none is.
            return Err(AuthError::Malformed);
        }
        let kid = header.kid.as_deref().ok_or(AuthError::UnknownKey)?;
        // Issuers may use equal `kid`s: the signature decides whose token it is, then the claim
        // must name that issuer.
        let mut refusal = AuthError::UnknownKey;
        for issuer in &trusted.issuers {
            let Some(key) = issuer.keys.get(kid) else {
                continue;
            };
            if key.algorithm != header.alg {
                refusal = AuthError::Algorithm;
                continue;
            }
            match jsonwebtoken::decode(token, &key.key, &signature_only(header.alg)) {
                Ok(data) => return self.judge(data.claims, issuer, trusted.epoch, now_s),
                Err(error) => refusal = kind(error),
            }
        }
        Err(refusal)
    }

    fn judge(
        &self,
        claims: Claims,
        issuer: &Issuer,
        epoch: u64,
        now_s: i64,
    ) -> Result<Verified, AuthError> {
        if claims.iss != issuer.name {
            return Err(AuthError::UnknownKey);
        }
        if !claims.aud.names(&self.inner.audience) {
            return Err(AuthError::Audience);
        }
        if claims.sub.is_empty() {
            return Err(AuthError::Malformed);
        }
        let (exp, nbf) = (claims.exp, claims.nbf);
        self.in_time(exp, nbf, now_s)?;
        let (iss, sub) = (claims.iss.clone(), claims.sub.clone());
        let grants = claims.into_grants().ok_or(AuthError::Malformed)?;
        let roles = &self.inner.roles;
        let grants = grants
            .into_iter()
            .map(|it| Grant::resolve(it.scopes, &it.roles, roles))
            .collect();
        let caller = Arc::new(Caller {
            iss,
            sub,
            grants,
            covers: roles.covers,
        });
        Ok(Verified {
            caller,
            exp,
            nbf,
            epoch,
        })
    }

    fn in_time(&self, exp: u64, nbf: Option<u64>, now_s: i64) -> Result<(), AuthError> {
        let now_s = u64::try_from(now_s).unwrap_or(0);
        let leeway_s = self.inner.leeway_s;
        if now_s >= exp.saturating_add(leeway_s) {
            return Err(AuthError::Expired);
        }
        if nbf.is_some_and(|nbf| nbf > now_s.saturating_add(leeway_s)) {
            return Err(AuthError::NotYet);
        }
        Ok(())
    }
}

/// The library checks the signature with one algorithm; the claims are judged here, strictly typed
/// and with our clock.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn kind(error: jsonwebtoken::errors::Error) -> AuthError {
    use jsonwebtoken::errors::ErrorKind;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "everything else is malformed"
    )]
    match error.kind() {
        ErrorKind::InvalidSignature => AuthError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => AuthError::Algorithm,
        _ => AuthError::Malformed,
    }
}
