//! Whether the views' PostgreSQL can be reached, told in one line without its password.

use std::str::FromStr;
use std::time::Duration;

use daybook_platform::config::redact_url;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::failure::{Failure, chain};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unreached {
    /// With this address or this user there never will be.
    Wrong(Failure),
    /// The server is away, maybe for a while only.
    Away(Failure),
}

/// Tries once.
pub(super) async fn reach(url: &str) -> Result<(), Unreached> {
    let shown = redact_url(url);
    // The driver would take any scheme for its own.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(Unreached::Wrong(Failure::new(format!(
            "DATABASE_URL is not usable: {shown} does not begin with postgres://"
        ))));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        let why = format!("DATABASE_URL is not usable: {}", chain(&error));
        Unreached::Wrong(Failure::new(why))
    })?;
    let options = options.disable_statement_logging();
    let why = |why: &str| Failure::new(format!("PostgreSQL at {shown}: {why}"));
    match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => match connection.close().await {
            Ok(()) => Ok(()),
            Err(error) => Err(Unreached::Away(why(&chain(&error)))),
        },
        Ok(Err(error)) if is_wrong(&error) => Err(Unreached::Wrong(why(&chain(&error)))),
        Ok(Err(error)) => Err(Unreached::Away(why(&chain(&error)))),
        Err(_elapsed) => {
            let text = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
            Err(Unreached::Away(why(&text)))
        }
    }
}

/// By SQLSTATE: class 28 is a wrong user or password, 3D000 a database that is not there.
fn is_wrong(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28") || code == "3D000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_none_is_wrong_and_a_server_that_does_not_answer_is_away() {
        for wrong in ["not an address", "mysql://db/books", "postgres://h:port/x"] {
            let error = reach(wrong).await.unwrap_err();
            assert!(matches!(error, Unreached::Wrong(_)), "{error:?}");
        }
        let error = reach("postgres://me:hush@127.0.0.1:1/books").await;
        let Err(Unreached::Away(error)) = error else {
            panic!("{error:?}")
        };
        let error = error.to_string();
        assert!(
            error.contains("127.0.0.1:1") && error.contains("refused"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
}
