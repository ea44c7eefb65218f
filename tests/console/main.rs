//! `slpsim console` on a pseudo-terminal, as a person sees it.

#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod chapter;
mod daemon;
mod keys;
mod process;
mod tty;
