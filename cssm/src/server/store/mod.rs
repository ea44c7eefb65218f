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
mod watch;

use std::path::Path;
use std::sync::Arc;

use backend::Backend;
use watch::Watched;

pub(super) use backend::Vault;
pub use choice::{StoreChoice, StoreUrlError};
pub use error::StoreError;
pub(super) use gate::{kept, off_the_runtime};
pub(super) use keeper::{Entered, Keeper};
pub(super) use latency::{BOUNDS, Counts, Latency};
pub use watch::{Boundary, Watch};

/// Name of the records in a folder.
const RECORDS: &str = "records.db";

/// A store to be opened.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Which.
    pub(super) choice: StoreChoice,
    /// Who is told of its transactions.
    pub(super) watch: Option<Arc<dyn Watch>>,
}

/// Opens what was chosen.
fn open(choice: &StoreChoice, watched: Watched) -> Result<Box<dyn Backend>, StoreError> {
    let refused = |store: &Path, detail: &str| {
        Err(StoreError::Refused { store: store.display().to_string(), detail: detail.into() })
    };
    match choice {
        StoreChoice::Folder(dir) | StoreChoice::Journal(dir) if dir.is_file() => {
            return refused(dir, "it is a file; write sqlite:FILE for a store in one file, or name a folder");
        }
        StoreChoice::Sqlite { path, .. } if path.is_dir() => {
            return refused(path, "it is a folder; write the folder alone for a store in it, or name a file");
        }
        StoreChoice::Folder(_)
        | StoreChoice::Journal(_)
        | StoreChoice::Sqlite { .. }
        | StoreChoice::Postgres(_) => {}
    }
    Ok(match choice {
        StoreChoice::Journal(dir) => Box::new(journal::Journal::open(dir, watched)?),
        StoreChoice::Postgres(url) => Box::new(postgres::Postgres::open(url, watched)?),
        StoreChoice::Sqlite { path, most_bytes } => {
            Box::new(sqlite::Sqlite::open(path, *most_bytes, None, watched)?)
        }
        StoreChoice::Folder(dir) => {
            folder::make(dir)?;
            Box::new(sqlite::Sqlite::open(&dir.join(RECORDS), None, Some(dir), watched)?)
        }
    })
}
