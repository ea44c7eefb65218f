//! Repeat suppression (`spec/logs.md` §6, modelled). Off by default: it would swallow real messages of the agent.

use slpsim_agent::Message;
use slpsim_policy::Wall;

use crate::line::Repeated;

/// Identical messages are held back for this long, in milliseconds.
pub const WINDOW_MS: i64 = 120_000;

/// How repeats are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Every message is a line of its own.
    #[default]
    Off,
    /// As newer NX-OS: the message again, with a suffix.
    Suffix,
    /// As older NX-OS: a line of its own.
    Line,
}

impl Repeat {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Off, Self::Suffix, Self::Line];

    /// The word of `--repeat`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Suffix => "suffix",
            Self::Line => "line",
        }
    }

    /// The choice of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|repeat| repeat.word() == word)
    }

    const fn told(self, count: u32) -> Repeated {
        match self {
            Self::Off => Repeated::No,
            Self::Suffix => Repeated::Suffix(count),
            Self::Line => Repeated::Line(count),
        }
    }
}

/// Holds back the repeats of one device.
#[derive(Clone, Debug)]
pub struct Repeater {
    repeat: Repeat,
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    message: Message,
    window_from: Wall,
    held: u32,
}

/// A line that is due: its time, the message and how it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it is printed.
    pub at: Wall,
    /// What it says.
    pub message: Message,
    /// Whether it stands for repeats.
    pub repeated: Repeated,
}

impl Repeater {
    /// Tells repeats in that way.
    #[must_use]
    pub const fn new(repeat: Repeat) -> Self {
        Self { repeat, last: None }
    }

    /// When [`Repeater::timeout`] has something to say.
    #[must_use]
    pub fn deadline(&self) -> Option<Wall> {
        self.last.as_ref().filter(|last| last.held > 0).map(|last| last.window_from.plus_millis(WINDOW_MS))
    }

    /// A message at `at`: up to two lines are due, the held-back repeats first.
    pub fn offer(&mut self, at: Wall, message: &Message) -> [Option<Due>; 2] {
        let now = || Some(Due { at, message: message.clone(), repeated: Repeated::No });
        if self.repeat == Repeat::Off {
            return [None, now()];
        }
        let mut held = self.timeout(at);
        if let Some(last) = self.last.as_mut().filter(|last| last.message == *message) {
            let age = at.since(last.window_from);
            if (0..WINDOW_MS).contains(&age) {
                last.held = last.held.saturating_add(1);
                return [held, None];
            }
        }
        held = held.or_else(|| self.told(at));
        self.last = Some(Last { message: message.clone(), window_from: at, held: 0 });
        [held, now()]
    }

    /// The repeats that were held back until the window's end, where that is reached. The window then starts again.
    pub fn timeout(&mut self, now: Wall) -> Option<Due> {
        let at = self.deadline().filter(|deadline| *deadline <= now)?;
        self.told(at)
    }

    fn told(&mut self, at: Wall) -> Option<Due> {
        let repeat = self.repeat;
        let last = self.last.as_mut().filter(|last| last.held > 0)?;
        let due = Due { at, message: last.message.clone(), repeated: repeat.told(last.held) };
        last.held = 0;
        last.window_from = at;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(at: i64, message: &Message, repeated: Repeated) -> Option<Due> {
        Some(Due { at: Wall::from_secs(at), message: message.clone(), repeated })
    }

    #[test]
    fn repeats_are_told_at_the_windows_end_or_before_another_message() {
        let (a, b) = (Message::PolicyRemoved, Message::PolicyInstallSuccess);
        let mut repeater = Repeater::new(Repeat::Suffix);
        let mut at = |secs, message| repeater.offer(Wall::from_secs(secs), message);
        assert_eq!(at(0, &a), [None, due(0, &a, Repeated::No)]);
        assert_eq!(at(10, &a), [None, None]);
        assert_eq!(at(119, &a), [None, None]);
        assert_eq!(at(130, &a), [due(120, &a, Repeated::Suffix(2)), None], "the window began again at 120");
        assert_eq!(at(140, &b), [due(140, &a, Repeated::Suffix(1)), due(140, &b, Repeated::No)]);
        assert_eq!(at(400, &b), [None, due(400, &b, Repeated::No)]);
        assert_eq!(repeater.deadline(), None);
    }

    #[test]
    fn the_timer_tells_what_is_held_back_and_nothing_else() {
        let a = Message::PolicyRemoved;
        let mut repeater = Repeater::new(Repeat::Line);
        let _ = repeater.offer(Wall::from_secs(0), &a);
        assert_eq!(repeater.timeout(Wall::from_secs(500)), None);
        let _ = repeater.offer(Wall::from_secs(50), &a);
        assert_eq!(repeater.deadline(), Some(Wall::from_secs(120)));
        assert_eq!(repeater.timeout(Wall::from_secs(119)), None);
        assert_eq!(repeater.timeout(Wall::from_secs(120)), due(120, &a, Repeated::Line(1)));
        assert_eq!(repeater.timeout(Wall::from_secs(240)), None);
    }

    #[test]
    fn switched_off_nothing_is_held_back() {
        let a = Message::PolicyRemoved;
        let mut repeater = Repeater::new(Repeat::Off);
        for secs in [0, 1, 1] {
            assert_eq!(repeater.offer(Wall::from_secs(secs), &a), [None, due(secs, &a, Repeated::No)]);
        }
    }
}
