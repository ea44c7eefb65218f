//! The switch around the agent as an operator sees it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calendar;
pub mod document;
