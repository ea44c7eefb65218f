//! What `slpsim run` and `slpsim cssm` are made of: from a configuration to everything that listens and lives.

mod base;
pub mod cssm;
mod device;
mod mock;
mod pages;
mod reload;
mod run;
mod stopped;
mod translate;

pub use base::Base;
pub use reload::Reread;
pub use run::{RunPlan, run, run_until};
pub use stopped::clock_of;
pub(crate) use translate::sink as sink_spec;
