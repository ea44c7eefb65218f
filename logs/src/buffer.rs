//! Where a line grows.

use std::fmt;

/// Bytes of one line. Writing never fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer(pub(crate) Vec<u8>);

impl Buffer {
    /// Room for a usual line, so that growing is rare.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(1024))
    }

    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    #[inline]
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A name that somebody configured: blanks and control characters become `?`, so that the line keeps its fields.
    #[inline]
    pub(crate) fn push_name(&mut self, name: &str) {
        // Without a way out of the loop, so that it works on many bytes at once.
        if name.bytes().fold(true, |plain, byte| plain & (byte > b' ') & (byte != 0x7f)) {
            return self.push(name);
        }
        for character in name.chars() {
            let kept = if character.is_control() || character.is_whitespace() { '?' } else { character };
            self.push(kept.encode_utf8(&mut [0; 4]));
        }
    }

    /// `number` in decimal.
    pub(crate) fn push_number(&mut self, number: u64) {
        self.push_padded(number, 1);
    }

    /// `number` in decimal with at least `width` digits, at most 20.
    pub(crate) fn push_padded(&mut self, number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut at = digits.len();
        while rest > 0 {
            at -= 1;
            // A remainder by 10 fits a digit.
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.0.extend_from_slice(&digits[at.min(digits.len().saturating_sub(width))..]);
    }

    /// Cuts what stands from `start` on to `max` bytes, at a character boundary (`spec/logs.md` §7).
    #[inline]
    pub(crate) fn cut(&mut self, start: usize, max: usize) {
        let mut end = start.saturating_add(max);
        if self.0.len() <= end {
            return;
        }
        // A byte 0b10xxxxxx continues a character.
        while self.0.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) && end > start {
            end -= 1;
        }
        self.0.truncate(end);
    }
}

impl fmt::Write for Buffer {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        for max in 0..=12 {
            let mut buffer = Buffer::new();
            buffer.push("béaé日𝄞z");
            buffer.cut(3, max);
            let text = std::str::from_utf8(&buffer.0[3..]).unwrap();
            assert!(text.len() <= max && "aé日𝄞z".starts_with(text), "{max} {text}");
        }
    }

    #[test]
    fn numbers_are_padded_with_zeros() {
        for (number, width, expected) in [(0, 1, "0"), (7, 3, "007"), (123, 3, "123"), (1234, 3, "1234")] {
            let mut buffer = Buffer::new();
            buffer.push_padded(number, width);
            assert_eq!(buffer.0, expected.as_bytes());
        }
        let mut buffer = Buffer::new();
        buffer.push_number(u64::MAX);
        assert_eq!(buffer.0, u64::MAX.to_string().as_bytes());
    }
}
