//! Which store is meant: `--store` and the key `store`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

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
    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let path = |rest: &str| {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            match path.is_empty() {
                true => Err(StoreUrlError(format!("{text:?} names no file; write sqlite:FILE"))),
                false => Ok(PathBuf::from(path)),
            }
        };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.into()));
        }
        match text.split_once(':') {
            Some(("sqlite", rest)) => {
                let (rest, most_bytes) = most_bytes(rest)?;
                Ok(Self::Sqlite { path: path(rest)?, most_bytes })
            }
            Some(("journal", rest)) => path(rest).map(Self::Journal),
            Some((scheme, rest)) if rest.starts_with("//") => Err(StoreUrlError(format!(
                "no store is called {scheme:?}; there are sqlite:FILE, postgres://…, journal:FOLDER, or a folder"
            ))),
            Some(_) | None if text.is_empty() => Err(StoreUrlError("a store has a name".into())),
            Some(_) | None => Ok(Self::Folder(text.into())),
        }
    }
}

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
        for text in ["mysql://h/d", "sqlite:", "", "journal:", "sqlite:a?max-bytes=5", "sqlite:a?mode=ro"] {
            assert!(text.parse::<StoreChoice>().is_err(), "{text}");
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
