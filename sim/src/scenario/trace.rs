//! What happened in a run, and what is to be said of it.

use std::fmt::Write;

use slpsim_agent::messages::Kind;
use slpsim_agent::{Failure, Message, Purpose};
use slpsim_cssm::span::purpose_word;
use slpsim_policy::Wall;

use super::model::{Moment, Scenario};
use super::page::Course;
use super::run::Mode;

/// Everything that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// True time since the start, in milliseconds.
    pub at_ms: u64,
    /// To which device, by position; none: to all, or to the mock.
    pub device: Option<usize>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A device logged a message.
    Line {
        /// The device's clock.
        clock: Wall,
        /// The message.
        message: Message,
        /// Its text, without the tag.
        text: String,
    },
    /// An exchange ended.
    Exchange {
        /// When it began.
        began_ms: u64,
        /// What for.
        purpose: Purpose,
        /// How, where it brought no authenticated answer.
        failed: Option<Failure>,
        /// The number of the fault that hit it.
        fault: Option<u64>,
    },
    /// A step was done.
    Step {
        /// Where it is written.
        place: String,
        /// What it was done to.
        to: Target,
        /// What was done, without secrets.
        text: String,
    },
    /// A console answered.
    Console {
        /// The line that was typed, as it is written in the file.
        line: String,
        /// The answer.
        answer: String,
        /// Whether it was an error.
        error: bool,
    },
}

/// What a step was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A device, or all of them: commands, events, clocks, usage.
    Device,
    /// What is around them: mock, network, policy.
    World,
    /// A fault began.
    Fault,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// [`Scenario::title`]
    pub title: String,
    /// The file.
    pub file: String,
    /// `shows`
    pub shows: Option<String>,
    /// The seed that was used.
    pub seed: u64,
    /// The combination of the matrix.
    pub matrix: Vec<(String, String)>,
    /// How its exchanges were carried.
    pub mode: Mode,
    /// Whether what the scenario is about was left out.
    pub without_cause: bool,
    /// Expectations, and steps that went wrong, in the order of the file.
    pub verdicts: Vec<Verdict>,
    /// Events of agents and exchanges.
    pub events: u64,
    /// Names of the devices, by position.
    pub devices: Vec<String>,
    /// What happened.
    pub trace: Trace,
    /// The lines of the devices, as their log files have them, in order.
    pub log: Vec<String>,
    /// What a timeline shows beside the trace.
    pub course: Course,
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where it is written.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether that is right.
    pub passed: bool,
    /// The nearest messages, with their times.
    pub near: Vec<String>,
}

impl Outcome {
    /// Whether everything is as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.passed)
    }

    /// The command that plays this again.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!("slpsim scenario run {} --seed {}", shell(&self.file), self.seed);
        match self.mode {
            Mode::Sim => {}
            #[cfg(feature = "lockstep")]
            Mode::Lockstep => command.push_str(" --mode lockstep"),
        }
        if self.without_cause {
            command.push_str(" --without-cause");
        }
        for (name, value) in &self.matrix {
            let _ = write!(command, " --matrix {}", shell(&format!("{name}={value}")));
        }
        command
    }

    /// What is to be read by somebody who wants to know why it failed; empty where it passed.
    #[must_use]
    pub fn failure_text(&self) -> String {
        let mut out = String::new();
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.passed) {
            // Writing to a String does not fail.
            let _ = writeln!(out, "{}: expected {}", verdict.place, verdict.expected);
            let _ = writeln!(out, "  seen: {}", verdict.seen);
            for (position, near) in verdict.near.iter().enumerate() {
                let _ = writeln!(out, "  {} {near}", if position == 0 { "near:" } else { "     " });
            }
        }
        if !out.is_empty() {
            for warning in self.warnings() {
                let _ = writeln!(out, "{warning}");
            }
            let _ = writeln!(out, "  seed {}; again: {}", self.seed, self.command());
        }
        out
    }

    /// What is no failure, but may be a mistake of the file: faults that never hit anything. One line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        // Without its cause a scenario is not what it was written to be.
        let idle = self.course.faults.iter().filter(|fault| fault.hit == 0 && !self.without_cause);
        let told = idle.map(|fault| {
            let met = match (fault.met, fault.kind) {
                (0, _) => "it met nothing that it could hit".to_owned(),
                (1, _) => "it met 1, and let it pass".to_owned(),
                (met, _) => format!("it met {met}, and let all pass"),
            };
            format!("{}: {} hit nothing: {met}", fault.place, fault.name())
        });
        told.collect()
    }

    /// The name of a device, for a line of text.
    #[must_use]
    pub fn device_name(&self, device: Option<usize>) -> &str {
        device.and_then(|at| self.devices.get(at)).map_or("", String::as_str)
    }
}

impl What {
    /// The message's row, where this is a line.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Line { message, .. } => Some(message.kind()),
            Self::Exchange { .. } | Self::Step { .. } | Self::Console { .. } => None,
        }
    }
}

impl Entry {
    /// As one object of the trace.
    #[must_use]
    pub fn to_json(&self, outcome: &Outcome) -> serde_json::Value {
        let mut object = serde_json::json!({"t": Moment(self.at_ms).to_string(), "ms": self.at_ms});
        let add = |object: &mut serde_json::Value, key: &str, value: serde_json::Value| {
            if let Some(map) = object.as_object_mut() {
                map.insert(key.into(), value);
            }
        };
        if self.device.is_some() {
            add(&mut object, "device", outcome.device_name(self.device).into());
        }
        let pairs: Vec<(&str, serde_json::Value)> = match &self.what {
            What::Line { clock, message, text } => vec![
                ("event", "message".into()),
                ("clock_ms", clock.0.into()),
                ("mnemonic", message.row().mnemonic().into()),
                ("severity", message.severity().digit().into()),
                ("text", text.as_str().into()),
            ],
            What::Exchange { began_ms, purpose, failed, fault } => vec![
                ("event", "exchange".into()),
                ("began_ms", (*began_ms).into()),
                ("purpose", purpose_word(*purpose).into()),
                ("failure", failed.map(|failure| failure.to_string()).into()),
                ("fault", (*fault).into()),
            ],
            What::Step { place, text, to: _ } => {
                vec![
                    ("event", "step".into()),
                    ("place", place.as_str().into()),
                    ("text", text.as_str().into()),
                ]
            }
            What::Console { line, answer, error } => vec![
                ("event", "console".into()),
                ("line", line.as_str().into()),
                ("answer", answer.as_str().into()),
                ("error", (*error).into()),
            ],
        };
        for (key, value) in pairs {
            add(&mut object, key, value);
        }
        object
    }
}

impl Scenario {
    /// An outcome without anything in it.
    pub(super) fn outcome(&self, seed: u64) -> Outcome {
        Outcome {
            title: self.title(),
            file: self.file.clone(),
            shows: self.shows.clone(),
            seed,
            matrix: self.matrix.clone(),
            mode: Mode::Sim,
            without_cause: false,
            verdicts: Vec::new(),
            events: 0,
            devices: self.devices.iter().map(|device| device.name.clone()).collect(),
            trace: Trace::default(),
            log: Vec::new(),
            course: Course { start: self.start, until_ms: self.until_ms, ..Course::default() },
        }
    }
}

/// A word for a shell.
fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./=:,+@".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        assert_eq!(shell("config/scenarios/a.toml"), "config/scenarios/a.toml");
        assert_eq!(shell("my file"), "'my file'");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }
}
