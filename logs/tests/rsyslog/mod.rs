//! rsyslogd as a process of its own, with a configuration and files in a folder of its own.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use slpsim_logs::Stop;
use tempfile::TempDir;

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// TCP, read by `pmciscoios`.
    Cisco,
    /// UDP, read by `pmciscoios`.
    CiscoDatagrams,
    /// TLS, read as RFC 5424.
    Tls,
}

/// A running rsyslogd, killed with the value.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

/// The fields, one below the other in their order; texts have no `|` of their own before the last field.
const CISCO: &str = "%pri%|%timereported:::date-rfc3339%|%hostname%|%syslogtag%|%msg%\\n";
const RFC5424: &str = "%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%/%msgid%|%msg%\\n";

impl Daemon {
    /// Starts it at a free port, and waits until it listens.
    pub(crate) fn start(program: &Path, wire: Wire, tls: Option<(&Path, &Path)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let (template, parser) = match wire {
            Wire::Cisco | Wire::CiscoDatagrams => (CISCO, "rsyslog.ciscoios"),
            Wire::Tls => (RFC5424, "rsyslog.rfc5424"),
        };
        let mut config = format!("global(workDirectory=\"{at}\" net.enableDNS=\"off\"");
        if let Some((certificate, key)) = tls {
            let (certificate, key) = (certificate.display(), key.display());
            config += &format!(
                " DefaultNetstreamDriver=\"gtls\" DefaultNetstreamDriverCAFile=\"{certificate}\" \
                 DefaultNetstreamDriverCertFile=\"{certificate}\" DefaultNetstreamDriverKeyFile=\"{key}\""
            );
        }
        config += ")\nmodule(load=\"pmciscoios\")\n";
        config += &format!("template(name=\"fields\" type=\"string\" string=\"{template}\")\n");
        config += &format!(
            "ruleset(name=\"all\" parser=\"{parser}\") {{ action(type=\"omfile\" file=\"{at}/out\" template=\"fields\") }}\n"
        );
        // imudp has no way to say which port it got: one that was free a moment ago.
        let datagram_port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config += &match wire {
            Wire::CiscoDatagrams => format!(
                "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{datagram_port}\" ruleset=\"all\" rcvbufSize=\"4m\")\n"
            ),
            Wire::Cisco => tcp(&folder, ""),
            Wire::Tls => tcp(
                &folder,
                " StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\"",
            ),
        };
        fs::write(folder.path().join("conf"), config).unwrap();
        let log = || File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(["-n", "-iNONE", "-f"])
            .arg(folder.path().join("conf"))
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        let mut daemon = Self { child, folder, port: datagram_port };
        daemon.await_listening(wire);
        daemon
    }

    fn await_listening(&mut self, wire: Wire) {
        let port = self.port;
        let listening = self.until(|folder| match wire {
            Wire::Cisco | Wire::Tls => fs::read_to_string(folder.join("port")).ok()?.trim().parse().ok(),
            // Local address and port, in the system's table of sockets.
            Wire::CiscoDatagrams => {
                let wanted = format!(" 0100007F:{port:04X} ");
                fs::read_to_string("/proc/net/udp").ok()?.contains(&wanted).then_some(port)
            }
        });
        self.port = listening;
    }

    /// Ends it when it has that many lines, and gives the fields of each.
    pub(crate) fn end(mut self, lines: u64) -> Vec<[String; 5]> {
        let wanted = usize::try_from(lines).unwrap();
        let text = self.until(|folder| {
            let text = fs::read_to_string(folder.join("out")).ok()?;
            (text.lines().count() >= wanted).then_some(text)
        });
        let fields = |line: &str| {
            let mut parts = line.splitn(5, '|').map(str::to_owned);
            let mut fields = [(); 5].map(|()| parts.next().unwrap_or_else(|| panic!("no field: {line}")));
            // What stands behind the tag begins with the blank that parts them (RFC 3164 §4.1.3).
            if let Some(text) = fields[4].strip_prefix(' ') {
                fields[4] = text.to_owned();
            }
            fields
        };
        text.lines().map(fields).collect()
    }

    fn until<T>(&mut self, look: impl Fn(&Path) -> Option<T>) -> T {
        let (begin, pause) = (Instant::now(), Stop::default());
        loop {
            if let Some(seen) = look(self.folder.path()) {
                return seen;
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begin.elapsed() < PATIENCE, "it does not happen in time: {}", log());
            assert!(self.child.try_wait().unwrap().is_none(), "rsyslogd has ended: {}", log());
            let _ = pause.wait(Duration::from_millis(5));
        }
    }
}

fn tcp(folder: &TempDir, driver: &str) -> String {
    let at = folder.path().display();
    format!(
        "module(load=\"imtcp\"{driver})\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"0\" listenPortFileName=\"{at}/port\" ruleset=\"all\")\n"
    )
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}
