//! `daybook audit`: the views against a replay of the event store.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Subcommand;
use daybook_events::ids::LedgerId;
use daybook_query::audit::{Options, Progress, Report, verify};
use daybook_store::EventStore;
use daybook_store::embedded::{ReadOnlyLog, Tail};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::database::{Unreached, reach};
use super::{DataDirArg, given, runtime, say};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::supervise::{Supervisor, Wanted, running_database_url};

const CONNECTIONS_MAX: u32 = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The options of `audit`.
#[derive(Debug, clap::Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Replay the ledgers and compare every row of the views: accounts, balances, holds and all
    ///
    /// Writes nothing: the event log is opened read-only. Works beside a running service.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    data_dir: DataDirArg,
    /// Only this ledger; may be repeated [default: all]
    #[arg(long = "ledger", value_parser = parse_ledger)]
    ledgers: Vec<LedgerId>,
    /// The PostgreSQL of the views [default: the private one]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The event store: embedded:PATH [default: in the data directory]
    #[arg(
        long,
        env = "EVENT_STORE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    event_store_url: Option<String>,
    /// How many seconds the views of a running service may take to catch up
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait_s: u64,
}

/// Runs the audit.
pub(super) fn run(args: &AuditArgs) -> Result<(), Failure> {
    let What::Verify(args) = &args.what;
    let report = runtime()?.block_on(verify_all(args))?;
    say(&report.to_string())?;
    if report.is_clean() {
        Ok(())
    } else if report.findings.is_empty() {
        Err(Failure::new(
            "the views are behind: the audit is not complete",
        ))
    } else {
        Err(Failure::new("the views differ from the history"))
    }
}

async fn verify_all(args: &VerifyArgs) -> Result<Report, Failure> {
    let data_dir = DataDir::open(&args.data_dir.data_dir)?;
    let directory = super::up::log_dir(args.event_store_url.as_ref(), &data_dir)?;
    let log = tokio::task::spawn_blocking(move || ReadOnlyLog::open(&directory)).await??;
    tell_tail(&log)?;

    // A service that runs, or whoever gives an address, has a PostgreSQL. Otherwise the private
    // one is started for as long as the audit takes; nobody feeds it then, so there is no use in
    // waiting for views to catch up.
    let known = given(args.database_url.as_ref()).map(ToOwned::to_owned);
    if let Some(url) = known.or_else(|| running_database_url(&data_dir)) {
        return compare(&log, &url, args, Duration::from_secs(args.wait_s)).await;
    }
    let lock = data_dir.lock()?;
    let wanted = Wanted {
        postgres: true,
        nats: false,
    };
    let supervisor = Supervisor::start(&data_dir, &lock, wanted, &CancellationToken::new()).await?;
    let url = supervisor
        .addresses()
        .database_url
        .clone()
        .unwrap_or_default();
    let report = compare(&log, &url, args, Duration::ZERO).await;
    supervisor.stop().await;
    report
}

async fn compare(
    store: &dyn EventStore,
    database_url: &str,
    args: &VerifyArgs,
    wait: Duration,
) -> Result<Report, Failure> {
    // A pool would tell that time is up, but not why.
    reach(database_url)
        .await
        .map_err(|(Unreached::Wrong(why) | Unreached::Away(why))| why)?;
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect(database_url)
        .await?;
    let options = Options {
        ledgers: (!args.ledgers.is_empty()).then(|| args.ledgers.clone()),
        wait,
        progress: Some(Box::new(tell_progress())),
    };
    let report = verify(store, &pool, options).await;
    pool.close().await;
    Ok(report?)
}

fn tell_tail(log: &ReadOnlyLog) -> Result<(), Failure> {
    match log.tail() {
        Tail::Sealed => Ok(()),
        Tail::Unsealed => say("the event log is not sealed: a service is writing, or was killed"),
        Tail::Torn { file, offset } => say(&format!(
            "the event log ends in a torn write at {}:{offset}, which the next start cuts off",
            file.display()
        )),
    }
}

/// A line now and then, for whoever waits.
fn tell_progress() -> impl FnMut(&Progress) + Send {
    let mut last = Instant::now();
    move |progress| {
        if last.elapsed() < PROGRESS_EVERY || !std::io::stderr().is_terminal() {
            return;
        }
        last = Instant::now();
        let Progress {
            ledger,
            ledgers_done,
            ledgers,
            events,
        } = progress;
        let text = format!(
            "{events} events, ledger {} of {ledgers} ({ledger})",
            ledgers_done + 1
        );
        // Standard error may be closed; the audit goes on.
        let _closed = writeln!(std::io::stderr(), "{text}");
    }
}

fn parse_ledger(text: &str) -> Result<LedgerId, String> {
    LedgerId::parse(text).map_err(|error| error.to_string())
}
