//! The bytes of one slot file.
//!
//! ```text
//! 0  magic "SLPSTATE"      8 bytes
//! 8  format version        u16
//! 10 zero                  u16
//! 12 CRC-32 of 0..12       u32     this much never changes, so that any program can tell a newer file from a damaged one
//! 16 sequence number       u64
//! 24 length of the blob    u32
//! 28 CRC-32 of 16..28 and of the blob, u32
//! 32 the blob
//! ```
//! Numbers are little-endian.

use super::MAX_BLOB;

/// Bytes before the blob.
pub(super) const HEADER: usize = 32;
const MAGIC: &[u8; 8] = b"SLPSTATE";

/// What the bytes of a slot file are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A whole write.
    Good {
        /// Counts the writes of a store.
        sequence: u64,
        /// What was saved.
        blob: Vec<u8>,
    },
    /// A file of a newer program.
    Newer {
        /// Its version.
        found: u16,
    },
    /// A write that was cut off, or a file that something else changed.
    Damaged {
        /// What is wrong.
        why: &'static str,
    },
}

/// The bytes of a whole write.
pub(super) fn encode(version: u16, sequence: u64, blob: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + blob.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    // The callers keep blobs below MAX_BLOB, which fits.
    bytes.extend_from_slice(&u32::try_from(blob.len()).unwrap_or(u32::MAX).to_le_bytes());
    let crc = body_crc(bytes.get(16..28).unwrap_or_default(), blob);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(blob);
    bytes
}

/// Judges the bytes of a slot file; `known` is the newest format version that the caller reads.
pub(super) fn decode(bytes: &[u8], known: u16) -> Slot {
    match parse(bytes, known) {
        Ok(slot) => slot,
        Err(why) => Slot::Damaged { why },
    }
}

fn parse(bytes: &[u8], known: u16) -> Result<Slot, &'static str> {
    let (fixed, rest) = bytes.split_at_checked(12).ok_or("shorter than its header")?;
    if fixed.get(..8) != Some(MAGIC) {
        return Err("not a state file");
    }
    let (fixed_crc, rest) = rest.split_first_chunk::<4>().ok_or("shorter than its header")?;
    if u32::from_le_bytes(*fixed_crc) != crc32fast::hash(fixed) {
        return Err("the check sum of its header is wrong");
    }
    let version = fixed.get(8..10).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two));
    if version > known {
        return Ok(Slot::Newer { found: version });
    }
    let (numbers, rest) = rest.split_first_chunk::<12>().ok_or("shorter than its header")?;
    let (crc, blob) = rest.split_first_chunk::<4>().ok_or("shorter than its header")?;
    let [s0, s1, s2, s3, s4, s5, s6, s7, length @ ..] = *numbers;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_BLOB {
        return Err("longer than any state");
    }
    let blob = blob.get(..length).ok_or("cut off")?;
    if u32::from_le_bytes(*crc) != body_crc(numbers, blob) {
        return Err("its check sum is wrong");
    }
    let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    Ok(Slot::Good { sequence, blob: blob.to_vec() })
}

fn body_crc(numbers: &[u8], blob: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(numbers);
    hasher.update(blob);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_reads_what_it_wrote() {
        for blob in [&b""[..], b"x", &[0; 5000]] {
            let bytes = encode(3, 77, blob);
            assert_eq!(decode(&bytes, 3), Slot::Good { sequence: 77, blob: blob.to_vec() });
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let bytes = encode(1, 2, b"some state");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(&changed, 1), Slot::Damaged { .. }), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage_without_knowing_its_layout() {
        let mut bytes = encode(9, 1, b"");
        bytes.truncate(16);
        bytes.extend_from_slice(b"whatever a later program writes");
        assert_eq!(decode(&bytes, 8), Slot::Newer { found: 9 });
    }
}
