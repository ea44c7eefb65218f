//! How fast lines reach a receiver: `cargo bench -p slpsim-logs --bench sinks`.
//!
//! Lines are formatted, framed, queued and sent by the sink's thread, as a fleet does it. Beside each figure stands the
//! bare limit on the same machine in the same run: prepared bytes, written in a loop to the same kind of receiver, which
//! throws away what it gets. Medians of five rounds.
//!
//! Where the variable LOGGEN names the program of syslog-ng, it sends lines of the same size to the same receivers;
//! `logs/benches/loggen.sh` fetches it and runs this.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench says what it expects by unwrapping it")]
#![expect(clippy::cast_precision_loss, reason = "rates are printed with three digits")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use slpsim_agent::{Failure, Message, Peer};
use slpsim_logs::url::Receiver;
use slpsim_logs::{
    Batch, FileSink, Formatter, Framing, Line, NullSink, Options, Queue, Repeated, Sink, TcpSink, TlsSink,
    TlsTrust, UdpSink, Zone,
};
use slpsim_policy::Wall;

const ROUNDS: usize = 5;
/// What is handed over at once.
const HAND_OVER: usize = 128 << 10;
const AT: Wall = Wall(1_772_445_600_000);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    println!("{} bytes a line; million lines/s, median of {ROUNDS}", line_bytes());
    null();
    file(folder.path());
    tcp();
    tls(folder.path());
    udp();
}

/// The lines of a fleet in an outage: a new second every 50 lines, another device each.
fn format(lines: u64, mut each: impl FnMut(&mut Formatter, &Line<'_>)) {
    let message = Message::CommFailed { peer: Peer::Cssm, failure: Failure::Unreachable };
    let mut formatter = Formatter::new(Options::default());
    let hosts: Vec<String> = (0..64).map(|number| format!("n9k-leaf-{number:02}")).collect();
    for (number, host) in (0..lines).zip(hosts.iter().cycle()) {
        let at = AT.plus_millis(i64::try_from(number).unwrap() * 20);
        let (host, repeated) = (Some(host.as_str()), Repeated::No);
        let line =
            Line { at, zone: Zone::UTC, host, address: None, sequence: number, message: &message, repeated };
        each(&mut formatter, &line);
    }
}

fn line_bytes() -> usize {
    let mut bytes = 0;
    format(1, |formatter, line| bytes = formatter.format(line).len());
    bytes
}

/// Million lines a second from the first line to the end of the sink.
fn through(sink: impl Sink + 'static, lines: u64) -> f64 {
    let begin = Instant::now();
    let queue = Queue::spawn("bench", sink, 1 << 16).unwrap();
    let mut batch = queue.batch();
    format(lines, |formatter, line| {
        formatter.append(line, &mut batch);
        if batch.bytes().len() >= HAND_OVER {
            queue.put_batch(&mut batch);
        }
    });
    queue.put_batch(&mut batch);
    let counts = queue.close();
    assert_eq!((counts.lines, counts.dropped, counts.failed), (lines, 0, 0));
    lines as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// A block of prepared lines, and how many it has.
fn block(framing: Option<Framing>, bytes: usize) -> Batch {
    let mut batch = Batch::new(framing);
    format(10_000, |formatter, line| {
        if batch.bytes().len() < bytes {
            formatter.append(line, &mut batch);
        }
    });
    batch
}

/// Million lines a second of a loop that writes prepared blocks.
fn bare(block: &Batch, lines: u64, mut write: impl FnMut(&Batch)) -> f64 {
    let blocks = lines / u64::try_from(block.len()).unwrap();
    let begin = Instant::now();
    (0..blocks).for_each(|_| write(block));
    blocks as f64 * block.len() as f64 / begin.elapsed().as_secs_f64() / 1e6
}

fn median(mut round: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    all.sort_by(f64::total_cmp);
    all[ROUNDS / 2]
}

fn report(name: &str, ours: f64, bare: f64) {
    println!("  {name:13} {ours:7.3}; bare loop {bare:7.3}; {:5.1} % of it", 100.0 * ours / bare);
}

fn null() {
    println!("  {:13} {:7.3}", "null", median(|| through(NullSink, 10_000_000)));
}

fn file(folder: &Path) {
    const LINES: u64 = 4_000_000;
    let path = folder.join("log");
    let block = block(Some(Framing::Newline), 64 << 10);
    let fresh = || drop(std::fs::remove_file(&path));
    let ours = median(|| {
        fresh();
        through(FileSink::open(&path).unwrap(), LINES)
    });
    let limit = median(|| {
        fresh();
        let mut file = File::create(&path).unwrap();
        bare(&block, LINES, |block| file.write_all(block.bytes()).unwrap())
    });
    fresh();
    report("file", ours, limit);
}

/// The rate of `loggen` towards such a receiver, where the program is named.
fn peer(name: &str, ours: f64, how: &[&str], receiver: &dyn Fn() -> (Receiver, JoinHandle<()>)) {
    const LINES: u32 = 300_000;
    let Some(program) = std::env::var_os("LOGGEN") else { return };
    let rate = median(|| {
        let (to, thread) = receiver();
        let size = line_bytes().to_string();
        let (count, port) = (LINES.to_string(), to.port.to_string());
        let output = Command::new(&program)
            .args(how)
            .args(["-r", "100000000", "-n", &count, "-s", &size, &to.host, &port])
            .output()
            .unwrap();
        thread.join().unwrap();
        // It starts and ends slowly: its own figure of the time that it took to send.
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let (_, rate) = said.rsplit_once("average rate = ").unwrap_or_else(|| panic!("{said}"));
        rate.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
    });
    println!("  {name:13} {rate:7.3} by loggen; ours is {:.1} times as fast", ours / rate);
}

/// Takes one connection and throws away what comes.
fn discard(serve: impl FnOnce(TcpStream) + Send + 'static) -> (Receiver, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
    (Receiver { host: "127.0.0.1".into(), port }, thread)
}

fn read_all(mut stream: impl Read) {
    let mut buffer = vec![0; 256 << 10];
    while stream.read(&mut buffer).is_ok_and(|size| size > 0) {}
}

fn tcp() {
    const LINES: u64 = 10_000_000;
    let block = block(Some(Framing::Newline), 64 << 10);
    let ours = median(|| {
        let (to, thread) = discard(read_all);
        let rate = through(TcpSink::connect(&to, Framing::Newline, false).unwrap(), LINES);
        thread.join().unwrap();
        rate
    });
    let limit = median(|| {
        let (to, thread) = discard(read_all);
        let mut stream = TcpStream::connect((to.host.as_str(), to.port)).unwrap();
        let rate = bare(&block, LINES, |block| stream.write_all(block.bytes()).unwrap());
        drop(stream);
        thread.join().unwrap();
        rate
    });
    report("tcp newline", ours, limit);
    peer("tcp newline", ours, &["-i", "-S"], &|| discard(read_all));
}

fn tls(folder: &Path) {
    const LINES: u64 = 3_000_000;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (ca, der) = (folder.join("ca.pem"), certificate.der().clone());
    std::fs::write(&ca, certificate.pem()).unwrap();
    let server = server_config(&provider, &der, &key);
    let serve = |config: Arc<ServerConfig>| {
        discard(move |stream| read_all(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)))
    };
    let block = block(Some(Framing::Octet), 16 << 10);
    let ours = median(|| {
        let (to, thread) = serve(Arc::clone(&server));
        let trust = TlsTrust { ca: Some(ca.clone()), ..TlsTrust::default() };
        let rate = through(TlsSink::connect(&to, &trust, Framing::Octet, false).unwrap(), LINES);
        thread.join().unwrap();
        rate
    });
    let limit = median(|| {
        let (to, thread) = serve(Arc::clone(&server));
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
        let tcp = TcpStream::connect((to.host.as_str(), to.port)).unwrap();
        let mut stream = StreamOwned::new(client, tcp);
        let rate = bare(&block, LINES, |block| stream.write_all(block.bytes()).unwrap());
        drop(stream);
        thread.join().unwrap();
        rate
    });
    report("tls octet", ours, limit);
    peer("tls octet", ours, &["-U"], &|| serve(Arc::clone(&server)));
}

fn server_config(
    provider: &Arc<rustls::crypto::CryptoProvider>,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into());
    Arc::new(config.unwrap())
}

/// The receiver reads nothing: what its buffer does not hold, the system throws away, at the same cost to both.
fn udp() {
    const LINES: u64 = 400_000;
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = Receiver { host: "127.0.0.1".into(), port: receiver.local_addr().unwrap().port() };
    let block = block(None, 64 << 10);
    let lines: Vec<&[u8]> = block.iter().collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect((to.host.as_str(), to.port)).unwrap();
    let (mut ours, mut alone, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, since the machine's mood changes by more than the difference.
    for _ in 0..ROUNDS {
        ours.push(through(UdpSink::connect(&to, false).unwrap(), LINES));
        let mut sink = UdpSink::connect(&to, false).unwrap();
        alone
            .push(bare(&block, LINES, |block| assert_eq!(sink.write_batch(block).lines, lines.len() as u64)));
        limit.push(bare(&block, LINES, |_| {
            lines.iter().for_each(|line| assert_eq!(socket.send(line).unwrap(), line.len()))
        }));
    }
    let [ours, alone, limit] = [ours, alone, limit].map(|rates| {
        let mut rounds = rates.into_iter();
        median(|| rounds.next().unwrap())
    });
    let address = to.clone();
    peer("udp", alone, &["-i", "-D"], &move || (address.clone(), thread::spawn(|| ())));
    report("udp", ours, limit);
    report("udp, no queue", alone, limit);
}
