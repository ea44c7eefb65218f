//! Durable state with the manners of flash: what was saved stays, whatever happens while something else is saved.
//!
//! A store keeps one opaque blob. Who writes it gives the blob's format version; a blob of a newer version is
//! refused and left as it is, so that going back to an older program loses nothing.

mod memory;
mod slot;
mod slots;

use std::path::PathBuf;

pub use memory::MemoryStore;
pub use slots::SlotStore;
pub(crate) use slots::sync_folder;

/// Largest blob that is saved or loaded, in bytes. An agent at its report cap needs a small part of it.
pub const MAX_BLOB: usize = 16 << 20;

/// A place for one blob that survives a crash at any moment.
pub trait Store: Send {
    /// The last blob that was saved.
    ///
    /// # Errors
    /// Where the place cannot be read, or holds a newer format. Damage is no error: the damaged file is kept aside
    /// and named in the answer, and the caller starts fresh.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Makes `blob` durable; on return a loss of power does no harm to it.
    ///
    /// # Errors
    /// Where it cannot be written. The blob saved before is still there then.
    fn save(&mut self, blob: &[u8]) -> Result<(), StoreError>;

    /// Keeps everything aside that [`Store::load`] would find, for a blob whose contents turn out to be unusable.
    ///
    /// # Errors
    /// Where a file cannot be moved.
    fn keep_aside(&mut self, why: &'static str) -> Result<Vec<KeptAside>, StoreError>;

    /// How many times [`Store::save`] has succeeded on this value.
    fn writes(&self) -> u64;
}

/// What a store held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The blob; none where nothing was saved yet, or where all was damaged.
    pub blob: Option<Vec<u8>>,
    /// Damaged files, under the names that they have now.
    pub kept_aside: Vec<KeptAside>,
    /// Slots whose last write was cut off while the other slot was good: the ordinary trace of a power loss.
    /// The next save writes over them.
    pub torn: Vec<PathBuf>,
}

/// A damaged file that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Why a store cannot do its work; each is for the operator to mend.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refuses.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is from a newer program.
    #[error(
        "{} has format version {found}, and this program knows versions up to {known}: use the newer program, or another state folder",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The newest version known here.
        known: u16,
    },
    /// More than [`MAX_BLOB`] bytes.
    #[error("the state has {size} bytes, more than the limit of {MAX_BLOB}")]
    TooLarge {
        /// Its size.
        size: usize,
    },
}
