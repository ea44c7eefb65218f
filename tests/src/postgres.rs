//! A PostgreSQL of a test's own: in a folder that goes with it, on a Unix socket, as somebody who is not root.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A cluster that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    user: Option<u32>,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts it; it takes connections when this returns. `None` where PostgreSQL is missing; then the
    /// word `skipped` is printed.
    ///
    /// # Panics
    /// Where it is missing and `SLPSIM_REQUIRE_PEERS=1` is set, and where it does not start.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that has no database has failed")]
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Self { programs, user: unprivileged(folder.path()), folder, child: None };
        if let Some(user) = cluster.user {
            chown(cluster.folder.path(), Some(user), None).expect("the folder is given away");
        }
        let data = cluster.data();
        let mut initdb = cluster.program("initdb");
        initdb.args(["--username=mock", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"]);
        let made = initdb.arg(&data).output().expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.go_on();
        Some(cluster)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=mock", self.folder.path().display())
    }

    /// Starts it again after [`Postgres::stop`].
    ///
    /// # Panics
    /// Where it does not start.
    #[expect(clippy::expect_used, reason = "a test that has no database has failed")]
    pub fn go_on(&mut self) {
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        // The data die with the test.
        postgres.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let mut child = postgres.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("postgres runs");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        while !said.contains("ready to accept connections") {
            assert!(log.read_line(&mut said).expect("its log") > 0, "postgres ended: {said}");
        }
        // It must not wait for a reader.
        std::thread::spawn(move || log.lines().count());
        self.child = Some(child);
    }

    /// Ends it as an administrator does who does not wait for anybody.
    ///
    /// # Panics
    /// Where it does not end.
    #[expect(clippy::expect_used, reason = "a test that has no database has failed")]
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let asked = Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
        assert!(asked.expect("kill runs").success());
        child.wait().expect("postgres ends");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // What it leaves behind in memory and on disk goes with the folder.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// PostgreSQL refuses to run as root, so root lends it the name of somebody else.
fn unprivileged(mine: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let is_root = fs::metadata(mine).is_ok_and(|folder| folder.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    };
    is_root.then(|| of("postgres").or_else(|| of("nobody")).unwrap_or(65_534))
}

/// Debian keeps the programs of each release in a folder of its own, out of the path.
fn programs() -> Option<PathBuf> {
    let releases = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = releases.map(|release| release.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders.sort();
    folders.pop().or_else(|| crate::peer("initdb")?.parent().map(Path::to_path_buf))
}
