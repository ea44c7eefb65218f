//! Numbers and uuids by keyed draw: the same seed gives the same ids, whatever happens to other devices.

use slpsim_agent::{InstanceId, Udi};

/// What a number is drawn for; part of the key, so that two purposes never share a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum For {
    /// A poll id.
    Poll = 1,
    /// A product instance identifier.
    Instance,
    /// The serial number of an ID certificate.
    CertSerial,
    /// The transaction id of an ACK.
    Transaction,
    /// The id of a policy.
    Policy,
    /// The text of an id token.
    Token,
    /// Whether a fault hits an exchange.
    Fault,
    /// The bytes that a fault puts in an answer's place.
    Damage,
}

/// Draws by key. Stateless: no draw influences another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Luck(u64);

impl core::fmt::Debug for Luck {
    /// The seed decides id tokens, so it is not printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Luck(..)")
    }
}

impl Luck {
    /// Draws that follow from `seed` alone.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The `n`-th number for `purpose` of `who`.
    #[must_use]
    pub const fn number(self, who: u64, purpose: For, n: u64) -> u64 {
        mix(mix(mix(self.0 ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(who)).wrapping_add(purpose as u64))
            .wrapping_add(mix(n ^ 0xd1b5_4a32_d192_ed03))
            .rotate_left(23)
            .wrapping_mul(0x9fb2_1c65_1e98_df25)
            ^ mix(who ^ mix(n))
    }

    /// The `n`-th uuid, version 4 by form (RFC 9562 §5.4).
    #[must_use]
    pub fn uuid(self, who: u64, purpose: For, n: u64) -> InstanceId {
        let high = self.number(who, purpose, n.wrapping_mul(2));
        let low = self.number(who, purpose, n.wrapping_mul(2).wrapping_add(1));
        let mut bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        InstanceId(bytes)
    }

    /// The `n`-th uuid as text. Written by hand: one goes into every ACK, and formatting byte by byte costs more than all
    /// the rest of an exchange in process.
    #[must_use]
    pub fn uuid_text(self, who: u64, purpose: For, n: u64) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(36);
        for (at, byte) in self.uuid(who, purpose, n).0.into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }

    /// `letters` characters of an id token, letters and digits that nobody confuses.
    #[must_use]
    pub fn token(self, n: u64, letters: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..letters)
            .map(|at| {
                let who = u64::try_from(at).unwrap_or(u64::MAX);
                let index = usize::try_from(self.number(who, For::Token, n) >> 59).unwrap_or(0);
                char::from(ALPHABET[index % ALPHABET.len()])
            })
            .collect()
    }
}

/// A key for draws of one device (FNV-1a over its UDI).
#[must_use]
pub fn key(udi: &Udi) -> u64 {
    let bytes = udi.pid.as_str().bytes().chain([b',']).chain(udi.serial.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finalizer of SplitMix64.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_key_draws_the_same_and_another_key_something_else() {
        let luck = Luck::seeded(7);
        assert_eq!(luck.number(1, For::Poll, 0), luck.number(1, For::Poll, 0));
        let mut seen = HashSet::new();
        for who in 0..50 {
            for n in 0..50 {
                assert!(seen.insert(luck.number(who, For::Poll, n)), "who {who}, n {n}");
                assert!(seen.insert(luck.number(who, For::Instance, n)), "who {who}, n {n}");
            }
        }
        assert_ne!(Luck::seeded(8).number(1, For::Poll, 0), luck.number(1, For::Poll, 0));
    }

    #[test]
    fn uuids_have_the_form_of_version_four() {
        let text = Luck::seeded(1).uuid(2, For::Instance, 3).to_string();
        assert_eq!(&text[14..15], "4");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        assert_eq!(InstanceId::parse(&text).unwrap().to_string(), text);
        assert_eq!(Luck::seeded(1).uuid_text(2, For::Instance, 3), text);
    }

    #[test]
    fn tokens_differ_by_number_and_are_spelled_with_the_alphabet() {
        let luck = Luck::seeded(1);
        assert_ne!(luck.token(0, 40), luck.token(1, 40));
        assert_eq!(luck.token(0, 40).len(), 40);
        assert!(luck.token(9, 64).bytes().all(|b| b.is_ascii_alphanumeric() && !b"01IO".contains(&b)));
    }
}
