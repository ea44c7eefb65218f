//! What both databases need.

use std::io;

use tokio::runtime::{Builder, Runtime};

use super::StoreError;

/// For the thread that has a store for itself.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>); the lowest byte is the primary one.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const READONLY_DBMOVED: i32 = 1032;
/// `SQLITE_ERROR` (a table is missing, or has another form), `SQLITE_CORRUPT`, `SQLITE_SCHEMA`, `SQLITE_CONSTRAINT`,
/// `SQLITE_MISMATCH`.
const WRECKED: [i32; 5] = [1, 11, 17, 19, 20];
const FULL: i32 = 13;
const NOTADB: i32 = 26;
/// `SQLITE_PERM`, `SQLITE_CANTOPEN`, `SQLITE_AUTH`.
const CLOSED: [i32; 3] = [3, 14, 23];

pub(super) fn sqlite_trouble(store: &str, error: &sqlx::Error) -> StoreError {
    let (store, detail) = (store.to_owned(), detail(error));
    let code = error.as_database_error().and_then(|error| error.code());
    let Some(code) = code.and_then(|code| code.parse::<i32>().ok()) else {
        return without_code(error, store, detail);
    };
    of_code(code, store, detail)
}

fn of_code(code: i32, store: String, detail: String) -> StoreError {
    let primary = code & 0xff;
    if code == READONLY_DBMOVED {
        return StoreError::Gone { store, detail };
    }
    if primary == FULL {
        return StoreError::Full { store, detail };
    }
    if primary == BUSY || primary == LOCKED {
        return StoreError::Locked { store, detail };
    }
    if primary == NOTADB {
        let detail = format!("{detail}; it is the file of another program, or was damaged");
        return StoreError::Refused { store, detail };
    }
    if WRECKED.contains(&primary) {
        return StoreError::Damaged { store, detail };
    }
    if primary == READONLY || CLOSED.contains(&primary) {
        return StoreError::Refused { store, detail };
    }
    StoreError::Gone { store, detail }
}

/// The library's own errors: what a database has given has another form than it should, or was not given at all.
fn without_code(error: &sqlx::Error, store: String, detail: String) -> StoreError {
    use sqlx::Error::{
        ColumnDecode, ColumnIndexOutOfBounds, ColumnNotFound, Configuration, Decode, Migrate, RowNotFound,
        TypeNotFound,
    };
    if matches!(
        error,
        ColumnDecode { .. }
            | ColumnIndexOutOfBounds { .. }
            | ColumnNotFound(_)
            | Decode(_)
            | Migrate(_)
            | RowNotFound
            | TypeNotFound { .. }
    ) {
        return StoreError::Damaged { store, detail };
    }
    if matches!(error, Configuration(_)) {
        return StoreError::Refused { store, detail };
    }
    StoreError::Gone { store, detail }
}

/// What a database said, in one line; never a statement or a value in it.
pub(super) fn detail(error: &sqlx::Error) -> String {
    let text = match (error.as_database_error(), error) {
        (Some(error), _) => error.message().to_owned(),
        (None, sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            format!("what answers there is no database: {error}")
        }
        (None, sqlx::Error::Protocol(error)) => format!("what answers there is no database: {error}"),
        (None, sqlx::Error::Io(error)) => error.to_string(),
        (None, error) => error.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn postgres_trouble(store: &str, error: &sqlx::Error) -> StoreError {
    let (store, detail) = (store.to_owned(), detail(error));
    match error.as_database_error() {
        Some(error) => of_state(error.code().as_deref().unwrap_or_default(), store, detail),
        None => without_code(error, store, detail),
    }
}

/// By the SQLSTATE (PostgreSQL, appendix A).
fn of_state(code: &str, store: String, detail: String) -> StoreError {
    /// `disk_full`, `out_of_memory`, `configuration_limit_exceeded`.
    const FULL: [&str; 3] = ["53100", "53200", "53400"];
    /// `lock_not_available`, `query_canceled` by a time-out, `serialization_failure`, `deadlock_detected`.
    const LOCKED: [&str; 4] = ["55P03", "57014", "40001", "40P01"];
    /// `invalid_catalog_name`, `insufficient_privilege`, `read_only_sql_transaction`.
    const CLOSED: [&str; 3] = ["3D000", "42501", "25006"];
    if FULL.contains(&code) {
        return StoreError::Full { store, detail };
    }
    if LOCKED.contains(&code) {
        return StoreError::Locked { store, detail };
    }
    // `invalid_authorization_specification` and its kin.
    if CLOSED.contains(&code) || code.starts_with("28") {
        return StoreError::Refused { store, detail };
    }
    // `syntax_error_or_access_rule_violation`: tables are missing or have another form. `data_corrupted` and its kin.
    if code.starts_with("42") || code.starts_with("XX") {
        return StoreError::Damaged { store, detail };
    }
    StoreError::Gone { store, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_says_what_helps() {
        for (code, word) in [
            ("53100", "full"),
            ("55P03", "locked"),
            ("28P01", "refused"),
            ("3D000", "refused"),
            ("42P01", "damaged"),
            ("57P01", "gone"),
            ("53300", "gone"),
            ("", "gone"),
        ] {
            assert_eq!(of_state(code, "s".into(), "d".into()).word(), word, "{code}");
        }
        for (code, word) in [
            (1, "damaged"),
            (5, "locked"),
            (13, "full"),
            (11, "damaged"),
            (14, "refused"),
            (26, "refused"),
            (8, "refused"),
            (1032, "gone"),
            (10, "gone"),
        ] {
            assert_eq!(of_code(code, "s".into(), "d".into()).word(), word, "{code}");
        }
        let none = without_code(&sqlx::Error::RowNotFound, "s".into(), "d".into());
        assert_eq!(none.word(), "damaged");
        assert_eq!(without_code(&sqlx::Error::WorkerCrashed, "s".into(), "d".into()).word(), "gone");
    }
}
