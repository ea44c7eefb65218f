//! `slpsim run` and `slpsim cssm` as processes of their own.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what they expect by unwrapping it"
)]

mod bad_input;
mod carry;
mod check;
mod death;
mod files;
mod fleet;
mod fleet_ends;
mod fleet_manage;
mod names;
mod pages;
mod pipes;
mod printed;
mod process;
mod proxy;
mod pytest;
mod redundancy;
mod store_deaths;
mod stores;
mod topologies;
mod tour;
mod walk;
