//! Each row of `spec/messages.md` §5 from its condition or configuration, up to the line that the device logs. `Busy` and
//! `Unspecified` never occur by themselves.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_server::proto::op::ResponseCode;
use slpsim_agent::{Command, Failure, Token, TransportMode, input::Scope};
use slpsim_network::{DEFAULT_NAME_SERVER, Interface, IpSettings, Network, Source, World};
use slpsim_policy::Wall;
use slpsim_transport::callhome::{
    CallhomeFormat, Dispatch, decode_callhome_request, encode_callhome_response,
};
use slpsim_transport::client::{
    Callhome, Carrier, Cslu, Dns, Format, Limits, Link, Off, Proxy, Smart, SwitchNetwork, SystemNonces,
    Transport,
};
use slpsim_transport::sign::{Signer, Verifier};
use slpsim_transport::smart::{ReceivedRequest, Sealing, SmartFormat, decode_request, encode_response};
use slpsim_transport::{Nonce, ServerMessage, WireProfile};

use crate::NOW;
use crate::device::{Clock, Device};
use crate::name_server::{Answer, Zone};
use crate::peer::{Act, Authority, Peer, nobody, self_signed};
use crate::smart::{KEYS, SIGNER, STRANGER, ok, sealed};

use TransportMode::{Callhome as ByCallhome, Cslu as ByCslu, Smart as BySmart};

const SMART_URL: &str = "https://smartreceiver.cisco.com/licservice/license";
const CALLHOME_URL: &str = "https://tools.cisco.com/its/service/oddce/services/DDCEService";
const CSLU_URL: &str = "http://192.168.0.1:8182/cslu/v1/pi";
/// A name server that is a real one.
const NAME_SERVER: &str = "192.168.0.53";
const PROXY: &str = "192.168.0.80";
const YEAR: i64 = 365 * 86_400;

type Spoil = fn(&ReceivedRequest, &Signer) -> String;

/// What is at the other end.
enum Other {
    /// A peer that signs; the function says how well.
    Signs(Spoil),
    /// One that does something else.
    Does(Act),
    /// Nobody.
    Nobody,
}

/// A switch, its network and its peer, all of them in order.
struct Setup {
    mode: TransportMode,
    world: World,
    ip: IpSettings,
    interface: Option<&'static str>,
    vrf: &'static str,
    url: Option<&'static str>,
    limits: Limits,
    proxy: Option<Proxy>,
    callhome: (bool, bool, bool),
    other: Other,
    /// Names in the server's certificate, its validity, and who vouches.
    certificate: (&'static [&'static str], std::ops::Range<i64>, Issuer),
    /// What the proxy answers to everything.
    proxy_says: Option<&'static str>,
}

enum Issuer {
    Trusted,
    Unknown,
    Itself,
}

const NAMES: &[&str] = &["smartreceiver.cisco.com", "tools.cisco.com"];

impl Setup {
    fn new(mode: TransportMode) -> Self {
        let mut world = World::default();
        world.add_host("smartreceiver.cisco.com", "198.51.100.1".parse().unwrap());
        world.add_host("tools.cisco.com", "198.51.100.2".parse().unwrap());
        Self {
            mode,
            world,
            ip: IpSettings::default(),
            interface: None,
            vrf: "management",
            url: None,
            limits: Limits::within(Duration::from_secs(20)),
            proxy: None,
            callhome: (true, true, true),
            other: Other::Signs(|asked, signer| sealed(&ok(asked), signer)),
            certificate: (NAMES, NOW - YEAR..NOW + YEAR, Issuer::Trusted),
            proxy_says: None,
        }
    }

    fn mgmt0(&mut self) -> &mut Interface {
        self.ip.interface_mut("mgmt0").unwrap()
    }

    fn deny(&mut self, rule: &str) {
        self.world.firewall.push(rule.parse().unwrap());
    }

    fn ask_real_name_server(&mut self) {
        self.ip.name_servers = vec![NAME_SERVER.parse().unwrap()];
    }

    fn names(&mut self, names: &'static [&'static str]) {
        self.certificate.0 = names;
    }

    fn valid(&mut self, validity: std::ops::Range<i64>) {
        self.certificate.1 = validity;
    }

    fn by_proxy(&mut self, host: &str, says: &'static str) {
        self.proxy = Some(Proxy::new(host, 3128));
        self.proxy_says = Some(says);
    }
}

struct Row {
    what: &'static str,
    mode: TransportMode,
    failure: Failure,
    text: &'static str,
    change: fn(&mut Setup),
}

const fn row(
    what: &'static str,
    mode: TransportMode,
    (failure, text): (Failure, &'static str),
    change: fn(&mut Setup),
) -> Row {
    Row { what, mode, failure, text, change }
}

const RESOLVE: (Failure, &str) = (Failure::Resolve, "Unable to resolve server hostname/domain name");
const NOT_READY: (Failure, &str) = (Failure::NotReady, "Communications init failure");
const UNREACHABLE: (Failure, &str) = (Failure::Unreachable, "Communications failure");
const EMPTY: (Failure, &str) = (Failure::EmptyReply, "Received empty response from server");
const CERTIFICATE: (Failure, &str) = (
    Failure::TlsCertificate,
    "Cannot establish secure connection because server TLS cert cannot be validated",
);
const NOT_FOUND: (Failure, &str) = (Failure::HttpStatus(404), "404 host not found");
const DOWN: (Failure, &str) = (Failure::HttpStatus(503), "HTTP server error 503: Service Unavailable");
const PROFILE: (Failure, &str) =
    (Failure::CallhomeProfile, "The action failed because smart license transport is disabled in call-home.");
const SERVICE: (Failure, &str) = (Failure::CallhomeService, "Fail to send out Call Home HTTP message");
const BAD_REPLY: (Failure, &str) = (Failure::BadReply, "message parsing error");
const NONCE: (Failure, &str) = (Failure::NonceMismatch, "nonce failed to match");
const SIGNATURE: (Failure, &str) = (Failure::BadSignature, "Signature Verification failed");
const SIGNER_INVALID: (Failure, &str) = (Failure::SignerInvalid, "Signing Certificate Verification failed");
const CHAIN: (Failure, &str) = (Failure::TrustChain, "Could not validate Trust Chain");
const MISSING: (Failure, &str) = (Failure::TransportMissing, "The transport type needed is not configured");
const NO_URL: (Failure, &str) = (Failure::NoUrl, "No URL is configured");
const TOO_LARGE: (Failure, &str) = (Failure::TooLarge, "Message size exceed the limit");
const BY_PROXY: (Failure, &str) = (Failure::Proxy, "HTTP server error 407: Proxy Authentication Required");

const WHO: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                   Content-Length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

fn other_nonce(asked: &ReceivedRequest, signer: &Signer) -> String {
    sealed(&ServerMessage { nonce: Nonce::Number(1), ..ok(asked) }, signer)
}

fn spoiled(asked: &ReceivedRequest, signer: &Signer) -> String {
    encode_response(&ok(asked), Sealing { signer, spoiled: true }, &WireProfile::default()).unwrap()
}

fn stranger(asked: &ReceivedRequest, _signer: &Signer) -> String {
    sealed(&ok(asked), &STRANGER)
}

fn unknown_key(asked: &ReceivedRequest, signer: &Signer) -> String {
    let mut answer: serde_json::Value = serde_json::from_str(&sealed(&ok(asked), signer)).unwrap();
    let signature = answer["signature"].as_object_mut().unwrap();
    signature.remove("certificate");
    signature["key"] = "4711".into();
    answer.to_string()
}

fn page(_asked: &ReceivedRequest, _signer: &Signer) -> String {
    "<html>It works!</html>".to_owned()
}

/// Conditions of name, source and way, which `ping` shows as well.
const NETWORK: &[Row] = &[
    row("no entry for a CSLU", ByCslu, RESOLVE, |s| s.url = Some("cslu-local")),
    row("no entry for a CSLU, with a domain", ByCslu, RESOLVE, |s| {
        s.url = Some("cslu-local");
        s.ip.domain = Some("example.com".into());
    }),
    row("no name server", BySmart, RESOLVE, |s| s.ip.name_servers.clear()),
    row("a name server that is none", BySmart, RESOLVE, |s| {
        s.ip.name_servers = vec!["203.0.113.1".parse().unwrap()];
    }),
    row("DNS behind the firewall", ByCallhome, RESOLVE, |s| s.deny("deny any:53")),
    row("NXDOMAIN", BySmart, RESOLVE, Setup::ask_real_name_server),
    row("SERVFAIL", BySmart, RESOLVE, |s| {
        s.ask_real_name_server();
        s.url = Some("https://broken.example.com/x");
    }),
    row("DNS time-out", ByCslu, RESOLVE, |s| {
        s.ask_real_name_server();
        s.url = Some("http://silent.example.com:8182/cslu/v1/pi");
    }),
    row("name servers of the VRF", BySmart, RESOLVE, |s| {
        s.ip.vrf_name_servers.insert("management".into(), Vec::new());
    }),
    row("interface shut", ByCslu, NOT_READY, |s| s.mgmt0().shut = true),
    row("interface without address", BySmart, NOT_READY, |s| s.mgmt0().address = None),
    row("address of the subnet", ByCallhome, NOT_READY, |s| s.mgmt0().address = "192.0.2.0/24".parse().ok()),
    row("source interface missing", BySmart, NOT_READY, |s| s.interface = Some("Vlan10")),
    row("VRF missing", ByCslu, NOT_READY, |s| s.vrf = "blue"),
    row("proxy unresolved", BySmart, NOT_READY, |s| s.by_proxy("proxy.example.com", WHO)),
    row("no gateway", ByCslu, UNREACHABLE, |s| s.mgmt0().gateway = None),
    row("no gateway to the name server", BySmart, RESOLVE, |s| s.mgmt0().gateway = None),
    row("mask too long", ByCslu, UNREACHABLE, |s| s.mgmt0().address = "192.0.2.10/30".parse().ok()),
    row("firewall", ByCallhome, UNREACHABLE, |s| s.deny("deny 198.51.100.2")),
    row("firewall on the port of a CSLU", ByCslu, UNREACHABLE, |s| s.deny("deny any:8182")),
    row("firewall on the way to the proxy", BySmart, UNREACHABLE, |s| {
        s.by_proxy(PROXY, WHO);
        s.deny("deny 192.168.0.80:3128");
    }),
];

/// Conditions of the connection and the answer.
const WIRE: &[Row] = &[
    row("refused", ByCslu, UNREACHABLE, |s| s.other = Other::Nobody),
    row("reset in mid-answer", BySmart, UNREACHABLE, |s| {
        s.other = Other::Does(Act::Reset("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"));
    }),
    row("lost", ByCslu, UNREACHABLE, |s| s.other = Other::Does(Act::Say(""))),
    row("silent", ByCslu, UNREACHABLE, |s| {
        s.other = Other::Does(Act::Silence);
        s.limits = Limits::within(Duration::from_millis(250));
    }),
    row("handshake closed", BySmart, UNREACHABLE, |s| s.other = Other::Does(Act::CloseHandshake)),
    row("no TLS", ByCallhome, UNREACHABLE, |s| s.other = Other::Does(Act::PlainInHandshake)),
    row("empty", ByCslu, EMPTY, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    }),
    row("no content", ByCallhome, EMPTY, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 204 No Content\r\n\r\n"));
    }),
    row("expired", BySmart, CERTIFICATE, |s| s.valid(NOW - YEAR..NOW - 1)),
    row("not yet valid", ByCallhome, CERTIFICATE, |s| s.valid(NOW + 3600..NOW + YEAR)),
    row("wrong name", BySmart, CERTIFICATE, |s| s.names(&["other.example.com"])),
    row("no SAN", BySmart, CERTIFICATE, |s| s.names(&[])),
    row("unknown CA", ByCallhome, CERTIFICATE, |s| s.certificate.2 = Issuer::Unknown),
    row("self-signed", BySmart, CERTIFICATE, |s| s.certificate.2 = Issuer::Itself),
    row("404", BySmart, NOT_FOUND, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    }),
    row("404 of a CSLU", ByCslu, NOT_FOUND, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"));
    }),
    row("503", ByCallhome, DOWN, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
    }),
    row("truncated", ByCslu, BAD_REPLY, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"));
    }),
    row("larger than the limit", ByCslu, BAD_REPLY, |s| s.limits.answer_bytes = 100),
    row("proxy wants credentials", BySmart, BY_PROXY, |s| s.by_proxy(PROXY, WHO)),
    row("proxy wants credentials for HTTP", ByCslu, BY_PROXY, |s| s.by_proxy(PROXY, WHO)),
    row("proxy refuses CONNECT", ByCallhome, BY_PROXY, |s| s.by_proxy(PROXY, FORBIDDEN)),
];

/// Conditions of what an answer says, and of the configuration.
const MESSAGE: &[Row] = &[
    row("a page", BySmart, BAD_REPLY, |s| s.other = Other::Signs(page)),
    row("no envelope", ByCallhome, BAD_REPLY, |s| {
        s.other = Other::Does(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    }),
    row("a page in an envelope", ByCallhome, BAD_REPLY, |s| s.other = Other::Signs(page)),
    row("other nonce", BySmart, NONCE, |s| s.other = Other::Signs(other_nonce)),
    row("other nonce", ByCslu, NONCE, |s| s.other = Other::Signs(other_nonce)),
    row("other nonce", ByCallhome, NONCE, |s| s.other = Other::Signs(other_nonce)),
    row("spoiled", BySmart, SIGNATURE, |s| s.other = Other::Signs(spoiled)),
    row("spoiled", ByCslu, SIGNATURE, |s| s.other = Other::Signs(spoiled)),
    row("spoiled", ByCallhome, SIGNATURE, |s| s.other = Other::Signs(spoiled)),
    row("signer of another root", BySmart, SIGNER_INVALID, |s| s.other = Other::Signs(stranger)),
    row("signer of another root", ByCslu, SIGNER_INVALID, |s| s.other = Other::Signs(stranger)),
    row("signer of another root", ByCallhome, SIGNER_INVALID, |s| s.other = Other::Signs(stranger)),
    row("unknown signer", BySmart, CHAIN, |s| s.other = Other::Signs(unknown_key)),
    row("unknown signer", ByCallhome, CHAIN, |s| s.other = Other::Signs(unknown_key)),
    row("no URL", BySmart, NO_URL, |s| s.url = Some("")),
    row("no URL", ByCslu, NO_URL, |s| s.url = Some("")),
    row("no URL", ByCallhome, NO_URL, |s| s.url = Some("")),
    row("too large", BySmart, TOO_LARGE, |s| s.limits.request_bytes = 100),
    row("too large", ByCallhome, TOO_LARGE, |s| s.limits.request_bytes = 2000),
    row("Call Home without HTTP", ByCallhome, MISSING, |s| s.callhome.2 = false),
    row("profile inactive", ByCallhome, PROFILE, |s| s.callhome.1 = false),
    row("service off", ByCallhome, SERVICE, |s| s.callhome = (false, false, false)),
];

/// The lines of a device in that setup that has just asked its peer once.
async fn lines(mut setup: Setup) -> (Vec<String>, Vec<String>) {
    let zone = Zone::default();
    zone.set("broken.example.com", Answer::Code(ResponseCode::ServFail));
    zone.set("silent.example.com", Answer::Silence);
    let (name_server, _server) = zone.serve().await;
    let authority = Authority::new();
    let real = setup.listen(&authority).await;
    let world = &mut setup.world;
    world.add_route(NAME_SERVER, 53, name_server);
    for (host, port) in [("smartreceiver.cisco.com", 443), ("tools.cisco.com", 443), ("192.168.0.1", 8182)] {
        world.add_route(host, port, real);
    }
    if let Some(says) = setup.proxy_says {
        let proxy = Peer::plain(Act::Say(says)).await;
        world.add_route(PROXY, 3128, proxy.address);
    }
    let clock = Clock::at(Wall::from_secs(NOW));
    let mut device = Device::boot(setup.mode, clock.clone(), setup.transport(&authority, clock)).await;
    if setup.mode == ByCslu {
        device.run_for(20).await;
    } else {
        let token = Token::new("EXAMPLETOKEN0001").unwrap();
        device.command(Command::Trust { token, scope: Scope::Local, force: false }).await;
    }
    device.log.retain(|line| line.contains("COMM_"));
    (device.log, device.details)
}

impl Setup {
    /// Starts the other end; says where.
    async fn listen(&self, authority: &Authority) -> SocketAddr {
        let (names, validity, issuer) = &self.certificate;
        let tls = || match issuer {
            Issuer::Trusted => authority.server(names, validity.clone()),
            Issuer::Unknown => Authority::new().server(names, validity.clone()),
            Issuer::Itself => self_signed(names, validity.clone()),
        };
        let tls = (self.mode != ByCslu).then(tls);
        match (&self.other, tls) {
            (Other::Nobody, _) => nobody().await,
            (Other::Does(act), Some(tls)) => Peer::secure(*act, tls).await.address,
            (Other::Does(act), None) => Peer::plain(*act).await.address,
            (Other::Signs(spoil), tls) => {
                let (spoil, in_envelope) = (*spoil, self.mode == ByCallhome);
                Peer::answering(tls, move |body| reply(body, spoil, in_envelope)).await.address
            }
        }
    }

    fn transport(&self, authority: &Authority, clock: Clock) -> Arc<dyn Transport> {
        let network = Network::new(Arc::new(self.world.clone()), self.ip.clone());
        let source = Source { vrf: self.vrf, interface: self.interface };
        let dns = Dns::new(Arc::new(Instant::now()), Duration::from_millis(250));
        let network = SwitchNetwork::new(network, source, Arc::new(dns));
        let mut carrier = Carrier::new(Arc::new(clock), Arc::new(network));
        carrier.limits = self.limits;
        carrier.anchors = authority.anchors();
        carrier.proxy.clone_from(&self.proxy);
        let words = Arc::new(WireProfile::default());
        let verifier = Arc::new(Verifier::root(SIGNER.root_pem()).unwrap());
        let keys = Some(Arc::clone(&KEYS));
        let smart: Arc<dyn Format> = Arc::new(SmartFormat { keys, verifier, profile: Arc::clone(&words) });
        let link = |format| Link { carrier, format, nonces: Arc::new(SystemNonces) };
        let url = |default: &str| self.url.unwrap_or(default).to_owned();
        match self.mode {
            BySmart => Arc::new(Smart { link: link(smart), url: url(SMART_URL) }),
            ByCslu => {
                Arc::new(Cslu { link: link(smart), url: url(CSLU_URL), domain: self.ip.domain.clone() })
            }
            ByCallhome => {
                let (enabled, profile_active, http) = self.callhome;
                let format = Arc::new(CallhomeFormat::new(smart, words));
                Arc::new(Callhome {
                    link: link(format),
                    enabled,
                    profile_active,
                    http,
                    url: url(CALLHOME_URL),
                })
            }
            TransportMode::Off => Arc::new(Off),
        }
    }
}

/// What the peer makes of the body of a request.
fn reply(body: &str, spoil: Spoil, in_envelope: bool) -> String {
    let words = WireProfile::default();
    let read = |text: &str| decode_request(text.as_bytes(), &words).unwrap();
    if !in_envelope {
        return spoil(&read(body), &SIGNER);
    }
    let delivery = decode_callhome_request(body.as_bytes(), &words).unwrap();
    assert_eq!(delivery.message_id.to_string(), "M1:FDO00000001:69A55FA0");
    let asked = read(&delivery.message);
    let dispatch = Dispatch { udi: asked.message.header.udi, number: 1, created: Wall::from_secs(NOW) };
    encode_callhome_response(&dispatch, &spoil(&asked, &SIGNER), &words).unwrap()
}

async fn check(rows: &[Row]) {
    for Row { what, mode, failure, text, change } in rows {
        let mut setup = Setup::new(*mode);
        change(&mut setup);
        let (lines, details) = lines(setup).await;
        let peer = match mode {
            ByCslu => "Cisco Smart License Utility (CSLU)",
            BySmart | ByCallhome | TransportMode::Off => "Cisco Smart Software Manager (CSSM)",
        };
        let line =
            format!("%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the {peer} : {text}");
        assert_eq!(lines, [line], "{mode} {what}: {details:?}");
        assert!(!details[0].is_empty() && !details[0].contains("EXAMPLETOKEN"), "{details:?}");
        assert_eq!(failure.to_string(), *text);
    }
}

#[tokio::test]
async fn each_condition_of_the_network_has_its_line() {
    check(NETWORK).await;
}

#[tokio::test]
async fn each_condition_of_the_wire_has_its_line() {
    check(WIRE).await;
}

#[tokio::test]
async fn each_condition_of_message_and_configuration_has_its_line() {
    check(MESSAGE).await;
}

#[test]
fn no_row_of_the_table_is_left_out() {
    let shown: HashSet<Failure> =
        [NETWORK, WIRE, MESSAGE].into_iter().flatten().map(|row| row.failure).collect();
    let left_out: Vec<_> = Failure::ALL.into_iter().filter(|failure| !shown.contains(failure)).collect();
    assert_eq!(left_out, [Failure::Busy, Failure::Unspecified]);
}

/// The setup that all rows start from is in order: what a row shows is its own condition's doing.
#[tokio::test]
async fn in_order_nothing_is_logged_on_any_transport() {
    for mode in [BySmart, ByCallhome, ByCslu, TransportMode::Off] {
        let (lines, details) = lines(Setup::new(mode)).await;
        assert_eq!((lines, details), (Vec::new(), Vec::new()), "{mode}");
    }
}

/// What a proxy is there for: the destination is out of the switch's reach, name and way.
#[tokio::test]
async fn behind_a_proxy_only_the_way_to_the_proxy_counts() {
    let mut setup = Setup::new(BySmart);
    setup.by_proxy(PROXY, WHO);
    setup.ip.name_servers.clear();
    setup.deny("deny any:443");
    let (lines, _) = lines(setup).await;
    assert!(lines[0].ends_with(BY_PROXY.1), "the proxy was asked: {lines:?}");
    let mut unknown = Setup::new(BySmart);
    unknown.by_proxy(PROXY, WHO);
    unknown.url = Some("https://nowhere.example.com/x");
    let (lines, details) = self::lines(unknown).await;
    assert!(lines[0].ends_with(BY_PROXY.1) && details[0].contains("does not find"), "{details:?}");
}

/// The name servers of `spec/chapter.md` S-28g: put right, the same switch is healthy.
#[tokio::test]
async fn a_name_server_put_right_ends_the_trouble() {
    let mut setup = Setup::new(BySmart);
    setup.ip.name_servers = vec!["203.0.113.1".parse().unwrap(), DEFAULT_NAME_SERVER];
    assert_eq!(lines(setup).await.0, [""; 0]);
}
