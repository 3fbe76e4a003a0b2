//! Tokens made by hand: real keys, hostile contents.

mod cache;
mod dev_key;
mod grants;
mod jwks;
mod tokens;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const AUDIENCE: &str = "books";
pub(crate) const ISSUER: &str = "https://issuer.example";

/// The toy table of these tests.
pub(crate) const ROLES: Roles = Roles {
    permissions_of,
    covers,
};

fn permissions_of(role: &str) -> Option<Vec<&'static str>> {
    match role {
        "writer" => Some(vec!["things:write", "things:read"]),
        "reader" => Some(vec!["things:read"]),
        "idle" => Some(vec![]),
        _ => None,
    }
}

fn covers(pattern: &str, scope: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => scope.starts_with(prefix),
        None => pattern == scope,
    }
}

/// An issuer's key with its public half.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
    pub(crate) jwk: Value,
}

impl Signer {
    pub(crate) fn new(kid: &'static str, algorithm: Algorithm) -> Self {
        let key = generate(algorithm);
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self {
            kid,
            algorithm,
            key,
            jwk: serde_json::to_value(jwk).unwrap(),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"})
    }

    /// A token of exactly these texts.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.unwrap())
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    pub(crate) fn issuer(&self) -> Issuer {
        let keys = json!({"keys": [self.jwk]}).to_string();
        Issuer {
            name: ISSUER.to_owned(),
            keys: KeySet::from_jwks(&keys).unwrap(),
        }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(AuthConfig::new(vec![self.issuer()], AUDIENCE), ROLES)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test that asks for more is wrong"
)]
fn generate(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate().unwrap();
            EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
        }
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
        }
        Algorithm::RS256 | Algorithm::PS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let pkcs8 = pair.as_der().unwrap();
            // The library takes PKCS#1, which PKCS#8 wraps in 26 bytes at this size.
            EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..])
        }
        other => panic!("no generator for {other:?}"),
    }
}

/// Claims that are accepted at [`NOW`].
pub(crate) fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "ann", "aud": AUDIENCE, "exp": NOW + 600,
        "grants": [{"ledgers": ["acme"], "roles": ["writer"]}],
    })
}

/// Good claims with one replaced, or taken out where the value is null.
pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    let object = claims.as_object_mut().unwrap();
    object.remove(name);
    if !value.is_null() {
        object.insert(name.to_owned(), value);
    }
    claims
}

/// base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0_u8; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(word);
        for place in 0..=chunk.len() {
            let six = bits >> (18 - 6 * place) & 63;
            text.push(char::from(LETTERS[usize::try_from(six).unwrap()]));
        }
    }
    text
}
