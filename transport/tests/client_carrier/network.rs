//! What the simulated network says decides where an exchange goes, and whether it begins at all.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use slpsim_agent::Failure;
use slpsim_policy::Wall;
use slpsim_transport::client::{Carrier, NoWay, Way};

use crate::peer::{Act, Peer, nobody};
use crate::{NOW, call, carrier, plain};

const OK: Act = Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");

fn on(network: impl Fn(&str, u16) -> Result<Way, NoWay> + Send + Sync + 'static) -> Carrier {
    Carrier::new(Arc::new(|| Wall::from_secs(NOW)), Arc::new(network))
}

#[tokio::test]
async fn the_network_is_asked_for_host_and_port_of_the_url() {
    let table = [
        ("http://CSLU.example.com:8182/cslu/v1/pi", "cslu.example.com", 8182),
        ("http://192.168.0.1:8182/cslu/v1/pi", "192.168.0.1", 8182),
        ("http://cslu-local/x", "cslu-local", 80),
        ("http://[2001:db8::1]:8182/x", "2001:db8::1", 8182),
    ];
    for (url, host, port) in table {
        let peer = Peer::plain(OK).await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, real) = (Arc::clone(&asked), peer.address);
        let carrier = on(move |host, port| {
            notes.lock().unwrap().push((host.to_owned(), port));
            Ok(Way::Mapped(real))
        });
        assert_eq!(carrier.post(&call(url)).await.unwrap().body, b"{}", "{url}");
        assert_eq!(*asked.lock().unwrap(), [(host.to_owned(), port)]);
    }
}

#[tokio::test]
async fn each_answer_of_the_network_has_its_text() {
    let why = || "as configured".to_owned();
    let table = [
        (NoWay::Name(why()), "Unable to resolve server hostname/domain name"),
        (NoWay::NotReady(why()), "Communications init failure"),
        (NoWay::Unreachable(why()), "Communications failure"),
        (NoWay::Refused(why()), "Communications failure"),
    ];
    for (no_way, expected) in table {
        let carrier = on(move |_, _| Err(no_way.clone()));
        assert_eq!(carrier.post(&plain()).await.unwrap_err().failure.to_string(), expected);
    }
}

#[tokio::test]
async fn a_documented_url_stays_on_this_machine() {
    let carrier = on(|_, _| Ok(Way::Unmapped));
    let error = carrier.post(&call("https://smartreceiver.cisco.com/licservice/license")).await.unwrap_err();
    assert!(error.refused);
    assert_eq!(
        error.detail,
        "refused to leave this machine: smartreceiver.cisco.com is Cisco's own; \
         map it under [network.hosts] to a server of yours"
    );
    let peer = Peer::plain(OK).await;
    let url = format!("http://{}/x", peer.address);
    assert_eq!(carrier.post(&call(&url)).await.unwrap().status, 200, "loopback needs no mapping");
}

#[tokio::test]
async fn a_url_that_cannot_be_used_keeps_the_exchange_from_beginning() {
    let table = [
        ("", Failure::NoUrl),
        ("smartreceiver", Failure::NotReady),
        ("http://", Failure::NotReady),
        ("ftp://a/", Failure::NotReady),
        ("file:///etc/passwd", Failure::NotReady),
        ("http://user:secret@a/", Failure::NotReady),
        ("http://a:99999/", Failure::NotReady),
    ];
    for (url, failure) in table {
        let error = carrier(nobody().await).post(&call(url)).await.unwrap_err();
        assert_eq!(error.failure, failure, "{url}");
        assert!(!error.detail.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn the_source_address_is_used_and_has_to_exist() {
    let peer = Peer::plain(OK).await;
    let mut chosen = carrier(peer.address);
    chosen.source = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5)));
    chosen.post(&plain()).await.unwrap();
    assert_eq!(peer.seen().await.from.map(|from| from.ip()), chosen.source);

    let mut foreign = carrier(nobody().await);
    foreign.source = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)));
    let error = foreign.post(&plain()).await.unwrap_err();
    assert_eq!(error.failure.to_string(), "Communications init failure", "{error}");
}

#[tokio::test]
async fn a_name_can_be_looked_up_without_sending_anything() {
    let carrier = on(|host, _| {
        let known = host == "cslu-local.example.com";
        if known { Ok(Way::Unmapped) } else { Err(NoWay::Name("NXDOMAIN".to_owned())) }
    });
    assert_eq!(carrier.look_up("cslu-local", 8182).await.unwrap_err().failure, Failure::Resolve);
    assert!(carrier.look_up("cslu-local.example.com", 8182).await.unwrap_err().refused);
}
