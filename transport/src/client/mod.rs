//! Carrying exchanges: [`Carrier`] moves bytes, a [`Transport`] moves the agent's requests.

mod call;
mod carrier;
mod classify;
mod route;
mod tls;

pub use call::{Answer, Call, CarryError, Clock, Limits};
pub use carrier::{Carrier, Proxy};
pub use route::{NoWay, Resolve, Way};
pub use tls::{AnchorError, Anchors};
