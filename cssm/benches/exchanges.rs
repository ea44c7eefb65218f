//! How many exchanges one core answers: usage report to `OK_POLL`, signed, over connections that are open already, with
//! and without a store; beside bare RSA-2048 signatures of the same run, which are the floor. And the same exchange in
//! process, without a wire, and what 100,000 devices take of memory.
//!
//! Server threads carry a name of their own, so that their processor time is told from that of the load.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use slpsim_agent::{
    Measurement, PollId, ProfileId, Reason, Report, ReportId, Request, Role, Sender, Signer as SignedBy, Udi,
    Unit,
};
use slpsim_cssm::server::{Running, Server, ServerConfig, StoreChoice, SystemClock};
use slpsim_cssm::{Arrived, Config, Csr, Cssm, Limits, Proof, Route, Signed};
use slpsim_policy::Wall;
use slpsim_tests::Postgres;
use slpsim_transport::WireProfile;
use slpsim_transport::message::compose;
use slpsim_transport::sign::{DeviceKeys, IdRequest, PublicKey, Signer, Verifier};
use slpsim_transport::smart::{decode_response, encode_request};

/// Of the runtime, of the store, and of SQLite; the system shows 15 letters.
const SERVER_THREADS: [&str; 3] = ["mock", "slpsim-store", "sqlx-sqlite-wor"];
/// Connections, without a store and with one: many share a commit.
const DEVICES: u32 = 8;
const DEVICES_OF_STORE: u32 = 64;
const RUN: Duration = Duration::from_secs(5);
const NOW: Wall = Wall::from_secs(1_772_445_600);

fn main() {
    let bare = bare_signatures();
    println!("bare RSA-2048 signatures          {bare:>10.0} /s/core");
    let folder = tempfile::tempdir().unwrap();
    let sqlite = StoreChoice::Sqlite { path: folder.path().join("mock.db"), most_bytes: None };
    let database = Postgres::start();
    let postgres = database.as_ref().map(|database| database.url().parse().unwrap());
    for (name, store, devices) in [
        ("in memory", Some(None), DEVICES),
        ("SQLite", Some(Some(sqlite)), DEVICES_OF_STORE),
        ("PostgreSQL", postgres.map(Some), DEVICES_OF_STORE),
    ] {
        let Some(store) = store else { continue };
        let (per_core, wall) = over_sockets(store, devices);
        println!(
            "usage -> OK_POLL over HTTPS, {name:<12} {per_core:>7.0} /s/core of the server, {:.2} of bare signatures ({wall:.0} /s with the load beside it)",
            per_core / bare
        );
    }
    println!("usage + poll in process           {:>10.0} ns for both", in_process());
    println!("100,000 devices with trust        {:>10.0} MB", memory_of(100_000));
}

fn sender(n: u32) -> Sender {
    let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
    Sender {
        udi,
        units: vec![Unit { role: Role::Active, udi }],
        identity: None,
        profile: ProfileId::Nexus9000.profile(),
        hostname: Some("n9k-leaf-01".into()),
        send_version: true,
        custom_id: None,
    }
}

fn usage(sender: &Sender) -> Request {
    let measurement = Measurement {
        start: NOW,
        end: NOW.plus_millis(120_000),
        value: 1,
        reason: Some(Reason::CurrentUsageRequested),
        clock_change_s: None,
    };
    Request::Usage {
        reports: vec![Report {
            id: ReportId(1_772_445_600),
            previous: None,
            license: &sender.profile.licenses[0],
            signer: sender.identity.map_or(SignedBy::Builtin, SignedBy::Id),
            units: sender.units.clone(),
            measurements: vec![measurement],
        }],
    }
}

/// Signatures of one core in one second, over a text as long as an answer.
fn bare_signatures() -> f64 {
    let signer = Signer::generate(NOW).unwrap();
    let text = [b'x'; 600];
    let (begin, cpu, mut count) = (Instant::now(), own_cpu(), 0_u32);
    while begin.elapsed() < Duration::from_secs(2) {
        std::hint::black_box(signer.sign(std::hint::black_box(&text), "SHA256").unwrap());
        count += 1;
    }
    f64::from(count) / (own_cpu() - cpu)
}

/// Exchanges per second of the server's processor time, and per second on the wall.
fn over_sockets(store: Option<StoreChoice>, devices: u32) -> (f64, f64) {
    let server_runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name(SERVER_THREADS[0])
        .enable_all()
        .build()
        .unwrap();
    let config = ServerConfig { seed: Some(1), store, ..ServerConfig::default() };
    let server = server_runtime.block_on(Server::start(config, Arc::new(SystemClock))).unwrap();
    let load = tokio::runtime::Builder::new_multi_thread().thread_name("load").enable_all().build().unwrap();
    let bodies = load.block_on(async {
        let mut bodies = Vec::new();
        for n in 0..devices {
            bodies.push(trusted_report(&server, n).await);
        }
        bodies
    });
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let url = server.urls.smart.clone();
    let tasks: Vec<_> = bodies
        .into_iter()
        .map(|(http, body)| {
            let (stop, count, url) = (Arc::clone(&stop), Arc::clone(&count), url.clone());
            load.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = post(&http, &url, body.clone()).await;
                    assert!(answer.windows(7).any(|window| window == b"OK_POLL"));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (cpu, begin) = (server_cpu(), Instant::now());
    load.block_on(async { tokio::time::sleep(RUN).await });
    let (done, cpu, wall) =
        (count.load(Ordering::Relaxed), server_cpu() - cpu, begin.elapsed().as_secs_f64());
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        load.block_on(task).unwrap();
    }
    server_runtime.block_on(server.shutdown());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let done = done as f64;
    (done / cpu, done / wall)
}

/// A client with an open connection, and the body of a signed report of a device with trust.
async fn trusted_report(server: &Running, n: u32) -> (reqwest::Client, String) {
    let http = client(&server.ca_pem);
    let keys = DeviceKeys::generate().unwrap();
    let profile = WireProfile::default();
    let mut sender = sender(n);
    let now = slpsim_cssm::server::Clock::now(&SystemClock);
    let trust = Request::Trust { token: server.idtoken.clone(), force: false, units: sender.units.clone() };
    let body = encode_request(&compose(&trust, &sender, now, 1), Some(&keys), &profile).unwrap().body;
    let answer = post(&http, &server.urls.smart, body).await;
    let answer = decode_response(&answer, &Verifier::root(&server.ca_pem).unwrap(), &profile).unwrap();
    let code = answer.message.data.trust_codes.into_iter().next().unwrap();
    sender.identity = Some(code.object.unwrap().code.identity);
    let body =
        encode_request(&compose(&usage(&sender), &sender, now, 2), Some(&keys), &profile).unwrap().body;
    (http, body)
}

async fn post(http: &reqwest::Client, url: &str, body: String) -> Vec<u8> {
    let request = http.post(url).header("content-type", "application/json").body(body);
    request.send().await.unwrap().bytes().await.unwrap().to_vec()
}

fn client(ca_pem: &str) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

/// Processor time of all server threads, in seconds.
fn server_cpu() -> f64 {
    let mut seconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(name) = std::fs::read_to_string(task.path().join("comm")) else { continue };
        if SERVER_THREADS.contains(&name.trim_end()) {
            seconds += on_cpu(&task.path().join("schedstat"));
        }
    }
    seconds
}

/// Processor time of this thread, in seconds: what others do on the machine does not count.
fn own_cpu() -> f64 {
    on_cpu(std::path::Path::new("/proc/thread-self/schedstat"))
}

/// The first number of `schedstat` is nanoseconds on a processor.
fn on_cpu(schedstat: &std::path::Path) -> f64 {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Nanoseconds of a usage report and the poll for its ACK, with messages as values.
fn in_process() -> f64 {
    const ROUNDS: u32 = 200_000;
    let mut cssm = Cssm::new(Config { limits: Limits::fleet(), ..Config::default() }).unwrap();
    let route = Route::Cslu { tenant: None };
    let messages: Vec<_> = (0..1000)
        .map(|n| {
            let sender = sender(n);
            let usage = compose(&usage(&sender), &sender, NOW, 1);
            let poll = compose(&Request::Poll { poll_id: PollId(0) }, &sender, NOW, 2);
            (usage, poll)
        })
        .collect();
    let begin = own_cpu();
    for (usage, poll) in messages.iter().cycle().take(ROUNDS as usize) {
        let answer = cssm.handle(NOW, &Arrived::in_process(route.clone(), usage));
        let poll_id = answer.message.data.poll_id.unwrap();
        let mut poll = poll.clone();
        poll.body = slpsim_transport::message::DeviceBody::Poll { poll_id };
        std::hint::black_box(cssm.handle(NOW, &Arrived::in_process(route.clone(), &poll)));
    }
    (own_cpu() - begin) * 1e9 / f64::from(ROUNDS)
}

/// Megabytes that so many devices take, each with trust, its certificate request, its key and a report.
fn memory_of(devices: u32) -> f64 {
    let mut cssm = Cssm::new(Config::default()).unwrap();
    let token = cssm.make_token(NOW, &slpsim_cssm::TokenWish::default()).unwrap();
    let (keys, signer) = (DeviceKeys::generate().unwrap(), Signer::generate(NOW).unwrap());
    let csr = keys.csr(&sender(0).udi).unwrap();
    let before = resident();
    let mut pem = None;
    for n in 0..devices {
        let mut sender = sender(n);
        let trust = Request::Trust { token: token.clone(), force: false, units: sender.units.clone() };
        let message = compose(&trust, &sender, NOW, 1);
        let proof = Proof { request: Signed::Valid, reports: &[], csr: Csr::Good(Arc::from(csr.as_str())) };
        let arrived = Arrived { route: Route::Smart, message: &message, proof };
        let answer = cssm.handle(NOW, &arrived);
        let code = answer.message.data.trust_codes[0].object.as_ref().unwrap().code.clone();
        let issue = || {
            let request = IdRequest {
                csr: &csr,
                product: sender.udi.pid.as_str(),
                identity: code.identity,
                valid_from: NOW,
                valid_to: code.valid_to,
            };
            signer.issue_id(request).unwrap()
        };
        let pem = pem.get_or_insert_with(issue);
        let key = Arc::new(PublicKey::from_certificate_pem(pem).unwrap());
        cssm.set_key(&sender.udi, code.identity.serial, key);
        sender.identity = Some(code.identity);
        let report = compose(&usage(&sender), &sender, NOW, 2);
        std::hint::black_box(cssm.handle(NOW, &Arrived::in_process(Route::Smart, &report)));
    }
    assert_eq!(cssm.store().devices().count(), usize::try_from(devices).unwrap());
    (resident() - before) / 1e6
}

/// Bytes of this process that lie in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}
