//! When the service is ready, and what is said then.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use daybook_platform::BoxError;
use daybook_platform::config::redact_url;
use daybook_platform::health::Health;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, chain};

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often the wait for a part is mentioned.
const SAY_EVERY: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is said when every part is ready.
pub(super) struct Announcement {
    /// Where clients connect.
    pub(super) address: SocketAddr,
    /// Where the development token is.
    pub(super) token_file: Option<PathBuf>,
}

impl Announcement {
    /// Waits for every part, says so once, and until the stop does nothing more.
    pub(super) async fn make(
        self,
        health: Health,
        token: CancellationToken,
    ) -> Result<(), BoxError> {
        let process = health.part("process");
        process.ready("running");
        tokio::select! {
            () = all_ready(&health) => self.say(),
            () = token.cancelled() => {}
        }
        token.cancelled().await;
        process.not_ready("stopping");
        Ok(())
    }

    fn say(&self) {
        let mut text = format!("daybook ready on http://{}\n", self.address);
        if let Some(file) = &self.token_file {
            text.push_str(&format!(
                "a token for development is in {}\n",
                file.display()
            ));
        }
        let mut out = std::io::stdout().lock();
        // Whoever started us may have stopped reading.
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        tracing::info!(address = %self.address, "daybook ready on http://{}", self.address);
    }
}

async fn all_ready(health: &Health) {
    let mut said = Instant::now();
    loop {
        let snapshot = health.snapshot();
        if snapshot.ready {
            return;
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let waiting = snapshot.parts.iter().filter(|(_, part)| !part.ready);
            let waiting: Vec<String> = waiting
                .map(|(name, part)| format!("{name} ({})", part.detail))
                .collect();
            tracing::warn!("not ready yet, waiting for {}", waiting.join(", "));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Where a client on this machine reaches a listener: one that listens everywhere is at loopback.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Tells a database address that is wrong from a database that is away for a while: with the
/// first there is no use in starting, with the second commands are taken and reads answer 503.
pub(super) async fn check_database(url: &str) -> Result<(), Failure> {
    let shown = redact_url(url);
    // The driver would take any scheme for its own.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(Failure::new(format!(
            "DATABASE_URL is not usable: {shown} does not begin with postgres://"
        )));
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Failure::new(format!("DATABASE_URL is not usable: {}", chain(&error))))?
        .disable_statement_logging();
    let away = match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => return Ok(connection.close().await?),
        Ok(Err(error)) if is_wrong(&error) => {
            return Err(Failure::new(format!(
                "PostgreSQL at {shown}: {}",
                chain(&error)
            )));
        }
        Ok(Err(error)) => chain(&error),
        Err(_elapsed) => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
    };
    tracing::warn!("PostgreSQL at {shown} cannot be reached, reads will answer 503: {away}");
    Ok(())
}

/// By SQLSTATE: class 28 is a wrong user or password, 3D000 a database that is not there.
fn is_wrong(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28") || code == "3D000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_at_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:7"), "127.0.0.1:7");
        assert_eq!(at("[::]:7"), "[::1]:7");
        assert_eq!(at("10.0.0.1:7"), "10.0.0.1:7");
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_and_a_server_that_is_away_is_not() {
        assert!(check_database("not an address").await.is_err());
        check_database("postgres://me@127.0.0.1:1/books")
            .await
            .unwrap();
    }
}
