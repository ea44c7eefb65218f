//! How messages are told apart on a stream (`spec/logs.md` §8).

use crate::url::SinkUrl;

/// The framing of TCP and TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Message and newline (RFC 6587 §3.4.2); the default over TCP.
    Newline,
    /// `LEN SP MSG`, LEN in bytes (RFC 6587 §3.4.1, RFC 5425 §4.3); the default over TLS.
    Octet,
}

impl Framing {
    /// Both framings.
    pub const ALL: [Self; 2] = [Self::Newline, Self::Octet];

    /// The word of `--framing`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Newline => "newline",
            Self::Octet => "octet",
        }
    }

    /// The framing of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|framing| framing.word() == word)
    }

    /// The framing of a stream where none is chosen: newline over TCP, octet counting over TLS (RFC 5425 §4.3).
    #[must_use]
    pub const fn default_for(sink: &SinkUrl) -> Self {
        match sink {
            SinkUrl::Tls { .. } => Self::Octet,
            SinkUrl::Stdout
            | SinkUrl::File(_)
            | SinkUrl::Udp(_)
            | SinkUrl::Tcp(_)
            | SinkUrl::Unix(_)
            | SinkUrl::Null => Self::Newline,
        }
    }

    /// Appends `line` in its frame to `out`.
    pub fn append(self, line: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Newline => {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            Self::Octet => {
                out.extend_from_slice(line.len().to_string().as_bytes());
                out.push(b' ');
                out.extend_from_slice(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_rfc_6587() {
        let mut out = Vec::new();
        Framing::Octet.append("<190>é".as_bytes(), &mut out);
        Framing::Newline.append(b"<190>b", &mut out);
        assert_eq!(out, "7 <190>é<190>b\n".as_bytes());
    }
}
