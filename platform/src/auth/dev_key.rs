//! The development key: tokens without an identity provider, on one's own machine.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;

use super::keys::{Issuer, KeyError, KeySet};

/// An Ed25519 key in a file that only its owner may read (PKCS#8).
pub struct DevKey {
    kid: String,
    signing: EncodingKey,
    public: DecodingKey,
}

/// What a development token says.
#[derive(Debug, Clone)]
pub struct DevClaims {
    /// Whom it speaks for.
    pub sub: String,
    /// What it grants.
    pub grants: Vec<DevGrant>,
    /// How long it is valid.
    pub ttl_s: u64,
}

/// One grant of a development token.
#[derive(Debug, Clone, Serialize)]
pub struct DevGrant {
    /// Scope patterns.
    #[serde(rename = "ledgers")]
    pub scopes: Vec<String>,
    /// Role names.
    pub roles: Vec<String>,
}

#[derive(Serialize)]
struct Minted<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    grants: &'a [DevGrant],
}

impl DevKey {
    /// The `iss` of development tokens.
    pub const ISSUER: &'static str = "daybook-development";
    /// The `aud` of development tokens, and the default audience of the service.
    pub const AUDIENCE: &'static str = "daybook";

    /// Reads the key, or makes one where the file is absent. A file that others may read is
    /// refused: a key that leaked signs tokens of every role.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match std::fs::read(path) {
            Ok(pkcs8) => Self::load(path, &pkcs8),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(KeyError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The issuer that verifies this key's tokens.
    pub fn issuer(&self) -> Issuer {
        let keys = KeySet::single(self.kid.clone(), Algorithm::EdDSA, self.public.clone());
        Issuer {
            name: Self::ISSUER.to_owned(),
            keys,
        }
    }

    /// A signed token, valid from now on for its time to live.
    pub fn mint(&self, claims: &DevClaims, now_s: i64) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let ttl_s = i64::try_from(claims.ttl_s).unwrap_or(i64::MAX);
        let minted = Minted {
            iss: Self::ISSUER,
            sub: &claims.sub,
            aud: Self::AUDIENCE,
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
            grants: &claims.grants,
        };
        jsonwebtoken::encode(&header, &minted, &self.signing).map_err(KeyError::Sign)
    }

    fn load(path: &Path, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let mode = std::fs::metadata(path).map_err(file)?.permissions().mode();
        if mode & 0o077 != 0 {
            let why = format!(
                "others may read it (mode {:o}); run chmod 600",
                mode & 0o777
            );
            return Err(KeyError::Refused {
                path: path.to_owned(),
                why,
            });
        }
        Self::from_pkcs8(pkcs8).map_err(|why| KeyError::Refused {
            path: path.to_owned(),
            why,
        })
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let pair = Ed25519KeyPair::generate().map_err(KeyError::Generate)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(KeyError::Generate)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(file)?;
        }
        // Written whole beside, then linked: a reader sees no half key, and of two processes that
        // start at once the first one's key is the one that both use.
        let draft = path.with_extension(format!("draft-{}", Clock::system().uuid_v4()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut out = options.open(&draft).map_err(file)?;
        out.write_all(pkcs8.as_ref())
            .and_then(|()| out.sync_all())
            .map_err(file)?;
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft).map_err(file)?;
        match linked {
            Ok(()) => Self::load(path, pkcs8.as_ref()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Self::load(path, &std::fs::read(path).map_err(file)?)
            }
            Err(source) => Err(file(source)),
        }
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|why| format!("not an Ed25519 key in PKCS#8 ({why})"))?;
        let public = pair.public_key().as_ref();
        let print = Sha256::digest(public);
        let kid = print
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            kid,
            signing: EncodingKey::from_ed_der(pkcs8),
            public: DecodingKey::from_ed_der(public),
        })
    }
}

impl std::fmt::Debug for DevKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevKey({})", self.kid)
    }
}
