//! The log as it was sent, to hold against it what arrives.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read as _};

use super::Compare;
use crate::read::{self, Said};

/// Longest line of a log as sent, in bytes; the rest of a longer one is another line.
const LINE_MAX: u64 = 1 << 20;
/// No more lines than this are held.
const LINES_MAX: usize = u32::MAX as usize;

/// Lines as sent, by what identifies them.
#[derive(Debug)]
pub struct Expected {
    compare: Compare,
    hasher: RandomState,
    /// By the hash of its content: where the line stands in the log, every time that it does.
    places: HashMap<u64, Places>,
    /// By place: the device.
    devices: Vec<u32>,
    names: HashMap<Box<str>, u32>,
    /// By device: the latest place that has arrived, counted from 1.
    latest: Vec<usize>,
    matched: usize,
}

#[derive(Debug)]
enum Places {
    One { at: u32, arrived: bool },
    Many { at: Vec<u32>, arrived: usize },
}

/// What a line that arrives is to the log as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The next one, or after a gap.
    InOrder,
    /// One that a later one of its device has overtaken.
    Late,
    /// One that has arrived already.
    Again,
    /// None, but of a device of the log, or of one that cannot be read.
    Altered,
    /// Of a device that the log does not have.
    Foreign,
}

impl Expected {
    /// Reads a log as sent, one line after the other.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(mut source: impl BufRead, compare: Compare) -> io::Result<Self> {
        let mut expected = Self {
            compare,
            hasher: RandomState::new(),
            places: HashMap::new(),
            devices: Vec::new(),
            names: HashMap::new(),
            latest: Vec::new(),
            matched: 0,
        };
        let mut line = Vec::new();
        loop {
            line.clear();
            if source.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(expected);
            }
            if expected.devices.len() >= LINES_MAX {
                return Err(io::Error::other("a log with more than 4 billion lines cannot be compared"));
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            expected.add(text.strip_suffix(b"\r").unwrap_or(text));
        }
    }

    fn add(&mut self, line: &[u8]) {
        let at = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
        let name = read::read(line).ok().and_then(|read| read.device).unwrap_or_default();
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let device = match self.names.get(&*name) {
            Some(device) => *device,
            None => *self.names.entry(name.into()).or_insert(next),
        };
        if device == next {
            self.latest.push(0);
        }
        self.devices.push(device);
        let one = Places::One { at, arrived: false };
        self.places
            .entry(self.compare.key(line, &self.hasher))
            .and_modify(|places| places.add(at))
            .or_insert(one);
    }

    /// How many lines were sent.
    #[must_use]
    pub const fn sent(&self) -> usize {
        self.devices.len()
    }

    /// How many of them have arrived unaltered.
    #[must_use]
    pub const fn matched(&self) -> usize {
        self.matched
    }

    pub(super) fn take(&mut self, line: &[u8], device: Option<&str>, readable: bool) -> Match {
        let Some(places) = self.places.get_mut(&self.compare.key(line, &self.hasher)) else {
            let known = !readable || self.names.contains_key(device.unwrap_or_default());
            return if known { Match::Altered } else { Match::Foreign };
        };
        let Some(at) = places.take().and_then(|at| usize::try_from(at).ok()) else { return Match::Again };
        self.matched += 1;
        let device = self.devices.get(at).and_then(|device| usize::try_from(*device).ok()).unwrap_or(0);
        match self.latest.get_mut(device) {
            Some(latest) if *latest > at => Match::Late,
            Some(latest) => {
                *latest = at + 1;
                Match::InOrder
            }
            None => Match::InOrder,
        }
    }
}

impl Places {
    fn add(&mut self, place: u32) {
        match self {
            Self::One { at, .. } => *self = Self::Many { at: vec![*at, place], arrived: 0 },
            Self::Many { at, .. } => at.push(place),
        }
    }

    /// The first place from which the line has not arrived yet.
    fn take(&mut self) -> Option<u32> {
        match self {
            Self::One { at, arrived } => (!std::mem::replace(arrived, true)).then_some(*at),
            Self::Many { at, arrived } => {
                let next = at.get(*arrived).copied();
                *arrived += usize::from(next.is_some());
                next
            }
        }
    }
}

impl Compare {
    fn key(self, line: &[u8], hasher: &RandomState) -> u64 {
        match (self, read::read(line)) {
            (Self::Content, Ok(read)) => {
                let when = read.when;
                // A form without a year, without a zone or with fewer digits says the same.
                hasher.hash_one((
                    read.device,
                    when.month,
                    when.day,
                    when.second,
                    read.repeated,
                    format!("{:?}", read.said),
                    // What is not taken apart is compared as it stands.
                    matches!(read.said, Said::Other).then_some(read.text),
                ))
            }
            (Self::Bytes, _) | (Self::Content, Err(_)) => hasher.hash_one(line),
        }
    }
}
