//! The agent in simulated time, concern by concern: at t this happens, at t exactly that is sent and logged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

#[path = "../support/mod.rs"]
mod support;

mod authorization;
mod clock;
mod discovery;
mod files;
mod life;
mod policy;
mod polling;
mod reminders;
mod renewals;
mod supervisors;
mod sync;
mod trust;
mod usage;
mod window;
