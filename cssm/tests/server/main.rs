//! The server over real sockets: what a device and an operator see.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests say what they expect by unwrapping it"
)]

mod accounts;
mod browser;
mod callhome;
mod client;
mod dialogue;
mod faults;
mod files;
mod forwarding;
mod lifetime;
mod management;
mod openapi;
mod rest;
mod rest_clients;
mod roles;
mod rules;
mod several;
mod store;
mod switchover;
mod together;
mod trouble;
mod unreadable;
mod web;
