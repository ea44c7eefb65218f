//! What the commands of the table do.

pub(crate) mod configure;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod license;
pub(crate) mod logging;
pub(crate) mod network;
pub(crate) mod redundancy;
pub(crate) mod system;
