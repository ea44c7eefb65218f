//! Short text without a heap, so that an agent stays small.

use core::fmt;

/// At most `N` bytes of UTF-8, stored in place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// Takes `text` where it fits and is printable ASCII without blanks; identifiers of devices are.
    ///
    /// # Errors
    /// Says what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if let Some(character) = text.chars().find(|character| !character.is_ascii_graphic()) {
            return Err(TextError::Character(character));
        }
        let len = u8::try_from(text.len()).ok().filter(|len| usize::from(*len) <= N);
        let len = len.ok_or(TextError::TooLong { max: N })?;
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Ok(Self { len, bytes })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // Only ASCII gets in, so this never falls back.
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Nothing in it.
    Empty,
    /// A blank, a control character or something outside ASCII.
    Character(char),
    /// More bytes than fit.
    TooLong {
        /// The limit, in bytes.
        max: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::Character(character) => write!(f, "must not contain {character:?}"),
            Self::TooLong { max } => write!(f, "must have at most {max} characters"),
        }
    }
}

impl core::error::Error for TextError {}
