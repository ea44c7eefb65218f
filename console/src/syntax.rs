//! The language of command lines: what the syntax column of the command table means, and how a typed line is read
//! against it.

mod grammar;
mod kind;
mod parse;

pub use grammar::{Item, Sequence, sequences};
pub use kind::{Kind, clock_parts, hour_minute, month, weekday};
pub use parse::{Parsed, SyntaxError, Word, candidates, next_items, parse, tokens};
