//! Whose tokens are trusted, and the development token.

use std::path::PathBuf;

use daybook_events::access::ROLES;
use daybook_platform::auth::{AuthConfig, DevClaims, DevGrant, DevKey, Issuer, KeySet, Verifier};
use daybook_platform::clock::Clock;

use super::args::{Environment, UpArgs};
use crate::data_dir::{DataDir, create_private_dir, write_private};
use crate::failure::Failure;
use crate::wiring;

/// The development token is renewed at every start, so this is how long a service may run.
const TOKEN_TTL_S: u64 = 365 * 24 * 3600;

/// What is trusted.
pub(super) struct Access {
    /// Verifies tokens.
    pub(super) verifier: Verifier,
    /// Where the development token is, if there is one.
    pub(super) token_file: Option<PathBuf>,
}

/// Reads the keys, and writes a fresh development token where that key is trusted.
pub(super) fn prepare(args: &UpArgs, data_dir: &DataDir) -> Result<Access, Failure> {
    let mut issuers = Vec::new();
    if let Some((file, name)) = args.identity_provider()? {
        issuers.push(Issuer {
            name,
            keys: KeySet::from_jwks_file(&file)?,
        });
    }
    let token_file = match args.environment {
        Environment::Development => {
            let key = development_key(data_dir)?;
            issuers.push(key.issuer());
            // With another audience the development token would not be accepted.
            (args.audience == DevKey::AUDIENCE)
                .then(|| write_token(&key, data_dir))
                .transpose()?
        }
        Environment::Production if issuers.is_empty() => {
            return Err(Failure::new(
                "DAYBOOK_ENV=production trusts no development key: set DAYBOOK_JWKS and \
                 DAYBOOK_ISSUER",
            ));
        }
        Environment::Production => None,
    };
    let verifier = Verifier::new(
        AuthConfig::new(issuers, args.audience.clone()),
        wiring::roles(),
    );
    Ok(Access {
        verifier,
        token_file,
    })
}

fn development_key(data_dir: &DataDir) -> Result<DevKey, Failure> {
    let file = data_dir.development_key();
    if let Some(directory) = file.parent() {
        create_private_dir(directory)?;
    }
    Ok(DevKey::load_or_create(&file)?)
}

fn write_token(key: &DevKey, data_dir: &DataDir) -> Result<PathBuf, Failure> {
    let roles = ROLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let claims = DevClaims {
        sub: "developer".to_owned(),
        grants: vec![DevGrant {
            scopes: vec!["*".to_owned()],
            roles,
        }],
        ttl_s: TOKEN_TTL_S,
    };
    let token = key.mint(&claims, Clock::system().now_s())?;
    write_private(&data_dir.token(), format!("{token}\n").as_bytes())?;
    Ok(data_dir.token())
}
