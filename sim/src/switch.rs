//! The switch around the agent: its configuration, and what its show commands remember.

use std::sync::Arc;

use slpsim_agent::{Agent, File, Message, Now, PeerInfo, Profile, ProfileId, Sender, Shared, Usage};
use slpsim_console as console;
use slpsim_console::config::{Config, NtpServer, VRF};
use slpsim_console::history::Exchanged as PastExchange;
use slpsim_logs::{Form, Formatter, Line, Options, Repeated, Zone};
use slpsim_network::{Answers, Network, Question, Source, World};
use slpsim_policy::Wall;

/// What reading a startup configuration leaves to be done or said.
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// Exec lines, to be run once the agent is up.
    pub lines: Vec<String>,
    /// Lines that the switch refused, each in one line of text.
    pub refused: Vec<String>,
}

/// What a switch boots with where it has no startup configuration of its own: what its configuration file says.
#[derive(Clone, Debug, Default)]
pub struct Factory {
    /// The configuration of the keys of the file.
    pub config: Config,
    /// Further console lines, executed at boot (`startup-config`).
    pub lines: String,
}

impl Factory {
    /// As console lines, to be compared.
    #[must_use]
    pub fn text(&self) -> String {
        self.config.to_text() + &self.lines
    }
}

/// A switch without its agent.
#[derive(Debug)]
pub struct Switch {
    /// The running configuration.
    pub config: Config,
    /// What counts where there is none.
    pub factory: Factory,
    /// The network around it.
    pub world: Arc<World>,
    /// The startup configuration, where one was saved.
    pub startup: Option<String>,
    /// Texts of exchanged messages.
    pub history: console::MessageHistory,
    /// Events of the agent, and the log file.
    pub events: console::EventLog,
    /// When it started.
    pub started: Wall,
    /// What the startup configuration wants done beside settings, as it was read last.
    pub startup_effects: Vec<console::Effect>,
    /// What the peer said of itself in its last answer.
    pub peer: Option<Box<PeerInfo>>,
    /// What real name servers have said to the switch; none where nobody asks them.
    pub heard: Option<Arc<Answers>>,
    /// What they have said to the line that is run.
    pub asked: Option<Arc<Answers>>,
    /// What the agent wants written, until it is.
    pub unwritten: Option<File>,
    log_form: Formatter,
}

impl Switch {
    /// A switch that has its configuration from `startup`, or else from `factory`.
    #[must_use]
    pub fn boot(
        startup: Option<String>,
        factory: Factory,
        world: Arc<World>,
        profile: ProfileId,
        now: Wall,
    ) -> (Self, Started) {
        let mut switch = Self {
            config: Config::bare(),
            factory,
            world,
            startup,
            history: console::MessageHistory::default(),
            events: console::EventLog::default(),
            started: now,
            startup_effects: Vec::new(),
            peer: None,
            heard: None,
            asked: None,
            unwritten: None,
            log_form: Formatter::new(Options { form: Form::Logfile, ..Options::default() }),
        };
        let started = switch.load(profile.profile(), now);
        (switch, started)
    }

    /// Reads the startup configuration again, as at a reload.
    pub fn load(&mut self, profile: &'static Profile, now: Wall) -> Started {
        let (mut config, text) = match &self.startup {
            Some(text) => (Config::bare(), text),
            None => (self.factory.config.clone(), &self.factory.lines),
        };
        let startup = console::apply_startup(&mut config, profile, text);
        let refused = startup.errors.iter().map(ToString::to_string).collect();
        self.config = config;
        self.startup_effects = startup.effects;
        self.started = now;
        Started { lines: startup.exec_lines, refused }
    }

    /// Licences in use from the first boot: those of the file, and one for each feature that the startup configuration
    /// switches on.
    #[must_use]
    pub fn first_usage(&self, mut usage: Vec<Usage>) -> Vec<Usage> {
        for effect in &self.startup_effects {
            if let console::Effect::FeatureLicense { license, on: true } = effect {
                match usage.iter_mut().find(|row| row.license == *license) {
                    Some(row) => row.count = row.count.saturating_add(1),
                    None => usage.push(Usage { license: *license, count: 1 }),
                }
            }
        }
        usage
    }

    /// What requests say of this switch (`spec/behaviour.md` §14).
    #[must_use]
    pub fn sender(&self, agent: &Agent) -> Sender {
        let smart = &self.config.smart;
        Sender {
            hostname: (!smart.privacy_hostname).then(|| self.config.hostname.clone()),
            send_version: !smart.privacy_version,
            custom_id: smart.custom_id.clone(),
            ..agent.sender()
        }
    }

    /// Keeps the texts of an exchange for `show license history message`; each with its time.
    pub fn remember(
        &mut self,
        purpose: slpsim_agent::Purpose,
        (sent, request): (Wall, Option<String>),
        received: Option<(Wall, String)>,
    ) {
        if let (Some(conversation), Some(request)) = (console::history::Conversation::of(purpose), request) {
            self.history.add_exchanged(conversation, PastExchange { sent, request, received });
        }
    }

    /// Writes a message to the log file of the switch (`show logging logfile`).
    pub fn note(&mut self, at: Wall, message: &Message) {
        let zone = zone_at(&self.config.zone, at);
        let line = self.log_form.format(&Line {
            at,
            zone,
            host: Some(&self.config.hostname),
            address: None,
            sequence: 0,
            message,
            repeated: Repeated::No,
        });
        self.events.file.add(String::from_utf8_lossy(line).into_owned());
    }

    /// The network as this switch sees it.
    #[must_use]
    pub fn network(&self) -> Network {
        self.config.network(&self.world).with_answers(self.heard.clone())
    }

    /// What real name servers have to be asked before it is known what the configured servers of NTP and of the log stand
    /// for.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let network = self.network();
        let vrf = |vrf: &Option<String>| vrf.clone().unwrap_or_else(|| VRF.to_owned());
        let ntp = self.config.ntp.iter().map(|server| (&server.server, vrf(&server.vrf)));
        let log = self.config.logging.servers.iter().map(|server| (&server.server, vrf(&server.vrf)));
        let asked = ntp
            .chain(log)
            .filter_map(|(name, vrf)| network.question(name, Source { vrf: &vrf, interface: None }));
        asked.collect()
    }

    /// The NTP servers that are configured and answer, as they are configured.
    #[must_use]
    pub fn ntp_heard(&self) -> Vec<NtpServer> {
        let network = self.network();
        self.config.ntp.iter().filter(|server| server.answers(&network)).cloned().collect()
    }

    /// Runs one console line. What is to be done afterwards is in the reply.
    pub fn line(
        &mut self,
        session: &mut console::Session,
        (agent, shared): (&Agent, &Shared),
        now: Now,
        line: &str,
    ) -> console::Reply {
        let network = self.network();
        let ntp_synchronized = self.config.ntp_answers(&network);
        let mut device = console::Device {
            config: &mut self.config,
            agent: agent.view(shared, now),
            network: &network,
            history: &self.history,
            events: &self.events,
            startup_config: self.startup.as_deref(),
            peer: self.peer.as_deref(),
            asked: self.asked.as_ref(),
            started: self.started,
            ntp_synchronized,
        };
        session.line(&mut device, line)
    }
}

/// The zone as it is at a moment: in summer with the offset and the abbreviation of `clock summer-time`. UTC where the
/// abbreviation cannot be printed.
#[must_use]
pub fn zone_at(zone: &console::calendar::Zone, at: Wall) -> Zone {
    let (offset_min, abbreviation) = zone.at(at);
    Zone::fixed(abbreviation, i32::from(offset_min) * 60).unwrap_or(Zone::UTC)
}
