//! The server over real sockets: what a device and an operator see.

mod client;
mod dialogue;
mod faults;
mod lifetime;
mod management;
mod rules;
mod unreadable;
