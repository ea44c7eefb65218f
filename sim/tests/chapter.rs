//! Procedures of the chapter that need more than a scenario file can say: real bundles between real servers
//! (`spec/chapter.md` S-33e, S-45c), and exchanges that are in no log (S-37a). The others are in `config/scenarios/`.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use slpsim_agent::{BootCause, Message, Settings, TransportMode, Udi};
use slpsim_cssm::server::{Running, Server, ServerConfig};
use slpsim_cssm::{Config, Role};
use slpsim_network::World as NetworkWorld;
use slpsim_policy::Wall;
use slpsim_sim::connect::HttpConnect;
use slpsim_sim::lockstep::{Lockstep, Wires};
use slpsim_sim::scenario::{Options, parse, run};
use slpsim_sim::{Class, DeviceId, DeviceSpec, World};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{Anchors, Format, Limits};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::SmartFormat;

const START: Wall = Wall::from_secs(1_767_225_600);
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

/// A switch, its CSLU without a way out, and CSSM.
struct Site {
    world: World<Lockstep>,
    id: DeviceId,
    cslu: Running,
    cssm: Running,
    lines: Vec<String>,
}

impl Site {
    fn new() -> Self {
        let mut link = Lockstep::new(START).unwrap();
        let server = |role, connected, seed| {
            let mock = Config { role, connected, ..Config::default() };
            let config = ServerConfig { mock, seed: Some(seed), ..ServerConfig::default() };
            let clock = Arc::clone(&link.wires().true_clock);
            link.runtime().block_on(Server::start(config, clock)).unwrap()
        };
        let (cslu, cssm) = (server(Role::Cslu, false, 1), server(Role::Cssm, true, 2));
        let connect = connect(link.wires(), &cslu, &cssm);
        link.attach(Box::new(connect));
        let mut world = World::new(START, 7, link);
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let settings = Settings { transport: TransportMode::Cslu, ..Settings::default() };
        let id = world.add(DeviceSpec::new("switch", udi, settings));
        let mut site = Self { world, id, cslu, cssm, lines: Vec::new() };
        site.with(|world, id, seen| world.boot(id, BootCause::First, seen));
        site
    }

    fn with<R>(
        &mut self,
        act: impl FnOnce(&mut World<Lockstep>, DeviceId, &mut dyn slpsim_sim::Observer) -> R,
    ) -> R {
        let lines = &mut self.lines;
        let mut seen = |_, _, _, message: &Message| lines.push(message.to_string());
        act(&mut self.world, self.id, &mut seen)
    }

    fn run_to(&mut self, at: u64) {
        self.with(|world, _, seen| world.run_to(at, Class::Expect, seen));
    }

    /// Types a line; what it prints.
    fn exec(&mut self, line: &str) -> String {
        let lines = [line.to_owned()];
        let (text, error) = self.with(|world, id, seen| world.exec(id, &lines, seen)).unwrap();
        assert!(!error, "{line}: {text}");
        text
    }

    /// The messages since the last call, without their texts.
    fn logged(&mut self) -> Vec<String> {
        let name = |line: String| line.split(':').next().unwrap_or_default().replace("%LICMGR-", "");
        self.lines.drain(..).map(name).collect()
    }

    /// *Download All For Cisco*, *Uploading Usage Data to CSSM and Downloading an ACK*, *Upload From Cisco*.
    fn three_tasks(&self) {
        let bundle = call(&self.cslu, "GET", "bundle", &[]);
        let acks = call(&self.cssm, "POST", "uploads?name=bundle.tar.gz", &bundle);
        call(&self.cslu, "POST", "uploads?name=acks.tar.gz", &acks);
    }

    fn end(self) {
        let runtime = self.world.link.runtime();
        runtime.block_on(self.cslu.shutdown());
        runtime.block_on(self.cssm.shutdown());
    }
}

/// A management call with a file; the file that is answered.
fn call(server: &Running, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let (address, root) = server.urls.manage.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let token = server.manage_token.as_deref().unwrap();
    write!(
        stream,
        "{method} /{root}/{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    assert!(head.starts_with("HTTP/1.1 200 "), "{method} {path}: {head}{}", String::from_utf8_lossy(&body));
    body
}

/// The switch reaches its CSLU, and trusts what CSSM has signed.
fn connect(wires: &Wires, cslu: &Running, cssm: &Running) -> HttpConnect {
    let profile = Arc::new(WireProfile::default());
    let roots = format!("{}{}", cslu.ca_pem, cssm.ca_pem);
    let format: Arc<dyn Format> = Arc::new(SmartFormat {
        keys: Some(Arc::new(DeviceKeys::generate().unwrap())),
        verifier: Arc::new(Verifier::root(&roots).unwrap()),
        profile: Arc::clone(&profile),
    });
    let mut world = NetworkWorld::default();
    world.add_route("cslu-local", 8182, cslu.addresses.1);
    HttpConnect {
        clock: Arc::clone(&wires.device_clock) as _,
        world: Arc::new(world),
        anchors: Anchors::from_pem(roots.as_bytes()).unwrap(),
        callhome: Arc::new(CallhomeFormat::new(Arc::clone(&format), profile)),
        format,
        dns: Arc::default(),
        nonces: Arc::clone(&wires.nonces) as _,
        proxy_login: None,
        limits: Limits::default(),
        door: Some(Arc::clone(&wires.door)),
    }
}

/// S-33e, S-45c.
#[test]
fn the_three_tasks_of_a_disconnected_cslu_bring_policy_and_acks_over_sockets_and_archives() {
    let mut site = Site::new();
    site.run_to(DAY);
    assert_eq!(site.logged(), ["6-LOG_SMART_LIC_REPORTING_REQUIRED"]);
    site.three_tasks();
    site.run_to(3 * DAY);
    let installed = ["6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS", "6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS"];
    assert_eq!(site.logged(), installed);

    // By mistake.
    site.run_to(10 * DAY);
    site.exec("license smart factory reset");
    assert_eq!(site.logged(), ["3-LOG_SMART_LIC_POLICY_REMOVED"]);
    assert!(!site.exec("show license status").contains("Example Policy"));
    site.run_to(10 * DAY + MINUTE);
    site.exec("license smart sync");
    site.run_to(11 * DAY);
    let pushed = ["6-LOG_SMART_LIC_REPORTING_REQUIRED", "6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS"];
    assert_eq!(site.logged(), pushed, "the CSLU pushes the policy of the last round");
    let status = site.exec("show license status");
    for part in
        ["Policy name: Example Policy", "Trust Code Installed: <none>", "Next ACK push check: Jan 12 "]
    {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    site.three_tasks();
    site.run_to(13 * DAY);
    assert_eq!(site.logged(), ["6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS"]);
    assert!(site.exec("show license status").contains("Next ACK push check: <none>"));

    // The report of the next scheduled time is due, and carried on in the same way.
    site.run_to(45 * DAY);
    let status = site.exec("show license status");
    assert!(!status.contains("Next ACK push check: <none>"), "{status}");
    site.three_tasks();
    site.run_to(47 * DAY);
    let status = site.exec("show license status");
    assert!(status.contains("Next ACK push check: <none>"), "{status}");
    assert!(!site.logged().iter().any(|line| line.contains("COMM_FAILED")));
    site.end();
}

/// S-37a: renewals run while the On-Prem is current, and end for good once it is down-rev.
#[test]
fn renewals_run_with_a_current_on_prem_and_end_with_a_down_rev_one() {
    let text = "name = \"x\"\nuntil = \"200d\"\n[device]\ntransport = \"cslu\"\nclassic-registration = \"on-prem\"\n\
        [world]\npeer = \"on-prem\"\n[[at]]\nt = \"45d\"\npeer = \"on-prem-down-rev\"\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_REPORTING_NOT_SUPPORTED\"\nwithin = \"45d..61d\"\ncount = 1\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_REPORTING_NOT_SUPPORTED\"\ncount = 1\n";
    let scenarios = parse(text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
    let entries: Vec<_> =
        outcome.trace.entries.iter().map(|entry| entry.to_json(&outcome).to_string()).collect();
    let at = |what: &str| -> Vec<usize> {
        (0..entries.len()).filter(|number| entries[*number].contains(what)).collect()
    };
    let said = at("REPORTING_NOT_SUPPORTED")[0];
    for purpose in ["\"auth-renew\"", "\"id-renew\""] {
        let renewals = at(purpose);
        assert!(!renewals.is_empty(), "{purpose}");
        assert!(renewals.iter().all(|renewal| *renewal < said), "{purpose} after message 7");
    }
    assert!(at("\"auth-renew\"").len() >= 2, "after an hour, and every 30 days");
}
