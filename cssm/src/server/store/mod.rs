//! What lies behind the records in memory: nothing, a file that grows, SQLite, or PostgreSQL that several mocks share.
//!
//! The rules read and change [`crate::store::Memory`] and know nothing of this. [`Keeper`] takes what they have changed
//! to a [`Backend`], many exchanges in one transaction, and lets an answer leave when its transaction is done.

mod backend;
mod choice;
mod error;
mod folder;
mod gate;
mod journal;
mod keeper;
mod latency;
mod lock;
mod migrations;
mod postgres;
mod sql;
mod sqlite;

use backend::Backend;

pub(super) use backend::Vault;
pub use choice::{StoreChoice, StoreUrlError};
pub use error::StoreError;
pub(super) use gate::{kept, off_the_runtime};
pub(super) use keeper::{Entered, Keeper};
pub(super) use latency::{BOUNDS, Counts, Latency};

/// Name of the records in a folder.
const RECORDS: &str = "records.db";

/// Opens what was chosen.
fn open(choice: &StoreChoice) -> Result<Box<dyn Backend>, StoreError> {
    Ok(match choice {
        StoreChoice::Journal(dir) => Box::new(journal::Journal::open(dir)?),
        StoreChoice::Postgres(url) => Box::new(postgres::Postgres::open(url)?),
        StoreChoice::Sqlite { path, most_bytes } => Box::new(sqlite::Sqlite::open(path, *most_bytes, None)?),
        StoreChoice::Folder(dir) => {
            folder::make(dir)?;
            Box::new(sqlite::Sqlite::open(&dir.join(RECORDS), None, Some(dir))?)
        }
    })
}
