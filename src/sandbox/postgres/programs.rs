//! The installed programs of PostgreSQL, and the account that runs them. Never installs one.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that skips the tests that need a server.
pub const SKIPPED_BY: &str = "TANDEM_TEST_NO_POSTGRES";

/// The system account that runs the server where this process is root, because PostgreSQL refuses to run as root.
const ACCOUNT: &str = "postgres";

/// Where Debian keeps the versions.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The programs that a server needs, all in one directory.
const NEEDED: [&str; 3] = ["initdb", "postgres", "psql"];

/// The programs, and the account that runs them.
#[derive(Debug)]
pub(super) struct Programs {
    directory: PathBuf,
    account: Option<Account>,
}

/// A system account.
#[derive(Debug)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Programs {
    /// Finds them on the path of programs, or else the newest of Debian's.
    pub(super) fn find() -> Result<Self, String> {
        let has_all = |directory: &PathBuf| NEEDED.iter().all(|name| directory.join(name).is_file());
        let directory = on_path().into_iter().chain(versions()).find(has_all).ok_or_else(|| {
            let names = NEEDED.join(", ");
            format!(
                "PostgreSQL is not installed: there is no directory with {names}. Install Debian's package `postgresql` \
                 (tests/install-postgresql does it), or set {}=1 to skip its tests",
                SKIPPED_BY
            )
        })?;
        let account = if rustix::process::geteuid().is_root() { Some(account()?) } else { None };
        Ok(Self { directory, account })
    }

    /// A call of a program as this process's user.
    pub(super) fn plain(&self, name: &str) -> Command {
        clean(&self.directory.join(name))
    }

    /// A call of a program as the server's account. The program ends when the thread that starts it ends, because the kernel
    /// tells it so. It hears none of the terminal's signals.
    pub(super) fn guarded(&self, name: &str) -> Command {
        use std::os::unix::process::CommandExt;

        let mut command = clean(Path::new("setpriv"));
        if let Some(Account { uid, gid }) = &self.account {
            command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups"]);
        }
        command.args(["--pdeathsig=QUIT", "--"]).arg(self.directory.join(name)).process_group(0);
        command
    }

    /// Hands a file or a directory to the server's account.
    pub(super) fn hand_over(&self, path: &Path) -> Result<(), String> {
        let Some(Account { uid, gid }) = &self.account else { return Ok(()) };
        chown(path, Some(*uid), Some(*gid)).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Whether a file of this user is of the server's account or of this process.
    pub(super) fn owns(&self, uid: u32) -> bool {
        uid == rustix::process::geteuid().as_raw() || self.account.as_ref().is_some_and(|account| account.uid == uid)
    }
}

/// A call without the caller's variables, of which PostgreSQL's own would lead the programs elsewhere.
fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    // Without a zone, initdb compares the machine's clock with every zone there is.
    command.env_clear().envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")]);
    command
}

/// The directory of the programs that a shell would run.
fn on_path() -> Option<PathBuf> {
    let found = Command::new("sh").args(["-c", "command -v postgres"]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim()).canonicalize().ok()?;
    Some(path.parent()?.to_owned())
}

/// The directories of Debian's versions, the newest first.
fn versions() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let mut found: Vec<_> = numbered.collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, path)| path.join("bin")).collect()
}

/// The server's account, as the machine's list of accounts has it.
fn account() -> Result<Account, String> {
    let missing =
        || format!("the account {ACCOUNT} is missing, and PostgreSQL refuses to run as root; make the account");
    let list = std::fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let line = list.lines().find_map(|line| line.strip_prefix(ACCOUNT)?.strip_prefix(':')).ok_or_else(missing)?;
    let mut numbers = line.split(':').skip(1).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(uid)), Some(Ok(gid))) => Ok(Account { uid, gid }),
        _ => Err(missing()),
    }
}
