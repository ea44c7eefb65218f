//! The console on a switch with a real agent.

mod bench;
mod configuration;
mod lines;
mod reference;
mod show;
