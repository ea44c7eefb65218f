//! Texts of exchanged messages for `show license history message` (`spec/formats.md` §15). The agent holds no texts.

use std::collections::VecDeque;

use slpsim_agent::{Purpose, numbers};
use slpsim_policy::Wall;

/// Longest text that is kept, in bytes; a longer one is cut (modelled).
const MAX_TEXT: usize = 64 << 10;

/// One exchange of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When the request was sent, by the device's clock.
    pub sent_at: Wall,
    /// Text of the request.
    pub sent: String,
    /// When the answer came and its text, where one came.
    pub received: Option<(Wall, String)>,
}

/// The last exchanges of a device by purpose, ten each (`spec/behaviour.md` §16, modelled).
#[derive(Clone, Debug, Default)]
pub struct History([VecDeque<Past>; Purpose::ALL.len()]);

impl History {
    /// Adds one; the oldest of its purpose makes room.
    pub fn add(&mut self, purpose: Purpose, mut past: Past) {
        cut(&mut past.sent);
        if let Some((_, text)) = &mut past.received {
            cut(text);
        }
        if let Some(list) = self.0.get_mut(purpose.index()) {
            if list.len() == numbers::HISTORY_ENTRIES {
                list.pop_front();
            }
            list.push_back(past);
        }
    }

    /// Those of a purpose, oldest first.
    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Past> {
        self.0.get(purpose.index()).into_iter().flatten()
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_of_each_purpose_are_kept_and_long_texts_are_cut() {
        let mut history = History::default();
        for n in 0..12 {
            let text = format!("\u{e9}{}", "x".repeat(MAX_TEXT));
            let past = Past { sent_at: Wall(n), sent: n.to_string(), received: Some((Wall(n), text)) };
            history.add(Purpose::Usage, past);
        }
        let kept: Vec<_> = history.of(Purpose::Usage).map(|past| past.sent_at.0).collect();
        assert_eq!(kept, (2..12).collect::<Vec<_>>());
        assert_eq!(history.of(Purpose::Poll).count(), 0);
        assert!(history.of(Purpose::Usage).all(|past| past.received.as_ref().unwrap().1.len() <= MAX_TEXT));
    }
}
