//! As whom PostgreSQL runs. It refuses to run as root, so under root another way is needed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::programs;

/// Who the number is inside a user namespace; any number but 0 does.
const NAMESPACE_ID: &str = "1000";

/// As whom PostgreSQL runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// As we do: we are not root.
    Myself,
    /// As another user of this machine.
    User {
        /// Its number.
        uid: u32,
        /// Its group's number.
        gid: u32,
    },
    /// As ourselves, in a user namespace in which we are not root. This is for directories that
    /// no other user can enter, such as those below `/root`.
    Namespace {
        /// The program `unshare`.
        unshare: PathBuf,
    },
}

/// There is no way.
#[derive(Debug, thiserror::Error)]
#[error(
    "PostgreSQL refuses to run as root, and no other user can enter {blocked}: run Daybook as \
     another user, or choose a --data-dir that the user `postgres` can enter (/var/lib/daybook)"
)]
pub struct NoOwner {
    blocked: PathBuf,
}

impl Owner {
    /// Chooses for this directory, which has to be there.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, NoOwner> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Myself);
        }
        let users = ["postgres", "nobody"].into_iter().filter_map(user);
        let users: Vec<Self> = users.collect();
        if let Some(able) = users.iter().find(|owner| owner.can_enter(data_dir)) {
            return Ok(able.clone());
        }
        if let Some(unshare) = programs::find("unshare") {
            let namespace = Self::Namespace { unshare };
            if namespace.can_enter(data_dir) {
                return Ok(namespace);
            }
        }
        let blocked = data_dir
            .ancestors()
            .filter(|dir| users.iter().all(|owner| !owner.can_enter(dir)));
        Err(NoOwner {
            blocked: blocked.last().unwrap_or(data_dir).to_owned(),
        })
    }

    /// A command that runs the program as this owner.
    pub(super) fn command(&self, program: &Path) -> Command {
        self.with_words(vec![program.into()])
    }

    /// The same, and the program gets this signal (by its name, without SIG) when the thread that
    /// started it ends. Where the system cannot do that (macOS), nothing is added: the next start
    /// finds and ends what was left over.
    pub(super) fn tied(&self, program: &Path, signal: &str) -> Command {
        let Some(setpriv) = programs::find("setpriv") else {
            return self.command(program);
        };
        // Right before the program: the kernel forgets the signal when the user changes.
        let words = [
            setpriv.into(),
            "--pdeathsig".into(),
            signal.into(),
            "--".into(),
        ];
        self.with_words(words.into_iter().chain([program.into()]).collect())
    }

    fn with_words(&self, mut words: Vec<OsString>) -> Command {
        if let Self::Namespace { unshare } = self {
            let user = format!("--map-user={NAMESPACE_ID}").into();
            let group = format!("--map-group={NAMESPACE_ID}").into();
            words.splice(
                0..0,
                [unshare.into(), "--user".into(), user, group, "--".into()],
            );
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if let Self::User { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Makes a file or directory with everything in it this owner's.
    pub(super) fn take(&self, path: &Path) -> io::Result<()> {
        let (uid, gid) = match self {
            Self::Myself => return Ok(()),
            Self::User { uid, gid } => (*uid, *gid),
            // Root is who the namespace's user is outside of it.
            Self::Namespace { .. } => (0, 0),
        };
        if fs::symlink_metadata(path)?.uid() == uid {
            return Ok(());
        }
        give(path, uid, gid)
    }

    /// Asked by trying: modes, access lists and security modules all have a say.
    fn can_enter(&self, dir: &Path) -> bool {
        let Some(test) = programs::find("test") else {
            return false;
        };
        let mut command = self.command(&test);
        command.arg("-x").arg(dir).current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// The top last: if this is interrupted, it is seen and done again.
fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    lchown(path, Some(uid), Some(gid))
}

fn user(name: &str) -> Option<Owner> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| parse_user(line, name))
}

/// A line of `/etc/passwd`: `name:password:uid:gid:…`.
fn parse_user(line: &str, name: &str) -> Option<Owner> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    (uid != 0).then_some(Owner::User { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_its_line() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        assert_eq!(
            parse_user(line, "postgres"),
            Some(Owner::User { uid: 101, gid: 104 })
        );
        assert_eq!(parse_user(line, "nobody"), None);
        assert_eq!(parse_user("postgres:x:0:0::/:/bin/sh", "postgres"), None);
    }

    #[test]
    fn there_is_a_way_for_a_private_directory() {
        let temp = tempfile::tempdir().unwrap();
        let owner = Owner::choose(temp.path()).unwrap();
        assert!(owner.can_enter(temp.path()), "{owner:?}");
    }
}
