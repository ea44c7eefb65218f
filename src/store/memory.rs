//! A store without a disk, for daemons that shall leave nothing behind.

use super::{KeptAside, Loaded, MAX_BLOB, Store, StoreError};

/// Keeps the blob in memory; it is gone with the value.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    blob: Option<Vec<u8>>,
    writes: u64,
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded { blob: self.blob.clone(), ..Loaded::default() })
    }

    fn save(&mut self, blob: &[u8]) -> Result<(), StoreError> {
        if blob.len() > MAX_BLOB {
            return Err(StoreError::TooLarge { size: blob.len() });
        }
        self.blob = Some(blob.to_vec());
        self.writes += 1;
        Ok(())
    }

    fn keep_aside(&mut self, _why: &'static str) -> Result<Vec<KeptAside>, StoreError> {
        self.blob = None;
        Ok(Vec::new())
    }

    fn writes(&self) -> u64 {
        self.writes
    }
}
