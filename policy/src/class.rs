//! Licence classes (`spec/behaviour.md` §2.1).

/// The classes for which a policy carries day counts.
///
/// NX-OS has one class without enforcement; IOS-XE splits it into perpetual and subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Unenforced/Non-Export, NX-OS (licence type `Generic`).
    Unenforced,
    /// Unenforced/Non-Export Perpetual, IOS-XE.
    Perpetual,
    /// Unenforced/Non-Export Subscription, IOS-XE.
    Subscription,
    /// Enforced; on NX-OS only MDS 9000.
    Enforced,
    /// Export-controlled; not on Nexus.
    Export,
}

impl Class {
    /// All classes, in the order in which policies list them.
    pub const ALL: [Self; 5] =
        [Self::Unenforced, Self::Perpetual, Self::Subscription, Self::Enforced, Self::Export];

    /// Position in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of classes, for instance those with licences in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClassSet(u8);

impl ClassSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// This set with `class` added.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u8)
    }

    /// Whether `class` is in the set.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & 1 << class as u8 != 0
    }

    /// Whether no class is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.contains(*class))
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::EMPTY, Self::with)
    }
}
