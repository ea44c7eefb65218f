//! What arrived, kept so that the log as sent need be read only once and only at the end: until then it may grow. That log
//! takes no memory; a line that arrived takes some 100 bytes at most (measured, while tables grow), whatever its length.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read as _};
use std::num::NonZeroU32;

use super::{Compare, EXAMPLE_MAX, EXAMPLES_MAX, Way};
use crate::read::{self, Read, ReadError, Said};

/// Longest line of a log as sent, in bytes; the rest of a longer one is another line.
const LINE_MAX: u64 = 1 << 20;
/// Lines whose text is kept, for examples: the first ones, and as many of the later ones that cannot be read.
const TEXTS_MAX: usize = 1 << 16;
/// The sender of a line without a header that could be read: anybody.
const NOT_READ: u64 = 0;
/// The sender of a line whose header names nobody, such as one without an origin.
const NOBODY: u64 = 1;

/// Lines that arrived, by what identifies them.
#[derive(Debug)]
pub(super) struct Arrived {
    compare: Compare,
    hasher: RandomState,
    /// In the order in which they arrived.
    lines: Vec<Line>,
    /// By the hash of its content: the lines that are the same.
    same: HashMap<u64, Same>,
    /// What the first lines say.
    texts: Vec<Box<[u8]>>,
    /// What later lines say that cannot be read, by number: few lines are spoiled, and those are what examples are for.
    spoiled: HashMap<NonZeroU32, Box<[u8]>>,
    /// There were more than can be numbered.
    overflown: bool,
}

/// A line that arrived.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Hash of the device's name.
    sender: u64,
    /// Where it stands in the log as sent, from 1.
    place: Option<NonZeroU32>,
    /// The next line that is the same, by its number from 1.
    next: Option<NonZeroU32>,
}

/// Lines that are the same.
#[derive(Clone, Copy, Debug)]
struct Same {
    /// The first that has no place yet, by its number from 1.
    first: Option<NonZeroU32>,
    last: NonZeroU32,
    /// The log as sent has such a line.
    sent: bool,
}

/// What the log as sent has, beside places for what arrived.
#[derive(Debug, Default)]
struct Sent {
    lines: u32,
    senders: HashSet<u64>,
    missing: u64,
    /// Some of those that are missing.
    examples: Vec<Box<[u8]>>,
}

impl Arrived {
    pub(super) fn new(compare: Compare) -> Self {
        Self {
            compare,
            hasher: RandomState::new(),
            lines: Vec::new(),
            same: HashMap::new(),
            texts: Vec::new(),
            spoiled: HashMap::new(),
            overflown: false,
        }
    }

    pub(super) fn take(&mut self, line: &[u8], read: &Result<Read<'_>, ReadError>) {
        let number = u32::try_from(self.lines.len() + 1).ok().and_then(NonZeroU32::new);
        let Some(number) = number else {
            self.overflown = true;
            return;
        };
        self.lines.push(Line { sender: self.sender(line, read), place: None, next: None });
        if self.texts.len() < TEXTS_MAX {
            self.texts.push(cut(line).into());
        } else if read.is_err() && self.spoiled.len() < TEXTS_MAX {
            self.spoiled.insert(number, cut(line).into());
        }
        let key = self.compare.key(line, read, &self.hasher);
        let same = self.same.entry(key).or_insert(Same { first: None, last: number, sent: false });
        let before = std::mem::replace(&mut same.last, number);
        if same.first.is_none() {
            same.first = Some(number);
        } else if let Some(before) = at(&mut self.lines, before) {
            before.next = Some(number);
        }
    }

    /// Who sent it.
    fn sender(&self, line: &[u8], read: &Result<Read<'_>, ReadError>) -> u64 {
        let hash = |name: &str| match name {
            "" => NOBODY,
            name => self.hasher.hash_one(name).max(NOBODY + 1),
        };
        match read {
            Ok(read) => hash(read.device.as_deref().unwrap_or_default()),
            Err(_) => read::device(line).map_or(NOT_READ, |name| hash(&name)),
        }
    }

    /// Reads the log as sent, and says what became of its lines; `example` hears of some that are not as they should be.
    ///
    /// Each line that is not as sent stands for one that is missing, as far as any is.
    pub(super) fn held_against(
        mut self,
        log: impl BufRead,
        mut example: impl FnMut(&str, &[u8]),
    ) -> io::Result<Way> {
        if self.overflown {
            return Err(io::Error::other("more than 4 billion lines arrived, too many to compare"));
        }
        let sent = self.places(log)?;
        let mut doubled = 0;
        let (mut altered, mut foreign) = (0_u64, 0);
        let mut unknown: Vec<(NonZeroU32, bool)> = Vec::new();
        for same in self.same.values() {
            let mut next = same.first;
            while let Some((number, line)) = next.and_then(|number| Some((number, self.line(number)?))) {
                next = line.next;
                if same.sent {
                    doubled += 1;
                    continue;
                }
                // Whoever is not in the log had none of its lines: no word of his stands for one of them.
                let known = line.sender != NOT_READ && sent.senders.contains(&line.sender);
                *if known { &mut altered } else { &mut foreign } += 1;
                if self.text(number).is_some() {
                    unknown.push((number, known));
                }
            }
        }
        unknown.sort_unstable();
        for (number, known) in unknown.into_iter().take(EXAMPLES_MAX) {
            let reason = if known { "not as sent" } else { "nobody sent this" };
            example(reason, self.text(number).unwrap_or_default());
        }
        sent.examples.iter().for_each(|line| example("did not arrive as sent", line));
        let stand_in = altered.min(sent.missing);
        Ok(Way {
            sent: Some(sent.lines.into()),
            lost: sent.missing - stand_in,
            doubled,
            reordered: self.late(&sent.senders),
            altered: Some(stand_in),
            foreign: Some(foreign + altered - stand_in),
        })
    }

    /// Gives each line that arrived its place in the log as sent: of equal ones the first to the first.
    fn places(&mut self, mut log: impl BufRead) -> io::Result<Sent> {
        let mut sent = Sent::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(sent);
            }
            sent.lines = sent
                .lines
                .checked_add(1)
                .ok_or_else(|| io::Error::other("a log with more than 4 billion lines cannot be compared"))?;
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let read = read::read(text);
            sent.senders.insert(self.sender(text, &read));
            let key = self.compare.key(text, &read, &self.hasher);
            if !self.claim(key, sent.lines) {
                sent.missing += 1;
                if sent.examples.len() < EXAMPLES_MAX {
                    sent.examples.push(cut(text).into());
                }
            }
        }
    }

    /// Gives that place to the first line that is the same and has none; says whether there is one.
    fn claim(&mut self, key: u64, place: u32) -> bool {
        let Some(same) = self.same.get_mut(&key) else { return false };
        same.sent = true;
        let Some(line) = same.first.and_then(|first| at(&mut self.lines, first)) else { return false };
        line.place = NonZeroU32::new(place);
        same.first = line.next;
        true
    }

    /// How many arrived after a later one of the same device. Lines of unknown devices may overtake one another: they have
    /// no order that could be lost. A log that names nobody at all is taken for that of one device.
    fn late(&self, senders: &HashSet<u64>) -> u64 {
        let known_from = if senders.iter().any(|sender| *sender > NOBODY) { NOBODY + 1 } else { NOBODY };
        let mut latest: HashMap<u64, NonZeroU32> = HashMap::new();
        let mut late = 0;
        let known = self.lines.iter().filter(|line| line.sender >= known_from);
        for (sender, place) in known.filter_map(|line| Some((line.sender, line.place?))) {
            let latest = latest.entry(sender).or_insert(place);
            late += u64::from(place < *latest);
            *latest = place.max(*latest);
        }
        late
    }

    fn line(&self, number: NonZeroU32) -> Option<&Line> {
        self.lines.get(index(number))
    }

    fn text(&self, number: NonZeroU32) -> Option<&[u8]> {
        self.texts.get(index(number)).or_else(|| self.spoiled.get(&number)).map(|text| &**text)
    }
}

fn at(lines: &mut [Line], number: NonZeroU32) -> Option<&mut Line> {
    lines.get_mut(index(number))
}

fn index(number: NonZeroU32) -> usize {
    usize::try_from(number.get() - 1).unwrap_or(usize::MAX)
}

/// As much of a line as an example shows.
fn cut(line: &[u8]) -> &[u8] {
    line.get(..EXAMPLE_MAX).unwrap_or(line)
}

impl Compare {
    fn key(self, line: &[u8], read: &Result<Read<'_>, ReadError>, hasher: &RandomState) -> u64 {
        match (self, read) {
            (Self::Content, Ok(read)) => {
                let when = &read.when;
                // A form without a year, without a zone or with fewer digits says the same.
                hasher.hash_one((
                    &read.device,
                    when.month,
                    when.day,
                    when.second,
                    read.repeated,
                    format!("{:?}", read.said),
                    // What is not taken apart is compared as it stands.
                    matches!(read.said, Said::Other).then_some(&read.text),
                ))
            }
            (Self::Bytes, _) | (Self::Content, Err(_)) => hasher.hash_one(line),
        }
    }
}
