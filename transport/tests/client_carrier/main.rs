//! The carrier against scripted peers on real sockets: each network condition of `spec/messages.md` §5.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "helpers of tests say what they expect by unwrapping it")]

mod comm_failed;
mod conditions;
#[path = "../support/device.rs"]
mod device;
mod dns;
mod kept;
mod limits;
mod name_server;
mod network;
mod peer;
mod proxy;
mod real_proxy;
mod smart;
mod tls;
mod transports;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use slpsim_policy::Wall;
use slpsim_transport::client::{Call, Carrier, Limits, NoWay, Way};

/// 2026-03-02T10:00:00Z, in seconds: the device's clock where a test does not set another one.
const NOW: i64 = 1_772_445_600;

/// The name that certificates are made for and that the network maps to the scripted peer.
const NAME: &str = "license.example.com";

/// A carrier whose network leads everything to `real`, with time enough for a slow machine.
fn carrier(real: SocketAddr) -> Carrier {
    let network = move |_: &str, _: u16| -> Result<Way, NoWay> { Ok(Way::Mapped(real)) };
    let mut carrier = Carrier::new(Arc::new(|| Wall::from_secs(NOW)), Arc::new(network));
    carrier.limits = Limits::within(Duration::from_secs(20));
    carrier
}

fn call(url: &str) -> Call {
    Call { url: url.to_owned(), content_type: "application/json", body: b"{\"hello\":1}".to_vec() }
}

fn plain() -> Call {
    call(&format!("http://{NAME}:8182/cslu/v1/pi"))
}

fn secure() -> Call {
    call(&format!("https://{NAME}/licservice/license"))
}
