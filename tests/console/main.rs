//! `slpsim console` on a pseudo-terminal, as a person sees it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what they expect by unwrapping it"
)]

mod chapter;
mod keys;
mod tty;
