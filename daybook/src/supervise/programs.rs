//! Where the programs of the private parts are on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose children may be versions of PostgreSQL, with the way down to its programs.
const POSTGRES_HOMES: &[(&str, &str)] = &[
    ("/usr/lib/postgresql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/usr", "bin"),
];

const OTHER_DIRS: &[&str] = &[
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/opt/homebrew/bin",
    "/usr/local/sbin",
];

/// The folder with `postgres` and `initdb` of one installation.
pub(super) fn postgres_dir() -> Option<PathBuf> {
    let both = |dir: &Path| is_program(&dir.join("initdb")) && is_program(&dir.join("postgres"));
    path_dirs().into_iter().find(|dir| both(dir)).or_else(|| {
        let mut found: Vec<PathBuf> = POSTGRES_HOMES
            .iter()
            .flat_map(|(home, below)| {
                let versions = fs::read_dir(home).into_iter().flatten().flatten();
                versions
                    .map(|version| version.path().join(below))
                    .collect::<Vec<_>>()
            })
            .filter(|dir| both(dir))
            .collect();
        // The newest version: 17 after 9.6, so the number decides, not the text.
        found.sort_by_key(|dir| (version_in(dir), dir.clone()));
        found.pop()
    })
}

/// The NATS server.
pub(super) fn nats_server() -> Option<PathBuf> {
    find("nats-server")
}

/// A program of this name.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let dirs = path_dirs()
        .into_iter()
        .chain(OTHER_DIRS.iter().map(PathBuf::from));
    dirs.map(|dir| dir.join(name)).find(|file| is_program(file))
}

fn path_dirs() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .as_deref()
        .map(|path: &OsStr| {
            std::env::split_paths(path)
                .filter(|dir| dir.is_absolute())
                .collect()
        })
        .unwrap_or_default()
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn version_in(dir: &Path) -> u32 {
    let digits = dir.to_string_lossy();
    digits
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_greatest_number() {
        let at = |dir: &str| version_in(Path::new(dir));
        assert!(at("/usr/lib/postgresql/17/bin") > at("/usr/lib/postgresql/9.6/bin"));
        assert_eq!(at("/opt/homebrew/opt/postgresql@16/bin"), 16);
    }
}
