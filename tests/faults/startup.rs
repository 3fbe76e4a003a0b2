//! A start that cannot succeed says why in one line and ends with another code than zero.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};

use daybook_tests::service::READY_BOUND;
use daybook_tests::{Postgres, Service, Setup, caught_up, process, until_async};

/// Runs `daybook up` and gives the one line it must end with.
fn complaint(setup: &Setup, listen: &str) -> String {
    let (status, log) = setup.fail_to_start(listen);
    assert!(!status.success(), "{log}");
    assert!(status.code().is_some(), "not by a signal ({status}): {log}");
    assert!(!log.contains("panicked"), "{log}");
    let last = log.lines().last().unwrap_or_default().to_owned();
    assert!(!last.is_empty(), "it says why");
    last
}

#[test]
fn an_occupied_port_is_named() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let line = complaint(&Setup::new(), &address);
    assert!(line.contains(&address), "{line}");
}

#[test]
fn a_data_directory_of_another_version_is_refused_and_left_alone() {
    let setup = Setup::new();
    std::fs::create_dir(setup.data()).unwrap();
    std::fs::write(setup.data().join("VERSION"), "daybook-data 99\n").unwrap();
    let line = complaint(&setup, "127.0.0.1:0");
    assert!(line.contains("daybook-data 99"), "{line}");
    assert_eq!(std::fs::read_dir(setup.data()).unwrap().count(), 1);
}

#[test]
fn a_data_directory_without_permission_is_named() {
    let mut setup = Setup::new();
    std::fs::create_dir(setup.data()).unwrap();
    if process::is_root() {
        // Root passes every door unless it leaves these two keys at home.
        let user = process::unprivileged();
        chown(setup.data(), Some(user.uid), Some(user.gid)).unwrap();
        setup = setup.prefix(&[
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
            "--",
        ]);
        std::fs::set_permissions(setup.data(), PermissionsExt::from_mode(0o700)).unwrap();
    } else {
        std::fs::set_permissions(setup.data(), PermissionsExt::from_mode(0o000)).unwrap();
    }
    let line = complaint(&setup, "127.0.0.1:0");
    assert!(line.contains(setup.data().to_str().unwrap()), "{line}");
    assert!(line.to_lowercase().contains("permission denied"), "{line}");
    std::fs::set_permissions(setup.data(), PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_database_address_that_is_none_is_named() {
    for address in ["not an address", "mysql://me:secret-word@localhost/books"] {
        let setup = Setup::new().environment("DATABASE_URL", address);
        let line = complaint(&setup, "127.0.0.1:0");
        assert!(line.contains("DATABASE_URL"), "{line}");
        assert!(!setup.log().contains("secret-word"), "{}", setup.log());
    }
}

#[test]
fn a_database_that_is_not_there_is_named_without_its_password() {
    let postgres = Postgres::start();
    let url = postgres.url().replace("daybook@", "daybook:secret-word@");
    let setup = Setup::new().environment("DATABASE_URL", url.replace("/postgres?", "/nowhere?"));
    let line = complaint(&setup, "127.0.0.1:0");
    assert!(line.contains("nowhere"), "{line}");
    assert!(!setup.log().contains("secret-word"), "{}", setup.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_commands_are_taken_and_reads_answer_503() {
    let mut postgres = Postgres::start();
    postgres.kill9();
    let setup = Setup::new().environment("DATABASE_URL", postgres.url());
    let service = setup.start_before_ready();
    let client = service.client();
    let start = std::time::Instant::now();
    client.open_ledger("acme").await;
    let answer = client.get("/v1/ledgers/acme").await.checked(503);
    assert_eq!(answer.code(), "view_behind");
    assert!(answer.header("Retry-After").is_some());
    assert!(
        start.elapsed().as_secs() < 10,
        "quickly: {:?}",
        start.elapsed()
    );
    assert_eq!(client.get("/livez").await.status, 200);
    assert_eq!(client.get("/readyz").await.status, 503);
    tokio::task::block_in_place(|| postgres.restart());
    caught_up(&client, "acme", 0).await;
    until_async("it is ready", READY_BOUND, async || {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

#[test]
fn a_second_service_on_the_same_data_directory_is_refused() {
    let service = Service::start_fresh();
    let before = service.child("postgres")["pid"].clone();
    let output = service
        .setup()
        .command(&[
            "up",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(service.setup().data())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains("another daybook is using the data directory"),
        "{said}"
    );
    assert_eq!(
        service.child("postgres")["pid"],
        before,
        "the first one goes on undisturbed"
    );
}
