//! What comes back from a line.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use slpsim_agent::CommandError;
use slpsim_network::Question;

use crate::device::Effect;
use crate::document::Document;
use crate::syntax::SyntaxError;

/// The reply to one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What is printed: empty, or lines that each end in a line feed.
    pub text: String,
    /// What a driver does, in order.
    pub effects: Vec<Effect>,
    /// The switch answered with an error.
    pub error: bool,
    /// The session is over.
    pub closed: bool,
    /// It is over because the switch reloads or its other supervisor takes over; at the console, the next one begins.
    pub reloads: bool,
    /// `| no-more` was typed: the text is printed without paging.
    pub unpaged: bool,
    /// What the text was made from; its structured form is [`Document::to_value`]. Empty with an error.
    pub document: Document,
    /// A real name server has to be asked; then the line is to be run again, in the session as it was.
    pub asks: Option<Question>,
    /// The prompt that follows, or the question that the next line answers.
    pub prompt: String,
}

/// Why a command is refused: one line, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    /// With this text.
    #[must_use]
    pub fn new(why: &str) -> Self {
        Self(why.to_string())
    }
}

impl Reply {
    /// Adds a line of text.
    pub fn add_line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Makes the reply an error: the agent refused what [`Effect::Agent`] asked for.
    pub fn refuse(&mut self, error: &CommandError) {
        self.refuse_with(&error.to_string());
    }

    /// Makes the reply an error with this line.
    pub fn refuse_with(&mut self, why: &str) {
        self.error = true;
        self.document = Document::new();
        self.add_line(why);
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let mut reply = Self::default();
        reply.refuse_with(&refusal.0);
        reply
    }

    /// The caret under the wrong word, `shift` columns further right, and the line below it.
    pub(crate) fn wrong(error: &SyntaxError, shift: usize) -> Self {
        let caret = " ".repeat(error.column() + shift) + "^";
        let mut reply = Self { error: true, ..Self::default() };
        reply.add_line(&caret);
        reply.add_line(&error.to_string());
        reply
    }
}
