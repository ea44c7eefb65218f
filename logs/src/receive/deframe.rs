//! From a stream of bytes to lines (RFC 6587 §3.4).

use crate::batch::Batch;
use crate::framing::Framing;
use crate::stamp::MONTHS;

/// Longest line that is taken, in bytes; RFC 5425 §4.3.1 asks for 8192. What is longer is cut there.
pub const LINE_MAX: usize = 64 << 10;
/// Most digits of a length.
const DIGITS_MAX: usize = 7;

/// Cuts a stream into lines, whatever the pieces in which it comes.
#[derive(Debug, Default)]
pub struct Deframer {
    framing: Option<Framing>,
    /// What has come of a line that is not whole.
    rest: Vec<u8>,
    /// Bytes of a line beyond its limit that are still to be thrown away.
    skip: usize,
    cut: u64,
}

/// Why a stream cannot be cut into lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeframeError {
    /// No length where one should be.
    #[error("the sender's octet counting is broken: {0:?} is no message length (RFC 6587 section 3.4.1)")]
    Length(String),
}

impl Deframer {
    /// Cuts by `framing`; where none is given, by what the first bytes look like.
    #[must_use]
    pub fn new(framing: Option<Framing>) -> Self {
        Self { framing, ..Self::default() }
    }

    /// Lines that were longer than [`LINE_MAX`].
    #[must_use]
    pub const fn cut(&self) -> u64 {
        self.cut
    }

    /// Takes the next bytes and appends the lines that are whole to `out`.
    ///
    /// # Errors
    /// Where the octet counting is broken: nothing that follows can be understood.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Batch) -> Result<(), DeframeError> {
        if self.rest.is_empty() {
            let used = self.cut_lines(bytes, out)?;
            self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let used = self.cut_lines(&all, out)?;
            all.drain(..used);
            self.rest = all;
        }
        Ok(())
    }

    /// Takes the end of the stream: a last line without its newline is one, an unfinished counted message is none.
    pub fn end(&mut self, out: &mut Batch) {
        let rest = std::mem::take(&mut self.rest);
        if self.framing != Some(Framing::Octet) && !rest.is_empty() && self.skip == 0 {
            out.push(&rest);
        }
    }

    /// Says how many bytes are used up.
    fn cut_lines(&mut self, bytes: &[u8], out: &mut Batch) -> Result<usize, DeframeError> {
        let framing = match self.framing.or_else(|| guess(bytes)) {
            Some(framing) => framing,
            None => return Ok(0),
        };
        self.framing = Some(framing);
        match framing {
            Framing::Newline => Ok(self.newline(bytes, out)),
            Framing::Octet => self.octet(bytes, out),
        }
    }

    fn newline(&mut self, bytes: &[u8], out: &mut Batch) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let window = rest.get(..LINE_MAX + 1).unwrap_or(rest);
            let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
                if window.len() <= LINE_MAX {
                    return at;
                }
                if self.skip == 0 {
                    out.push(rest.get(..LINE_MAX).unwrap_or_default());
                    self.cut += 1;
                }
                self.skip = 1;
                at += LINE_MAX;
                continue;
            };
            if std::mem::take(&mut self.skip) == 0 {
                let line = window.get(..end).unwrap_or_default();
                // Some senders end lines as files of other systems do; RFC 6587 §3.4.2 knows NUL and CR LF, too.
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() {
                    out.push(line);
                }
            }
            at += end + 1;
        }
        at
    }

    fn octet(&mut self, bytes: &[u8], out: &mut Batch) -> Result<usize, DeframeError> {
        let mut at = 0;
        loop {
            let gone = self.skip.min(bytes.len() - at);
            (self.skip, at) = (self.skip - gone, at + gone);
            let rest = bytes.get(at..).unwrap_or_default();
            let Some((length, digits)) = length(rest)? else { return Ok(at) };
            let kept = length.min(LINE_MAX);
            let Some(line) = rest.get(digits + 1..digits + 1 + kept) else { return Ok(at) };
            out.push(line);
            self.skip = length - kept;
            self.cut += u64::from(self.skip > 0);
            at += digits + 1 + kept;
        }
    }
}

/// `LEN SP`: the length and how many digits it has; none where more must come first.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, DeframeError> {
    let head = bytes.get(..DIGITS_MAX + 1).unwrap_or(bytes);
    let bad = || DeframeError::Length(String::from_utf8_lossy(head).into_owned());
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match head.get(digits) {
        None if head.len() <= DIGITS_MAX => Ok(None),
        Some(b' ') if digits > 0 && head.first() != Some(&b'0') => {
            let text = std::str::from_utf8(head.get(..digits).unwrap_or_default()).map_err(|_| bad())?;
            Ok(Some((text.parse().map_err(|_| bad())?, digits)))
        }
        None | Some(_) => Err(bad()),
    }
}

/// A counted message begins with digits and a blank (RFC 5425 §4.3), and behind them as lines do: with a PRI, JSON, a year,
/// or a month. A line of a log file begins with a year and a month itself.
fn guess(bytes: &[u8]) -> Option<Framing> {
    let digits = bytes.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, bytes.get(digits), bytes.get(digits + 1)) {
        (0, None, _) | (1.., Some(b' '), None) => None,
        (1..=DIGITS_MAX, None, _) => None,
        (1..=DIGITS_MAX, Some(b' '), Some(b'<' | b'{' | b'*' | b'.' | b'0'..=b'9')) => Some(Framing::Octet),
        // As long as a year: only a message of that very length would be taken for a line.
        (4, Some(b' '), Some(b'A'..=b'Z')) => Some(Framing::Newline),
        (1..=DIGITS_MAX, Some(b' '), Some(b'A'..=b'Z')) => {
            let word = bytes.get(digits + 1..).unwrap_or_default();
            match word.get(..3) {
                None => None,
                Some(word) if MONTHS.iter().any(|month| month.as_bytes() == word) => Some(Framing::Octet),
                Some(_) => Some(Framing::Newline),
            }
        }
        _ => Some(Framing::Newline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(framing: Option<Framing>, stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, u64) {
        let (mut deframer, mut out) = (Deframer::new(framing), Batch::new(None));
        for bytes in stream.chunks(piece) {
            deframer.feed(bytes, &mut out).unwrap();
        }
        deframer.end(&mut out);
        (out.iter().map(<[u8]>::to_vec).collect(), deframer.cut())
    }

    #[test]
    fn lines_come_out_whatever_the_pieces() {
        for (framing, stream, expected) in [
            (None, &b"<1>a\n<2>b\r\n\n<3>c"[..], &[&b"<1>a"[..], b"<2>b", b"<3>c"][..]),
            (None, b"4 <1>a6 <2>b\n\n7 <3>d", &[b"<1>a", b"<2>b\n\n"]),
            (None, b"2026 Mar  2\n2026 Mar  3\n", &[b"2026 Mar  2", b"2026 Mar  3"]),
            (None, b"14 2026 Mar  2 a\n16 2026 Mar  3 b c\n", &[b"2026 Mar  2 a\n", b"2026 Mar  3 b c\n"]),
            (None, b"8 Mar  2 a8 *Mar  2 ", &[b"Mar  2 a", b"*Mar  2 "]),
            (None, b"12 Mon\n", &[b"12 Mon"]),
            (Some(Framing::Octet), b"3 abc1 d", &[b"abc", b"d"]),
            (Some(Framing::Newline), b"3 <abc\n", &[b"3 <abc"]),
            (None, b"", &[]),
        ] {
            for piece in [1, 2, 3, 5, 100] {
                assert_eq!(lines(framing, stream, piece).0, expected, "{piece}");
            }
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; LINE_MAX + 70_000];
        let newline = [&b"<1>a\n"[..], &long, b"\n<2>b\n"].concat();
        let octet = [format!("4 <1>a{} ", long.len()).as_bytes(), &long, b"4 <2>b"].concat();
        for stream in [newline, octet] {
            for piece in [4096, 1 << 20] {
                let (lines, cut) = lines(None, &stream, piece);
                let lengths: Vec<_> = lines.iter().map(Vec::len).collect();
                assert_eq!((lengths, cut), (vec![4, LINE_MAX, 4], 1));
            }
        }
    }

    #[test]
    fn broken_counting_is_told() {
        for stream in [&b"x"[..], b"012 <1>", b"12345678 ", b"1x"] {
            let error = Deframer::new(Some(Framing::Octet)).feed(stream, &mut Batch::new(None)).unwrap_err();
            assert!(error.to_string().contains("is no message length"), "{error}");
        }
    }
}
