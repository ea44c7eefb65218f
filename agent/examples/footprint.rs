//! Prints what one agent costs in memory.
fn main() {
    println!("size_of::<Agent>() = {} bytes", size_of::<slpsim_agent::Agent>());
}
