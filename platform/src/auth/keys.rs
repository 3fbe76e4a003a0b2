//! The keys that tokens are verified with, each pinned to one issuer and one algorithm.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Largest key file that is read.
const FILE_MAX_BYTES: u64 = 256 * 1024;
/// Length of a 2048-bit RSA modulus in base64url; a shorter one is refused.
const RSA_MODULUS_MIN_CHARS: usize = 342;
/// Length of 32 bytes in base64url: a coordinate of P-256, a key of Ed25519.
const COORDINATE_CHARS: usize = 43;
/// Most keys of one issuer; an issuer has a handful.
const KEYS_MAX: usize = 64;

/// An issuer and the keys it signs with.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The `iss` of its tokens, compared exactly.
    pub name: String,
    /// Its public keys.
    pub keys: KeySet,
}

/// Public keys by `kid`.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Key>,
}

#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A key could not be read, made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("failed to access the key file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the key file {path} is refused: {why}")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key could not be generated.
    #[error("failed to generate a key")]
    Generate(#[source] aws_lc_rs::error::Unspecified),
    /// A token could not be signed.
    #[error("failed to sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

#[derive(Deserialize)]
struct File {
    keys: Vec<Jwk>,
}

impl KeySet {
    /// Reads a JWKS file (RFC 7517). Every key must name its `kid` and its `alg`, one of EdDSA,
    /// ES256, RS256 and PS256; one key that does not refuses the whole file, so that a mistake is
    /// seen at start and not as a token refused later.
    pub fn from_jwks_file(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let refused = |why: String| KeyError::Refused {
            path: path.to_owned(),
            why,
        };
        let size = std::fs::metadata(path).map_err(file)?.len();
        if size > FILE_MAX_BYTES {
            return Err(refused(format!("more than {FILE_MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(file)?;
        Self::from_jwks(&text).map_err(refused)
    }

    /// As [`KeySet::from_jwks_file`], from the text; the error says what is wrong.
    pub fn from_jwks(text: &str) -> Result<Self, String> {
        let file: File =
            serde_json::from_str(text).map_err(|error| format!("not a key set: {error}"))?;
        if file.keys.is_empty() || file.keys.len() > KEYS_MAX {
            return Err(format!(
                "a key set has 1 to {KEYS_MAX} keys, this has {}",
                file.keys.len()
            ));
        }
        let mut keys = HashMap::new();
        for (index, jwk) in file.keys.iter().enumerate() {
            let (kid, key) = pin(jwk).map_err(|why| format!("key {index}: {why}"))?;
            if keys.insert(kid, key).is_some() {
                return Err(format!("key {index}: its `kid` is taken by an earlier key"));
            }
        }
        Ok(Self { keys })
    }

    pub(super) fn single(kid: String, algorithm: Algorithm, key: DecodingKey) -> Self {
        Self {
            keys: HashMap::from([(kid, Key { algorithm, key })]),
        }
    }

    pub(super) fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

fn pin(jwk: &Jwk) -> Result<(String, Key), String> {
    let kid = jwk
        .common
        .key_id
        .clone()
        .filter(|kid| !kid.is_empty())
        .ok_or("no `kid`")?;
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return Err("its `use` is not `sig`".to_owned());
    }
    let algorithm = algorithm_of(jwk)?;
    let whole = if let AlgorithmParameters::RSA(rsa) = &jwk.algorithm {
        rsa.n.len() >= RSA_MODULUS_MIN_CHARS
    } else if let AlgorithmParameters::EllipticCurve(point) = &jwk.algorithm {
        point.x.len() == COORDINATE_CHARS && point.y.len() == COORDINATE_CHARS
    } else if let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm {
        pair.x.len() == COORDINATE_CHARS
    } else {
        false
    };
    if !whole {
        return Err("too short (RSA keys have at least 2048 bits) or cut off".to_owned());
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|error| format!("not usable: {error}"))?;
    Ok((kid, Key { algorithm, key }))
}

fn algorithm_of(jwk: &Jwk) -> Result<Algorithm, String> {
    let named = jwk.common.key_algorithm.ok_or("no `alg`")?;
    let algorithm = match (named, &jwk.algorithm) {
        (KeyAlgorithm::EdDSA, AlgorithmParameters::OctetKeyPair(pair))
            if pair.curve == EllipticCurve::Ed25519 =>
        {
            Algorithm::EdDSA
        }
        (KeyAlgorithm::ES256, AlgorithmParameters::EllipticCurve(point))
            if point.curve == EllipticCurve::P256 =>
        {
            Algorithm::ES256
        }
        (KeyAlgorithm::RS256, AlgorithmParameters::RSA(_)) => Algorithm::RS256,
        (KeyAlgorithm::PS256, AlgorithmParameters::RSA(_)) => Algorithm::PS256,
        _ => {
            return Err(
                "its `alg` is not EdDSA (Ed25519), ES256, RS256 or PS256, or not its kind"
                    .to_owned(),
            );
        }
    };
    Ok(algorithm)
}
