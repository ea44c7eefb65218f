//! What many agents have in common, so that each stays small.

use alloc::vec::Vec;

use slpsim_policy::Policy;

use crate::reply::Account;

/// Interned policies and accounts, and how much history an agent keeps. One for each driver or shard.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Customer policies that have been installed somewhere.
    pub policies: Interner<Policy>,
    /// Accounts that answers have named.
    pub accounts: Interner<Account>,
    /// What is remembered only to be shown.
    pub keep: Keep,
    /// Seed of keyed draws, see [`crate::draw`].
    pub seed: u64,
    /// Reports are sent in outline, without units and measurements: for a fleet whose peer is in the same process and
    /// looks at their numbers alone.
    pub outline: bool,
}

/// History that does not influence behaviour; a fleet keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Acknowledged reports that stay listed, by device.
    pub acked_reports: u16,
    /// Whether attempts are counted by purpose (`spec/behaviour.md` §7.4).
    pub counters: bool,
}

impl Keep {
    /// What one switch remembers for its show commands (modelled).
    pub const SWITCH: Self = Self { acked_reports: 100, counters: true };
}

/// Stores equal values once.
#[derive(Clone, Debug)]
pub struct Interner<T> {
    values: Vec<T>,
}

/// Names a value of an [`Interner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interned(u32);

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new() }
    }
}

impl<T: PartialEq> Interner<T> {
    pub(crate) fn intern(&mut self, value: T) -> Interned {
        let at = self.values.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        // More than four thousand million different policies do not fit into memory.
        Interned(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

impl<T> Interner<T> {
    pub(crate) fn get(&self, at: Interned) -> Option<&T> {
        self.values.get(usize::try_from(at.0).ok()?)
    }

    /// How many different values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing has been interned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
