//! The policy as CSSM sends it, and what results from it (`spec/behaviour.md` §2).

use alloc::string::String;

use crate::class::Class;
use crate::numbers;

/// Day counts of one class as a policy states them; `None` means "keep the Cisco default" (§2.3 rule 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Values {
    /// Days before the first usage report is required; 0: none is.
    pub first: Option<u16>,
    /// Days after an acknowledged report within which the next is required; 0: none is.
    pub ongoing: Option<u16>,
    /// Days after a change of consumption within which a report is required; 0: none is.
    pub on_change: Option<u16>,
}

impl Values {
    /// All three values given.
    #[must_use]
    pub const fn of(first: u16, ongoing: u16, on_change: u16) -> Self {
        Self { first: Some(first), ongoing: Some(ongoing), on_change: Some(on_change) }
    }
}

/// A customer policy, as it arrives from CSSM (`spec/formats.md` §4). Two policies with equal content are the same policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// The `name` that the device shows.
    pub name: String,
    /// Whether the reporting-required alerts are sent; `None` keeps the default.
    pub ack_required: Option<bool>,
    /// Values by class, indexed by [`Class::index`].
    pub values: [Values; 5],
}

impl Policy {
    /// A policy for NX-OS that sets the unenforced class and asks for an ACK.
    #[must_use]
    pub fn nxos(name: &str, unenforced: Values) -> Self {
        let mut values = [Values::default(); 5];
        values[Class::Unenforced.index()] = unenforced;
        Self { name: name.into(), ack_required: Some(true), values }
    }
}

/// Where a value in use comes from; decides the tag that `show license` prints behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `(CISCO default)`
    CiscoDefault,
    /// `(Customer Policy)`
    Customer,
}

/// A value with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tagged<T> {
    /// The value in use.
    pub value: T,
    /// Who said so.
    pub source: Source,
}

/// Which Cisco default is on the box (§2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CiscoDefault {
    /// NX-OS: 90/365/90 in one unenforced class.
    #[default]
    NxOs,
    /// IOS-XE: perpetual 365/0/90, subscription 90/90/90.
    IosXe,
}

impl CiscoDefault {
    /// The default's values of `class` in days: first, ongoing, on change.
    #[must_use]
    pub const fn values(self, class: Class) -> [u16; 3] {
        match (self, class) {
            (Self::NxOs, Class::Unenforced) => numbers::NXOS_DEFAULT,
            (Self::IosXe, Class::Perpetual) => numbers::IOSXE_PERPETUAL,
            (Self::IosXe, Class::Subscription) => numbers::IOSXE_SUBSCRIPTION,
            // Classes that the system does not have, and the two that are zero on both (modelled for NX-OS).
            (Self::NxOs, Class::Perpetual | Class::Subscription)
            | (Self::IosXe, Class::Unenforced)
            | (_, Class::Enforced | Class::Export) => [0, 0, 0],
        }
    }
}

/// The rules in use: the Cisco default with a customer policy merged into it, value by value (§2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether acknowledgement alerts are sent.
    pub ack_required: Tagged<bool>,
    values: [[Tagged<u16>; 3]; 5],
}

impl Rules {
    /// Merges `policy`, where there is one, into the default.
    #[must_use]
    pub fn merge(default: CiscoDefault, policy: Option<&Policy>) -> Self {
        let values = Class::ALL.map(|class| {
            let kept = default.values(class);
            let given = policy.map_or(Values::default(), |policy| policy.values[class.index()]);
            [tagged(given.first, kept[0]), tagged(given.ongoing, kept[1]), tagged(given.on_change, kept[2])]
        });
        Self { ack_required: tagged(policy.and_then(|policy| policy.ack_required), true), values }
    }

    /// Days before the first report.
    #[must_use]
    pub const fn first(&self, class: Class) -> Tagged<u16> {
        self.values[class.index()][0]
    }

    /// Days of the ongoing frequency.
    #[must_use]
    pub const fn ongoing(&self, class: Class) -> Tagged<u16> {
        self.values[class.index()][1]
    }

    /// Days after a change of consumption.
    #[must_use]
    pub const fn on_change(&self, class: Class) -> Tagged<u16> {
        self.values[class.index()][2]
    }
}

fn tagged<T>(given: Option<T>, kept: T) -> Tagged<T> {
    match given {
        Some(value) => Tagged { value, source: Source::Customer },
        None => Tagged { value: kept, source: Source::CiscoDefault },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_leaves_a_value_out_keeps_the_default_with_its_tag() {
        let policy = Policy::nxos("P", Values { first: Some(10), ongoing: None, on_change: None });
        let rules = Rules::merge(CiscoDefault::NxOs, Some(&policy));
        assert_eq!(rules.first(Class::Unenforced), Tagged { value: 10, source: Source::Customer });
        assert_eq!(rules.ongoing(Class::Unenforced), Tagged { value: 365, source: Source::CiscoDefault });
        assert_eq!(rules.on_change(Class::Unenforced), Tagged { value: 90, source: Source::CiscoDefault });
    }

    #[test]
    fn each_class_has_its_own_values() {
        let mut policy = Policy::nxos("P", Values::of(10, 20, 30));
        policy.values[Class::Export.index()] = Values::of(1, 2, 3);
        let rules = Rules::merge(CiscoDefault::NxOs, Some(&policy));
        let days =
            |class| [rules.first(class).value, rules.ongoing(class).value, rules.on_change(class).value];
        assert_eq!(days(Class::Unenforced), [10, 20, 30]);
        assert_eq!(days(Class::Enforced), [0, 0, 0]);
        assert_eq!(days(Class::Export), [1, 2, 3]);
        assert_eq!(Class::ALL.map(Class::index), [0, 1, 2, 3, 4]);
    }

    /// `spec/behaviour.md` §2.2, the rows of the two defaults.
    #[test]
    fn the_defaults_are_those_of_the_table() {
        for (default, class, expected) in [
            (CiscoDefault::NxOs, Class::Unenforced, [90, 365, 90]),
            (CiscoDefault::NxOs, Class::Enforced, [0, 0, 0]),
            (CiscoDefault::NxOs, Class::Export, [0, 0, 0]),
            (CiscoDefault::IosXe, Class::Perpetual, [365, 0, 90]),
            (CiscoDefault::IosXe, Class::Subscription, [90, 90, 90]),
            (CiscoDefault::IosXe, Class::Enforced, [0, 0, 0]),
            (CiscoDefault::IosXe, Class::Export, [0, 0, 0]),
        ] {
            assert_eq!(default.values(class), expected, "{default:?} {class:?}");
        }
        assert!(Rules::merge(CiscoDefault::NxOs, None).ack_required.value);
    }
}
