//! The options of `daybook up`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use daybook_events::names::PARTITIONS;
use daybook_platform::auth::DevKey;
use daybook_platform::telemetry::LogFormat;

use super::super::{DataDirArg, given};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::settings::Settings;

/// The private port where that of clients cannot be read; binding that one tells why.
const OPS_PORT: u16 = 7401;

/// What kind of service this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Environment {
    /// Tokens signed with the development key of the data directory are trusted.
    Development,
    /// Only the keys of a real identity provider are trusted.
    Production,
}

/// The options.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct UpArgs {
    #[command(flatten)]
    pub(super) data_dir: DataDirArg,
    /// Where clients connect; port 0 takes a free one
    #[arg(
        long,
        env = "DAYBOOK_LISTEN",
        default_value = "127.0.0.1:7400",
        value_name = "ADDRESS"
    )]
    pub(super) listen: String,
    /// Where metrics are; private [default: 127.0.0.1 and the port after that of --listen, so 7401;
    /// a free port if --listen has port 0]
    #[arg(long, env = "DAYBOOK_OPS_LISTEN", value_name = "ADDRESS")]
    ops_listen: Option<String>,
    /// The PostgreSQL of the views [default: a private one]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The NATS server [default: a private one]
    #[arg(long, env = "NATS_URL", value_name = "URL", hide_env_values = true)]
    nats_url: Option<String>,
    /// The event store: embedded:PATH [default: in the data directory]
    #[arg(
        long,
        env = "EVENT_STORE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    event_store_url: Option<String>,
    /// Whether the development key is trusted
    #[arg(long, env = "DAYBOOK_ENV", value_enum, default_value = "development")]
    pub(super) environment: Environment,
    /// The public keys of an identity provider: a JWKS file (needs --issuer)
    #[arg(long, env = "DAYBOOK_JWKS", value_name = "FILE")]
    jwks: Option<String>,
    /// The `iss` of the identity provider's tokens
    #[arg(long, env = "DAYBOOK_ISSUER", value_name = "ISS")]
    issuer: Option<String>,
    /// The `aud` that every token must name
    #[arg(long, env = "DAYBOOK_AUDIENCE", value_name = "AUD", default_value = DevKey::AUDIENCE)]
    pub(super) audience: String,
    /// Partitions of the feed; fixed for the life of an event store
    #[arg(long, env = "DAYBOOK_PARTITIONS", default_value_t = PARTITIONS)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) partitions: u16,
    /// How log lines look [default: pretty in a terminal, else json]
    #[arg(long, env = "DAYBOOK_LOG", value_enum, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// Which log lines [default: warn in a terminal, else info]
    #[arg(long, env = "DAYBOOK_LOG_FILTER", value_name = "FILTER")]
    log_filter: Option<String>,
    /// How many seconds a stop may take
    #[arg(
        long,
        env = "DAYBOOK_DRAIN_S",
        default_value_t = 20,
        value_name = "SECONDS"
    )]
    pub(super) drain_s: u64,
}

impl UpArgs {
    pub(super) fn database_url(&self) -> Option<&str> {
        given(self.database_url.as_ref())
    }

    pub(super) fn nats_url(&self) -> Option<&str> {
        given(self.nats_url.as_ref())
    }

    /// The identity provider's keys and its name, if there is one.
    pub(super) fn identity_provider(&self) -> Result<Option<(PathBuf, String)>, Failure> {
        match (given(self.jwks.as_ref()), given(self.issuer.as_ref())) {
            (Some(jwks), Some(issuer)) => Ok(Some((jwks.into(), issuer.to_owned()))),
            (None, None) => Ok(None),
            _ => Err(Failure::new(
                "DAYBOOK_JWKS and DAYBOOK_ISSUER belong together: set both",
            )),
        }
    }

    /// The private listener's address: the port after the clients', so that two services on one
    /// machine need only one option each; a free one where theirs is free.
    pub(super) fn ops_listen(&self) -> String {
        if let Some(address) = given(self.ops_listen.as_ref()) {
            return address.to_owned();
        }
        let port = self.listen.rsplit_once(':');
        let port = match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
            Some(0) => 0,
            Some(port) => port.checked_add(1).unwrap_or(0),
            None => OPS_PORT,
        };
        SocketAddr::from(([127, 0, 0, 1], port)).to_string()
    }

    /// Where the event log is.
    pub(super) fn log_dir(&self, data_dir: &DataDir) -> Result<PathBuf, Failure> {
        log_dir(self.event_store_url.as_ref(), data_dir)
    }

    pub(super) fn log_format(&self) -> LogFormat {
        let usual = if in_terminal() {
            LogFormat::Pretty
        } else {
            LogFormat::Json
        };
        self.log.unwrap_or(usual)
    }

    /// In a terminal only what needs attention; the ready line says the rest.
    pub(super) fn log_filter(&self) -> String {
        // The NATS client repeats itself at every attempt to connect; the parts say it once.
        let usual = if in_terminal() {
            "warn,async_nats=off"
        } else {
            "info,async_nats=off,actix_server=warn"
        };
        given(self.log_filter.as_ref()).unwrap_or(usual).to_owned()
    }

    /// The effective settings.
    pub(super) fn settings<'a>(&self, matches: Option<&'a clap::ArgMatches>) -> Settings<'a> {
        let or_private = |url: Option<&str>| url.unwrap_or("(private)").to_owned();
        let mut settings = Settings::new(matches);
        settings.add("data-dir", self.data_dir.data_dir.display());
        settings.add("listen", &self.listen);
        settings.add("ops-listen", self.ops_listen());
        settings.add("database-url", or_private(self.database_url()));
        settings.add("nats-url", or_private(self.nats_url()));
        let store = given(self.event_store_url.as_ref());
        settings.add(
            "event-store-url",
            store.unwrap_or("(in the data directory)"),
        );
        settings.add(
            "environment",
            format!("{:?}", self.environment).to_lowercase(),
        );
        settings.add("jwks", given(self.jwks.as_ref()).unwrap_or("(none)"));
        settings.add("issuer", given(self.issuer.as_ref()).unwrap_or("(none)"));
        settings.add("audience", &self.audience);
        settings.add("partitions", self.partitions);
        settings.add("log", format!("{:?}", self.log_format()).to_lowercase());
        settings.add("log-filter", self.log_filter());
        settings.add("drain-s", self.drain_s);
        settings
    }
}

/// Where the event log is: in the data directory unless an address says otherwise.
pub(in crate::cli) fn log_dir(
    url: Option<&String>,
    data_dir: &DataDir,
) -> Result<PathBuf, Failure> {
    match given(url) {
        None => Ok(data_dir.log()),
        Some(url) => match url.split_once(':') {
            Some(("embedded", path)) if !path.is_empty() => Ok(path.into()),
            Some(("esdb" | "esdb+discover", _)) => Err(Failure::new(
                "EVENT_STORE_URL=esdb://… is not in this version yet: use embedded:PATH",
            )),
            _ => Err(Failure::new("EVENT_STORE_URL must be embedded:PATH")),
        },
    }
}

fn in_terminal() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        up: UpArgs,
    }

    fn parse(options: &[&str]) -> UpArgs {
        Only::try_parse_from(["up"].iter().chain(options))
            .unwrap()
            .up
    }

    #[test]
    fn operations_take_the_port_after_that_of_clients_and_a_free_one_where_theirs_is_free() {
        assert_eq!(
            parse(&["--listen", "127.0.0.1:0"]).ops_listen(),
            "127.0.0.1:0"
        );
        assert_eq!(
            parse(&["--listen", "0.0.0.0:80"]).ops_listen(),
            "127.0.0.1:81"
        );
        let both = parse(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:9"]);
        assert_eq!(both.ops_listen(), "127.0.0.1:9");
    }

    #[test]
    fn only_an_embedded_event_store_can_be_named() {
        let temp = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open_or_create(temp.path()).unwrap();
        let log_dir = |url| parse(&["--event-store-url", url]).log_dir(&data_dir);
        assert_eq!(log_dir("embedded:/x/log").unwrap(), PathBuf::from("/x/log"));
        assert_eq!(log_dir("").unwrap(), data_dir.log());
        assert!(
            log_dir("esdb://localhost:2113")
                .unwrap_err()
                .to_string()
                .contains("embedded")
        );
        assert!(log_dir("embedded:").is_err() && log_dir("mysql://x").is_err());
    }

    #[test]
    fn settings_show_no_password() {
        let up = parse(&["--database-url", "postgres://me:hush@db/books"]);
        let shown = format!("{:?}", up.settings(None).all());
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn an_identity_provider_needs_keys_and_a_name() {
        assert!(parse(&["--jwks", "/keys"]).identity_provider().is_err());
        assert_eq!(parse(&[]).identity_provider().unwrap(), None);
        assert!(
            parse(&["--jwks", "/k", "--issuer", "i"])
                .identity_provider()
                .unwrap()
                .is_some()
        );
    }
}
