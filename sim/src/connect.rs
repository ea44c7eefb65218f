//! From a switch's configuration to a transport over HTTP(S).

use std::sync::Arc;

use slpsim_agent::{Failure, TransportMode};
use slpsim_console::config::Config;
use slpsim_network::{Network, Unreached, World};
use slpsim_transport::client::{
    Anchors, Carrier, Clock, Cslu, Exchanged, Exchanging, Format, Limits, Link, NoWay, Nonces, Off, Proxy,
    Resolve, Smart, Transport, Way,
};

use crate::lockstep::Door;

/// Makes the transport that a configuration asks for.
pub trait Connect: Send {
    /// The transport for `config`.
    fn connect(&self, config: &Config) -> Arc<dyn Transport>;
}

/// Connects over real sockets, as far as the simulated network leads there.
pub struct HttpConnect {
    /// The device's clock: certificates are judged by it.
    pub clock: Arc<dyn Clock>,
    /// The simulated network.
    pub world: Arc<World>,
    /// Whom TLS trusts.
    pub anchors: Anchors,
    /// Form of the messages.
    pub format: Arc<dyn Format>,
    /// Where nonces come from.
    pub nonces: Arc<dyn Nonces>,
    /// Bounds of an exchange.
    pub limits: Limits,
    /// Where everything leads in an outage; none where only the network decides.
    pub door: Option<Arc<Door>>,
}

impl Connect for HttpConnect {
    fn connect(&self, config: &Config) -> Arc<dyn Transport> {
        let link = Link {
            carrier: self.carrier(config),
            format: Arc::clone(&self.format),
            nonces: Arc::clone(&self.nonces),
        };
        match config.smart.transport {
            TransportMode::Smart => Arc::new(Smart { link, url: config.smart.smart_url.clone() }),
            TransportMode::Cslu => {
                let domain = config.ip.domain.clone();
                Arc::new(Cslu { link, url: config.smart.cslu_url.clone(), domain })
            }
            TransportMode::Off => Arc::new(Off),
            TransportMode::Callhome => Arc::new(NoCallhome),
        }
    }
}

impl HttpConnect {
    fn carrier(&self, config: &Config) -> Carrier {
        let smart = &config.smart;
        let mut carrier = Carrier::new(Arc::clone(&self.clock), Arc::new(self.route(config)));
        carrier.anchors = self.anchors.clone();
        carrier.limits = self.limits;
        carrier.allow_external = self.world.allow_external;
        carrier.proxy = smart
            .proxy_address
            .as_ref()
            .map(|host| Proxy::new(host.clone(), smart.proxy_port.unwrap_or(PROXY_PORT)));
        carrier
    }

    fn route(&self, config: &Config) -> SwitchRoute {
        SwitchRoute {
            network: config.network(&self.world),
            vrf: config.source().vrf.into(),
            interface: config.source().interface.map(Into::into),
            door: self.door.clone(),
        }
    }
}

/// Port of a proxy where none is configured (modelled).
const PROXY_PORT: u16 = 80;

/// The simulated network as a switch sees it from the source of its licensing agent.
struct SwitchRoute {
    network: Network,
    vrf: String,
    interface: Option<String>,
    door: Option<Arc<Door>>,
}

impl Resolve for SwitchRoute {
    fn resolve(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        let source = slpsim_network::Source { vrf: &self.vrf, interface: self.interface.as_deref() };
        match self.network.destination_from(host, port, source) {
            Ok(address) => {
                let refusing = self.door.as_ref().and_then(|door| door.refusing());
                Ok(Way::Mapped(refusing.unwrap_or(address)))
            }
            // The simulated DNS does not know the name; the host's may, where that is allowed.
            Err(Unreached::Resolve(_))
                if self.network.world.allow_external && !self.network.ip.name_servers.is_empty() =>
            {
                Ok(Way::Unmapped)
            }
            Err(error @ Unreached::Resolve(_)) => Err(NoWay::Name(error.to_string())),
            Err(error @ (Unreached::SourceInterface(_) | Unreached::Vrf(_))) => {
                Err(NoWay::NotReady(error.to_string()))
            }
            Err(error @ (Unreached::NoRoute(_) | Unreached::Firewall(_))) => {
                Err(NoWay::Unreachable(error.to_string()))
            }
            Err(error @ (Unreached::Cisco(_) | Unreached::External(_))) => {
                Err(NoWay::Refused(error.to_string()))
            }
        }
    }
}

/// Call Home, whose envelope this version does not write.
struct NoCallhome;

impl Transport for NoCallhome {
    fn exchange<'a>(
        &'a self,
        _request: &'a slpsim_agent::Request,
        _sender: &'a slpsim_agent::Sender,
    ) -> Exchanging<'a> {
        let why = "this version does not send by Call Home: use transport smart or cslu";
        Box::pin(std::future::ready(Exchanged::unsent(Failure::CallhomeService, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(world: World, config: &Config) -> SwitchRoute {
        SwitchRoute {
            network: Network::new(Arc::new(world), config.ip.clone()),
            vrf: config.smart.vrf.clone(),
            interface: config.smart.source_interface.clone(),
            door: None,
        }
    }

    #[test]
    fn each_obstacle_is_the_kind_of_failure_that_a_device_would_see() {
        let mut world = World::default();
        world.add_host("cslu.example.com", "192.168.0.1".parse().unwrap());
        world.add_route("192.168.0.1", 8182, "127.0.0.1:40002".parse().unwrap());
        let config = Config::default();
        let to = |host, port| route(world.clone(), &config).resolve(host, port);
        assert_eq!(to("cslu.example.com", 8182), Ok(Way::Mapped("127.0.0.1:40002".parse().unwrap())));
        assert!(matches!(to("nowhere.example.com", 443), Err(NoWay::Name(_))));
        assert!(matches!(to("cslu.example.com", 443), Err(NoWay::Refused(_))));
        assert!(matches!(to("tools.cisco.com", 443), Err(NoWay::Refused(_))));
        let mut config = Config::default();
        config.smart.source_interface = Some("Ethernet1/1".into());
        let from_nowhere = route(world.clone(), &config).resolve("cslu.example.com", 8182);
        assert!(matches!(from_nowhere, Err(NoWay::NotReady(_))));
        let mut config = Config::default();
        config.ip.name_servers.clear();
        assert!(matches!(route(world, &config).resolve("cslu.example.com", 8182), Err(NoWay::Name(_))));
    }
}
