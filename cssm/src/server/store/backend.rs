//! What a store has to do.

use super::StoreError;
use crate::persist::Entry;

/// Takes one line of a record; an error says what is wrong with it.
pub(super) type Take<'a> = &'a mut dyn FnMut(&str) -> Result<(), String>;

/// What others have changed since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    /// These lines, in an order in which they can be taken.
    Lines(Vec<String>),
    /// More than the store still knows one by one: everything has to be loaded anew.
    TooMuch,
}

impl Pulled {
    pub(super) const NOTHING: Self = Self::Lines(Vec::new());
}

/// A place for records. Its methods may take as long as the medium does, so one thread has it for itself.
///
/// A change goes `begin`, `commit`; between the two nobody else changes anything. After an error the whole store is loaded
/// anew before the next change.
pub(super) trait Backend: Vault + Send {
    /// Whether other processes change records as well.
    fn is_shared(&self) -> bool;

    /// Hands out everything.
    fn load(&mut self, take: Take<'_>) -> Result<(), StoreError>;

    /// Keeps others from changing anything until `commit` or `cancel`; what they have changed since the last look.
    fn begin(&mut self) -> Result<Pulled, StoreError>;

    /// Writes all of this or nothing; durable when it returns.
    fn commit(&mut self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Ends what `begin` began without a change.
    fn cancel(&mut self) -> Result<(), StoreError>;

    /// What others have changed since the last look, without keeping them from more.
    fn look(&mut self) -> Result<Pulled, StoreError>;
}

/// A place for keys and tokens that have to be there before anything else is.
pub(in crate::server) trait Vault {
    /// What lies there under `name`, such as `licensing.pem`.
    fn read(&mut self, name: &str) -> Result<Option<String>, StoreError>;

    /// Puts something there in place of what was there.
    fn write(&mut self, name: &str, text: &str) -> Result<(), StoreError>;

    /// For messages: where `name` lies.
    fn place(&self, name: &str) -> String;
}
