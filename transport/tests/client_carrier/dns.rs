//! Names that a real name server on loopback answers, or does not (`spec/messages.md` §5, `spec/behaviour.md` §7.1).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_server::proto::op::ResponseCode;
use slpsim_agent::Failure;
use slpsim_network::{DEFAULT_NAME_SERVER, IpSettings, Network, Source, World};
use slpsim_policy::Wall;
use slpsim_transport::DeviceMessage;
use slpsim_transport::client::{
    Carrier, CarryError, Cslu, Decoded, Dns, Encoded, Format, Link, NameFault, NoWay, Resolve, SwitchNetwork,
    SystemNonces, Way,
};

use crate::name_server::{Answer, NEGATIVE_TTL, Zone};
use crate::peer::{Act, Peer};
use crate::{NOW, call};

const SERVER: &str = "192.168.0.53";
const RESOLVE: &str = "Unable to resolve server hostname/domain name";

/// A switch whose name server at [`SERVER`] is really at `real`.
fn switch(real: SocketAddr, change: impl FnOnce(&mut World, &mut IpSettings)) -> SwitchNetwork {
    let mut world = World::default();
    world.add_route(SERVER, 53, real);
    let mut ip = IpSettings { name_servers: vec![SERVER.parse().unwrap()], ..IpSettings::default() };
    change(&mut world, &mut ip);
    let dns = Dns::new(Arc::new(Instant::now()), Duration::from_millis(500));
    SwitchNetwork::new(Network::new(Arc::new(world), ip), Source::default(), Arc::new(dns))
}

async fn found(switch: &SwitchNetwork, name: &str) -> Result<String, String> {
    match switch.find(name, 443).await {
        Ok(Way::Mapped(address)) => Ok(address.to_string()),
        Ok(Way::Unmapped) => Ok("unmapped".to_owned()),
        Err(NoWay::Name(why)) => Err(why),
        Err(other) => Err(format!("{other:?}")),
    }
}

/// Addresses lead on, whatever their kind and whatever name they were found under.
#[tokio::test]
async fn what_a_name_server_answers_leads_to_the_mapped_socket() {
    let zone = Zone::default();
    zone.address("a.example.com", "192.168.0.1");
    zone.address("six.example.com", "2001:db8::1");
    zone.set("alias.example.com", Answer::Alias("a.example.com."));
    zone.set("second.example.com", Answer::Alias("alias.example.com."));
    let both = vec!["2001:db8::1".parse().unwrap(), "192.168.0.1".parse().unwrap()];
    zone.set("both.example.com", Answer::Addresses(both, 60));
    let unmapped_first = vec!["192.168.0.9".parse().unwrap(), "192.168.0.1".parse().unwrap()];
    zone.set("many.example.com", Answer::Addresses(unmapped_first, 60));
    zone.address("smartreceiver.cisco.com", "192.168.0.1");
    zone.address("tools.cisco.com", "203.0.113.7");
    let (real, _server) = zone.serve().await;
    let switch = switch(real, |world, _| {
        world.add_route_text("192.168.0.1:443", "127.0.0.1:40001").unwrap();
        world.add_route_text("[2001:db8::1]:443", "127.0.0.1:40006").unwrap();
    });
    for (name, expected) in [
        ("a.example.com", "127.0.0.1:40001"),
        ("A.EXAMPLE.com.", "127.0.0.1:40001"),
        ("six.example.com", "127.0.0.1:40006"),
        ("alias.example.com", "127.0.0.1:40001"),
        ("second.example.com", "127.0.0.1:40001"),
        ("both.example.com", "127.0.0.1:40001"),
        ("many.example.com", "127.0.0.1:40001"),
        ("smartreceiver.cisco.com", "127.0.0.1:40001"),
        ("localhost", "127.0.0.1:443"),
        ("192.168.0.1", "127.0.0.1:40001"),
    ] {
        assert_eq!(found(&switch, name).await, Ok(expected.to_owned()), "{name}");
    }
    // Cisco's real address, which no route leads to, stays out of reach.
    assert!(matches!(switch.find("tools.cisco.com", 443).await, Err(NoWay::Refused(_))));
}

#[tokio::test]
async fn each_way_not_to_answer_is_a_name_that_does_not_resolve() {
    let zone = Zone::default();
    zone.set("nothing.example.com", Answer::Nothing);
    zone.set("broken.example.com", Answer::Code(ResponseCode::ServFail));
    zone.set("refused.example.com", Answer::Code(ResponseCode::Refused));
    zone.set("silent.example.com", Answer::Silence);
    zone.set("circle.example.com", Answer::Alias("circle.example.com."));
    zone.set("dangling.example.com", Answer::Alias("missing.example.com."));
    let (real, _server) = zone.serve().await;
    let switch = switch(real, |_, _| ());
    for (name, part) in [
        ("missing.example.com", "NXDOMAIN"),
        ("nothing.example.com", "no address"),
        ("broken.example.com", "Server Failure"),
        ("refused.example.com", "Query Refused"),
        ("silent.example.com", "does not answer"),
        ("circle.example.com", ""),
        ("dangling.example.com", ""),
        ("a..b", "no name"),
    ] {
        let why = found(&switch, name).await.unwrap_err();
        assert!(why.contains(part) && !why.contains("Refused("), "{name}: {why}");
        let carrier = Carrier::new(Arc::new(|| Wall::from_secs(NOW)), Arc::new(switch.clone()));
        let error = carrier.post(&call(&format!("http://{name}:443/"))).await.unwrap_err();
        assert_eq!(error.failure.to_string(), RESOLVE, "{name}: {error}");
    }
}

#[tokio::test]
async fn the_next_name_server_is_asked_only_where_the_first_cannot_say() {
    let (broken, good) = (Zone::default(), Zone::default());
    broken.set("a.example.com", Answer::Code(ResponseCode::ServFail));
    broken.set("silent.example.com", Answer::Silence);
    for name in ["a.example.com", "silent.example.com", "unknown.example.com"] {
        good.address(name, "192.168.0.1");
    }
    let (first, _first) = broken.serve().await;
    let (second, _second) = good.serve().await;
    let both = switch(first, |world, ip| {
        world.add_route("192.168.0.54", 53, second);
        world.add_route_text("192.168.0.1:443", "127.0.0.1:40001").unwrap();
        ip.name_servers.push("192.168.0.54".parse().unwrap());
    });
    for name in ["a.example.com", "silent.example.com"] {
        assert_eq!(found(&both, name).await.as_deref(), Ok("127.0.0.1:40001"), "{name}");
    }
    assert!(found(&both, "unknown.example.com").await.unwrap_err().contains("NXDOMAIN"));
    assert_eq!(good.names_asked(), ["a.example.com", "silent.example.com"]);
    // The simulated name server may come after a real one.
    let mixed = switch(first, |world, ip| {
        world.add_host("a.example.com", "192.168.0.1".parse().unwrap());
        world.add_route_text("192.168.0.1:443", "127.0.0.1:40001").unwrap();
        ip.name_servers.push(DEFAULT_NAME_SERVER);
    });
    assert_eq!(found(&mixed, "a.example.com").await.as_deref(), Ok("127.0.0.1:40001"));
}

/// What keeps a question from leaving is found before any name server hears of it.
#[tokio::test]
async fn a_name_server_behind_a_firewall_or_a_shut_interface_is_not_asked() {
    let zone = Zone::default();
    zone.address("a.example.com", "192.168.0.1");
    let (real, _server) = zone.serve().await;
    let walled = switch(real, |world, _| world.firewall.push(format!("deny {SERVER}:53").parse().unwrap()));
    assert!(found(&walled, "a.example.com").await.unwrap_err().contains("none of the configured"));
    let shut = switch(real, |_, ip| ip.interface_mut("mgmt0").unwrap().shut = true);
    assert!(matches!(shut.find("a.example.com", 443).await, Err(NoWay::NotReady(_))));
    let none = switch(real, |_, ip| ip.name_servers.clear());
    assert!(found(&none, "a.example.com").await.unwrap_err().contains("ip name-server"));
    assert_eq!(zone.names_asked(), [""; 0]);
}

#[tokio::test]
async fn questions_come_from_the_address_of_the_source_interface() {
    let zone = Zone::default();
    zone.address("a.example.com", "192.168.0.1");
    let (real, _server) = zone.serve().await;
    let switch = switch(real, |world, _| {
        world.add_route_text("192.0.2.10:0", "127.0.0.5:0").unwrap();
        world.add_route_text("192.168.0.1:443", "127.0.0.1:40001").unwrap();
    });
    assert!(found(&switch, "a.example.com").await.is_ok());
    let own: IpAddr = "127.0.0.5".parse().unwrap();
    assert_eq!(zone.asked(), [("a.example.com".to_owned(), own)]);
    assert_eq!(switch.source_address(), Some(own));
}

#[tokio::test]
async fn an_answer_holds_for_its_ttl_of_elapsed_time_and_a_fault_of_the_server_not_at_all() {
    let zone = Zone::default();
    zone.address("a.example.com", "192.168.0.1");
    zone.set("broken.example.com", Answer::Code(ResponseCode::ServFail));
    let (real, _server) = zone.serve().await;
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let elapsed = move || Duration::from_secs(clock.load(Ordering::SeqCst));
    let dns = Dns::new(Arc::new(elapsed), Duration::from_millis(500));
    let ask = async |name: &str| {
        let addresses = dns.ask(real, name, None).await.map(|all| all[0].to_string());
        (addresses, zone.names_asked().len())
    };
    let old = Ok("192.168.0.1".to_owned());
    assert_eq!(ask("a.example.com").await, (old.clone(), 1));
    zone.address("a.example.com", "192.168.0.2");
    now.store(59, Ordering::SeqCst);
    assert_eq!(ask("A.example.com.").await, (old, 0));
    now.store(60, Ordering::SeqCst);
    assert_eq!(ask("a.example.com").await, (Ok("192.168.0.2".to_owned()), 1));
    // Negative answers hold as long as the zone says (RFC 2308 §5).
    assert_eq!(ask("new.example.com").await, (Err(NameFault::NoSuchName), 1));
    zone.address("new.example.com", "192.168.0.3");
    now.fetch_add(u64::from(NEGATIVE_TTL) - 1, Ordering::SeqCst);
    assert_eq!(ask("new.example.com").await, (Err(NameFault::NoSuchName), 0));
    now.fetch_add(1, Ordering::SeqCst);
    assert_eq!(ask("new.example.com").await, (Ok("192.168.0.3".to_owned()), 1));
    for _ in 0..2 {
        let (outcome, asked) = ask("broken.example.com").await;
        assert!(matches!(outcome, Err(NameFault::Server(..))) && asked > 0, "{outcome:?}");
    }
}

#[tokio::test]
async fn no_more_answers_are_kept_than_there_is_room_for() {
    let zone = Zone::default();
    let (real, _server) = zone.serve().await;
    let dns = Dns::new(Arc::new(|| Duration::ZERO), Duration::from_millis(500));
    let names: Vec<_> = (0..=Dns::KEPT).map(|number| format!("n{number}.example.com")).collect();
    for name in &names {
        zone.set(name, Answer::Addresses(vec!["192.168.0.1".parse().unwrap()], 60));
        dns.ask(real, name, None).await.unwrap();
    }
    zone.asked();
    for name in &names {
        dns.ask(real, name, None).await.unwrap();
    }
    assert!(!zone.asked().is_empty(), "one had to go");
}

/// A format whose message is the nonce alone; the answer is any.
struct Bare;

impl Format for Bare {
    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError> {
        let text = message.header.nonce.to_string();
        Ok(Encoded { body: text.clone().into_bytes(), text })
    }

    fn decode(&self, _body: &[u8]) -> Decoded {
        Decoded { result: Err(CarryError::new(Failure::BadReply, "not read")), text: None }
    }
}

/// `spec/chapter.md` S-28l: the entry `cslu-local.example.com` of the name server, and the domain name of the switch.
#[tokio::test]
async fn a_cslu_is_discovered_by_real_name_servers() {
    for (domain, entry, expected, asked) in [
        (None, "cslu-local", Ok("http://cslu-local:8182/cslu/v1/pi"), vec!["cslu-local"]),
        (None, "cslu-local.example.com", Err(Failure::Resolve), vec!["cslu-local"]),
        (
            Some("example.com"),
            "cslu-local.example.com",
            Ok("http://cslu-local:8182/cslu/v1/pi"),
            vec!["cslu-local", "cslu-local.example.com"],
        ),
    ] {
        let zone = Zone::default();
        zone.address(entry, "192.168.0.1");
        let (real, _server) = zone.serve().await;
        let peer = Peer::plain(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
        let network = switch(real, |world, ip| {
            world.add_route("192.168.0.1", 8182, peer.address);
            ip.domain = domain.map(str::to_owned);
        });
        let carrier = Carrier::new(Arc::new(|| Wall::from_secs(NOW)), Arc::new(network));
        let link = Link { carrier, format: Arc::new(Bare), nonces: Arc::new(SystemNonces) };
        let cslu = Cslu { link, url: Cslu::DISCOVERY.to_owned(), domain: domain.map(str::to_owned) };
        let url = cslu.resolved_url().await;
        assert_eq!(url.as_deref().map_err(|error| error.failure), expected, "{domain:?} {entry}");
        assert_eq!(zone.names_asked(), asked, "{domain:?} {entry}");
        if let Ok(url) = url {
            let answer = cslu.link.carrier.post(&call(&url)).await.unwrap();
            assert_eq!(answer.status, 200);
            let request = peer.seen().await.request;
            assert!(request.starts_with("POST /cslu/v1/pi HTTP/1.1\r\n"), "{request}");
        }
    }
}
