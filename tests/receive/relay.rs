//! A relay that loses, doubles, delays and alters the lines that it is told to.

use std::path::PathBuf;

use slpsim_logs::sink::UnixSink;
use slpsim_logs::{Framing, Queue, Sink, SinkUrl, TcpSink, TlsSink, TlsTrust, UdpSink, UnixStreamSink};

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It goes no further.
    Lose,
    /// It goes twice.
    Double,
    /// A letter of it is another.
    Alter,
    /// So many lines overtake it.
    DelayBy(usize),
}

/// The lines behind the relay. Places count from 0 in the log as sent.
pub(crate) fn through(lines: &[String], deeds: &[(usize, Deed)]) -> Vec<String> {
    let mut out: Vec<(usize, String)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        // Twice the place, so that a delayed line fits between two others.
        match deeds.iter().find(|(place, _)| *place == at).map(|(_, deed)| *deed) {
            None => out.push((2 * at, line.clone())),
            Some(Deed::Lose) => {}
            Some(Deed::Double) => out.extend([(2 * at, line.clone()), (2 * at, line.clone())]),
            Some(Deed::Alter) => out.push((2 * at, line.replacen("Usage", "usage", 1))),
            Some(Deed::DelayBy(places)) => out.push((2 * (at + places) + 1, line.clone())),
        }
    }
    out.sort_by_key(|(place, _)| *place);
    out.into_iter().map(|(_, line)| line).collect()
}

/// Sends lines to where a sink URL leads, each of them.
pub(crate) fn send(url: &str, ca_file: Option<PathBuf>, lines: &[String]) {
    let sink: Box<dyn Sink> = match url.parse().unwrap() {
        SinkUrl::Tcp(to) => Box::new(TcpSink::connect(&to, Framing::Newline, false).unwrap()),
        SinkUrl::Udp(to) => Box::new(UdpSink::connect(&to, false).unwrap()),
        SinkUrl::Tls { receiver, .. } => {
            let trust = TlsTrust { ca: ca_file, ..TlsTrust::default() };
            Box::new(TlsSink::connect(&receiver, &trust, Framing::Octet, false).unwrap())
        }
        SinkUrl::Unix(path) => match UnixStreamSink::connect(&path, Framing::Newline) {
            Ok(sink) => Box::new(sink),
            Err(_) => Box::new(UnixSink::connect(&path).unwrap()),
        },
        other @ (SinkUrl::Stdout | SinkUrl::File(_) | SinkUrl::Null) => {
            panic!("{other} leads to no receiver")
        }
    };
    let queue = Queue::spawn("relay", sink, 1 << 20).unwrap();
    for line in lines {
        queue.put(line.as_bytes());
    }
    let counts = queue.close();
    assert_eq!((counts.dropped, counts.failed), (0, 0));
}
