//! A console over the control socket.
//!
//! After `{"console":{...}}` the connection belongs to one session. What is typed goes in one direction, what is shown in
//! the other, one JSON object a line; log lines come whenever there are some:
//!
//! ```text
//! -> {"console":{"device":"switch","length":24,"width":80}}
//! <- {"reply":{"text":"","prompt":"switch# ",...}}
//! -> {"line":"show clock"}
//! <- {"log":"2026 Jan  1 00:00:10 switch %LICMGR-6-..."}
//! <- {"reply":{"text":"00:00:11.000 UTC ...","prompt":"switch# ",...}}
//! -> {"help":"show cl"}
//! <- {"reply":{"text":"  clock  The clock\\n",...}}
//! -> {"complete":"show cl"}
//! <- {"completion":{"insert":"ock ","words":["clock"]}}
//! ```

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Messages that wait on a console connection in either direction; whoever does not read is waited for, log lines
/// excepted, which are lost to a session that is behind.
pub(super) const WAITING: usize = 16;

/// What a person does at a console.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Typed {
    /// Types a line.
    Line(String),
    /// Types `?` behind this.
    Help(String),
    /// Presses Tab behind this.
    Complete(String),
}

impl std::fmt::Debug for Typed {
    /// Without the text: an id token may stand in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line(_) => "Line",
            Self::Help(_) => "Help",
            Self::Complete(_) => "Complete",
        })
    }
}

/// What a console shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// The answer to [`Typed::Line`] and [`Typed::Help`], and the first prompt.
    Reply(Reply),
    /// The answer to [`Typed::Complete`].
    Completion {
        /// What Tab adds.
        insert: String,
        /// The words that fit.
        words: Vec<String>,
    },
    /// A log line, without its end.
    Log(String),
    /// There is no console, and why, in one line. Nothing follows.
    Refused {
        /// Why.
        why: String,
    },
}

/// The answer to a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What is printed; its lines end in a line feed.
    pub text: String,
    /// The device answered with an error.
    pub error: bool,
    /// The session is over, and the device does not begin another.
    pub closed: bool,
    /// Print without paging.
    pub unpaged: bool,
    /// The prompt that follows.
    pub prompt: String,
    /// `terminal length`.
    pub length: u16,
    /// `terminal width`.
    pub width: u16,
}

/// The device's end of a console connection.
#[derive(Debug)]
pub struct Wire {
    /// What is typed; ends where the connection does.
    pub typed: mpsc::Receiver<Typed>,
    /// What is shown.
    pub shown: mpsc::Sender<Shown>,
}

/// Both ends.
pub(crate) fn wire() -> (Wire, mpsc::Sender<Typed>, mpsc::Receiver<Shown>) {
    let (to_device, typed) = mpsc::channel(WAITING);
    let (shown, to_client) = mpsc::channel(WAITING);
    (Wire { typed, shown }, to_device, to_client)
}

/// What a console begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Which device; may be left out where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Lines of the terminal; 0: no paging.
    pub length: u16,
    /// Columns of the terminal; 0: without limit.
    pub width: u16,
}
