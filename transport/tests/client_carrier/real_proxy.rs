//! Through tinyproxy, a proxy that others wrote (`license smart proxy`).

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;

use slpsim_transport::client::{Credentials, NoWay, Proxy, Way};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::peer::{Act, Authority, Peer, nobody};
use crate::{NAME, NOW, carrier, plain, secure};

const OK: Act = Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
const PROXY: &str = "HTTP server error 407: Proxy Authentication Required";

/// A running proxy, which ends with the value.
pub(crate) struct Tinyproxy {
    pub(crate) address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Tinyproxy {
    /// Starts one, with a user where `user` names one; `None` where the program is missing.
    #[expect(clippy::panic, reason = "a helper of tests says what it expects")]
    pub(crate) async fn start(user: Option<(&str, &str)>) -> Option<Self> {
        let program = slpsim_tests::peer("tinyproxy")?;
        // It takes no port 0. The port that was free a moment ago may be taken in between: then another one.
        for _ in 0..20 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("tinyproxy.conf");
            let mut text = format!(
                "Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Info\n",
                address.port()
            );
            if let Some((user, password)) = user {
                writeln!(text, "BasicAuth {user} {password}").unwrap();
            }
            std::fs::write(&file, text).unwrap();
            let mut child = Command::new(&program)
                .args(["-d", "-c"])
                .arg(&file)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("Accepting connections") {
                    // Somebody has to take what it goes on to say.
                    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                    return Some(Self { address, _child: child, _folder: folder });
                }
            }
        }
        panic!("tinyproxy does not start");
    }
}

/// What became of an exchange, and what the peer behind the proxy saw of it.
async fn through(
    proxy: &Tinyproxy,
    credentials: Option<(&str, &str)>,
    tls: bool,
) -> (String, Option<String>) {
    let authority = Authority::new();
    let server = authority.server(&[NAME], NOW - 1000..NOW + 1000);
    let peer = if tls { Peer::secure(OK, server).await } else { Peer::plain(OK).await };
    let (real, proxy_at) = (peer.address, proxy.address);
    let mut carrier = carrier(real);
    carrier.anchors = authority.anchors();
    carrier.network = Arc::new(move |host: &str, port: u16| match (host, port) {
        ("proxy.example.com", 3128) => Ok(Way::Mapped(proxy_at)),
        (NAME, _) => Ok(Way::Mapped(real)),
        _ => Err(NoWay::Name("NXDOMAIN".to_owned())),
    });
    let proxy = Proxy::new("proxy.example.com", 3128);
    carrier.proxy = Some(match credentials {
        Some((user, password)) => proxy.with_credentials(Credentials::new(user, password).unwrap()),
        None => proxy,
    });
    let call = if tls { secure() } else { plain() };
    match carrier.post(&call).await {
        Ok(answer) => (answer.status.to_string(), Some(peer.seen().await.request)),
        Err(error) => (error.failure.to_string(), None),
    }
}

#[tokio::test]
async fn a_real_proxy_carries_both_kinds_of_url() {
    let Some(proxy) = Tinyproxy::start(None).await else { return };
    for (tls, host) in [(false, "license.example.com:8182"), (true, "license.example.com")] {
        let (outcome, seen) = through(&proxy, None, tls).await;
        assert_eq!(outcome, "200", "tls {tls}");
        let seen = seen.unwrap().to_ascii_lowercase();
        // Inside the tunnel the peer sees what it sees without a proxy; for plain HTTP the proxy makes the name anew
        // from the address that it was given (RFC 9112 §3.2.2).
        if tls {
            assert!(seen.contains(&format!("\r\nhost: {host}\r\n")), "{seen}");
            assert!(!seen.contains("proxy"), "{seen}");
        }
        assert!(seen.starts_with("post /") && seen.ends_with("{\"hello\":1}"), "{seen}");
    }
}

#[tokio::test]
async fn a_real_proxy_that_wants_credentials_gets_the_right_ones_or_refuses() {
    let Some(proxy) = Tinyproxy::start(Some(("robot", "secret"))).await else { return };
    let right = Some(("robot", "secret"));
    let wrong = Some(("robot", "guess"));
    for (credentials, tls, expected) in [
        (None, false, PROXY),
        (None, true, PROXY),
        // This proxy answers 401 to wrong ones; in a tunnel any refusal is the proxy's.
        (wrong, false, "HTTP server error 401: Unauthorized"),
        (wrong, true, PROXY),
        (right, false, "200"),
        (right, true, "200"),
    ] {
        let (outcome, seen) = through(&proxy, credentials, tls).await;
        assert_eq!(outcome, expected, "{credentials:?} tls {tls}");
        if let Some(seen) = seen {
            assert!(!seen.to_ascii_lowercase().contains("proxy-authorization"), "{seen}");
        }
    }
}

#[tokio::test]
async fn a_real_proxy_that_does_not_reach_the_peer_says_so() {
    let Some(proxy) = Tinyproxy::start(None).await else { return };
    for (call, expected) in [(plain(), "HTTP server error 500: Internal Server Error"), (secure(), PROXY)] {
        let (real, proxy_at) = (nobody().await, proxy.address);
        let mut carrier = carrier(real);
        carrier.network = Arc::new(move |host: &str, _: u16| {
            Ok(Way::Mapped(if host == "proxy.example.com" { proxy_at } else { real }))
        });
        carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
        assert_eq!(carrier.post(&call).await.unwrap_err().failure.to_string(), expected);
    }
}
