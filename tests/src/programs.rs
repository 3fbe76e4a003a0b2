//! Where the programs that the tests need are found on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Debian keeps the server's programs out of `PATH`, in one directory per major version.
const POSTGRES_HOME: &str = "/usr/lib/postgresql";

/// Finds a program of the Postgres server.
pub(crate) fn postgres(name: &str) -> PathBuf {
    in_path(name)
        .or_else(|| newest_postgres(name))
        .unwrap_or_else(|| {
            panic!(
                "`{name}` is not installed, and these tests need a real Postgres: run \
                 `apt-get install -y postgresql` (Debian, Ubuntu), `dnf install -y \
                 postgresql-server` (Fedora) or `brew install postgresql` (macOS)"
            )
        })
}

/// Finds nats-server.
pub(crate) fn nats_server() -> PathBuf {
    in_path("nats-server").unwrap_or_else(|| {
        panic!(
            "`nats-server` is not installed, and these tests need a real one: run \
             `apt-get install -y nats-server` (Debian, Ubuntu), `dnf install -y nats-server` \
             (Fedora) or `brew install nats-server` (macOS)"
        )
    })
}

/// Finds a program in `PATH` or in the directories that root's `PATH` has and a user's may lack.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(
            [
                "/usr/local/bin",
                "/usr/bin",
                "/usr/sbin",
                "/opt/homebrew/bin",
            ]
            .map(PathBuf::from),
        )
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

fn newest_postgres(name: &str) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(Path::new(POSTGRES_HOME))
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            program.is_file().then_some((major, program))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, program)| program)
}

/// The `daybook` program: what `DAYBOOK_BIN` names, else the one beside the tests, brought up to
/// date first. (Cargo does not build another package's program for a test: without this, tests
/// would quietly run yesterday's.)
pub(crate) fn daybook() -> PathBuf {
    if let Some(named) = std::env::var_os("DAYBOOK_BIN") {
        let named = PathBuf::from(named);
        assert!(
            named.is_file(),
            "DAYBOOK_BIN names no file: {}",
            named.display()
        );
        return named;
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "daybook", "--target-dir"])
            .arg(beside_tests().join(".."))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo can be run");
        assert!(status.success(), "`cargo build -p daybook` failed");
        beside_tests().join("daybook")
    };
    BUILT.get_or_init(build).clone()
}

/// The release build of the `daybook` program: what `DAYBOOK_RELEASE_BIN` names, else the one in
/// the target directory of the tests.
pub fn daybook_release() -> PathBuf {
    let program = std::env::var_os("DAYBOOK_RELEASE_BIN")
        .map_or_else(|| beside_tests().join("../release/daybook"), PathBuf::from);
    assert!(
        program.is_file(),
        "there is no release build at {}: run `cargo build --release -p daybook`, or name one in \
         DAYBOOK_RELEASE_BIN",
        program.display()
    );
    program
}

/// `target/debug` for a test program in `target/debug/deps`.
fn beside_tests() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows where it is");
    let directory = program.parent().expect("in a directory");
    match directory.file_name() {
        Some(name) if name == "deps" => directory.parent().expect("in a directory").to_owned(),
        _ => directory.to_owned(),
    }
}
