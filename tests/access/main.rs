//! Ways into a switch of `slpsim run`: the clients that users of Nexus switches have, at real sockets.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what they expect by unwrapping it"
)]

mod bad_input;
mod clients;
mod nxapi;
mod openssh;
#[path = "../daemon/process.rs"]
#[expect(dead_code, reason = "made for daemons, of which this uses a part")]
mod process;

use std::path::Path;

use process::Daemon;

/// A switch with an administrator and an operator, and a mock to talk to.
pub(crate) const SWITCH: &str = r#"
[device]
hostname = "leaf-1"
serial = "FDO00000001"
transport = "smart"
[mock]
[[user]]
name = "admin"
password = "secret"
role = "network-admin"
[[user]]
name = "viewer"
password = "look"
"#;

/// Starts a daemon of that configuration.
pub(crate) async fn start(folder: &Path, config: &str, more: &[&str]) -> Daemon {
    let file = folder.join("switch.toml");
    std::fs::write(&file, config).unwrap();
    let state = folder.join("state");
    let args = ["run", "-c", file.to_str().unwrap(), "--state", state.to_str().unwrap(), "--sink", "null:"];
    Daemon::start(folder, "switch", &[&args[..], more].concat()).await
}

/// The port of an address or URL of the ready file.
pub(crate) fn port(daemon: &Daemon, key: &str) -> u16 {
    let text = daemon.text(key);
    let address = text.trim_end_matches("/ins").rsplit(':').next().unwrap();
    address.parse().unwrap_or_else(|_| panic!("{key}: {text}"))
}
