//! Which store is meant: `--store` and the key `store`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where a mock keeps what it knows.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// A folder with keys, certificates and a SQLite file.
    Folder(PathBuf),
    /// A folder with keys, certificates and a file of JSON lines that grows.
    Journal(PathBuf),
    /// A SQLite file that has everything, keys as well.
    Sqlite {
        /// Which.
        path: PathBuf,
        /// How large it may get.
        most_bytes: Option<u64>,
    },
    /// A PostgreSQL database that has everything, keys as well, for one mock or several.
    Postgres(String),
}

/// Why a text is no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreUrlError(String);

impl FromStr for StoreChoice {
    type Err = StoreUrlError;

    /// `sqlite:FILE`, `sqlite:FILE?max-bytes=N`, `journal:FOLDER`, `postgres://…`, or a folder.
    ///
    /// What an error says has nothing of the text in it that may be a password.
    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if text.is_empty() {
            return Err(StoreUrlError(format!("a store has a name: {STORES}")));
        }
        if text.chars().any(char::is_control) {
            return Err(StoreUrlError("the name of a store has no control characters".into()));
        }
        match text.split_once(':') {
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                postgres_options(text)?;
                Ok(Self::Postgres(text.into()))
            }
            Some(("sqlite", rest)) => {
                let (rest, most_bytes) = most_bytes(rest)?;
                Ok(Self::Sqlite { path: file(rest)?, most_bytes })
            }
            Some(("journal", rest)) => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err(StoreUrlError("journal: names no folder; write journal:FOLDER".into())),
                rest => Ok(Self::Journal(rest.into())),
            },
            Some((scheme, rest)) => match meant(scheme, rest) {
                Some(error) => Err(error),
                None => Ok(Self::Folder(text.into())),
            },
            None => Ok(Self::Folder(text.into())),
        }
    }
}

const STORES: &str =
    "there are sqlite:FILE, postgres://USER:PASSWORD@HOST:PORT/DATABASE, journal:FOLDER, or a folder";

fn file(rest: &str) -> Result<PathBuf, StoreUrlError> {
    match rest.strip_prefix("//").unwrap_or(rest) {
        "" => Err(StoreUrlError("sqlite: names no file; write sqlite:FILE".into())),
        ":memory:" => Err(StoreUrlError(
            "sqlite::memory: would keep nothing; write sqlite:FILE, or leave the store out for a folder of the state folder"
                .into(),
        )),
        path if path.ends_with('/') => {
            Err(StoreUrlError("sqlite: names a folder; write sqlite:FILE, or the folder alone".into()))
        }
        path => Ok(PathBuf::from(path)),
    }
}

/// What is wrong with a text that is no folder although it has no known scheme.
fn meant(scheme: &str, rest: &str) -> Option<StoreUrlError> {
    let small = scheme.to_ascii_lowercase();
    let write = |what: &str| Some(StoreUrlError(format!("no store is called {scheme:?}; write {what}")));
    if ["postgres", "postgresql", "pg", "psql", "pgsql"].contains(&small.as_str()) {
        return write("postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    match small.as_str() {
        "sqlite" | "sqlite3" => return write("sqlite:FILE"),
        "journal" => return write("journal:FOLDER"),
        "file" | "folder" | "dir" => return write("the folder alone"),
        _ => {}
    }
    // Slashes that are too few, or a colon that is: a password would end as the name of a folder.
    if small.starts_with("postgres") && rest.contains('@') {
        return Some(StoreUrlError("write postgres://USER:PASSWORD@HOST:PORT/DATABASE".into()));
    }
    rest.starts_with("//").then(|| StoreUrlError(format!("no store is called {scheme:?}; {STORES}")))
}

/// Words behind `?` of a PostgreSQL URL; any other one would be passed over by the library, with a line in the log that
/// shows its value.
const POSTGRES_WORDS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
    "application_name",
    "statement-cache-capacity",
];

/// Reads a PostgreSQL URL. What it says of a wrong one has no value in it: any may be a password.
pub(super) fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreUrlError> {
    let wrong = |what: String| Err(StoreUrlError(what));
    let words = url.split_once('?').map(|(_, words)| words).unwrap_or_default();
    // Then the library would take the end of a password for something else.
    if url.contains('#') || words.contains('@') {
        return wrong(NO_URL.into());
    }
    for word in words.split('&').filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if !POSTGRES_WORDS.contains(&key) {
            // A word without a value may be anything, a part of a password too.
            let shown: String = match word.contains('=') {
                true => format!("{:?}", key.chars().take(30).collect::<String>()),
                false => "word without a value".into(),
            };
            return wrong(format!(
                "a PostgreSQL URL has no {shown} behind its ?; there are host, port, dbname, user, password, sslmode, \
                 sslrootcert, sslcert, sslkey, options"
            ));
        }
        if key == "port" && value.parse::<u16>().is_err() {
            return wrong("the port of a PostgreSQL URL is a number up to 65535".into());
        }
        if key.starts_with("ssl") && key.ends_with("mode") && value.parse::<PgSslMode>().is_err() {
            return wrong(
                "sslmode of a PostgreSQL URL is disable, allow, prefer, require, verify-ca or verify-full"
                    .into(),
            );
        }
    }
    // The library's own words repeat a part of the URL.
    PgConnectOptions::from_str(url).or_else(|_| wrong(NO_URL.into()))
}

const NO_URL: &str = "the URL is no postgres://USER:PASSWORD@HOST:PORT/DATABASE; within a name or password, write %2F for /, \
     %40 for @, %3A for :, %23 for #, %3F for ?";

impl StoreChoice {
    /// The same with a path that is relative to `base`, as in a file that stands there.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(base.join(path)),
            Self::Journal(path) => Self::Journal(base.join(path)),
            Self::Sqlite { path, most_bytes } => Self::Sqlite { path: base.join(path), most_bytes },
            Self::Postgres(url) => Self::Postgres(url),
        }
    }
}

impl fmt::Display for StoreChoice {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Journal(path) => write!(f, "journal:{}", path.display()),
            Self::Sqlite { path, .. } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreChoice({self})")
    }
}

/// File and size.
fn most_bytes(text: &str) -> Result<(&str, Option<u64>), StoreUrlError> {
    let Some((path, options)) = text.rsplit_once('?') else { return Ok((text, None)) };
    let number = options.strip_prefix("max-bytes=").and_then(|number| number.parse().ok());
    match number.filter(|number| *number >= LEAST_BYTES) {
        Some(number) => Ok((path, Some(number))),
        None => Err(StoreUrlError(format!(
            "{options:?} is no option of a SQLite store; there is max-bytes={LEAST_BYTES} and more"
        ))),
    }
}

/// What the tables themselves take, and a few records.
const LEAST_BYTES: u64 = 100_000;

/// What stands before `@` and after `?` may be a secret.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((before, host))) => {
            let user = before.split_once("://").map_or(before, |(_, user)| user);
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        (Some(_) | None, _) => url.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_named_by_url_or_folder() {
        for (text, expected) in [
            ("sqlite:mock.db", StoreChoice::Sqlite { path: "mock.db".into(), most_bytes: None }),
            (
                "sqlite:///var/mock.db?max-bytes=1000000",
                StoreChoice::Sqlite { path: "/var/mock.db".into(), most_bytes: Some(1_000_000) },
            ),
            ("journal:/var/mock", StoreChoice::Journal("/var/mock".into())),
            ("/var/mock", StoreChoice::Folder("/var/mock".into())),
            ("odd:name", StoreChoice::Folder("odd:name".into())),
            ("postgres://h/d", StoreChoice::Postgres("postgres://h/d".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for (text, word) in [
            ("mysql://u:s3cret@h/d", "no store is called \"mysql\""),
            ("sqlite:", "write sqlite:FILE"),
            ("", "a store has a name"),
            ("journal:", "write journal:FOLDER"),
            ("sqlite:a?max-bytes=5", "max-bytes=100000 and more"),
            ("sqlite:a?mode=ro", "is no option"),
            ("sqlite::memory:", "would keep nothing"),
            ("sqlite:folder/", "names a folder"),
            ("SQLite:a.db", "write sqlite:FILE"),
            ("sqlite3:a.db", "write sqlite:FILE"),
            ("file:///var/mock", "write the folder alone"),
            ("a\0b", "control characters"),
            ("postgres:mock:s3cret@h/d", "write postgres://"),
            ("Postgres://mock:s3cret@h/d", "write postgres://"),
            ("postgres//mock:s3cret@h/d", "write postgres://"),
            ("postgresql:/mock:s3cret@h/d", "write postgres://"),
            ("postgres://mock:s3cret/@h:5432/d", "write %2F for /"),
            ("postgres://mock:s3cret@h:70000/d", "is no postgres://USER"),
            ("postgres://h/d?port=s3cret", "number up to 65535"),
            ("postgres://h/d?sslmode=s3cret", "verify-full"),
            ("postgres://h/d?pasword=s3cret", "no \"pasword\" behind its ?"),
            ("postgres://h/d?hostaddr=s3cret", "is no postgres://USER"),
            ("postgres://mock:a?s3cret@h/d", "%3F for ?"),
            ("postgres://mock:12#s3cret@h/d", "%23 for #"),
        ] {
            let error = text.parse::<StoreChoice>().unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://mock:s3cret@db.example.com/mock?sslmode=require",
                "postgres://mock@db.example.com/mock",
            ),
            ("postgresql://mock:a@b:c@h/d", "postgresql://mock@h/d"),
            ("postgres:///mock?host=/run&password=s3cret", "postgres:///mock"),
        ] {
            let choice: StoreChoice = url.parse().unwrap();
            assert_eq!(
                (choice.to_string(), format!("{choice:?}")),
                (shown.into(), format!("StoreChoice({shown})"))
            );
        }
    }
}
