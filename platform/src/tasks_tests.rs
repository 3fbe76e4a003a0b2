use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;

async fn until(token: CancellationToken) -> Result<(), BoxError> {
    token.cancelled().await;
    Ok(())
}

#[tokio::test]
async fn the_first_failure_stops_all_and_is_returned() {
    let mut group = Group::new();
    let stopped = Arc::new(AtomicBool::new(false));
    let (token, seen) = (group.token(), Arc::clone(&stopped));
    group.spawn("steady", async move {
        until(token).await?;
        seen.store(true, Ordering::SeqCst);
        Err("a later failure".into())
    });
    group.spawn("weak", async { Err("the disk is full".into()) });
    let failed = group.wait(5).await.unwrap_err();
    assert_eq!(failed.part, "weak");
    assert_eq!(crate::error_chain(&failed), "weak failed: the disk is full");
    assert!(
        stopped.load(Ordering::SeqCst),
        "the other part was stopped in an orderly way"
    );
}

#[tokio::test]
async fn cancelling_the_token_ends_the_group_well() {
    let mut group = Group::new();
    let token = group.token();
    group.spawn("one", until(token.clone()));
    group.spawn("two", until(token.clone()));
    group.spawn_once("short", async { Ok(()) });
    tokio::spawn(async move { token.cancel() });
    group.wait(5).await.unwrap();
}

#[tokio::test]
async fn a_part_that_ends_by_itself_is_a_failure() {
    let mut group = Group::new();
    let token = group.token();
    group.spawn("steady", until(token));
    group.spawn("gone", async { Ok(()) });
    let failed = group.wait(5).await.unwrap_err();
    assert_eq!(failed.part, "gone");
    assert!(crate::error_chain(&failed).contains("nobody asked"));
}

#[tokio::test]
async fn a_panic_is_a_failure_with_its_text() {
    let mut group = Group::new();
    group.spawn("shaky", async { panic!("INV-1 is broken") });
    let failed = group.wait(5).await.unwrap_err();
    assert_eq!(
        crate::error_chain(&failed),
        "shaky failed: it panicked: INV-1 is broken"
    );
}

#[tokio::test]
async fn a_part_that_ignores_the_token_is_cut_off_after_the_drain() {
    let mut group = Group::new();
    group.spawn("deaf", std::future::pending());
    group.token().cancel();
    let started = Instant::now();
    let failed = group.wait(1).await.unwrap_err();
    let took = started.elapsed();
    assert_eq!(failed.part, "deaf");
    assert!(crate::error_chain(&failed).contains("within 1 s"));
    assert!((900..5_000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn the_first_failure_is_told_even_if_another_part_is_cut_off() {
    let mut group = Group::new();
    group.spawn("deaf", std::future::pending());
    group.spawn("weak", async { Err("no".into()) });
    assert_eq!(group.wait(0).await.unwrap_err().part, "weak");
}

const CHILD: &str = "DAYBOOK_TEST_GROUP_CHILD";

/// The body of the child process of the next two tests; nothing when run by itself.
#[tokio::test]
async fn child_of_the_signal_tests() {
    let Ok(kind) = std::env::var(CHILD) else {
        return;
    };
    let mut group = Group::new();
    let token = group.token();
    group.spawn("part", async move {
        println!("started");
        until(token).await?;
        println!("stopping");
        if kind == "deaf" {
            std::future::pending().await
        } else {
            Ok(())
        }
    });
    let code = match group.wait(60).await {
        Ok(()) => 40,
        Err(failed) => {
            println!("{}", crate::error_chain(&failed));
            41
        }
    };
    std::process::exit(code);
}

fn run_child(kind: &str, signals: &[&str]) -> (i32, String) {
    use std::io::{BufRead as _, BufReader};
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tasks::tests::child_of_the_signal_tests",
            "--nocapture",
        ])
        .env(CHILD, kind)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut wait_for = ["started", "stopping"].iter();
    for signal in signals {
        let word = wait_for.next().unwrap();
        assert!(lines.any(|line| line.ends_with(word)), "no line {word}");
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, id.as_str()])
            .status();
        assert!(sent.unwrap().success());
    }
    let rest: Vec<String> = lines.collect();
    (child.wait().unwrap().code().unwrap(), rest.join("\n"))
}

#[test]
fn one_signal_stops_the_group_well() {
    for signal in ["-TERM", "-INT"] {
        let (code, rest) = run_child("polite", &[signal]);
        assert_eq!(code, 40, "{signal}: {rest}");
    }
}

#[test]
fn a_second_signal_does_not_wait_for_the_drain() {
    let (code, rest) = run_child("deaf", &["-TERM", "-TERM"]);
    assert_eq!(code, 41, "{rest}");
    assert!(rest.contains("second signal"), "{rest}");
}
