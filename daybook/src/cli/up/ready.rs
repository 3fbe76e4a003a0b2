//! When the service is ready, and what is said then.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use daybook_platform::BoxError;
use daybook_platform::config::redact_url;
use daybook_platform::health::{Health, Snapshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::database::{Unreached, reach};
use crate::failure::Failure;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often the wait for a part is mentioned.
const SAY_EVERY: Duration = Duration::from_secs(15);
/// How long a PostgreSQL or NATS of the operator's own may be away before the service is announced
/// without it.
const AWAY_PATIENCE: Duration = Duration::from_secs(10);
/// The parts without which commands are taken all the same.
const VIEWS_AND_FEED: [&str; 3] = ["relay", "projector", "query"];

/// What is said when every part is ready.
pub(super) struct Announcement {
    /// Where clients connect.
    pub(super) address: SocketAddr,
    /// Where the development token is.
    pub(super) token_file: Option<PathBuf>,
    /// What was given by address.
    pub(super) outside: Outside,
}

/// The servers that are not our children, by address without secrets.
#[derive(Debug, Default)]
pub(super) struct Outside {
    database: Option<String>,
    nats: Option<String>,
}

impl Outside {
    /// None where the private one is used.
    pub(super) fn new(database_url: Option<&str>, nats_url: Option<&str>) -> Self {
        Self {
            database: database_url.map(redact_url),
            nats: nats_url.map(redact_url),
        }
    }

    /// What is away and what that means, if it is all that is missing; else nothing.
    fn away(&self, snapshot: &Snapshot) -> Vec<String> {
        let is_ready = |name: &str| snapshot.parts.get(name).is_none_or(|part| part.ready);
        let mut parts = snapshot.parts.keys();
        if !parts.all(|name| is_ready(name) || VIEWS_AND_FEED.contains(name)) {
            return Vec::new();
        }
        let database = self.database.as_ref().filter(|_| !is_ready("query"));
        let nats = self.nats.as_ref().filter(|_| !is_ready("relay"));
        let database = database.map(|url| {
            format!("PostgreSQL at {url} cannot be reached: reads answer 503 until it is there")
        });
        let nats = nats.map(|url| {
            format!(
                "NATS at {url} cannot be used: the views take events from the store and lag more"
            )
        });
        database.into_iter().chain(nats).collect()
    }
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
            () = self.say_when_ready(&health) => {}
            () = token.cancelled() => {}
        }
        token.cancelled().await;
        process.not_ready("stopping");
        Ok(())
    }

    async fn say_when_ready(&self, health: &Health) {
        let away = all_ready_or_away(health, &self.outside).await;
        self.say();
        if !away.is_empty() {
            tracing::warn!(
                "{}; commands are taken, and it heals by itself",
                away.join("; ")
            );
            all_ready_or_away(health, &Outside::default()).await;
            tracing::info!("every part is ready");
        }
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

/// Waits for every part, or until nothing but servers outside was missing for a while: then it
/// gives back what is away.
async fn all_ready_or_away(health: &Health, outside: &Outside) -> Vec<String> {
    let begun = Instant::now();
    let mut said = begun;
    loop {
        let snapshot = health.snapshot();
        if snapshot.ready {
            return Vec::new();
        }
        if begun.elapsed() >= AWAY_PATIENCE {
            let away = outside.away(&snapshot);
            if !away.is_empty() {
                return away;
            }
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
    match reach(url).await {
        Ok(()) => Ok(()),
        Err(Unreached::Wrong(why)) => Err(why),
        // If it stays so, the announcement says it.
        Err(Unreached::Away(why)) => {
            tracing::info!("{why}");
            Ok(())
        }
    }
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
    async fn a_database_that_is_away_is_no_reason_not_to_start() {
        assert!(check_database("not an address").await.is_err());
        check_database("postgres://me@127.0.0.1:1/books")
            .await
            .unwrap();
    }

    fn outside() -> Outside {
        Outside {
            database: Some("postgres://***@db/books".to_owned()),
            nats: Some("nats://***@hub".to_owned()),
        }
    }

    #[test]
    fn only_what_the_views_and_the_feed_need_may_be_away() {
        let health = Health::new();
        let part = |name| health.part(name);
        part("command").ready("taking commands");
        part("projector").not_ready("the database is away");
        part("query").not_ready("the views do not answer");
        part("relay").ready("position 1");
        let away = |outside: Outside| outside.away(&health.snapshot()).join("; ");
        let said = away(outside());
        assert!(said.contains("db/books") && said.contains("503"), "{said}");
        assert!(!said.contains("hub"), "{said}");
        assert_eq!(
            away(Outside::default()),
            "",
            "private children are waited for"
        );

        part("relay").not_ready("no connection to NATS");
        let said = away(outside());
        assert!(said.contains("hub") && said.contains("db/books"), "{said}");

        part("query").ready("the views answer");
        part("relay").ready("position 1");
        assert_eq!(
            away(outside()),
            "",
            "a projector that catches up is waited for"
        );

        part("relay").not_ready("no connection to NATS");
        part("command").not_ready("starting");
        assert_eq!(away(outside()), "", "without commands nothing is announced");
    }
}
