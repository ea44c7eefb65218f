//! Foreign receivers take what the sinks send, and read the same from it as was meant (`spec/logs.md` §9).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests say what they expect by unwrapping it"
)]

mod rsyslog;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use rsyslog::{Daemon, Wire};
use slpsim_agent::{Failure, Message, Peer, PolicyError, TrustError, Udi};
use slpsim_logs::url::Receiver;
use slpsim_logs::{
    Form, Formatter, Framing, Line, Options, Origin, Precision, Queue, Repeated, Sink, SourceNet, TcpSink,
    TlsSink, TlsTrust, UdpSink, Zone,
};
use slpsim_policy::Wall;
use slpsim_tests::peer;

/// 2026-03-02 10:00:00 UTC
const START: Wall = Wall(1_772_445_600_000);
const DEVICES: u64 = 20;
/// As many lines as a socket's usual buffer holds: datagrams have no other protection.
const LINES: u64 = 400;

/// One line of a mixed fleet.
struct Sent {
    host: String,
    device: u64,
    at: Wall,
    message: Message,
}

/// All rows of the catalogue and all failures, from many devices, milliseconds apart.
fn fleet() -> Vec<Sent> {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let mut messages = vec![
        Message::PolicyInstallFailed { error: PolicyError::Signature },
        Message::AuthorizationInstallFailed { udi, error: PolicyError::Timestamp },
        Message::CommRestored { peer: Peer::Cslu },
        Message::PolicyRemoved,
        Message::TrustCodeInstallFailed {
            udi,
            error: TrustError::from_text("a server's own words: 50 % of them"),
        },
        Message::ReportingNotSupported,
        Message::PolicyInstallSuccess,
        Message::AuthorizationInstallSuccess { udi },
        Message::AuthorizationRemoved { udi },
        Message::ReportingRequired { days: 0 },
        Message::TrustCodeInstallSuccess { udi },
    ];
    messages.extend(Failure::ALL.map(|failure| Message::CommFailed { peer: Peer::Cssm, failure }));
    let line = |(number, message): (u64, &Message)| Sent {
        host: format!("n9k-leaf-{:02}", number % DEVICES),
        device: number % DEVICES,
        at: START.plus_millis(i64::try_from(number).unwrap() * 3_600_123),
        message: message.clone(),
    };
    (0..LINES).zip(messages.iter().cycle()).map(line).collect()
}

/// Sends everything, and waits until the receiver has closed, where there is a connection.
fn send(sink: impl Sink + 'static, options: &Options, fleet: &[Sent], net: Option<SourceNet>) {
    let queue = Queue::spawn("peers", sink, 1 << 20).unwrap();
    let mut formatter = Formatter::new(options.clone());
    let mut batch = queue.batch();
    for (sequence, sent) in (1..).zip(fleet) {
        let line = Line {
            at: sent.at,
            zone: Zone::UTC,
            host: Some(&sent.host),
            address: None,
            sequence,
            message: &sent.message,
            repeated: Repeated::No,
        };
        formatter.append_from(&line, net.map(|net| net.address(sent.device)), &mut batch);
    }
    queue.put_batch(&mut batch);
    let counts = queue.close();
    assert_eq!((counts.lines, counts.dropped, counts.failed), (LINES, 0, 0));
}

fn to(port: u16) -> Receiver {
    Receiver { host: "127.0.0.1".into(), port }
}

/// `%TAG:` and the text behind it.
fn tag_and_text(message: &Message) -> (String, String) {
    let line = message.to_string();
    let (tag, text) = line.split_once(": ").unwrap();
    (format!("{tag}:"), text.to_owned())
}

/// What rsyslog makes of P1 (`spec/logs.md` §9.2): PRI, time, sender, tag, text.
fn as_pmciscoios_reads_it(sent: &Sent, from: &str) -> [String; 5] {
    let (tag, text) = tag_and_text(&sent.message);
    let pri = 8 * 23 + u32::from(sent.message.severity().digit());
    [pri.to_string(), rfc3339(sent.at), from.into(), tag, text]
}

fn rfc3339(at: Wall) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at.0).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, false)
}

const P1: fn() -> Options = || Options {
    form: Form::Nxos,
    origin: Origin::None,
    precision: Precision::Milliseconds,
    ..Options::default()
};

#[test]
fn rsyslog_reads_each_field_over_tcp_in_either_framing() {
    let Some(program) = peer("rsyslogd") else { return };
    for framing in Framing::ALL {
        let daemon = Daemon::start(&program, Wire::Cisco, None);
        send(TcpSink::connect(&to(daemon.port), framing, false).unwrap(), &P1(), &fleet(), None);
        let seen = daemon.end(LINES);
        let meant: Vec<_> = fleet().iter().map(|sent| as_pmciscoios_reads_it(sent, "127.0.0.1")).collect();
        assert_eq!(seen, meant, "{framing:?}");
    }
}

/// Datagrams: the collector tells devices by their source addresses.
#[test]
fn rsyslog_reads_each_field_over_udp_and_tells_devices_by_their_address() {
    let Some(program) = peer("rsyslogd") else { return };
    let net: SourceNet = "127.1.0.0/16".parse().unwrap();
    let daemon = Daemon::start(&program, Wire::CiscoDatagrams, None);
    send(UdpSink::connect(&to(daemon.port), false).unwrap(), &P1(), &fleet(), Some(net));
    let seen = daemon.end(LINES);
    let meant: Vec<_> = fleet()
        .iter()
        .map(|sent| as_pmciscoios_reads_it(sent, &format!("127.1.0.{}", 1 + sent.device)))
        .collect();
    assert_eq!(seen, meant);
}

#[test]
fn rsyslog_reads_each_field_of_rfc_5424_over_tls() {
    let Some(program) = peer("rsyslogd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let write = |name: &str, text: String| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (ca, key) = (write("ca.pem", certificate.pem()), write("key.pem", key.serialize_pem()));
    let daemon = Daemon::start(&program, Wire::Tls, Some((&ca, &key)));
    let trust = TlsTrust { ca: Some(ca), ..TlsTrust::default() };
    let options = Options { form: Form::Rfc5424, precision: Precision::Milliseconds, ..Options::default() };
    let sink = TlsSink::connect(&to(daemon.port), &trust, Framing::Octet, false).unwrap();
    send(sink, &options, &fleet(), None);
    let seen = daemon.end(LINES);
    let meant: Vec<_> = fleet()
        .iter()
        .map(|sent| {
            let pri = 8 * 23 + u32::from(sent.message.severity().digit());
            let mnemonic = sent.message.row().mnemonic();
            let id = format!("LICMGR/{}", mnemonic.get(..32).unwrap_or(mnemonic));
            // As it was sent: rsyslog keeps how UTC is written.
            let at = rfc3339(sent.at).replace("+00:00", "Z");
            [pri.to_string(), at, sent.host.clone(), id, sent.message.to_string()]
        })
        .collect();
    assert_eq!(seen, meant);
}

/// P2: napalm-logs reads host, time, tag and text of NX-OS lines with an origin.
#[test]
fn napalm_logs_reads_each_field_of_lines_with_an_origin() {
    let Some(program) = peer("napalm-logs") else { return };
    // It is a Python package; its interpreter lies beside its program.
    let python = program.canonicalize().unwrap().with_file_name("python");
    let script = "import json, sys\nfrom napalm_logs.config import nxos\n\
                  for line in sys.stdin: print(json.dumps(nxos.extract(line.rstrip('\\n'))))";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut formatter = Formatter::new(Options::default());
    let mut input = child.stdin.take().unwrap();
    for (sequence, sent) in (1..).zip(&fleet()) {
        let line = Line {
            at: sent.at,
            zone: Zone::UTC,
            host: Some(&sent.host),
            address: None,
            sequence,
            message: &sent.message,
            repeated: Repeated::No,
        };
        input.write_all(&[formatter.format(&line), b"\n"].concat()).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let read: Vec<BTreeMap<String, serde_json::Value>> = output
        .stdout
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(u64::try_from(read.len()).unwrap(), LINES);
    for (read, sent) in read.iter().zip(&fleet()) {
        let (tag, text) = tag_and_text(&sent.message);
        let tag = tag.trim_start_matches('%').trim_end_matches(':').to_owned();
        let pri = (8 * 23 + sent.message.severity().digit()).to_string();
        for (field, expected) in [("host", &sent.host), ("pri", &pri), ("tag", &tag), ("message", &text)] {
            assert_eq!(read[field].as_str(), Some(expected.as_str()), "{field}");
        }
        assert_eq!(read["timestamp"].as_i64(), Some(sent.at.secs()));
    }
}
