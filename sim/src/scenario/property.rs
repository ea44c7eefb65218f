//! Properties of a whole run: what always holds, never happens, or comes about within a window.

use std::fmt;

use regex::Regex;
use slpsim_agent::View;
use slpsim_agent::messages::Kind;

use super::model::Window;

/// `always`, `never` and `eventually` of an expectation.
#[derive(Clone, Debug)]
pub struct Property {
    /// Which of the three.
    pub mood: Mood,
    /// When it is looked at; none: the whole run.
    pub window: Option<Window>,
    /// What is claimed.
    pub claim: Claim,
}

/// How often a claim has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// At every instant.
    Always,
    /// At none.
    Never,
    /// At one at least.
    Eventually,
}

impl Mood {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Always, Self::Never, Self::Eventually];

    /// Its key in an expectation.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Eventually => "eventually",
        }
    }
}

/// What is claimed.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Something of the agent's state.
    State(Quantity, Test),
    /// A field of the structured form of a show command: command, path, test.
    Field(String, String, Test),
    /// Messages.
    Message {
        /// Which; none: any.
        message: Option<Kind>,
        /// The whole text.
        text: Option<Regex>,
        /// With `always`: the message that goes with each.
        partner: Option<Partner>,
    },
}

/// The message that has to come before or after each of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Which.
    pub message: Kind,
    /// Before it; else after it.
    pub before: bool,
    /// How far away at most, in milliseconds; none: any distance.
    pub span_ms: Option<u64>,
}

/// What of an agent's state is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Whether the interval is reset to 15 minutes.
    Fast,
    /// Whether the peer is down: a failure was logged, and no recovery since.
    Down,
    /// Attempts that have failed since the peer is down.
    Failures,
    /// The configured push interval in days; 0: no reporting.
    Interval,
    /// Whether a trust code is installed.
    Trusted,
    /// The name of the policy; empty: none.
    Policy,
    /// Reports that wait for an ACK, sent or not.
    Unacknowledged,
    /// Reports that were lost at the cap.
    Purged,
    /// Whether an ACK is waited for under a poll id.
    Polling,
    /// Whether the ACK deadline has passed.
    Overdue,
}

impl Quantity {
    /// The words.
    pub const WORDS: &'static [&'static str] = &[
        "fast",
        "down",
        "failures",
        "interval",
        "trusted",
        "policy",
        "unacknowledged",
        "purged",
        "polling",
        "overdue",
    ];
    /// All, in the order of the words.
    pub const ALL: [Self; 10] = [
        Self::Fast,
        Self::Down,
        Self::Failures,
        Self::Interval,
        Self::Trusted,
        Self::Policy,
        Self::Unacknowledged,
        Self::Purged,
        Self::Polling,
        Self::Overdue,
    ];

    /// The quantity of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quantity| quantity.word() == word)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let at = Self::ALL.iter().position(|quantity| *quantity == self);
        at.and_then(|at| Self::WORDS.get(at)).copied().unwrap_or("")
    }

    /// What its values are.
    #[must_use]
    pub const fn kind(self) -> QuantityKind {
        match self {
            Self::Fast | Self::Down | Self::Trusted | Self::Polling | Self::Overdue => QuantityKind::Truth,
            Self::Failures | Self::Interval | Self::Unacknowledged | Self::Purged => QuantityKind::Number,
            Self::Policy => QuantityKind::Text,
        }
    }

    /// Its value, as a text.
    #[must_use]
    pub fn of(self, view: &View<'_>) -> String {
        match self {
            Self::Fast => view.is_fast().to_string(),
            Self::Down => view.down().is_some().to_string(),
            Self::Failures => view.down().map_or(0, |(_, failures)| failures).to_string(),
            Self::Interval => view.configured_interval().days().unwrap_or(0).to_string(),
            Self::Trusted => matches!(view.trust(), slpsim_agent::view::TrustState::Installed(_)).to_string(),
            Self::Policy => view.policy().map_or_else(String::new, |(name, _)| name.to_owned()),
            Self::Unacknowledged => {
                let summary = view.report_summary();
                summary.available.saturating_sub(summary.collecting).to_string()
            }
            Self::Purged => view.report_summary().purged.to_string(),
            Self::Polling => view.poll_id().is_some().to_string(),
            Self::Overdue => view.ack_deadline().is_some_and(|at| at < view.now().wall).to_string(),
        }
    }
}

/// What the values of a [`Quantity`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityKind {
    /// `true` or `false`.
    Truth,
    /// A whole number from 0.
    Number,
    /// Any text.
    Text,
}

impl QuantityKind {
    /// Whether a value of this kind can pass a test at all.
    #[must_use]
    pub fn can_be(self, test: &Test) -> bool {
        match self {
            Self::Truth => test.is_for_truths(),
            Self::Number => test.is_for_numbers(),
            Self::Text => matches!(test, Test::Equals(_)),
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Number => "a whole number",
            Self::Text => "a text",
        }
    }
}

/// What a value has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// This.
    Equals(String),
    /// A number in a range, both ends included; an end may be open.
    Between(Option<i64>, Option<i64>),
}

impl Test {
    /// Whether a number can pass it.
    #[must_use]
    pub fn is_for_numbers(&self) -> bool {
        match self {
            Self::Equals(wanted) => wanted.parse::<i64>().is_ok(),
            Self::Between(..) => true,
        }
    }

    /// Whether `true` or `false` can pass it.
    #[must_use]
    pub fn is_for_truths(&self) -> bool {
        matches!(self, Self::Equals(wanted) if matches!(wanted.as_str(), "true" | "false"))
    }

    /// Whether `value` is right. A text that is no number lies in no range.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equals(wanted) => wanted == value,
            Self::Between(from, to) => value
                .parse::<i64>()
                .is_ok_and(|value| from.is_none_or(|from| value >= from) && to.is_none_or(|to| value <= to)),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(wanted) => write!(f, "is `{wanted}`"),
            Self::Between(Some(from), Some(to)) => write!(f, "is {from} to {to}"),
            Self::Between(Some(from), None) => write!(f, "is at least {from}"),
            Self::Between(None, Some(to)) => write!(f, "is at most {to}"),
            Self::Between(None, None) => f.write_str("is a number"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(quantity, test) => write!(f, "`{}` {test}", quantity.word()),
            Self::Field(command, path, test) => write!(f, "`{path}` of `{command}` {test}"),
            Self::Message { message, text, partner } => {
                f.write_str(message.map_or("a message", |kind| kind.row().mnemonic()))?;
                if let Some(text) = text {
                    write!(f, " with text `{}`", super::judge::bare(text))?;
                }
                let Some(partner) = partner else { return Ok(()) };
                let side = if partner.before { "before" } else { "after" };
                write!(f, " has {} {side} it", partner.message.row().mnemonic())?;
                match partner.span_ms {
                    Some(span) => write!(f, ", at most {} away", super::model::Moment(span)),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_has_a_word_of_its_own() {
        for quantity in Quantity::ALL {
            assert_eq!(Quantity::by_word(quantity.word()), Some(quantity));
        }
        assert_eq!(Quantity::WORDS.len(), Quantity::ALL.len());
    }

    #[test]
    fn a_range_takes_its_ends_and_no_text() {
        let range = Test::Between(Some(1), Some(3));
        for (value, expected) in [("0", false), ("1", true), ("3", true), ("4", false), ("true", false)] {
            assert_eq!(range.holds(value), expected, "{value}");
        }
        assert!(Test::Between(None, Some(3)).holds("-1"));
        assert!(Test::Equals("true".into()).holds("true") && !Test::Equals("true".into()).holds("false"));
    }
}
