//! The last exchanges, and how many there were of each kind.

use std::collections::{BTreeMap, VecDeque};

use slpsim_agent::{Purpose, Udi};
use slpsim_policy::Wall;
use slpsim_transport::message::{StatusWord, Word};

use crate::peer::Route;
use crate::records::Exchange;
use crate::rule::Broken;
use crate::span::purpose_word;

/// Bounded history of exchanges.
#[derive(Debug, Default)]
pub struct History {
    exchanges: VecDeque<Exchange>,
    numbered: u64,
    limit: usize,
    text_limit: usize,
    counts: BTreeMap<(&'static str, Word), u64>,
    broken: BTreeMap<Broken, u64>,
}

/// One exchange as it is noted.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    /// By the server's clock.
    pub(crate) at: Wall,
    pub(crate) true_at: Wall,
    pub(crate) route: Option<&'a Route>,
    pub(crate) device: Option<Udi>,
    pub(crate) purpose: Option<Purpose>,
    pub(crate) answer: Word,
    pub(crate) rule: Option<Broken>,
}

impl History {
    /// Keeps so many exchanges and so many bytes of each text.
    #[must_use]
    pub fn new(limit: usize, text_limit: usize) -> Self {
        Self { limit, text_limit, ..Self::default() }
    }

    pub(crate) fn note(&mut self, note: Note<'_>) -> u64 {
        self.numbered += 1;
        let number = self.numbered;
        let word = note.purpose.map_or("unreadable", purpose_word);
        *self.counts.entry((word, note.answer.clone())).or_default() += 1;
        if let Some(rule) = note.rule {
            *self.broken.entry(rule).or_default() += 1;
        }
        if self.limit == 0 {
            return number;
        }
        if self.exchanges.len() >= self.limit {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Exchange {
            number,
            at: note.at,
            true_at: note.true_at,
            route: note.route.cloned(),
            device: note.device,
            purpose: note.purpose,
            answer: note.answer,
            rule: note.rule,
            fault: None,
            request: None,
            response: None,
        });
        number
    }

    /// Notes that a fault changed the answer of an exchange.
    pub fn faulted(&mut self, number: u64, fault: u64) {
        if let Some(exchange) = self.find(number) {
            exchange.fault = Some(fault);
        }
    }

    /// Adds the texts of an exchange, cut to the limit.
    pub fn texts(&mut self, number: u64, request: &[u8], response: &[u8]) {
        let limit = self.text_limit;
        if limit == 0 {
            return;
        }
        if let Some(exchange) = self.find(number) {
            exchange.request = Some(cut(request, limit));
            exchange.response = Some(cut(response, limit));
        }
    }

    /// The exchanges that are kept, oldest first.
    pub fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    /// How many exchanges there were, by purpose and answer.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.counts.iter().map(|((purpose, answer), count)| (*purpose, answer.as_ref(), *count))
    }

    /// How often each rule was broken.
    pub fn broken(&self) -> impl Iterator<Item = (Broken, u64)> {
        self.broken.iter().map(|(rule, count)| (*rule, *count))
    }

    fn find(&mut self, number: u64) -> Option<&mut Exchange> {
        let first = self.exchanges.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.exchanges.get_mut(at)
    }
}

/// The word of a status in histories and metrics; on a wire the wire profile decides.
pub(crate) fn status_word(status: &StatusWord) -> Word {
    Word::Borrowed(match status {
        StatusWord::Ok => "OK",
        StatusWord::OkPoll => "OK_POLL",
        StatusWord::TryAgain => "OK_TRY_AGAIN",
        StatusWord::NoData => "NO DATA TO PROCESS",
        StatusWord::Invalid => "INVALID STATUS CODE",
        StatusWord::Failed => "FAILED",
        StatusWord::Other(word) => return Word::Owned(word.to_string()),
    })
}

/// At most `limit` bytes, as text.
fn cut(bytes: &[u8], limit: usize) -> Box<str> {
    let kept = bytes.get(..limit).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < bytes.len() {
        text.push_str(&format!("… ({} bytes in all)", bytes.len()));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(history: &mut History) -> u64 {
        history.note(Note {
            at: Wall(0),
            true_at: Wall(0),
            route: None,
            device: None,
            purpose: Some(Purpose::Hello),
            answer: Word::Borrowed("OK"),
            rule: None,
        })
    }

    #[test]
    fn the_history_keeps_the_last_exchanges_and_counts_all() {
        let mut history = History::new(2, 4);
        for _ in 0..3 {
            note(&mut history);
        }
        history.texts(3, b"abcdefg", b"ok");
        history.texts(1, b"gone", b"gone");
        let numbers: Vec<_> = history.exchanges().map(|exchange| exchange.number).collect();
        assert_eq!(numbers, [2, 3]);
        let last = history.exchanges().next_back().unwrap();
        assert_eq!(last.request.as_deref(), Some("abcd… (7 bytes in all)"));
        assert_eq!(last.response.as_deref(), Some("ok"));
        assert_eq!(history.counts().collect::<Vec<_>>(), [("hello", "OK", 3)]);
    }
}
