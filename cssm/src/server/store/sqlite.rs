//! Records in a SQLite file of one mock.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;

use super::backend::{Backend, Pulled, Take, Vault};
use super::folder::Identity;
use super::lock::Lock;
use super::migrations::{self, SQLITE};
use super::watch::{Boundary, Watched};
use super::{StoreError, folder, journal, sql};
use crate::persist::Entry;

/// How long a write waits for somebody else's to end.
const BUSY: Duration = Duration::from_millis(500);
/// Records in one statement.
const AT_ONCE: usize = 500;
/// Where the library keeps account of the tables' versions.
const VERSIONS: &str = "_sqlx_migrations";

const WRITE: &str = "INSERT INTO records (rank, kind, key, born, line) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true \
    ON CONFLICT (kind, key) DO UPDATE SET line = excluded.line";
const REMOVE: &str =
    "DELETE FROM records WHERE (kind, key) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";

/// An open file.
#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    most_bytes: Option<u64>,
    /// Keys as files; without it they are in the database.
    keys: Option<PathBuf>,
    runtime: Runtime,
    connection: Option<SqliteConnection>,
    /// Which file is open.
    file: Option<Identity>,
    begun: bool,
    born: i64,
    watched: Watched,
    _lock: Lock,
}

impl Sqlite {
    /// Opens or makes `path`, of at most `most_bytes`. Keys lie in the folder `keys`, or beside the records.
    pub(super) fn open(
        path: &Path,
        most_bytes: Option<u64>,
        keys: Option<&Path>,
        watched: Watched,
    ) -> Result<Self, StoreError> {
        let lock = match keys {
            Some(dir) => Lock::take(&dir.join("lock"), dir)?,
            None => Lock::take(&beside(path, "-lock"), path)?,
        };
        let refused = |detail: String| StoreError::Refused { store: path.display().to_string(), detail };
        // SQLite gives the files that it makes beside this one the same mode.
        let made = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        drop(made.map_err(|error| refused(error.to_string()))?);
        let mut sqlite = Self {
            path: path.into(),
            most_bytes,
            keys: keys.map(Into::into),
            runtime: sql::runtime().map_err(|error| refused(error.to_string()))?,
            connection: None,
            file: None,
            begun: false,
            born: 0,
            watched,
            _lock: lock,
        };
        sqlite.connect()?;
        if let Some(dir) = keys {
            sqlite.take_over(&dir.join(journal::FILE))?;
        }
        Ok(sqlite)
    }

    /// Takes the records that a release before this one has kept as JSON lines; the file stays under another name.
    fn take_over(&mut self, lines: &Path) -> Result<(), StoreError> {
        let here: i64 = self.run(async |connection| {
            sqlx::query_scalar("SELECT count(*) FROM records").fetch_one(connection).await
        })?;
        if here > 0 || !lines.exists() {
            return Ok(());
        }
        let entries = journal::last_forms(lines, &mut |_| Ok(()))?;
        self.write_all(&entries)?;
        let kept = lines.with_extension("jsonl.taken-over");
        tracing::info!("{} went into {}", lines.display(), self.path.display());
        fs::rename(lines, kept).map_err(|error| StoreError::Refused {
            store: lines.display().to_string(),
            detail: error.to_string(),
        })
    }

    fn connect(&mut self) -> Result<(), StoreError> {
        self.begun = false;
        if let Some(old) = self.connection.take() {
            // Its file may be gone, and so may its reason to complain.
            let _ = self.runtime.block_on(old.close());
        }
        // The library would make one that is not there.
        let file = folder::identity(&self.path)?;
        let mut options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        if let Some(bytes) = self.most_bytes {
            options = options.pragma("max_page_count", (bytes / 4096).max(16).to_string());
        }
        let connect = async {
            let mut connection = SqliteConnection::connect_with(&options).await?;
            if is_foreign(&mut connection).await? {
                return Ok(None);
            }
            // Only now: it changes the file.
            sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await?;
            migrations::migrator(&SQLITE).await?.run(&mut connection).await?;
            Ok(Some(connection))
        };
        let connected = self.runtime.block_on(connect).map_err(|error| self.migration_trouble(error))?;
        let Some(connection) = connected else {
            let detail = "it is the file of another program; name another one".into();
            return Err(StoreError::Refused { store: self.place(""), detail });
        };
        self.connection = Some(connection);
        self.file = Some(file);
        self.checked()
    }

    fn migration_trouble(&self, error: migrations::MigrateError) -> StoreError {
        match migrations::newer(&error) {
            Some(version) => StoreError::Newer { store: self.place(""), version },
            None => self.trouble(&migrations::cause(error)),
        }
    }

    fn trouble(&self, error: &sqlx::Error) -> StoreError {
        sql::sqlite_trouble(&self.path.display().to_string(), error)
    }

    fn checked(&self) -> Result<(), StoreError> {
        folder::checked(&self.path, self.file)
    }

    /// Does something with the connection.
    fn run<T>(
        &mut self,
        job: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let Some(connection) = &mut self.connection else {
            return Err(StoreError::Gone { store: self.place(""), detail: "it is not open".into() });
        };
        let done = self.runtime.block_on(job(connection));
        done.map_err(|error| self.trouble(&error))
    }

    fn write_all(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut born = self.born;
        let (mut kept, mut gone): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for entries in entries.chunks(AT_ONCE) {
            let mut rows: Vec<Value> = Vec::new();
            for entry in entries.iter().filter(|entry| !entry.gone) {
                born += 1;
                rows.push(json!([entry.rank, entry.kind, entry.key, born, entry.line]));
            }
            kept.push(Value::Array(rows).to_string());
            let keys = entries.iter().filter(|entry| entry.gone).map(|entry| json!([entry.kind, entry.key]));
            let keys: Vec<Value> = keys.collect();
            if !keys.is_empty() {
                gone.push(Value::Array(keys).to_string());
            }
        }
        let begin = !std::mem::replace(&mut self.begun, false);
        let watched = self.watched.clone();
        self.run(async |connection| {
            if begin {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            }
            for rows in kept {
                sqlx::query(WRITE).bind(rows).execute(&mut *connection).await?;
            }
            for keys in gone {
                sqlx::query(REMOVE).bind(keys).execute(&mut *connection).await?;
            }
            watched.at(Boundary::Written);
            sqlx::query("COMMIT").execute(&mut *connection).await.map(drop)
        })?;
        self.born = born;
        Ok(())
    }

    fn roll_back(&mut self) {
        self.begun = false;
        // Where nothing is open any more there is nothing to roll back.
        let _ = self.run(async |connection| sqlx::query("ROLLBACK").execute(connection).await);
    }
}

impl Backend for Sqlite {
    fn is_shared(&self) -> bool {
        false
    }

    fn load(&mut self, take: Take<'_>) -> Result<(), StoreError> {
        // After trouble the connection, or the file, may be another one.
        if self.connection.is_none() || self.begun || self.checked().is_err() {
            self.connect()?;
        }
        let store = self.place("");
        let (wrong, born) = self.run(async |connection| {
            let mut rows =
                sqlx::query("SELECT line, born FROM records ORDER BY rank, born").fetch(connection);
            let mut last = 0;
            while let Some(row) = rows.try_next().await? {
                last = last.max(row.try_get::<i64, _>(1)?);
                if let Err(detail) = take(row.try_get::<&str, _>(0)?) {
                    return Ok((Some(detail), last));
                }
            }
            Ok((None, last))
        })?;
        self.born = born;
        wrong.map_or(Ok(()), |detail| Err(StoreError::Damaged { store, detail }))
    }

    fn begin(&mut self) -> Result<Pulled, StoreError> {
        self.checked()?;
        self.run(async |connection| sqlx::query("BEGIN IMMEDIATE").execute(connection).await)?;
        self.begun = true;
        Ok(Pulled::NOTHING)
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let done = self.checked().and_then(|()| self.write_all(entries));
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn cancel(&mut self) -> Result<(), StoreError> {
        self.roll_back();
        Ok(())
    }

    fn look(&mut self) -> Result<Pulled, StoreError> {
        Ok(Pulled::NOTHING)
    }
}

impl Vault for Sqlite {
    fn read(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        if let Some(dir) = &self.keys {
            return folder::read(dir, name);
        }
        self.run(async |connection| {
            let query = sqlx::query_scalar("SELECT text FROM vault WHERE name = ?1").bind(name);
            query.fetch_optional(connection).await
        })
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), StoreError> {
        if let Some(dir) = &self.keys {
            return folder::write(dir, name, text);
        }
        self.run(async |connection| {
            let query = sqlx::query(
                "INSERT INTO vault (name, text) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET text = excluded.text",
            );
            query.bind(name).bind(text).execute(connection).await.map(drop)
        })
    }

    fn place(&self, name: &str) -> String {
        match (&self.keys, name) {
            (_, "") => self.path.display().to_string(),
            (Some(dir), name) => dir.join(name).display().to_string(),
            (None, name) => format!("{name} in {}", self.path.display()),
        }
    }
}

/// Whether it has tables, and not ours.
async fn is_foreign(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let names =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(connection).await?;
    let has = |name: &str| names.iter().any(|there| there == name);
    // A mock that died at its first start has left the first of them alone.
    Ok(names.len() > 1 && !(has(VERSIONS) && has("records")) || names.len() == 1 && !has(VERSIONS))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
