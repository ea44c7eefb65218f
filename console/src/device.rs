//! What the console needs of the switch that it belongs to.

use alloc::string::String;
use alloc::sync::Arc;

use slpsim_agent::{Command, PeerInfo, Profile, View};
use slpsim_network::{Answers, Network, Question};
use slpsim_policy::Wall;

use crate::config::Config;
use crate::history::{EventLog, MessageHistory};

/// A switch for the time of one line. A driver puts it together from what it keeps.
#[derive(Debug)]
pub struct Device<'a> {
    /// The running configuration.
    pub config: &'a mut Config,
    /// The agent, as it is now. Its profile, units and clock are those of the switch.
    pub agent: View<'a>,
    /// The network around the switch. What the switch itself knows of it is read from the configuration.
    pub network: &'a Network,
    /// Exchanged and imported messages.
    pub history: &'a MessageHistory,
    /// Events of the agent, and the log file.
    pub events: &'a EventLog,
    /// The startup configuration, where one was saved.
    pub startup_config: Option<&'a str>,
    /// When the switch started, by its clock of now.
    pub started: Wall,
    /// What the peer said of itself in its last answer.
    pub peer: Option<&'a PeerInfo>,
    /// What real name servers have said to this line, where it is one that asks anew.
    pub asked: Option<&'a Arc<Answers>>,
    /// Whether the clock follows NTP.
    pub ntp_synchronized: bool,
}

impl<'a> Device<'a> {
    /// The platform.
    #[must_use]
    pub const fn profile(&self) -> &'static Profile {
        self.agent.profile()
    }

    /// The clock of the switch.
    #[must_use]
    pub const fn now(&self) -> Wall {
        self.agent.now().wall
    }

    /// The network as the running configuration makes it.
    #[must_use]
    pub fn network(&self) -> Network {
        self.config.network(&self.network.world).with_answers(self.network.answers.clone())
    }

    /// The same for a command that asks name servers itself, instead of going by what is known.
    #[must_use]
    pub fn asking(&self) -> Network {
        let network = self.network();
        match self.asked {
            Some(asked) => network.with_answers(Some(asked.clone())),
            None => network,
        }
    }
}

/// What a command wants done beside printing; a driver does it in order after the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A command for the agent. Where the agent refuses it, the driver calls [`crate::Reply::refuse`].
    Agent(Command),
    /// The running configuration changed.
    ConfigChanged,
    /// A feature that needs a licence was switched on or off: one more or one less of it is in use.
    FeatureLicense {
        /// Position in the profile's list of licences.
        license: u8,
        /// On or off.
        on: bool,
    },
    /// Keep this text as the startup configuration.
    SaveStartup(String),
    /// Forget the startup configuration.
    EraseStartup,
    /// Reload the switch.
    Reload,
    /// The standby supervisor takes over.
    Switchover,
    /// Step the clock.
    SetClock(Wall),
    /// A real name server has to be asked before the line can be run; nothing has been done.
    AskName(Question),
    /// Forget the licensing events.
    ClearEventLog,
    /// Write usage reports to a file; the driver adds its refusal by [`crate::Reply::refuse_with`].
    SaveUsage {
        /// Which reports.
        which: SaveUsage,
        /// Where to.
        path: String,
    },
    /// Write a trust request to a file.
    SaveTrustRequest {
        /// Where to.
        path: String,
    },
    /// Install a file; the driver adds `Import Data Successful` by [`crate::Reply::add_line`], or its refusal.
    Import {
        /// Where from.
        path: String,
    },
}

/// Which reports `license smart save usage` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaveUsage {
    /// All.
    All,
    /// Those of the last days.
    Days(u16),
    /// One.
    Report(u64),
    /// Those without ACK.
    Unreported,
}
