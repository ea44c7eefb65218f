//! The `slpsim` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    slpsim::cli::main()
}
