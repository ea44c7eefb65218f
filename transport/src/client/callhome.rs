//! Transport `callhome`: the smart message in an envelope, by way of a profile of the Call Home service.

use slpsim_agent::{Failure, Request, Sender};

use super::link::Link;
use super::transport::{Exchanged, Exchanging, Transport};

/// Transport `callhome` (`spec/formats.md` §9). Its [`Link`] has a [`crate::callhome::CallhomeFormat`].
#[derive(Clone, Debug)]
pub struct Callhome {
    /// What carries.
    pub link: Link,
    /// Whether the service is on; without an e-mail contact it cannot be enabled (`spec/behaviour.md` §1).
    pub enabled: bool,
    /// Whether profile `CiscoTAC-1` is active.
    pub profile_active: bool,
    /// Whether the service has HTTP as a transport: `transport http use-vrf` is a prerequisite of licensing
    /// (`spec/behaviour.md` §1). What its absence does is modelled.
    pub http: bool,
    /// Destination URL of profile `CiscoTAC-1`; empty: none is configured.
    pub url: String,
}

impl Callhome {
    /// What of Call Home itself keeps a message from being sent, with a line of detail. The service comes before its
    /// profile, and this before its transport (modelled).
    #[must_use]
    pub const fn obstacle(&self) -> Option<(Failure, &'static str)> {
        if !self.enabled {
            let why = "Call Home is off; an e-mail contact and `enable` in mode callhome turn it on";
            Some((Failure::CallhomeService, why))
        } else if !self.profile_active {
            let why = "Call Home profile CiscoTAC-1 does not send by HTTP; make it active";
            Some((Failure::CallhomeProfile, why))
        } else if !self.http {
            let why =
                "Call Home has no transport over HTTP; `transport http use-vrf` in mode callhome sets it";
            Some((Failure::TransportMissing, why))
        } else {
            None
        }
    }
}

impl Transport for Callhome {
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a> {
        match self.obstacle() {
            Some((failure, why)) => Box::pin(std::future::ready(Exchanged::unsent(failure, why))),
            None => Box::pin(self.link.exchange(&self.url, request, sender)),
        }
    }
}
