//! 2xx means durable (INV-2), shown from the outside: the release build is traced, and in the trace
//! every answer is sent only after the `fdatasync` that covers its log write has returned.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use daybook_tests::client::sent;
use daybook_tests::process::{Process, Stdout};
use daybook_tests::{Client, Random, Service, Setup, programs, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fdatasync,fsync";
const CLIENTS: u64 = 8;
const ROUNDS: u64 = 25;
const BULK_ITEMS: usize = 20;

/// One system call: the trace's lines at which it began and had returned.
struct Call {
    name: String,
    text: String,
    began: usize,
    returned: usize,
}

/// Reads the trace. Lines are in the order in which the tracer saw things happen; a call during
/// which something else happened takes two of them.
fn calls(trace: &str) -> Vec<Call> {
    let mut pending: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let mut words = line.splitn(2, char::is_whitespace);
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else {
            continue;
        };
        // The time.
        let Some((_, text)) = rest.trim_start().split_once(' ') else {
            continue;
        };
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            pending.insert(thread, (number, begun));
            continue;
        }
        let (began, text) = match text.strip_prefix("<... ") {
            None => (number, text.to_owned()),
            Some(resumed) => {
                let Some((began, begun)) = pending.remove(thread) else {
                    continue;
                };
                let end = resumed.split_once("resumed>").map_or("", |(_, end)| end);
                (began, format!("{begun}{end}"))
            }
        };
        let name = text.split('(').next().unwrap_or_default().to_owned();
        calls.push(Call {
            name,
            text,
            began,
            returned: number,
        });
    }
    calls
}

impl Call {
    /// The path or socket that strace shows beside the first argument.
    fn file(&self) -> &str {
        let arguments = self.text.split_once('<').map_or("", |(_, rest)| rest);
        arguments
            .split_once('>')
            .map_or(arguments, |(file, _)| file)
    }

    fn succeeded(&self) -> bool {
        self.text.ends_with(" = 0")
    }
}

/// Posts transactions, each twice at once with the same id; gives the ids.
async fn post_singles(client: Client, mut random: Random) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for _ in 0..ROUNDS {
        let id = new_id(&mut random);
        let path = "/v1/ledgers/acme/transactions";
        let mut twins = JoinSet::new();
        for _ in 0..2 {
            twins.spawn(sent(client.post_request(path, &id.to_string(), &item(id))));
        }
        for answer in twins.join_all().await {
            answer.checked(201).json();
        }
        ids.push(id);
    }
    ids
}

async fn post_bulks(client: Client, mut random: Random) -> Vec<Uuid> {
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let ids: Vec<Uuid> = (0..BULK_ITEMS).map(|_| new_id(&mut random)).collect();
        let items = Value::from(ids.iter().map(|id| item(*id)).collect::<Vec<_>>());
        let path = "/v1/ledgers/acme/bulk?mode=independent";
        client
            .post(path, &format!("bulk-{round}"), &items)
            .await
            .checked(200)
            .json();
        all.extend(ids);
    }
    all
}

fn new_id(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.number(), random.number())
}

/// A transaction whose id stands as text in the log too.
fn item(id: Uuid) -> Value {
    json!({
        "id": id,
        "reference": id.to_string(),
        "postings": [{"debit": "cash", "credit": "customers", "amount": "1", "asset": "USD"}],
    })
}

/// Traces the running service, every thread of it.
fn attach(service: &Service, trace: &Path) -> Process {
    let strace = programs::in_path("strace").expect(
        "`strace` is not installed, and this test reads a trace: run `apt-get install -y strace` \
         (Debian, Ubuntu) or `dnf install -y strace` (Fedora)",
    );
    let mut command = Command::new(strace);
    command
        .args(["-f", "-ttt", "-y", "-s", "4000000", "-e", CALLS, "-o"])
        .arg(trace)
        .args(["-p", &service.pid().to_string()]);
    let log = trace.with_extension("log");
    let mut tracer = Process::start(&command, None, &log, Stdout::Log);
    until("strace has attached", Duration::from_secs(20), || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(
            tracer.is_running(),
            "strace cannot trace the service (needs root, or kernel.yama.ptrace_scope=0): {said}"
        );
        said.contains("attached")
    });
    tracer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_success_is_sent_after_the_sync_that_covers_its_log_write() {
    let service = Setup::new().program(programs::daybook_release()).start();
    let client = service.client();
    client.open_ledger("acme").await;
    client
        .open_accounts("acme", &[("cash", "asset"), ("customers", "liability")])
        .await;
    let trace = service.setup().data().with_file_name("trace");
    let mut tracer = attach(&service, &trace);

    let mut random = Random::seeded(0x5713_ace5);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(post_singles(client.clone(), random.fork()));
    }
    clients.spawn(post_bulks(client.clone(), random.fork()));
    let ids: Vec<Uuid> = clients.join_all().await.into_iter().flatten().collect();
    tracer.signal(Signal::INT);
    tracer.wait(Duration::from_secs(20));

    let trace = std::fs::read(&trace).unwrap();
    let log = service.setup().data().join("log").canonicalize().unwrap();
    let replies = check(&calls(&String::from_utf8_lossy(&trace)), &log, &ids).unwrap();
    let bulks = usize::try_from(ROUNDS).unwrap() * BULK_ITEMS;
    assert_eq!(
        replies,
        (ids.len() - bulks) * 2 + bulks,
        "every answer is in the trace"
    );
}

/// Checks every answer in the trace; gives how many there were, or what is wrong.
fn check(calls: &[Call], log: &Path, ids: &[Uuid]) -> Result<usize, String> {
    let (syncs, writes): (Vec<&Call>, Vec<&Call>) = calls
        .iter()
        .filter(|call| Path::new(call.file()).starts_with(log))
        .partition(|call| call.name.ends_with("sync"));
    let answers: Vec<&Call> = calls
        .iter()
        .filter(|call| call.text.contains("\"HTTP/1.1 20"))
        .collect();
    let mut replies = 0;
    for id in ids {
        let id = id.to_string();
        let write = writes
            .iter()
            .find(|call| call.text.contains(&id))
            .ok_or(format!("{id} was never written to the log"))?;
        // The sync has to begin after the write had returned, or it need not cover it.
        let sync = syncs
            .iter()
            .filter(|sync| sync.succeeded() && sync.file() == write.file())
            .find(|sync| sync.began > write.returned)
            .ok_or(format!("the write of {id} was never synced"))?;
        for answer in answers.iter().filter(|answer| answer.text.contains(&id)) {
            replies += 1;
            if answer.began < sync.returned {
                let (sent, synced) = (answer.began + 1, sync.returned + 1);
                return Err(format!(
                    "INV-2: {id} was answered (trace line {sent}) before its sync returned (line \
                     {synced})"
                ));
            }
        }
    }
    Ok(replies)
}

#[test]
fn the_trace_is_read_in_the_order_in_which_things_happened() {
    let trace = "\
7 1.1 pwrite64(9</d/log/0>, \"abc\", 3, 0) = 3
7 1.2 fdatasync(9</d/log/0> <unfinished ...>
8 1.3 sendto(12<socket:[5]>, \"HTTP/1.1 201 x\", 14, 0, NULL, 0) = 14
7 1.4 <... fdatasync resumed>)      = 0
";
    let calls = calls(trace);
    let order: Vec<(&str, usize, usize)> = calls
        .iter()
        .map(|call| (call.name.as_str(), call.began, call.returned))
        .collect();
    assert_eq!(
        order,
        [("pwrite64", 0, 0), ("sendto", 2, 2), ("fdatasync", 1, 3)]
    );
    assert_eq!(calls[2].file(), "/d/log/0");
    assert!(calls[2].succeeded());
}

#[test]
fn an_answer_that_is_sent_before_its_sync_returned_is_found() {
    let id = Uuid::nil();
    let write = format!("7 1.1 pwrite64(9</d/log/0>, \"{id}\", 3, 0) = 3\n");
    let sync = "7 1.2 fdatasync(9</d/log/0>) = 0\n";
    let answer = format!("8 1.3 sendto(12<socket:[5]>, \"HTTP/1.1 201 {id}\", 14, 0) = 14\n");
    let judge = |trace: String| check(&calls(&trace), Path::new("/d/log"), &[id]);
    assert_eq!(judge(format!("{write}{sync}{answer}")), Ok(1));
    assert!(
        judge(format!("{write}{answer}{sync}"))
            .unwrap_err()
            .contains("before its sync")
    );
    assert!(
        judge(format!("{sync}{write}{answer}"))
            .unwrap_err()
            .contains("never synced")
    );
    assert!(
        judge(format!("{sync}{answer}"))
            .unwrap_err()
            .contains("never written")
    );
}
