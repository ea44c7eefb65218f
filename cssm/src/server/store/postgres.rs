//! Records in a PostgreSQL database, of one mock or of several behind one address.
//!
//! Who changes records locks the row of `slpsim_head` first and takes what the others have changed since it looked last.
//! So the changes of all processes come one after the other, each made with all before it in view: as serial as
//! transactions can be, without one that has to be tried again.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::backend::{Backend, Pulled, Take, Vault};
use super::choice::postgres_options;
use super::migrations::{self, MigrateError, POSTGRES};
use super::watch::{Boundary, Watched};
use super::{StoreChoice, StoreError, sql};
use crate::persist::Entry;

/// What the server itself ends: a statement, a wait for the lock, and a process that holds the lock and does nothing. An
/// import of everything is taken to memory while the lock is held, so that one has the longest time.
const SERVER_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "8s"), ("idle_in_transaction_session_timeout", "20s")];
/// A server that does not answer at all; but everything at once may take longer.
const SILENCE: Duration = Duration::from_secs(12);
const LOADING: Duration = Duration::from_secs(300);
const SILENT: &str = "it does not answer";
/// Records in one statement.
const AT_ONCE: usize = 1_000;
/// For how many changes a record that is gone is remembered, and after how many that is looked after.
const REMEMBERED: i64 = 100_000;
const SWEEP: i64 = 16_384;

const WRITE: &str = "INSERT INTO slpsim_records (rank, kind, key, seq, born, gone, line) \
    SELECT rank, kind, key, seq, seq, gone, line FROM UNNEST($1::smallint[], $2::text[], $3::text[], \
    $4::bigint[], $5::boolean[], $6::text[]) AS entry (rank, kind, key, seq, gone, line) \
    ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq, gone = excluded.gone, line = excluded.line, \
    born = CASE WHEN slpsim_records.gone THEN excluded.seq ELSE slpsim_records.born END";
const HEAD: &str = "SELECT seq, floor FROM slpsim_head";
const HEAD_LOCKED: &str = "SELECT seq, floor FROM slpsim_head FOR UPDATE";
const CHANGES: &str = "SELECT line FROM slpsim_records WHERE seq > $1 ORDER BY rank, born";

/// An open database.
pub(super) struct Postgres {
    /// Without password.
    name: String,
    options: PgConnectOptions,
    runtime: Runtime,
    /// None after trouble.
    connection: Option<PgConnection>,
    begun: bool,
    /// The last change that was seen.
    seen: i64,
    watched: Watched,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Opens the database of `url` and makes its tables where they are missing.
    pub(super) fn open(url: &str, watched: Watched) -> Result<Self, StoreError> {
        let name = StoreChoice::Postgres(url.into()).to_string();
        let refused = |detail: String| StoreError::Refused { store: name.clone(), detail };
        let options = postgres_options(url).map_err(|error| refused(error.to_string()))?;
        let options = options.application_name("slpsim").options(SERVER_LIMITS).disable_statement_logging();
        let runtime = sql::runtime().map_err(|error| refused(error.to_string()))?;
        let mut postgres = Self { name, options, runtime, connection: None, begun: false, seen: 0, watched };
        postgres.connect()?;
        Ok(postgres)
    }

    fn connect(&mut self) -> Result<(), StoreError> {
        let connect = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            if is_foreign(&mut connection).await? {
                return Ok(None);
            }
            migrations::migrator(&POSTGRES).await?.run(&mut connection).await?;
            Ok::<_, MigrateError>(Some(connection))
        };
        let connected = self.runtime.block_on(async { timeout(SILENCE, connect).await });
        let connection = match connected {
            Err(_) => return Err(self.silent()),
            Ok(Err(error)) => {
                return Err(match migrations::newer(&error) {
                    Some(version) => StoreError::Newer { store: self.name.clone(), version },
                    None => sql::postgres_trouble(&self.name, &migrations::cause(error)),
                });
            }
            Ok(Ok(None)) => {
                let detail = "another program has its tables there; give the mock a database of its own";
                return Err(StoreError::Refused { store: self.name.clone(), detail: detail.into() });
            }
            Ok(Ok(Some(connection))) => connection,
        };
        self.connection = Some(connection);
        self.begun = false;
        Ok(())
    }

    fn silent(&self) -> StoreError {
        StoreError::Gone { store: self.name.clone(), detail: SILENT.into() }
    }

    /// Does something with the connection. After an error there is none any more: what a transaction has done so far is
    /// then undone by the server.
    fn run<T>(
        &mut self,
        within: Duration,
        job: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let Some(connection) = &mut self.connection else { return Err(self.silent()) };
        let error = match self.runtime.block_on(async { timeout(within, job(connection)).await }) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => sql::postgres_trouble(&self.name, &error),
            Err(_) => self.silent(),
        };
        self.connection = None;
        self.begun = false;
        Err(error)
    }

    /// The same over a new connection where the old one is no more: the server was restarted since the last look, and
    /// nothing was under way.
    fn pull_again(&mut self, lock: bool) -> Result<Pulled, StoreError> {
        match self.pull(lock) {
            Err(StoreError::Gone { detail, .. }) if detail != SILENT && !self.begun => {
                self.connect()?;
                self.pull(lock)
            }
            pulled => pulled,
        }
    }

    /// What happened since the last look; with `lock` nobody changes anything until the transaction ends.
    fn pull(&mut self, lock: bool) -> Result<Pulled, StoreError> {
        let seen = self.seen;
        let (now, pulled) = self.run(SILENCE, async |connection| {
            if lock {
                sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
            }
            let head = sqlx::query(if lock { HEAD_LOCKED } else { HEAD }).fetch_one(&mut *connection).await?;
            let (now, floor): (i64, i64) = (head.try_get(0)?, head.try_get(1)?);
            if now == seen {
                return Ok((now, Pulled::NOTHING));
            }
            // Another database may have been put in place of this one.
            if seen < floor || now < seen {
                return Ok((seen, Pulled::TooMuch));
            }
            let lines = sqlx::query_scalar(CHANGES).bind(seen).fetch_all(connection).await?;
            Ok((now, Pulled::Lines(lines)))
        })?;
        self.begun = lock;
        self.seen = now;
        Ok(pulled)
    }
}

impl Backend for Postgres {
    fn is_shared(&self) -> bool {
        true
    }

    fn load(&mut self, take: Take<'_>) -> Result<(), StoreError> {
        if self.connection.is_none() {
            self.connect()?;
        }
        // Where others are kept out already, they are for this as well.
        let own = !self.begun;
        let store = self.name.clone();
        let (wrong, seen) = self.run(LOADING, async |connection| {
            if own {
                let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
                sqlx::raw_sql(begin).execute(&mut *connection).await?;
            }
            let seen: i64 = sqlx::query(HEAD).fetch_one(&mut *connection).await?.try_get(0)?;
            let all = "SELECT line FROM slpsim_records WHERE NOT gone ORDER BY rank, born";
            let mut wrong = None;
            {
                let mut rows = sqlx::query(all).fetch(&mut *connection);
                while let Some(row) = rows.try_next().await? {
                    if wrong.is_none() {
                        wrong = take(row.try_get::<&str, _>(0)?).err();
                    }
                }
            }
            if own {
                sqlx::raw_sql("COMMIT").execute(connection).await?;
            }
            Ok((wrong, seen))
        })?;
        self.seen = seen;
        wrong.map_or(Ok(()), |detail| Err(StoreError::Damaged { store, detail }))
    }

    fn begin(&mut self) -> Result<Pulled, StoreError> {
        self.pull_again(true)
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let before = self.seen;
        // An import is one transaction, and may be large.
        let within = if entries.len() > AT_ONCE { LOADING } else { SILENCE };
        let watched = self.watched.clone();
        let now = self.run(within, async |connection| {
            let mut now = before;
            for entries in entries.chunks(AT_ONCE) {
                let mut seqs = Vec::with_capacity(entries.len());
                seqs.extend(entries.iter().map(|_| {
                    now += 1;
                    now
                }));
                sqlx::query(WRITE)
                    .bind(entries.iter().map(|entry| entry.rank).collect::<Vec<_>>())
                    .bind(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>())
                    .bind(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>())
                    .bind(seqs)
                    .bind(entries.iter().map(|entry| entry.gone).collect::<Vec<_>>())
                    .bind(entries.iter().map(|entry| entry.line.as_str()).collect::<Vec<_>>())
                    .execute(&mut *connection)
                    .await?;
            }
            sqlx::query("UPDATE slpsim_head SET seq = $1").bind(now).execute(&mut *connection).await?;
            if now / SWEEP > before / SWEEP {
                sweep(connection, now - REMEMBERED).await?;
            }
            watched.at(Boundary::Written);
            sqlx::raw_sql("COMMIT").execute(connection).await?;
            Ok(now)
        })?;
        self.begun = false;
        self.seen = now;
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), StoreError> {
        self.begun = false;
        self.run(SILENCE, async |connection| sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop))
    }

    fn look(&mut self) -> Result<Pulled, StoreError> {
        self.pull_again(false)
    }
}

/// Whether a program that is not ours keeps the same account of its tables' versions here.
async fn is_foreign(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    const WITHOUT_OURS: &str =
        "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AND to_regclass('slpsim_head') IS NULL";
    if !sqlx::query_scalar::<_, bool>(WITHOUT_OURS).fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    // A mock that died at its first start has left it empty; one that is at its first start now fills it while we look.
    let filled = "SELECT count(*) > 0 FROM _sqlx_migrations";
    let filled: bool = sqlx::query_scalar(filled).fetch_one(&mut *connection).await?;
    Ok(filled && sqlx::query_scalar(WITHOUT_OURS).fetch_one(connection).await?)
}

async fn sweep(connection: &mut PgConnection, floor: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM slpsim_records WHERE gone AND seq < $1")
        .bind(floor)
        .execute(&mut *connection)
        .await?;
    let raise = sqlx::query("UPDATE slpsim_head SET floor = greatest(floor, $1)").bind(floor);
    raise.execute(connection).await.map(drop)
}

impl Vault for Postgres {
    fn read(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        self.run(SILENCE, async |connection| {
            let query = sqlx::query_scalar("SELECT text FROM slpsim_vault WHERE name = $1").bind(name);
            query.fetch_optional(connection).await
        })
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), StoreError> {
        self.run(SILENCE, async |connection| {
            let query = sqlx::query(
                "INSERT INTO slpsim_vault (name, text) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET text = excluded.text",
            );
            query.bind(name).bind(text).execute(connection).await.map(drop)
        })
    }

    fn place(&self, name: &str) -> String {
        match name {
            "" => self.name.clone(),
            name => format!("{name} in {}", self.name),
        }
    }
}
