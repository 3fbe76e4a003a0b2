//! The private PostgreSQL and NATS server, with real processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use daybook::data_dir::DataDir;
use daybook::supervise::{SuperviseError, Supervisor, Wanted, running_database_url};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio_util::sync::CancellationToken;

const BOTH: Wanted = Wanted {
    postgres: true,
    nats: true,
};
const PATIENCE: Duration = Duration::from_secs(60);

fn pid_of(data_dir: &DataDir, child: &str) -> Option<i32> {
    let text = fs::read(data_dir.children()).ok()?;
    let children: serde_json::Value = serde_json::from_slice(&text).ok()?;
    i32::try_from(children[child]["pid"].as_i64()?).ok()
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z'))
}

async fn start(data_dir: &DataDir, wanted: Wanted) -> Result<Supervisor, SuperviseError> {
    let lock = data_dir.lock().unwrap();
    Supervisor::start(data_dir, &lock, wanted, &CancellationToken::new()).await
}

fn kill9(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn postgres_answers(url: &str) -> bool {
    let options = PgConnectOptions::from_str(url).unwrap();
    match PgConnection::connect_with(&options).await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

async fn nats_answers(url: &str) -> bool {
    let address = url.rsplit_once('@').unwrap().1;
    tokio::net::TcpStream::connect(address).await.is_ok()
}

async fn until<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn killed_children_come_back_at_the_same_address_and_a_stop_leaves_none() {
    let temp = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("data")).unwrap();
    let supervisor = start(&data_dir, BOTH).await.unwrap();
    let addresses = supervisor.addresses().clone();
    let (database, nats) = (addresses.database_url.unwrap(), addresses.nats_url.unwrap());
    assert!(postgres_answers(&database).await && nats_answers(&nats).await);
    assert_eq!(running_database_url(&data_dir), Some(database.clone()));

    for child in ["postgres", "nats"] {
        let before = pid_of(&data_dir, child).unwrap();
        kill9(before);
        until("the child is back", async || {
            pid_of(&data_dir, child).is_some_and(|pid| pid != before)
        })
        .await;
    }
    assert!(postgres_answers(&database).await && nats_answers(&nats).await);

    let pids = ["postgres", "nats"].map(|child| pid_of(&data_dir, child).unwrap());
    supervisor.stop().await;
    assert!(
        !pids.into_iter().any(runs),
        "a stop ends and reaps the children"
    );
    assert!(!data_dir.children().exists());
    assert_eq!(running_database_url(&data_dir), None);
}

#[tokio::test]
async fn a_cluster_is_kept_over_a_restart_and_a_lost_nats_directory_is_no_reason_to_fail() {
    let temp = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("data")).unwrap();
    let supervisor = start(&data_dir, BOTH).await.unwrap();
    let made = fs::metadata(data_dir.postgres().join("PG_VERSION"))
        .unwrap()
        .modified()
        .unwrap();
    supervisor.stop().await;
    fs::remove_dir_all(data_dir.nats()).unwrap();

    let supervisor = start(&data_dir, BOTH).await.unwrap();
    let again = fs::metadata(data_dir.postgres().join("PG_VERSION"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(made, again);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_falls_back_to_a_loopback_port_with_a_password() {
    let temp = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("long".repeat(30))).unwrap();
    let only = Wanted {
        postgres: true,
        nats: false,
    };
    let supervisor = start(&data_dir, only).await.unwrap();
    let url = supervisor.addresses().database_url.clone().unwrap();
    assert!(url.contains("127.0.0.1"));
    assert!(postgres_answers(&url).await);
    let password = PgConnectOptions::from_str(&url).unwrap().password("wrong");
    assert!(PgConnection::connect_with(&password).await.is_err());
    supervisor.stop().await;
}

#[tokio::test]
async fn a_directory_that_other_users_can_enter_works_as_well_as_a_private_one() {
    let temp = tempfile::tempdir().unwrap();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("data")).unwrap();
    let only = Wanted {
        postgres: true,
        nats: false,
    };
    let supervisor = start(&data_dir, only).await.unwrap();
    assert!(postgres_answers(&supervisor.addresses().database_url.clone().unwrap()).await);
    supervisor.stop().await;

    // The directory becomes private: PostgreSQL has to run as somebody else, and its files move.
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let supervisor = start(&data_dir, only).await.unwrap();
    assert!(postgres_answers(&supervisor.addresses().database_url.clone().unwrap()).await);
    supervisor.stop().await;
    assert_private(&data_dir.postgres());
}

fn assert_private(path: &Path) {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
}

#[tokio::test]
async fn a_child_that_cannot_start_says_why() {
    let temp = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("data")).unwrap();
    fs::create_dir(data_dir.postgres()).unwrap();
    fs::write(data_dir.postgres().join("PG_VERSION"), "8\n").unwrap();
    let only = Wanted {
        postgres: true,
        nats: false,
    };
    let Err(error) = start(&data_dir, only).await else {
        panic!("it started")
    };
    let words = error.to_string();
    assert!(words.contains("postgres ended while starting"), "{words}");
    assert!(
        words.len() > 100,
        "the child's own words are in it: {words}"
    );
}

#[tokio::test]
async fn a_start_that_is_cancelled_leaves_nothing_that_a_second_start_trips_over() {
    let temp = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open_or_create(&temp.path().join("data")).unwrap();
    let lock = data_dir.lock().unwrap();
    // The first pauses end initdb, the later ones PostgreSQL while it starts.
    for pause_ms in [1, 150, 400, 2000, 10, 30, 60, 100] {
        let token = CancellationToken::new();
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            token.cancel();
        };
        let starting = Supervisor::start(&data_dir, &lock, BOTH, &token);
        let (started, ()) = tokio::join!(starting, cancel);
        if let Ok(supervisor) = started {
            supervisor.stop().await;
        }
        let lock_file = data_dir.postgres().join("postmaster.pid");
        assert!(!lock_file.exists(), "after {pause_ms} ms");
    }
    drop(lock);
    start(&data_dir, BOTH).await.unwrap().stop().await;
}
