//! What real name servers have said to a switch. Whoever can ask them does so and hands the answers in: nothing is asked
//! from here.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// A name that one name server has to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// Its real address.
    pub server: SocketAddr,
    /// The name in full.
    pub name: String,
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// These addresses; at least one.
    Addresses(Vec<IpAddr>),
    /// The name does not exist or has no address, in words.
    Nothing(String),
    /// Nothing that helps, in words: the next name server is worth a question.
    Fault(String),
}

/// Answers by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<Question, Said>);

impl Answers {
    /// Takes an answer in.
    pub fn add(&mut self, question: Question, said: Said) {
        self.0.insert(question, said);
    }

    /// Forgets what gave no address.
    pub fn keep_addresses(&mut self) {
        self.0.retain(|_, said| matches!(said, Said::Addresses(_)));
    }

    /// What was said.
    #[must_use]
    pub fn get(&self, question: &Question) -> Option<&Said> {
        self.0.get(question)
    }
}
