//! Where the lines of devices go (`interface.md` §3): each sink on a thread of its own behind a queue, so that a slow
//! receiver never holds up a device.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use anyhow::{Context, Result};
use slpsim_agent::Message;
use slpsim_console::config::Config;
use slpsim_logs::queue::DEFAULT_LINES;
use slpsim_logs::repeat::Due;
use slpsim_logs::sink::UnixSink;
use slpsim_logs::{
    Counts, FileSink, Form, Formatter, Line, NullSink, Options, Queue, Repeat, Repeater, Sink, SinkUrl,
    StdoutSink, UDP_MAX_BYTES, UdpSink, Zone,
};
use slpsim_policy::Wall;

use crate::driver::LogSink;
use crate::error::{BlameUser, user_error};

/// How sinks are to be opened.
#[derive(Clone, Debug)]
pub struct SinkPlan {
    /// Where to; empty: standard output.
    pub urls: Vec<SinkUrl>,
    /// The form, where one is chosen for all sinks.
    pub form: Option<Form>,
    /// Everything else of the line, for all sinks.
    pub options: Options,
    /// How repeats are told.
    pub repeat: Repeat,
    /// Whether lines may leave this machine.
    pub allow_external: bool,
}

/// The open sinks of a process.
#[derive(Debug)]
pub struct Sinks {
    outlets: Vec<Outlet>,
    repeat: Repeat,
}

#[derive(Debug)]
struct Outlet {
    url: SinkUrl,
    options: Options,
    queue: Queue,
}

impl Sinks {
    /// Opens all sinks of a plan.
    ///
    /// # Errors
    /// Where one cannot be opened; one line for the user.
    pub fn open(plan: &SinkPlan) -> Result<Self> {
        let urls = if plan.urls.is_empty() { &[SinkUrl::Stdout][..] } else { &plan.urls[..] };
        let outlets = urls.iter().map(|url| Outlet::open(url, plan)).collect::<Result<_>>()?;
        Ok(Self { outlets, repeat: plan.repeat })
    }

    /// Opens log files again, after their rotation. A file that cannot be opened is named, and the old one used on.
    pub fn reopen(&self) {
        for outlet in &self.outlets {
            if let Err(error) = outlet.queue.reopen() {
                tracing::warn!("log sink {:?} cannot be opened again: {error}", outlet.url);
            }
        }
    }

    /// Waits until everything handed over so far is out, as far as the sinks can tell.
    pub fn flush(&self) {
        for outlet in &self.outlets {
            if let Err(error) = outlet.queue.flush() {
                tracing::warn!("log sink {:?}: {error}", outlet.url);
            }
        }
    }

    /// What became of the lines, over all sinks.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.outlets.iter().map(|outlet| outlet.queue.counts()).fold(Counts::default(), |sum, one| Counts {
            lines: sum.lines + one.lines,
            bytes: sum.bytes + one.bytes,
            dropped: sum.dropped + one.dropped,
            failed: sum.failed + one.failed,
        })
    }
}

impl Outlet {
    fn open(url: &SinkUrl, plan: &SinkPlan) -> Result<Self> {
        let mut options = plan.options.clone();
        options.form = plan.form.unwrap_or_else(|| Form::default_for(url, io::stdout().is_terminal()));
        let sink: Box<dyn Sink> = match url {
            SinkUrl::Stdout => Box::new(StdoutSink::new()),
            SinkUrl::Null => Box::new(NullSink),
            SinkUrl::File(path) => Box::new(FileSink::open(path).context("log sink").blame_user()?),
            SinkUrl::Udp(receiver) => {
                options.max_bytes = Some(UDP_MAX_BYTES);
                Box::new(UdpSink::connect(receiver, plan.allow_external).context("log sink").blame_user()?)
            }
            SinkUrl::Unix(path) => Box::new(UnixSink::connect(path).context("log sink").blame_user()?),
            SinkUrl::Tcp(receiver) | SinkUrl::Tls { receiver, .. } => {
                return Err(user_error(format!(
                    "log sink {receiver}: this version sends to stdout:, file://, udp://, unix:// and null: only"
                )));
            }
        };
        let queue = Queue::spawn("log-sink", sink, DEFAULT_LINES).context("no thread for a log sink")?;
        Ok(Self { url: url.clone(), options, queue })
    }
}

/// The log of one device, to all sinks of the process.
#[derive(Debug)]
pub struct DeviceLog {
    sinks: Arc<Sinks>,
    formatters: Vec<Formatter>,
    repeater: Repeater,
    host: String,
    zone: Zone,
    sequence: u64,
}

impl DeviceLog {
    /// The log of the device with this configuration.
    #[must_use]
    pub fn new(sinks: Arc<Sinks>, config: &Config) -> Self {
        let (host, zone) = (config.hostname.clone(), zone_of(config));
        let formatters = sinks.outlets.iter().map(|outlet| Formatter::new(outlet.options.clone())).collect();
        let repeater = Repeater::new(sinks.repeat);
        Self { sinks, formatters, repeater, host, zone, sequence: 0 }
    }

    fn write(&mut self, due: &Due) {
        self.sequence += 1;
        let line = Line {
            at: due.at,
            zone: self.zone,
            host: Some(&self.host),
            address: Some("127.0.0.1"),
            sequence: self.sequence,
            message: &due.message,
            repeated: due.repeated,
        };
        for (formatter, outlet) in self.formatters.iter_mut().zip(&self.sinks.outlets) {
            outlet.queue.offer(formatter.format(&line));
        }
    }
}

impl LogSink for DeviceLog {
    fn log(&mut self, at: Wall, message: &Message) {
        for due in self.repeater.offer(at, message).into_iter().flatten() {
            self.write(&due);
        }
    }

    fn reconfigured(&mut self, config: &Config) {
        self.host.clone_from(&config.hostname);
        self.zone = zone_of(config);
    }

    fn deadline(&self) -> Option<Wall> {
        self.repeater.deadline()
    }

    fn timeout(&mut self, now: Wall) {
        if let Some(due) = self.repeater.timeout(now) {
            self.write(&due);
        }
    }

    fn flush(&mut self) {
        if let Some(due) = self.repeater.deadline().and_then(|end| self.repeater.timeout(end)) {
            self.write(&due);
        }
    }
}

/// The zone of `clock timezone`; UTC where its abbreviation cannot be printed.
fn zone_of(config: &Config) -> Zone {
    let zone = &config.zone;
    Zone::fixed(&zone.abbreviation, i32::from(zone.offset_min) * 60).unwrap_or(Zone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(urls: Vec<SinkUrl>, repeat: Repeat) -> SinkPlan {
        SinkPlan { urls, form: None, options: Options::default(), repeat, allow_external: false }
    }

    fn named(hostname: &str) -> Config {
        Config { hostname: hostname.into(), ..Config::bare() }
    }

    #[test]
    fn a_line_goes_to_every_sink_in_the_sink_s_own_form_and_files_are_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp = format!("udp://{}", receiver.local_addr().unwrap()).parse().unwrap();
        let sinks = Sinks::open(&plan(vec![SinkUrl::File(path.clone()), udp], Repeat::Off)).unwrap();
        let sinks = Arc::new(sinks);
        let mut log = DeviceLog::new(Arc::clone(&sinks), &named("leaf-1"));
        let at = Wall::from_secs(1_772_445_600);
        log.log(at, &Message::PolicyRemoved);
        sinks.flush();
        let text = " %LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";
        let first = std::fs::read_to_string(&path).unwrap();
        assert_eq!(first, format!("2026 Mar  2 10:00:00 leaf-1{text}\n"));
        let mut datagram = [0; 2000];
        let size = receiver.recv(&mut datagram).unwrap();
        let datagram = String::from_utf8_lossy(&datagram[..size]).into_owned();
        assert!(datagram.starts_with("<187>leaf-1: 2026 Mar  2 10:00:00 UTC:"), "{datagram}");

        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        sinks.reopen();
        log.reconfigured(&named("leaf-2"));
        log.log(at, &Message::PolicyRemoved);
        sinks.flush();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("2026 Mar  2 10:00:00 leaf-2{text}\n"));
        assert_eq!(sinks.counts().lines, 4);
    }

    #[test]
    fn repeats_are_held_back_until_their_window_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sinks = Arc::new(Sinks::open(&plan(vec![SinkUrl::File(path.clone())], Repeat::Suffix)).unwrap());
        let mut log = DeviceLog::new(Arc::clone(&sinks), &named("leaf-1"));
        let at = Wall::from_secs(1_772_445_600);
        log.log(at, &Message::PolicyRemoved);
        log.log(at.plus_millis(1000), &Message::PolicyRemoved);
        let end = log.deadline().unwrap();
        log.timeout(end);
        assert_eq!(log.deadline(), None);
        sinks.flush();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.trim_end().ends_with("(message repeated 1 time)"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_sink_that_cannot_be_opened_is_the_user_s_error() {
        for url in ["file:///nonexistent/folder/log", "udp://192.0.2.1:514", "tcp://127.0.0.1:1"] {
            let error = Sinks::open(&plan(vec![url.parse().unwrap()], Repeat::Off)).unwrap_err();
            assert!(error.is::<crate::error::UserError>(), "{url}: {error:#}");
        }
    }
}
