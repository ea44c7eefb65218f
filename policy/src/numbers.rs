//! The policy's numbers of `spec/behaviour.md` §19, each under the name it has there.

/// NX-OS default: first / ongoing / on change, in days (V).
pub const NXOS_DEFAULT: [u16; 3] = [90, 365, 90];
/// IOS-XE default of the perpetual class, in days (X).
pub const IOSXE_PERPETUAL: [u16; 3] = [365, 0, 90];
/// IOS-XE default of the subscription class, in days (X).
pub const IOSXE_SUBSCRIPTION: [u16; 3] = [90, 90, 90];
/// "default user interval", in days (V).
pub const DEFAULT_USER_INTERVAL_DAYS: u16 = 30;
/// "interval range", in days (modelled).
pub const INTERVAL_RANGE_DAYS: core::ops::RangeInclusive<u16> = 1..=3650;
/// "reminder before X", in days (V).
pub const REMINDER_BEFORE_DAYS: u16 = 30;
/// "reminder after X", in days between two reminders (modelled).
pub const REMINDER_AFTER_DAYS: u16 = 1;

/// One row of `spec/behaviour.md` §19 that this crate owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The name as the table has it.
    pub name: &'static str,
    /// The value column, as the table has it.
    pub value: &'static str,
    /// The unit column.
    pub unit: &'static str,
}

/// The rows of §19 that belong to the policy; the agent has the others.
pub const TABLE: &[Number] = &[
    Number { name: "default user interval", value: "30", unit: "d" },
    Number { name: "interval range", value: "1–3650", unit: "d" },
    Number { name: "NX-OS default: first / ongoing / on change", value: "90 / 365 / 90", unit: "d" },
    Number { name: "reminder before X", value: "30", unit: "d" },
    Number { name: "reminder after X", value: "1, value printed 0", unit: "d" },
];
