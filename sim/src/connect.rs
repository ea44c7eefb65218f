//! From a switch's configuration to a transport over HTTP(S).

use std::sync::Arc;

use slpsim_agent::TransportMode;
use slpsim_console::config::Config;
use slpsim_network::World;
use slpsim_transport::client::{
    Anchors, Callhome, Carrier, Clock, Credentials, Cslu, Dns, Finding, Format, Limits, Link, NoWay, Nonces,
    Off, Proxy, Resolve, Smart, SwitchNetwork, Transport, Way,
};

use crate::lockstep::Door;

/// Makes the transport that a configuration asks for.
pub trait Connect: Send {
    /// The transport for `config`.
    fn connect(&self, config: &Config) -> Arc<dyn Transport>;

    /// Who asks real name servers for the device; none where nobody does.
    fn dns(&self) -> Option<Arc<Dns>> {
        None
    }
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
    /// The same in the envelope of Call Home.
    pub callhome: Arc<dyn Format>,
    /// Asks the name servers that are real ones.
    pub dns: Arc<Dns>,
    /// Where nonces come from.
    pub nonces: Arc<dyn Nonces>,
    /// What a proxy is told of the device, where it wants to know.
    pub proxy_login: Option<Credentials>,
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
        transport(config, link, &self.callhome)
    }

    fn dns(&self) -> Option<Arc<Dns>> {
        Some(Arc::clone(&self.dns))
    }
}

/// The transport that a configuration asks for, over `link`; Call Home has a format of its own.
pub(crate) fn transport(config: &Config, link: Link, callhome: &Arc<dyn Format>) -> Arc<dyn Transport> {
    match config.smart.transport {
        TransportMode::Smart => Arc::new(Smart { link, url: config.smart.smart_url.clone() }),
        TransportMode::Cslu => {
            let domain = config.ip.domain.clone();
            Arc::new(Cslu { link, url: config.smart.cslu_url.clone(), domain })
        }
        TransportMode::Off => Arc::new(Off),
        TransportMode::Callhome => Arc::new(Callhome {
            link: Link { format: Arc::clone(callhome), ..link },
            enabled: config.callhome.enabled,
            profile_active: config.callhome.profile_active,
            http: config.callhome.vrf.is_some(),
            url: config.callhome.url.clone(),
        }),
    }
}

impl HttpConnect {
    fn carrier(&self, config: &Config) -> Carrier {
        let network = SwitchNetwork::new(config.network(&self.world), config.source(), Arc::clone(&self.dns));
        let source = network.source_address();
        let network = BehindDoor { network, door: self.door.clone() };
        let mut carrier = Carrier::new(Arc::clone(&self.clock), Arc::new(network));
        carrier.source = source;
        carrier.anchors = self.anchors.clone();
        carrier.limits = self.limits;
        carrier.allow_external = self.world.allow_external;
        carrier.proxy = proxy(config).map(|proxy| match &self.proxy_login {
            Some(login) => proxy.with_credentials(login.clone()),
            None => proxy,
        });
        carrier
    }
}

/// The proxy that a configuration asks for.
pub(crate) fn proxy(config: &Config) -> Option<Proxy> {
    let smart = &config.smart;
    let address = smart.proxy_address.as_ref();
    address.map(|host| Proxy::new(host.clone(), smart.proxy_port.unwrap_or(PROXY_PORT)))
}

/// Port of a proxy where none is configured (modelled).
pub(crate) const PROXY_PORT: u16 = 80;

/// A switch's network, until an outage closes the door: then whatever is found leads to where nobody listens.
struct BehindDoor {
    network: SwitchNetwork,
    door: Option<Arc<Door>>,
}

impl BehindDoor {
    fn through(&self, way: Way) -> Way {
        self.door.as_ref().and_then(|door| door.refusing()).map_or(way, Way::Mapped)
    }
}

impl Resolve for BehindDoor {
    fn resolve(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self.network.resolve(host, port).map(|way| self.through(way))
    }

    fn find<'a>(&'a self, host: &'a str, port: u16) -> Finding<'a> {
        Box::pin(async move { self.network.find(host, port).await.map(|way| self.through(way)) })
    }

    fn behind_proxy(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self.network.behind_proxy(host, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(world: World, config: &Config) -> SwitchNetwork {
        SwitchNetwork::new(config.network(&Arc::new(world)), config.source(), Arc::default())
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
