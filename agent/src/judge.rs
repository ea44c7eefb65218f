//! What a wrong clock refuses (`spec/behaviour.md` §9).

use slpsim_policy::Wall;

use crate::numbers::{CLOCK_TOLERANCE_MS, SIGNER_AFTER_MS, SIGNER_BEFORE_MS};
use crate::reply::{Element, ElementFault};

/// How an answer came, and with what time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Straight from CSSM: the stamp is that of the answer's header.
    Direct {
        /// The header's time stamp.
        stamp: Wall,
    },
    /// Through a CSLU or On-Prem: the stamp is the object's issue time.
    Relayed,
    /// From a file: as relayed.
    File,
}

/// Why an element is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The signature does not verify, or the clock lies outside the signer's validity.
    Signature,
    /// Clock and time stamp do not agree.
    Timestamp,
    /// Not readable.
    Unreadable,
}

/// Judges one element by itself: readable, signature, signer validity, time stamp.
///
/// # Errors
/// The reason why the element must not be installed.
pub fn judge<T>(element: Element<T>, carrier: Carrier, now: Wall) -> Result<T, Refusal> {
    let body = match element.body {
        Ok(body) => body,
        Err(ElementFault::Signature) => return Err(Refusal::Signature),
        Err(ElementFault::Unreadable) => return Err(Refusal::Unreadable),
    };
    let age = now.since(element.issued);
    if !(-SIGNER_BEFORE_MS..=SIGNER_AFTER_MS).contains(&age) {
        return Err(Refusal::Signature);
    }
    let in_step = match carrier {
        Carrier::Direct { stamp } => now.since(stamp).abs() < CLOCK_TOLERANCE_MS,
        Carrier::Relayed | Carrier::File => age >= -CLOCK_TOLERANCE_MS,
    };
    if in_step { Ok(body) } else { Err(Refusal::Timestamp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    /// The table of `spec/behaviour.md` §9, at both ends of each row.
    #[test]
    fn each_row_of_the_clock_table() {
        use Refusal::{Signature, Timestamp};
        let rows = [
            (-400 * DAY, Some(Signature), Some(Signature)),
            (-30 * DAY - 1, Some(Signature), Some(Signature)),
            (-30 * DAY, Some(Timestamp), Some(Timestamp)),
            (-HOUR - 1, Some(Timestamp), Some(Timestamp)),
            (-HOUR, Some(Timestamp), None),
            (-HOUR + 1, None, None),
            (0, None, None),
            (HOUR - 1, None, None),
            (HOUR, Some(Timestamp), None),
            (365 * DAY, Some(Timestamp), None),
            (365 * DAY + 1, Some(Signature), Some(Signature)),
        ];
        let issued = Wall::from_secs(1_772_445_600);
        for (d, direct, relayed) in rows {
            let now = issued.plus_millis(d);
            let judged = |carrier| judge(Element { issued, body: Ok(()) }, carrier, now).err();
            assert_eq!(judged(Carrier::Direct { stamp: issued }), direct, "direct, d = {d} ms");
            assert_eq!(judged(Carrier::Relayed), relayed, "relayed, d = {d} ms");
            assert_eq!(judged(Carrier::File), relayed, "file, d = {d} ms");
        }
    }

    #[test]
    fn a_bad_signature_is_refused_whatever_the_clock_says() {
        let now = Wall::from_secs(1_772_445_600);
        for (fault, expected) in
            [(ElementFault::Signature, Refusal::Signature), (ElementFault::Unreadable, Refusal::Unreadable)]
        {
            let element = Element::<()> { issued: now, body: Err(fault) };
            assert_eq!(judge(element, Carrier::Relayed, now), Err(expected));
        }
    }
}
