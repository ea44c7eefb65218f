//! slpsim
fn main() {}
