//! Who is told of the boundaries of a transaction: tests that let the process die there.

use std::fmt::Debug;
use std::sync::Arc;

/// A boundary of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Everything is written, and nothing of it holds yet.
    Written,
    /// Everything is durable, and nobody has been told.
    Durable,
}

/// Is called on the thread of the store at each [`Boundary`] of each transaction, the one at the start among them.
pub trait Watch: Debug + Send + Sync {
    /// This boundary is reached.
    fn at(&self, boundary: Boundary);
}

/// Someone who watches, or nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched(pub(super) Option<Arc<dyn Watch>>);

impl Watched {
    pub(super) fn at(&self, boundary: Boundary) {
        if let Some(watch) = &self.0 {
            watch.at(boundary);
        }
    }
}
