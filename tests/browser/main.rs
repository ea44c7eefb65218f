//! The pages in a real browser: each task of the chapter on the other side by clicking, and what a reader with a phone, a
//! screen reader or a dark screen meets.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what they expect by unwrapping it"
)]

#[path = "../daemon/process.rs"]
#[expect(dead_code, reason = "the tests of the daemons use more of it")]
mod process;

mod axe;
mod driver;
mod tasks;
