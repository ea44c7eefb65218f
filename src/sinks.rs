//! Where the lines of devices go (`interface.md` §3): each sink on a thread of its own behind a queue, so that a slow
//! receiver never holds up a device.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use slpsim_agent::{Message, Spelling};
use slpsim_console as console;
use slpsim_console::config::Config;
use slpsim_logs::queue::DEFAULT_LINES;
use slpsim_logs::repeat::Due;
use slpsim_logs::sink::UnixSink;
use slpsim_logs::{
    Batch, Counts, FileSink, Filter, Form, Formatter, Framing, Line, NullSink, OpenError, Options, Queue,
    Repeat, Repeated, Repeater, Sink, SinkUrl, SourceNet, StdoutSink, Taken, Target, TcpSink, TlsSink,
    TlsTrust, UDP_MAX_BYTES, UdpSink, UnixStreamSink, Zone,
};
use slpsim_policy::Wall;
use slpsim_sim::zone_at;
use tokio::sync::Notify;

use crate::driver::LogSink;
use crate::error::BlameUser;
use crate::metrics::{Number, Registry};

/// One sink to be opened.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    /// Where to, and which lines.
    pub target: Target,
    /// How lines are told apart on a stream; by default as the URL says, or as is usual there.
    pub framing: Option<Framing>,
    /// The form; by default that which belongs to the URL.
    pub form: Option<Form>,
    /// Everything else of the line.
    pub options: Options,
    /// How repeats are told.
    pub repeat: Repeat,
}

impl SinkSpec {
    /// A sink with all defaults.
    #[must_use]
    pub fn to(url: SinkUrl) -> Self {
        Self {
            target: Target::to(url),
            framing: None,
            form: None,
            options: Options::default(),
            repeat: Repeat::default(),
        }
    }

    /// How its lines look: the form that belongs to the URL where none is chosen, and datagrams cut to their usual size.
    #[must_use]
    pub fn line_options(&self) -> Options {
        let mut options = self.options.clone();
        let url = &self.target.url;
        options.form = self.form.unwrap_or_else(|| Form::default_for(url, io::stdout().is_terminal()));
        if matches!(url, SinkUrl::Udp(_)) {
            options.max_bytes = options.max_bytes.or(Some(UDP_MAX_BYTES));
        }
        options
    }

    /// How lines are told apart on a stream: as chosen, or as is usual there.
    #[must_use]
    pub fn framing(&self) -> Framing {
        let chosen = self.framing.or(self.target.framing);
        chosen.unwrap_or_else(|| Framing::default_for(&self.target.url))
    }

    /// Its URL with everything that was chosen behind the `?`: two sinks of one run may differ there only.
    #[must_use]
    pub fn url(&self) -> String {
        Target { framing: self.framing.or(self.target.framing), ..self.target.clone() }.to_string()
    }

    /// Opens the sink.
    ///
    /// # Errors
    /// Where it cannot be opened, or lies outside this machine without leave; one line for the user.
    pub fn open(&self, allow_external: bool) -> Result<Box<dyn Sink>> {
        open(&self.target, self.framing(), allow_external).context("log sink").blame_user()
    }
}

fn open(target: &Target, framing: Framing, allow_external: bool) -> Result<Box<dyn Sink>, OpenError> {
    Ok(match &target.url {
        SinkUrl::Stdout => Box::new(StdoutSink::new()),
        SinkUrl::Null => Box::new(NullSink),
        SinkUrl::File(path) => Box::new(FileSink::rotating(path, target.rotation)?),
        SinkUrl::Udp(receiver) if target.source_net.is_some() => {
            Box::new(UdpSink::connect_from(receiver, allow_external)?)
        }
        SinkUrl::Udp(receiver) => Box::new(UdpSink::connect(receiver, allow_external)?),
        SinkUrl::Tcp(receiver) => Box::new(TcpSink::connect(receiver, framing, allow_external)?),
        SinkUrl::Tls { receiver, ca, sni, client } => {
            let trust = TlsTrust { ca: ca.clone(), sni: sni.clone(), client: client.clone() };
            Box::new(TlsSink::connect(receiver, &trust, framing, allow_external)?)
        }
        // As syslog(3) does it: datagrams, and a stream where the socket is one.
        SinkUrl::Unix(path) => match UnixStreamSink::connect(path, framing) {
            Ok(stream) => Box::new(stream),
            Err(_) => Box::new(UnixSink::connect(path)?),
        },
    })
}

/// The open sinks of a process.
#[derive(Debug, Default)]
pub struct Sinks {
    outlets: Vec<Outlet>,
    /// Devices that have a log here.
    devices: AtomicU64,
}

#[derive(Debug)]
struct Outlet {
    url: SinkUrl,
    filter: Filter,
    source_net: Option<SourceNet>,
    options: Options,
    repeat: Repeat,
    queue: Queue,
    /// Lines taken, dropped and failed, as counted.
    numbers: [Number; 3],
}

impl Sinks {
    /// Opens sinks. `reader_gone` is told where standard output is the only one and its reader has gone: then nobody
    /// sees the lines, as with `slpsim run | head`.
    ///
    /// # Errors
    /// Where one cannot be opened, or lies outside this machine without leave; one line for the user.
    pub fn open(
        specs: &[SinkSpec],
        allow_external: bool,
        registry: &Registry,
        reader_gone: &Arc<Notify>,
    ) -> Result<Self> {
        let alone = specs.iter().all(|spec| matches!(spec.target.url, SinkUrl::Stdout | SinkUrl::Null));
        let open = |spec| Outlet::open(spec, allow_external, registry, alone.then_some(reader_gone));
        Ok(Self { outlets: specs.iter().map(open).collect::<Result<_>>()?, devices: AtomicU64::new(0) })
    }

    /// Opens log files again, after their rotation. A file that cannot be opened is named, and the old one used on.
    pub fn reopen(&self) {
        let has_file = |outlet: &&Outlet| matches!(outlet.url, SinkUrl::File(_) | SinkUrl::Unix(_));
        self.each(has_file, |outlet| {
            if let Err(error) = outlet.queue.reopen() {
                tracing::warn!("log sink {} cannot be opened again: {error}", outlet.url);
            }
        });
    }

    /// Waits until everything handed over so far is out, as far as the sinks can tell.
    pub fn flush(&self) {
        self.each(
            |_| true,
            |outlet| {
                match outlet.queue.flush() {
                    // Whoever read there did so for as long as it was of interest.
                    Err(error)
                        if outlet.url == SinkUrl::Stdout && error.kind() == io::ErrorKind::BrokenPipe =>
                    {
                        return;
                    }
                    Err(error) => tracing::warn!("log sink {}: {error}", outlet.url),
                    Ok(()) => {}
                }
                let Counts { dropped, failed, .. } = outlet.queue.counts();
                if dropped + failed > 0 {
                    tracing::warn!(
                        "log sink {}: {dropped} lines dropped for want of room, {failed} failed",
                        outlet.url
                    );
                }
            },
        );
    }

    /// Side by side: one that hangs does not keep the others waiting.
    fn each(&self, which: impl Fn(&&Outlet) -> bool, work: impl Fn(&Outlet) + Sync) {
        std::thread::scope(|scope| {
            for outlet in self.outlets.iter().filter(which) {
                scope.spawn(|| work(outlet));
            }
        });
    }

    /// Tells the registry what became of the lines so far.
    pub fn count(&self) {
        self.outlets.iter().for_each(Outlet::count);
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
    fn open(
        spec: &SinkSpec,
        allow_external: bool,
        registry: &Registry,
        reader_gone: Option<&Arc<Notify>>,
    ) -> Result<Self> {
        let sink = spec.open(allow_external)?;
        let sink: Box<dyn Sink> = match (&spec.target.url, reader_gone) {
            (SinkUrl::Stdout, Some(gone)) => Box::new(Watched { sink, gone: Arc::clone(gone) }),
            _ => sink,
        };
        let queue = Queue::spawn("log-sink", sink, DEFAULT_LINES).context("no thread for a log sink")?;
        let Target { url: to, source_net, filter, .. } = spec.target.clone();
        let url = spec.url();
        let count = |result| {
            let labels = [("sink", url.as_str()), ("result", result)];
            registry.counter("slpsim_log_lines_total", "Log lines, by what became of them.", &labels)
        };
        let numbers = ["taken", "dropped", "failed"].map(count);
        let (options, repeat) = (spec.line_options(), spec.repeat);
        Ok(Self { url: to, filter, source_net, options, repeat, queue, numbers })
    }

    fn wants(&self, message: &Message) -> bool {
        self.filter.has_severity(self.options.form.shape(message).severity)
    }

    /// Tells the registry what became of the lines so far.
    fn count(&self) {
        let Counts { lines, dropped, failed, .. } = self.queue.counts();
        for (number, count) in self.numbers.iter().zip([lines, dropped, failed]) {
            number.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// A sink that says when its reader has gone.
struct Watched<S> {
    sink: S,
    gone: Arc<Notify>,
}

impl<S> Watched<S> {
    fn watch(&self, result: io::Result<()>) -> io::Result<()> {
        result.inspect_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.gone.notify_one();
            }
        })
    }
}

impl<S: Sink> Sink for Watched<S> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let result = self.sink.write(line);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.sink.flush();
        self.watch(result)
    }

    fn lost(&self) -> u64 {
        self.sink.lost()
    }

    fn framing(&self) -> Option<Framing> {
        self.sink.framing()
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        let mut taken = self.sink.write_batch(batch);
        taken.error = taken.error.and_then(|error| self.watch(Err(error)).err());
        taken
    }

    fn finish(&mut self) -> io::Result<()> {
        let result = self.sink.finish();
        self.watch(result)
    }
}

/// How one device's lines reach one sink.
#[derive(Debug)]
struct Writer {
    repeater: Repeater,
    formatter: Formatter,
    /// Whether the sink wants lines of this device.
    wanted: bool,
    /// The number of the last message that was held back: the line that tells of repeats has it.
    held: u64,
}

/// The log of one device, to all sinks of the process.
#[derive(Debug)]
pub struct DeviceLog {
    sinks: Arc<Sinks>,
    /// By sink, in order.
    writers: Vec<Writer>,
    /// Which device of the process it is; its source address follows from that.
    number: u64,
    host: String,
    address: Option<String>,
    /// The zone of the file, and how the console shows it; it counts until the console sets another.
    named: (Zone, console::calendar::Zone),
    /// What the console has set.
    typed: console::calendar::Zone,
    sequence: u64,
}

impl DeviceLog {
    /// The log of a device with this configuration, the zone in which is `zone` of the tz database.
    #[must_use]
    pub fn new(sinks: Arc<Sinks>, spelling: Spelling, zone: Zone, config: &Config) -> Self {
        let writer = |outlet: &Outlet| {
            let options = Options { spelling, ..outlet.options.clone() };
            let (repeater, formatter) = (Repeater::new(outlet.repeat), Formatter::new(options));
            Writer { repeater, formatter, wanted: true, held: 0 }
        };
        let writers = sinks.outlets.iter().map(writer).collect();
        let (named, typed) = ((zone, config.zone.clone()), config.zone.clone());
        let number = sinks.devices.fetch_add(1, Ordering::Relaxed);
        let mut log =
            Self { sinks, writers, number, host: String::new(), address: None, named, typed, sequence: 0 };
        log.reconfigured(config);
        log
    }

    fn write(&mut self, sink: usize, due: &Due) {
        let Some((writer, outlet)) = self.writers.get_mut(sink).zip(self.sinks.outlets.get(sink)) else {
            return;
        };
        // A number stands for a message of the device, so that a filter leaves gaps and no number comes twice.
        let sequence = if due.repeated == Repeated::No { self.sequence } else { writer.held };
        let zone = if self.typed == self.named.1 { self.named.0 } else { zone_at(&self.typed, due.at) };
        let line = writer.formatter.format(&Line {
            at: due.at,
            zone,
            host: Some(&self.host),
            address: self.address.as_deref(),
            sequence,
            message: &due.message,
            repeated: due.repeated,
        });
        outlet.queue.offer_from(line, outlet.source_net.map(|net| net.address(self.number)));
    }

    /// Lets each repeater say what it has to say.
    fn each(&mut self, say: impl Fn(&mut Repeater) -> [Option<Due>; 2]) {
        for sink in 0..self.writers.len() {
            let due = self.writers.get_mut(sink).map(|writer| say(&mut writer.repeater)).unwrap_or_default();
            for due in due.into_iter().flatten() {
                self.write(sink, &due);
            }
        }
    }
}

impl LogSink for DeviceLog {
    fn log(&mut self, at: Wall, message: &Message) {
        self.sequence += 1;
        for sink in 0..self.writers.len() {
            let due = match (self.writers.get_mut(sink), self.sinks.outlets.get(sink)) {
                (Some(writer), Some(outlet)) if writer.wanted && outlet.wants(message) => {
                    writer.repeater.offer(at, message)
                }
                _ => continue,
            };
            let is_held = due.iter().flatten().all(|due| due.repeated != Repeated::No);
            for due in due.into_iter().flatten() {
                self.write(sink, &due);
            }
            if let Some(writer) = self.writers.get_mut(sink).filter(|_| is_held) {
                writer.held = self.sequence;
            }
        }
    }

    fn reconfigured(&mut self, config: &Config) {
        self.host.clone_from(&config.hostname);
        for (writer, outlet) in self.writers.iter_mut().zip(&self.sinks.outlets) {
            writer.wanted = outlet.filter.has_device(&self.host, "");
        }
        self.address = config.ip.own_address().map(|address| address.to_string());
        self.typed.clone_from(&config.zone);
    }

    fn deadline(&self) -> Option<Wall> {
        self.writers.iter().filter_map(|writer| writer.repeater.deadline()).min()
    }

    fn timeout(&mut self, now: Wall) {
        self.each(|repeater| [repeater.timeout(now), None]);
    }

    fn flush(&mut self) {
        self.each(|repeater| [repeater.deadline().and_then(|end| repeater.timeout(end)), None]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(sinks: &Arc<Sinks>) -> DeviceLog {
        DeviceLog::new(Arc::clone(sinks), Spelling::Device, Zone::UTC, &named("leaf-1"))
    }

    fn named(hostname: &str) -> Config {
        Config { hostname: hostname.into(), ..Config::bare() }
    }

    #[test]
    fn a_line_goes_to_every_sink_in_the_sink_s_own_form_and_files_are_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let registry = Registry::default();
        let udp = format!("udp://{}", receiver.local_addr().unwrap()).parse().unwrap();
        let sinks = Sinks::open(
            &[SinkSpec::to(SinkUrl::File(path.clone())), SinkSpec::to(udp)],
            false,
            &registry,
            &Arc::default(),
        )
        .unwrap();
        let sinks = Arc::new(sinks);
        let mut log = log_of(&sinks);
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
        sinks.count();
        let metrics = registry.render();
        let taken = format!("{{sink=\"file://{}\",result=\"taken\"}} 2\n", path.display());
        assert!(metrics.contains(&taken) && metrics.contains("result=\"dropped\"} 0\n"), "{metrics}");
    }

    #[test]
    fn repeats_are_held_back_until_their_window_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sinks = Sinks::open(
            &[SinkSpec { repeat: Repeat::Suffix, ..SinkSpec::to(SinkUrl::File(path.clone())) }],
            false,
            &Registry::default(),
            &Arc::default(),
        );
        let sinks = Arc::new(sinks.unwrap());
        let mut log = log_of(&sinks);
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
    fn a_line_that_tells_of_repeats_has_the_number_of_the_last_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (form, repeat) = (Some(Form::IosXe), Repeat::Suffix);
        let spec = SinkSpec { repeat, form, ..SinkSpec::to(SinkUrl::File(path.clone())) };
        let sinks = Sinks::open(&[spec], false, &Registry::default(), &Arc::default());
        let sinks = Arc::new(sinks.unwrap());
        let mut log = log_of(&sinks);
        let at = Wall::from_secs(1_772_445_600);
        (0..3).for_each(|_| log.log(at, &Message::PolicyRemoved));
        log.log(at, &Message::ReportingRequired { days: 3 });
        sinks.flush();
        let text = std::fs::read_to_string(&path).unwrap();
        let number = |line: &str| line.split(['>', ':']).nth(1).unwrap().to_owned();
        assert_eq!(text.lines().map(number).collect::<Vec<_>>(), ["1", "3", "4"], "{text}");
    }

    #[test]
    fn a_sink_that_cannot_be_opened_is_the_user_s_error() {
        for url in ["file:///nonexistent/folder/log", "udp://192.0.2.1:514", "tcp://127.0.0.1:1"] {
            let error = Sinks::open(
                &[SinkSpec::to(url.parse().unwrap())],
                false,
                &Registry::default(),
                &Arc::default(),
            )
            .unwrap_err();
            assert!(error.is::<crate::error::UserError>(), "{url}: {error:#}");
        }
    }
}
