//! The program itself: `daybook up` and the commands around it, as a user meets them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn daybook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    for name in [
        "DATABASE_URL",
        "NATS_URL",
        "EVENT_STORE_URL",
        "DAYBOOK_TOKEN",
        "DAYBOOK_ENV",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn error_of(command: &mut Command) -> String {
    let out = output(command);
    assert!(!out.status.success(), "it was to fail");
    let last = String::from_utf8(out.stderr).unwrap();
    let last = last
        .lines()
        .rfind(|line| line.starts_with("daybook: "))
        .unwrap_or_default();
    last.to_owned()
}

/// A running `daybook up`, ended when it is dropped.
struct Up {
    child: Child,
    base: String,
}

impl Up {
    fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    fn start_with(data: &Path, options: &[&str]) -> Self {
        let mut command = daybook();
        command
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(options);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("daybook ready on ")
                .map(ToOwned::to_owned)
        });
        Self {
            child,
            base: base.unwrap(),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::TERM);
            drop(self.child.wait());
        }
    }
}

fn children(data: &Path) -> Vec<i32> {
    let children: Value =
        serde_json::from_slice(&fs::read(data.join("children.json")).unwrap()).unwrap();
    ["postgres", "nats"]
        .map(|name| i32::try_from(children[name]["pid"].as_i64().unwrap()).unwrap())
        .into()
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
fn killed_with_its_children_left_to_themselves_it_leaves_none_and_comes_up_again() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let mut first = Up::start(&data);
    let before = children(&data);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    // Right away, while the children may still be about to end.
    let second = Up::start(&data);
    let deadline = Instant::now() + PATIENCE;
    while before.iter().any(|pid| runs(*pid)) {
        assert!(Instant::now() < deadline, "children outlive the service");
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = children(&data);
    second.signal(Signal::TERM);
    let mut second = second;
    assert!(
        second.child.wait().unwrap().success(),
        "a stop is no failure"
    );
    assert!(
        !after.iter().any(|pid| runs(*pid)),
        "a stop ends the children"
    );
    assert!(!data.join("children.json").exists());
}

/// A running service and a file of two accounts and fifty transactions without keys.
struct Shop {
    up: Up,
    data: PathBuf,
    file: PathBuf,
    text: String,
}

impl Shop {
    fn open(directory: &Path) -> Self {
        let data = directory.join("data");
        let up = Up::start(&data);
        let mut text = String::new();
        for (account, kind) in [("assets:bank", "asset"), ("income:sales", "income")] {
            let account = json!({"account": account, "type": kind});
            text.push_str(&format!(
                "{}\n",
                json!({"action": "account", "data": account})
            ));
        }
        for amount in 1..=50 {
            text.push_str(&format!("{}\n", sale("income:sales", amount)));
        }
        let file = directory.join("moves.ndjson");
        Self {
            up,
            data,
            file,
            text,
        }
    }

    /// `daybook import` of the file with these further lines.
    fn import(&self, more: &str, options: &[&str]) -> Command {
        fs::write(&self.file, format!("{}{more}", self.text)).unwrap();
        let mut command = daybook();
        command.args(["import", "--ledger", "shop", "--url", &self.up.base]);
        command.arg("--data-dir").arg(&self.data);
        command.args(options).arg(&self.file);
        command
    }
}

fn sale(income: &str, amount: u32) -> Value {
    let amount = amount.to_string();
    let posting =
        json!({"debit": "assets:bank", "credit": income, "amount": amount, "asset": "USD"});
    json!({"postings": [posting]})
}

#[test]
fn an_import_can_be_repeated_and_names_the_lines_that_cannot_be() {
    let temp = tempfile::tempdir().unwrap();
    let shop = Shop::open(temp.path());
    let first = output(&mut shop.import("", &["--create", "--batch-items", "7"]));
    let said = String::from_utf8(first.stdout).unwrap();
    assert!(said.starts_with("applied 52, replayed 0, rejected 0"));
    let again = output(&mut shop.import("", &["--create"]));
    let again = String::from_utf8(again.stdout).unwrap();
    assert!(again.starts_with("applied 0, replayed 52, rejected 0"));
    assert_eq!(
        said.split("revision").nth(1),
        again.split("revision").nth(1)
    );

    let error = error_of(&mut shop.import("{\"entries\":[]}", &[]));
    assert!(error.contains("line 53: /data/entries"), "{error}");
    let error = error_of(&mut shop.import("nonsense", &[]));
    assert!(error.contains("line 53 is not a JSON object"), "{error}");

    let rejected = output(&mut shop.import(&sale("income:unknown", 1).to_string(), &[]));
    assert!(!rejected.status.success());
    let shown = String::from_utf8(rejected.stderr).unwrap();
    assert!(
        shown.contains("line 53: rejected (account_not_found)"),
        "{shown}"
    );
    assert!(shown.ends_with("daybook: 1 line was rejected\n"), "{shown}");
}

#[test]
fn an_audit_works_beside_a_running_service_and_without_one() {
    let temp = tempfile::tempdir().unwrap();
    let shop = Shop::open(temp.path());
    let imported = output(&mut shop.import("", &["--create"]));
    assert!(imported.status.success());
    let Shop { up, data, .. } = shop;
    let audit = || {
        let mut command = daybook();
        command.args(["audit", "verify", "--data-dir"]);
        output(command.arg(&data))
    };
    let mut away = daybook();
    away.args(["audit", "verify", "--database-url"]);
    away.arg("postgres://me:hush@127.0.0.1:1/books");
    let error = error_of(away.arg("--data-dir").arg(&data));
    assert!(
        error.contains("postgres://***@127.0.0.1:1/books: ") && error.contains("refused"),
        "{error}"
    );
    let beside = audit();
    assert!(beside.status.success(), "{beside:?}");
    drop(up);
    let alone = audit();
    assert!(alone.status.success(), "{alone:?}");
    let said = String::from_utf8(alone.stdout).unwrap();
    assert!(said.contains("no difference"), "{said}");
}

#[test]
fn what_cannot_work_is_refused_in_one_clear_line() {
    let temp = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let up = |name: &str, more: &[&str]| {
        let mut command = daybook();
        command.args(["up", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(temp.path().join(name)).args(more);
        command
    };
    let mut on_taken = daybook();
    on_taken
        .args(["up", "--listen", &taken, "--data-dir"])
        .arg(temp.path().join("a"));
    assert!(error_of(&mut on_taken).contains("in use"));

    fs::create_dir(temp.path().join("b")).unwrap();
    fs::write(temp.path().join("b").join("VERSION"), "daybook-data 9\n").unwrap();
    assert!(error_of(&mut up("b", &[])).contains("daybook-data 9"));
    let said = String::from_utf8(output(&mut up("b", &[])).stderr).unwrap();
    assert_eq!(said.matches("daybook-data 9").count(), 1, "{said}");

    let error = error_of(&mut up("c", &["--environment", "production"]));
    assert!(error.contains("DAYBOOK_JWKS"), "{error}");
    let error = error_of(&mut up(
        "d",
        &["--event-store-url", "esdb://127.0.0.1:2113"],
    ));
    assert!(error.contains("embedded:PATH"), "{error}");
    let error = error_of(&mut up("e", &["--database-url", "nothing at all"]));
    assert!(error.contains("DATABASE_URL"), "{error}");
    let mut import = daybook();
    import.args(["import", "-", "--ledger", "shop", "--token", "t", "--url"]);
    let error = error_of(import.arg("127.0.0.1:7400"));
    assert!(error.contains("--url"), "{error}");
    fs::write(temp.path().join("f"), "").unwrap();
    let error = error_of(&mut up("f", &[]));
    assert!(error.contains("data directory"), "{error}");

    for role in ["command", "relay", "project", "query", "store"] {
        assert!(error_of(daybook().arg(role)).contains("esdb://"), "{role}");
        assert!(output(daybook().args([role, "--help"])).status.success());
    }
}

#[test]
fn two_services_do_not_share_a_data_directory() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let _up = Up::start(&data);
    let mut second = daybook();
    second
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data);
    assert!(error_of(&mut second).contains("another daybook"));
}

#[tokio::test]
async fn with_postgres_and_nats_of_the_operator_away_it_is_announced_and_takes_commands() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let away = [
        "--database-url",
        "postgres://me@127.0.0.1:1/books",
        "--nats-url",
        "nats://127.0.0.1:1",
    ];
    let up = Up::start_with(&data, &away);
    let token = fs::read_to_string(data.join("token")).unwrap();
    let client = reqwest::Client::new();
    let opened = client
        .post(format!("{}/v1/ledgers", up.base))
        .bearer_auth(token.trim())
        .header("Content-Type", "application/json")
        .body(r#"{"ledger":"shop"}"#);
    assert_eq!(opened.send().await.unwrap().status(), 201);
    let get = async |path: &str| {
        let request = client.get(format!("{}{path}", up.base));
        request.bearer_auth(token.trim()).send().await.unwrap()
    };
    assert_eq!(get("/v1/ledgers/shop/accounts").await.status(), 503);
    assert_eq!(get("/readyz").await.status(), 503);
    assert_eq!(get("/livez").await.status(), 200);

    // Where the `type` of every problem points to.
    let problems = get("/docs/errors.md").await;
    let media = problems.headers()["Content-Type"].to_str().unwrap();
    assert_eq!(media, "text/markdown; charset=utf-8");
    assert!(problems.text().await.unwrap().contains("## view_behind"));
}

#[test]
fn an_interrupted_start_does_not_keep_the_next_one_from_starting() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    drop(Up::start(&data));
    for pause_ms in [150, 250, 400] {
        let mut command = daybook();
        command.args(["up", "--listen", "127.0.0.1:0", "--data-dir"]);
        command
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let ended = child.wait().unwrap();
        assert!(ended.success(), "after {pause_ms} ms: {ended}");
        let lock_file = data.join("postgres/postmaster.pid");
        assert!(!lock_file.exists(), "after {pause_ms} ms");
    }
    drop(Up::start(&data));
}
