//! Sinks over TCP, TLS and Unix sockets against the receiver of this crate and against sockets that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use slpsim_logs::receive::{Arrival, Listen, Listener};
use slpsim_logs::url::Receiver;
use slpsim_logs::{
    ClientCertificate, Counts, Framing, OpenError, Queue, Sink, TcpSink, TlsSink, TlsTrust, UnixStreamSink,
};

/// Long enough for anything that happens at all.
const LONG: Duration = Duration::from_secs(20);

fn listener(url: &str) -> Listener {
    Listener::open(&url.parse::<Listen>().unwrap()).unwrap()
}

fn receiver(listener: &Listener) -> Receiver {
    Receiver { host: "127.0.0.1".into(), port: listener.address().unwrap().port() }
}

fn to(port: u16) -> Receiver {
    Receiver { host: "127.0.0.1".into(), port }
}

/// Sends lines through a queue, some one by one and some as a batch, and expects each at the other end, in order.
fn all_arrive(listener: &Listener, sink: impl Sink + 'static) {
    let lines: Vec<String> = (0..5000).map(|number| format!("<187>leaf: line {number} é")).collect();
    let queue = Queue::spawn("test", sink, 100_000).unwrap();
    let mut batch = queue.batch();
    for line in &lines[..1000] {
        queue.put(line.as_bytes());
    }
    lines[1000..].iter().for_each(|line| batch.push(line.as_bytes()));
    queue.put_batch(&mut batch);
    let closing = std::thread::spawn(move || queue.close());
    let mut arrived = Vec::new();
    while arrived.len() < lines.len() {
        match listener.next(LONG).expect("something arrives") {
            Arrival::Lines(batch) => {
                arrived.extend(batch.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
            }
            Arrival::Trouble(reason) => panic!("{reason}"),
        }
    }
    assert_eq!(arrived, lines);
    let bytes = lines.iter().map(|line| u64::try_from(line.len()).unwrap()).sum();
    assert_eq!(closing.join().unwrap(), Counts { lines: 5000, bytes, dropped: 0, failed: 0 });
}

#[test]
fn all_lines_arrive_over_tcp_in_either_framing() {
    for framing in Framing::ALL {
        let listener = listener("tcp://127.0.0.1:0");
        all_arrive(&listener, TcpSink::connect(&receiver(&listener), framing, false).unwrap());
    }
}

#[test]
fn all_lines_arrive_over_a_unix_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let listener = listener(&format!("unix-stream://{}", path.display()));
    all_arrive(&listener, UnixStreamSink::connect(&path, Framing::Newline).unwrap());
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn all_lines_arrive_over_tls_in_either_framing() {
    let folder = tempfile::tempdir().unwrap();
    for framing in Framing::ALL {
        // Octet counting needs no word: RFC 5425 has nothing else.
        let url = match framing {
            Framing::Octet => "tls://127.0.0.1:0",
            Framing::Newline => "tls://127.0.0.1:0?framing=newline",
        };
        let listener = listener(url);
        let ca = write(folder.path(), "ca.pem", listener.certificate().unwrap());
        let trust = TlsTrust { ca: Some(ca), ..TlsTrust::default() };
        all_arrive(&listener, TlsSink::connect(&receiver(&listener), &trust, framing, false).unwrap());
    }
}

#[test]
fn a_receiver_whose_certificate_does_not_convince_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (listener("tls://127.0.0.1:0"), listener("tls://127.0.0.1:0"));
    let ca = write(folder.path(), "other.pem", other.certificate().unwrap());
    let connect = |trust: &TlsTrust| {
        TlsSink::connect(&receiver(&one), trust, Framing::Octet, false).unwrap_err().to_string()
    };
    let error = connect(&TlsTrust { ca: Some(ca), ..TlsTrust::default() });
    assert!(
        error.contains("cannot send to 127.0.0.1:") && error.contains("; ca=FILE names the roots"),
        "{error}"
    );
    let right = write(folder.path(), "right.pem", one.certificate().unwrap());
    let sni = Some("log.example.com".into());
    let error = connect(&TlsTrust { ca: Some(right.clone()), sni, client: None });
    assert!(error.contains("log.example.com"), "{error}");
    let error = connect(&TlsTrust { ca: Some(folder.path().join("none")), ..TlsTrust::default() });
    assert!(error.contains("none: cannot be read: ") && error.contains("; ca=FILE names"), "{error}");
    let pair = ClientCertificate { certificate: right.clone(), key: right.clone() };
    let error = connect(&TlsTrust { ca: Some(right), sni: None, client: Some(pair) });
    assert!(error.contains("right.pem: no private key in PEM; key=FILE names"), "{error}");
}

/// A root, and a certificate under it with its key: (root, certificate, key), all PEM.
fn client_identity() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["leaf-01.example.com".into()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &root).unwrap();
    (root.pem(), certificate.pem(), key.serialize_pem())
}

#[test]
fn a_receiver_that_asks_for_a_certificate_gets_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (root, certificate, key) = client_identity();
    let root = write(folder.path(), "root.pem", &root);
    let pair = ClientCertificate {
        certificate: write(folder.path(), "me.pem", &certificate),
        key: write(folder.path(), "me.key", &key),
    };
    let listener = listener(&format!("tls://127.0.0.1:0?ca={}", root.display()));
    let ca = write(folder.path(), "ca.pem", listener.certificate().unwrap());
    let trust = TlsTrust { ca: Some(ca), sni: None, client: Some(pair) };
    all_arrive(&listener, TlsSink::connect(&receiver(&listener), &trust, Framing::Octet, false).unwrap());

    // With TLS 1.3 the sender's handshake is over before the receiver has missed the certificate.
    let without = TlsTrust { client: None, ..trust };
    let error = TlsSink::connect(&receiver(&listener), &without, Framing::Octet, false).unwrap_err();
    assert!(error.to_string().contains("received fatal alert: CertificateRequired"), "{error}");
    match listener.next(LONG) {
        Some(Arrival::Trouble(reason)) => assert!(reason.contains("ertificate"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_receiver_that_is_not_there_is_named_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = TcpSink::connect(&to(port), Framing::Newline, false).unwrap_err().to_string();
    assert_eq!(error, format!("cannot send to 127.0.0.1:{port}: Connection refused (os error 111)"));
    let outside = Receiver { host: "192.0.2.1".into(), port: 601 };
    let error = TcpSink::connect(&outside, Framing::Newline, false).unwrap_err();
    assert!(matches!(error, OpenError::External { .. }), "{error}");
}

#[test]
fn a_receiver_that_speaks_no_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 this is not TLS\r\n").unwrap();
        stream
    });
    let error = TlsSink::connect(&to(port), &TlsTrust::default(), Framing::Octet, false).unwrap_err();
    assert!(error.to_string().starts_with("cannot send to 127.0.0.1:") || error.to_string().contains("root"));
    drop(answering.join().unwrap());
}

/// Reads whole lines until there are `count`, then resets the connection.
fn read_lines(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while bytes.iter().filter(|byte| **byte == b'\n').count() < count {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        bytes.push(byte[0]);
    }
    bytes
}

#[test]
fn a_connection_that_breaks_is_made_again_and_no_line_is_sent_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = TcpSink::connect(&to(port), Framing::Newline, false).unwrap();
    let queue = Queue::spawn("test", sink, 10).unwrap();
    let (mut first, _) = listener.accept().unwrap();
    queue.put(b"one");
    assert_eq!(read_lines(&mut first, 1), b"one\n");
    drop(first);
    // The sink sees the end before its next line.
    queue.put(b"two");
    let (mut second, _) = listener.accept().unwrap();
    assert_eq!(read_lines(&mut second, 1), b"two\n");
    queue.put(b"three");
    let closing = std::thread::spawn(move || queue.close());
    let mut rest = String::new();
    second.read_to_string(&mut rest).unwrap();
    drop(second);
    assert_eq!(rest, "three\n");
    assert_eq!(closing.join().unwrap(), Counts { lines: 3, bytes: 11, dropped: 0, failed: 0 });
}

#[test]
fn a_receiver_that_goes_and_stays_away_costs_lines_that_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = TcpSink::connect(&to(port), Framing::Newline, false).unwrap();
    drop(listener.accept().unwrap());
    drop(listener);
    let queue = Queue::spawn("test", sink, 4).unwrap();
    for _ in 0..20 {
        queue.offer(b"line");
    }
    let before = Instant::now();
    let Counts { lines, dropped, failed, .. } = queue.close_within(Duration::from_millis(300));
    assert!(before.elapsed() < Duration::from_secs(5), "the end is not held up");
    assert_eq!((lines, dropped + failed), (0, 20));
    assert!(dropped >= 12, "the queue holds 4, and the sink has at most 4: {dropped}");
}

#[test]
fn a_receiver_that_takes_nothing_does_not_hold_up_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = TcpSink::connect(&to(port), Framing::Newline, false).unwrap();
    let (_silent, _) = listener.accept().unwrap();
    let queue = Queue::spawn("test", sink, 1 << 20).unwrap();
    let mut batch = queue.batch();
    // More than any socket buffer takes.
    (0..200_000).for_each(|_| batch.push(&[b'x'; 180]));
    queue.offer_batch(&mut batch);
    let Counts { lines, dropped, failed, .. } = queue.close_within(Duration::from_millis(300));
    assert_eq!((lines + failed, dropped), (200_000, 0));
    assert!(failed > 0);
}

#[test]
fn a_receiver_that_accepts_and_closes_is_not_besieged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = TcpSink::connect(&to(port), Framing::Newline, false).unwrap();
    let queue = Queue::spawn("test", sink, 1 << 20).unwrap();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let accepting = std::thread::spawn(move || {
        let accepted = listener.incoming().take_while(|_| is_done.try_recv().is_err());
        accepted.count()
    });
    (0..1000).for_each(|_| queue.put(b"line"));
    let _ = queue.close_within(Duration::from_millis(300));
    done.send(()).unwrap();
    // The last one only wakes whoever accepts.
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    // Pauses of 100 ms, 200 ms and so on: the first one, and two or three more.
    let accepted = accepting.join().unwrap();
    assert!((1..=5).contains(&accepted), "{accepted}");
}

#[test]
fn what_has_arrived_is_read_when_nothing_more_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for url in ["tcp://127.0.0.1:0".to_owned(), format!("unix-stream://{}", path.display())] {
        let listener = listener(&url);
        let mut sender: Box<dyn Write> = match listener.address() {
            Some(address) => Box::new(TcpStream::connect(address).unwrap()),
            None => Box::new(std::os::unix::net::UnixStream::connect(&path).unwrap()),
        };
        sender.write_all("<187>leaf: line\n".repeat(5000).as_bytes()).unwrap();
        let lines = listener.rest().map(|arrival| match arrival {
            Arrival::Lines(batch) => batch.len(),
            Arrival::Trouble(reason) => panic!("{reason}"),
        });
        assert_eq!(lines.sum::<usize>(), 5000, "{url}");
    }
}
