use alloc::vec;

use super::*;

fn network(change: impl FnOnce(&mut World, &mut IpSettings)) -> Network {
    let mut world = World::default();
    world.add_host("cslu.example.com", "192.168.0.1".parse().unwrap());
    world.add_route_text("192.168.0.1:8182", "127.0.0.1:40002").unwrap();
    world.add_route_text("smartreceiver.cisco.com:443", "127.0.0.1:40001").unwrap();
    let mut ip = IpSettings::default();
    change(&mut world, &mut ip);
    Network::new(Arc::new(world), ip)
}

#[test]
fn a_name_or_its_address_leads_to_the_mapped_socket() {
    let network = network(|_, _| {});
    for (host, port, real) in [
        ("cslu.example.com", 8182, "127.0.0.1:40002"),
        ("192.168.0.1", 8182, "127.0.0.1:40002"),
        ("smartreceiver.cisco.com", 443, "127.0.0.1:40001"),
        ("127.0.0.1", 9, "127.0.0.1:9"),
        ("localhost", 9, "127.0.0.1:9"),
        ("[::1]", 9, "[::1]:9"),
    ] {
        assert_eq!(network.destination(host, port), Ok(real.parse().unwrap()), "{host}");
    }
}

#[test]
fn what_is_neither_mapped_nor_loopback_stays_inside_unless_it_may_leave() {
    let inside = network(|_, _| {});
    assert_eq!(inside.destination("203.0.113.9", 80), Err(Unreached::External("203.0.113.9:80".into())));
    let outside = network(|world, _| world.allow_external = true);
    assert_eq!(outside.destination("203.0.113.9", 80), Ok("203.0.113.9:80".parse().unwrap()));
}

#[test]
fn ciscos_own_servers_are_refused_even_where_others_may_be_reached() {
    let network = network(|world, _| {
        world.allow_external = true;
        world.add_host("tools.cisco.com", "203.0.113.7".parse().unwrap());
    });
    assert_eq!(network.destination("tools.cisco.com", 443), Err(Unreached::Cisco("tools.cisco.com".into())));
    assert_eq!(network.destination("swapi.cisco.com", 443), Err(Unreached::Cisco("swapi.cisco.com".into())));
}

#[test]
fn names_need_a_name_server_that_is_configured_and_answers() {
    let none = network(|_, ip| ip.name_servers.clear());
    assert_eq!(none.resolve("cslu.example.com"), Err(ResolveError::NoNameServer));
    assert_eq!(none.resolve("192.168.0.1"), Ok("192.168.0.1".parse().unwrap()), "an address needs none");
    let wrong = network(|_, ip| ip.name_servers = vec!["203.0.113.1".parse().unwrap()]);
    assert_eq!(wrong.resolve("cslu.example.com"), Err(ResolveError::NoAnswer));
    let walled = network(|world, _| world.firewall.push("deny any:53".parse().unwrap()));
    assert_eq!(walled.resolve("cslu.example.com"), Err(ResolveError::NoAnswer));
    let unknown = network(|_, _| {}).resolve("nowhere.example.com");
    assert_eq!(unknown, Err(ResolveError::NoSuchName("nowhere.example.com".into())));
}

/// `spec/chapter.md` S-28l: the entry `cslu-local.example.com` is found once the domain name is configured.
#[test]
fn a_cslu_is_discovered_by_its_short_name_and_then_with_the_domain_name() {
    let with = |domain: Option<&str>, host: &str| {
        network(|world, ip| {
            world.add_host(host, "192.168.0.1".parse().unwrap());
            ip.domain = domain.map(Into::into);
        })
    };
    assert_eq!(with(None, "cslu-local").discover(), Ok("cslu-local".into()));
    assert_eq!(
        with(None, "cslu-local.example.com").discover(),
        Err(ResolveError::NoSuchName("cslu-local".into()))
    );
    let found = with(Some("example.com"), "cslu-local.example.com");
    assert_eq!(found.discovery_names(), ["cslu-local", "cslu-local.example.com"]);
    assert_eq!(found.discover(), Ok("cslu-local.example.com".into()));
    assert_eq!(found.destination("cslu-local", 8182), Ok("127.0.0.1:40002".parse().unwrap()));
}

#[test]
fn an_exchange_cannot_begin_without_a_usable_source() {
    let shut = network(|_, ip| ip.interface_mut("MGMT0").unwrap().shut = true);
    let refused = shut.destination("192.168.0.1", 8182).unwrap_err();
    assert_eq!(refused, Unreached::Vrf("management".into()));
    assert!(refused.is_not_ready());
    let up = network(|_, _| {});
    let from = |vrf, interface| up.destination_from("192.168.0.1", 8182, Source { vrf, interface });
    assert_eq!(from("default", None), Err(Unreached::Vrf("default".into())));
    assert_eq!(from("management", Some("vlan1")), Err(Unreached::SourceInterface("vlan1".into())));
    assert!(from("management", Some("mgmt0")).is_ok());
    // `spec/chapter.md` S-28g: the address of the subnet in place of the host's own.
    let subnet = network(|_, ip| ip.interface_mut("mgmt0").unwrap().address = "192.0.2.0/24".parse().ok());
    assert!(subnet.destination("192.168.0.1", 8182).unwrap_err().is_not_ready());
}

#[test]
fn routes_and_firewall_stand_in_the_way_of_connections_and_pings_alike() {
    let address: IpAddr = "192.168.0.1".parse().unwrap();
    let no_gateway = network(|_, ip| ip.interface_mut("mgmt0").unwrap().gateway = None);
    assert_eq!(no_gateway.destination("192.168.0.1", 8182), Err(Unreached::NoRoute(address)));
    assert_eq!(no_gateway.ping("192.168.0.1"), Ok(Ping { address, answered: false }));
    let walled = network(|world, _| world.firewall.push("deny 192.168.0.1".parse().unwrap()));
    let seen = SocketAddr::new(address, 8182);
    assert_eq!(walled.destination("cslu.example.com", 8182), Err(Unreached::Firewall(seen)));
    assert_eq!(walled.ping("cslu.example.com"), Ok(Ping { address, answered: false }));
    assert_eq!(network(|_, _| {}).ping("cslu.example.com"), Ok(Ping { address, answered: true }));
}

#[test]
fn who_is_listed_and_who_is_near_answers_pings() {
    let network = network(|world, _| {
        world.ping.insert("192.168.0.2".parse().unwrap());
    });
    for (host, answered) in [
        ("192.168.0.2", true),
        ("192.0.2.1", true),
        ("192.0.2.10", true),
        ("198.51.100.100", true),
        ("192.168.0.3", false),
    ] {
        assert_eq!(network.ping(host).unwrap().answered, answered, "{host}");
    }
}

#[test]
fn only_an_ntp_server_that_can_be_reached_answers_ntp() {
    let open = network(|_, _| {});
    assert!(open.ntp_answers("198.51.100.100", Source::default()));
    assert!(!open.ntp_answers("192.168.0.1", Source::default()));
    let walled = network(|world, _| world.firewall.push("deny any:123".parse().unwrap()));
    assert!(!walled.ntp_answers("198.51.100.100", Source::default()));
}

#[test]
fn a_name_server_with_a_route_is_a_real_one_and_the_order_is_that_of_the_configuration() {
    let real: SocketAddr = "127.0.0.1:5353".parse().unwrap();
    let two = network(|world, ip| {
        world.add_route("192.168.0.53", 53, real);
        ip.name_servers = vec!["192.168.0.53".parse().unwrap(), crate::DEFAULT_NAME_SERVER];
    });
    let both = vec![NameServer::Real(real), NameServer::Simulated];
    assert_eq!(two.name_servers_from(Source::default()), Ok(both));
    assert!(two.resolve("cslu.example.com").is_ok(), "without asking, the simulated names count");
    let walled = network(|world, ip| {
        world.add_route("192.168.0.53", 53, real);
        world.firewall.push("deny 192.168.0.53:53".parse().unwrap());
        ip.name_servers = vec!["192.168.0.53".parse().unwrap()];
    });
    assert_eq!(walled.name_servers_from(Source::default()), Err(ResolveError::NoAnswer));
}

#[test]
fn a_vrf_has_name_servers_of_its_own_or_the_common_ones() {
    let network = network(|_, ip| {
        let mut inside = Interface { name: "Ethernet1/1".into(), vrf: "blue".into(), ..Interface::mgmt0() };
        ip.interfaces.push(inside.clone());
        inside.vrf = "red".into();
        ip.interfaces.push(inside);
        ip.vrf_name_servers.insert("blue".into(), vec![]);
    });
    let from = |vrf| network.destination_from("cslu.example.com", 8182, Source { vrf, interface: None });
    assert!(from("red").is_ok());
    assert_eq!(from("blue"), Err(Unreached::Resolve(ResolveError::NoNameServer)));
    assert!(from("green").unwrap_err().is_not_ready());
}

#[test]
fn connections_begin_at_the_real_address_of_the_interface_where_it_has_one() {
    let plain = network(|_, _| {});
    assert_eq!(plain.source_address(Source::default()), Ok(None));
    let led = network(|world, _| world.add_route_text("192.0.2.10:0", "127.0.0.5:0").unwrap());
    assert_eq!(led.source_address(Source::default()), Ok("127.0.0.5".parse().ok()));
    let shut = network(|world, ip| {
        world.add_route_text("192.0.2.10:0", "127.0.0.5:0").unwrap();
        ip.interface_mut("mgmt0").unwrap().shut = true;
    });
    assert!(shut.source_address(Source::default()).unwrap_err().is_not_ready());
}

#[test]
fn behind_a_proxy_neither_name_servers_nor_the_firewall_of_the_switch_matter() {
    let network = network(|world, ip| {
        ip.name_servers.clear();
        world.firewall.push("deny 192.168.0.1".parse().unwrap());
    });
    for (host, port, expected) in [
        ("cslu.example.com", 8182, Ok("127.0.0.1:40002".parse().unwrap())),
        ("192.168.0.1", 8182, Ok("127.0.0.1:40002".parse().unwrap())),
        ("smartreceiver.cisco.com", 443, Ok("127.0.0.1:40001".parse().unwrap())),
        ("tools.cisco.com", 443, Err(Unreached::Cisco("tools.cisco.com".into()))),
        ("cslu.example.com", 80, Err(Unreached::External("cslu.example.com:80".into()))),
        ("nowhere", 80, Err(Unreached::Resolve(ResolveError::NoSuchName("nowhere".into())))),
    ] {
        assert_eq!(network.destination_behind_proxy(host, port), expected, "{host}");
    }
}

/// Where real name servers are asked, nothing is known before they have answered, and their order is that of the
/// configuration.
#[test]
fn what_real_name_servers_have_said_decides_and_what_they_have_not_is_a_question() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let (first, second) = ("127.0.0.1:5301".parse().unwrap(), "127.0.0.1:5302".parse().unwrap());
    let mut network = network(|world, ip| {
        world.add_host("host.example.com", address("192.0.2.66"));
        world.add_route("198.51.100.61", 53, first);
        world.add_route("198.51.100.62", 53, second);
        ip.name_servers = Vec::from([address("198.51.100.61"), address("198.51.100.62")]);
        ip.domain = Some("example.com".to_string());
    });
    assert_eq!(network.resolve("host.example.com"), Ok(address("192.0.2.66")), "nobody asks");
    let question = |server, name: &str| Question { server, name: name.to_string() };
    let mut answers = Answers::default();
    for (asked, said, found) in [
        (question(first, "host"), Said::Nothing("NXDOMAIN".to_string()), None),
        (question(first, "host.example.com"), Said::Fault("SERVFAIL".to_string()), None),
        (question(second, "host"), Said::Nothing("NXDOMAIN".to_string()), None),
        (
            question(second, "host.example.com"),
            Said::Addresses(Vec::from([address("192.0.2.77")])),
            Some(address("192.0.2.77")),
        ),
    ] {
        network.answers = Some(Arc::new(answers.clone()));
        assert_eq!(network.question("host", Source::default()), Some(asked.clone()));
        assert_eq!(network.resolve("host"), Err(ResolveError::Unasked(asked.clone())));
        answers.add(asked, said);
        network.answers = Some(Arc::new(answers.clone()));
        assert_eq!(network.resolve("host").ok(), found);
    }
    answers.add(question(second, "host.example.com"), Said::Fault("REFUSED".to_string()));
    network.answers = Some(Arc::new(answers.clone()));
    assert_eq!(network.resolve("host"), Err(ResolveError::Said("SERVFAIL; REFUSED".to_string())));
    answers.keep_addresses();
    assert_eq!(answers, Answers::default());
    // What needs no name server is no question.
    assert_eq!(network.question("192.0.2.1", Source::default()), None);
}
