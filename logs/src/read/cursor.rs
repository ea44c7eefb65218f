//! A place in a text.

/// What is left of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a str);

impl<'a> Cursor<'a> {
    /// Takes `expected`.
    pub(super) fn literal(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Takes so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes a number of so many digits.
    pub(super) fn digits(&mut self, count: usize) -> Option<u32> {
        let mut ahead = *self;
        let text = ahead.take(count)?;
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
        *self = ahead;
        Some(number)
    }

    /// Takes a number of any length without a leading zero, unless it is 0.
    pub(super) fn number(&mut self) -> Option<u64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let mut ahead = *self;
        let text = ahead.take(digits).filter(|text| *text == "0" || !text.starts_with('0'))?;
        let number = text.parse().ok()?;
        *self = ahead;
        Some(number)
    }

    /// Takes what stands before `end`, and `end`.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (taken, rest) = self.0.split_once(end)?;
        self.0 = rest;
        Some(taken)
    }
}
