//! Many lines, ready to be handed over at once.

use std::net::Ipv4Addr;

use crate::framing::Framing;

/// A buffer of lines, framed as their sink wants them, so that a stream takes them with one write.
///
/// Where each line ends is kept beside the bytes: a sink whose connection breaks knows which lines are out.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    framing: Option<Framing>,
    bytes: Vec<u8>,
    /// Where each line ends, its frame included.
    ends: Vec<usize>,
    /// Source address by line; shorter than `ends` where the last lines have none.
    sources: Vec<Option<Ipv4Addr>>,
    /// Bytes without frames.
    payload: u64,
}

impl Batch {
    /// An empty batch for a sink with that framing ([`crate::Sink::framing`]); `None` is for datagrams.
    #[must_use]
    pub fn new(framing: Option<Framing>) -> Self {
        Self { framing, ..Self::default() }
    }

    /// How its lines are framed.
    #[must_use]
    pub const fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Whether it has no line.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many lines it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Its lines in their frames.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of its lines without frames.
    #[must_use]
    pub const fn payload(&self) -> u64 {
        self.payload
    }

    /// Forgets its lines; its memory is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.sources.clear();
        self.payload = 0;
    }

    /// Appends a line, given without frame.
    pub fn push(&mut self, line: &[u8]) {
        match self.framing {
            None => self.bytes.extend_from_slice(line),
            Some(framing) => framing.append(line, &mut self.bytes),
        }
        self.ends.push(self.bytes.len());
        self.payload += u64::try_from(line.len()).unwrap_or(0);
    }

    /// Appends a line that a datagram carries from this address, where the sink can do that.
    pub fn push_from(&mut self, line: &[u8], source: Option<Ipv4Addr>) {
        self.push(line);
        self.note_source(source);
    }

    /// Appends all lines of `other`, which must be framed alike.
    pub fn append(&mut self, other: &Self) {
        if other.framing != self.framing {
            return (0..).zip(other.iter()).for_each(|(at, line)| self.push_from(line, other.source(at)));
        }
        let (start, lines) = (self.bytes.len(), self.ends.len());
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        if !other.sources.is_empty() {
            self.sources.resize(lines, None);
            self.sources.extend_from_slice(&other.sources);
        }
        self.payload += other.payload;
    }

    /// Its lines without frames.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| {
            let framed = self.bytes.get(start..*end).unwrap_or_default();
            match self.framing {
                None => framed,
                Some(Framing::Newline) => framed.strip_suffix(b"\n").unwrap_or(framed),
                Some(Framing::Octet) => {
                    let blank = framed.iter().position(|byte| *byte == b' ');
                    blank.and_then(|blank| framed.get(blank + 1..)).unwrap_or_default()
                }
            }
        })
    }

    /// The source address of the line at that place, counted from 0.
    #[must_use]
    pub fn source(&self, line: usize) -> Option<Ipv4Addr> {
        self.sources.get(line).copied().flatten()
    }

    /// How many lines lie wholly before byte `at`, and where the next one begins.
    #[must_use]
    pub fn whole_before(&self, at: usize) -> (usize, usize) {
        let lines = self.ends.partition_point(|end| *end <= at);
        let start = lines.checked_sub(1).and_then(|last| self.ends.get(last));
        (lines, start.copied().unwrap_or(0))
    }

    /// The count of lines with the line at that place (from 0) included, and where it ends.
    pub(crate) fn whole_before_next(&self, line: usize) -> (usize, usize) {
        (line + 1, self.ends.get(line).copied().unwrap_or(self.bytes.len()))
    }

    /// Bytes of the first lines, without frames.
    #[must_use]
    pub fn payload_of(&self, lines: usize) -> u64 {
        if lines >= self.len() {
            return self.payload;
        }
        self.iter().take(lines).map(|line| u64::try_from(line.len()).unwrap_or(0)).sum()
    }

    /// Lends its bytes to a formatter that appends a line of its own to them: swaps them with `buffer`, and says where
    /// the line begins. [`Batch::take_back`] must follow.
    #[inline]
    pub(crate) fn lend(&mut self, buffer: &mut Vec<u8>) -> usize {
        std::mem::swap(&mut self.bytes, buffer);
        if self.framing == Some(Framing::Octet) {
            // Lines have three digits of length nearly always: room for them is left, and filled in later.
            buffer.extend_from_slice(b"000 ");
        }
        buffer.len()
    }

    /// Takes its bytes back, with a line from `start` on.
    #[inline]
    pub(crate) fn take_back(&mut self, buffer: &mut Vec<u8>, start: usize, source: Option<Ipv4Addr>) {
        let length = buffer.len() - start;
        match self.framing {
            None => {}
            Some(Framing::Newline) => buffer.push(b'\n'),
            Some(Framing::Octet) => fill_in(buffer, start, length),
        }
        std::mem::swap(&mut self.bytes, buffer);
        self.ends.push(self.bytes.len());
        self.payload += u64::try_from(length).unwrap_or(0);
        self.note_source(source);
    }

    #[inline]
    fn note_source(&mut self, source: Option<Ipv4Addr>) {
        if source.is_some() {
            self.sources.resize(self.ends.len() - 1, None);
            self.sources.push(source);
        }
    }
}

/// Writes the length of the line at `start` into the four bytes before it.
#[inline]
fn fill_in(buffer: &mut Vec<u8>, start: usize, length: usize) {
    match (length, buffer.get_mut(start - 4..start - 1)) {
        (100..=999, Some(digits)) => {
            let digit = |value: usize| b'0' + u8::try_from(value % 10).unwrap_or(0);
            digits.copy_from_slice(&[digit(length / 100), digit(length / 10), digit(length)]);
        }
        _ => drop(buffer.splice(start - 4..start - 1, length.to_string().into_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMINGS: [Option<Framing>; 3] = [None, Some(Framing::Newline), Some(Framing::Octet)];

    #[test]
    fn lines_come_out_of_every_framing_as_they_went_in() {
        let long = [b'x'; 1200];
        let lines = [&b"one"[..], &[b'y'; 180], &long, b"", b"<187>: 2 3"];
        for framing in FRAMINGS {
            let (mut batch, mut written) = (Batch::new(framing), Batch::new(framing));
            let mut buffer = Vec::new();
            for line in lines {
                batch.push(line);
                let start = written.lend(&mut buffer);
                buffer.extend_from_slice(line);
                written.take_back(&mut buffer, start, None);
            }
            assert_eq!(batch.iter().collect::<Vec<_>>(), lines, "{framing:?}");
            assert_eq!(batch.bytes(), written.bytes(), "{framing:?}");
            assert_eq!((batch.len(), batch.payload()), (5, 1393));
            assert_eq!(batch.payload_of(2), 183);
            batch.append(&written);
            assert_eq!((batch.len(), batch.payload(), batch.iter().nth(6)), (10, 2786, Some(lines[1])));
        }
    }

    #[test]
    fn a_break_in_the_middle_of_a_line_is_found() {
        let mut batch = Batch::new(Some(Framing::Newline));
        batch.push(b"one");
        batch.push(b"two");
        for (at, expected) in [(0, (0, 0)), (3, (0, 0)), (4, (1, 4)), (7, (1, 4)), (8, (2, 8))] {
            assert_eq!(batch.whole_before(at), expected, "{at}");
        }
    }

    #[test]
    fn sources_stay_with_their_lines() {
        let address = Some(Ipv4Addr::new(127, 1, 0, 7));
        let mut batch = Batch::new(None);
        batch.push(b"none");
        batch.push_from(b"with", address);
        batch.push(b"none");
        let mut all = Batch::new(None);
        all.push(b"first");
        all.append(&batch);
        assert_eq!([0, 1, 2, 3].map(|at| all.source(at)), [None, None, address, None]);
    }
}
