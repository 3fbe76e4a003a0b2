//! The rules of the layout, checked by a program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each crate may depend upon of ours (section 2 of the architecture). `daybook-tests` only
/// uses what a client, or another store, would.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("daybook-events", &[]),
    ("daybook-domain", &["daybook-events"]),
    ("daybook-store", &["daybook-events"]),
    (
        "daybook-relay",
        &["daybook-events", "daybook-store", "daybook-platform"],
    ),
    (
        "daybook-command",
        &[
            "daybook-domain",
            "daybook-events",
            "daybook-store",
            "daybook-platform",
        ],
    ),
    (
        "daybook-projections",
        &["daybook-events", "daybook-store", "daybook-platform"],
    ),
    (
        "daybook-query",
        &[
            "daybook-events",
            "daybook-store",
            "daybook-domain",
            "daybook-platform",
        ],
    ),
    ("daybook-platform", &[]),
    (
        "daybook",
        &[
            "daybook-events",
            "daybook-domain",
            "daybook-store",
            "daybook-relay",
            "daybook-command",
            "daybook-projections",
            "daybook-query",
            "daybook-platform",
        ],
    ),
    // The tests feed and run single parts through their public interfaces.
    (
        "daybook-tests",
        &[
            "daybook-events",
            "daybook-domain",
            "daybook-store",
            "daybook-relay",
            "daybook-command",
            "daybook-projections",
            "daybook-query",
            "daybook-platform",
        ],
    ),
];

const ASYNC: &[&str] = &[
    "tokio",
    "tokio-util",
    "futures-util",
    "async-trait",
    "backon",
];
const IO: &[&str] = &[
    "actix-web",
    "async-nats",
    "sqlx",
    "reqwest",
    "rustix",
    "tempfile",
    "fjall",
    "clap",
];

/// What each crate must not depend upon of others' (the same table, column "must not").
fn must_not(name: &str) -> Vec<&'static str> {
    let mut forbidden: Vec<&str> = match name {
        "daybook-events" => [ASYNC, IO].concat(),
        "daybook-domain" => [ASYNC, IO, &["serde_json", "uuid", "rand", "chrono"]].concat(),
        "daybook-relay" => vec!["sqlx", "actix-web"],
        "daybook-command" => vec!["sqlx", "async-nats"],
        "daybook-projections" => vec!["actix-web"],
        "daybook-store" => vec!["sqlx", "async-nats", "actix-web"],
        _ => Vec::new(),
    };
    // SQL stands in the projections and the query side; the binary only passes connections on.
    if ![
        "daybook-projections",
        "daybook-query",
        "daybook",
        "daybook-tests",
    ]
    .contains(&name)
    {
        forbidden.push("sqlx");
    }
    forbidden
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let options = [
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ];
    let out = Command::new(cargo)
        .args(options)
        .args(["--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

fn packages() -> BTreeMap<String, Value> {
    let packages = metadata()["packages"].as_array().unwrap().clone();
    packages
        .into_iter()
        .map(|it| (it["name"].as_str().unwrap().to_owned(), it))
        .collect()
}

/// The names of a package's dependencies that go into what is built of it.
fn dependencies(package: &Value) -> BTreeSet<&str> {
    let all = package["dependencies"].as_array().unwrap();
    let built = all.iter().filter(|it| it["kind"].as_str() != Some("dev"));
    built.map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn crates_depend_on_each_other_only_as_the_architecture_says() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    let packages = packages();
    let known: BTreeSet<&str> = allowed.keys().copied().collect();
    let found: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(
        found, known,
        "every crate of the workspace has a row in the table"
    );
    for (name, package) in &packages {
        let ours = dependencies(package)
            .into_iter()
            .filter(|it| known.contains(it));
        for dependency in ours {
            assert!(
                allowed[name.as_str()].contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn crates_keep_away_from_what_the_architecture_forbids_them() {
    for (name, package) in packages() {
        let dependencies = dependencies(&package);
        for forbidden in must_not(&name) {
            assert!(
                !dependencies.contains(forbidden),
                "{name} must not depend on {forbidden}"
            );
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace_and_opens_with_the_flow_line() {
    for (name, package) in packages() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap()).to_owned();
        let text = fs::read_to_string(&manifest).unwrap();
        let lints = text
            .split("[lints]")
            .nth(1)
            .map(|rest| rest.trim_start().to_owned());
        assert!(
            lints.is_some_and(|rest| rest.starts_with("workspace = true")),
            "{name} takes the workspace's lints"
        );
        let library = fs::read_to_string(manifest.with_file_name("src/lib.rs")).unwrap();
        let first = library.lines().next().unwrap_or_default().to_lowercase();
        let flow = "//! `command → decide → append → relay → project → query`";
        assert!(
            first.starts_with(flow),
            "{name} opens with the flow line, not with {first:?}"
        );
    }
}
