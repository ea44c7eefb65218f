//! The clients: from a request of the agent to a reply, or to the row of `spec/messages.md` §5.
//!
//! Two levels. A [`Carrier`] moves the bytes of one exchange over HTTP or HTTPS. A [`Transport`] moves what the agent
//! speaks of: it composes, encodes and signs with a [`Format`], has the bytes carried, and decodes, verifies and
//! accepts the answer. [`Smart`], [`Callhome`], [`Cslu`] and [`Off`] are the transports.

mod call;
mod callhome;
mod carrier;
mod classify;
mod dns;
mod kept;
mod link;
mod proxy;
mod route;
mod smart;
mod switch;
mod tls;
mod transport;

pub use call::{Answer, Call, CarryError, Clock, Limits};
pub use callhome::Callhome;
pub use carrier::Carrier;
pub use dns::{Dns, Elapsed, NameFault};
pub use kept::Kept;
pub use link::{Decoded, Encoded, Format, Link, Nonces, SystemNonces};
pub use proxy::{Credentials, Proxy};
pub use route::{Finding, NoWay, Resolve, Way};
pub use smart::{Cslu, Smart};
pub use switch::SwitchNetwork;
pub use tls::{AnchorError, Anchors};
pub use transport::{Exchanged, Exchanging, Off, Transport};
