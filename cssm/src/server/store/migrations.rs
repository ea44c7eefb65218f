//! The tables of a store, one file for each version. A file that was released is never changed.

use std::future::Future;
use std::pin::Pin;

use sqlx::error::BoxDynError;
use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};

pub(super) use sqlx::migrate::MigrateError;

/// Version, what it is about, and its text.
type File = (i64, &'static str, &'static str);

pub(super) const SQLITE: [File; 1] =
    [(1, "records", include_str!("../../../migrations/sqlite/1_records.sql"))];

pub(super) const POSTGRES: [File; 1] =
    [(1, "records", include_str!("../../../migrations/postgres/1_records.sql"))];

#[derive(Debug)]
struct Files(&'static [File]);

impl<'s> MigrationSource<'s> for Files {
    fn resolve(self) -> Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send + 's>> {
        let migration = |(version, about, text): &File| {
            Migration::new(*version, (*about).into(), MigrationType::Simple, (*text).into(), false)
        };
        let all = self.0.iter().map(migration).collect();
        Box::pin(std::future::ready(Ok(all)))
    }
}

/// Brings tables to the version of this release.
pub(super) async fn migrator(files: &'static [File]) -> Result<Migrator, MigrateError> {
    Migrator::new(Files(files)).await
}

/// The version of a store that a newer release has written.
pub(super) const fn newer(error: &MigrateError) -> Option<i64> {
    if let MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) = error {
        return Some(*version);
    }
    None
}

/// What the database said.
pub(super) fn cause(error: MigrateError) -> sqlx::Error {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return error;
    }
    sqlx::Error::Migrate(Box::new(error))
}
