//! Texts of messages, kept once they are made: a fleet says the same few hundred things millions of times.

use slpsim_agent::messages::Shape;
use slpsim_agent::{Failure, Message, Peer, PolicyError, Spelling};

use crate::buffer::Buffer;

/// Days of REPORTING_REQUIRED that are kept: a year of them.
const DAYS: usize = 367;
/// HTTP statuses that are kept, from 400 on.
const STATUSES: usize = 200;
/// Failures with one text, and the statuses.
const FAILURES: usize = 20 + STATUSES;
const SLOTS: usize = 8 + DAYS + 2 * FAILURES;

/// Tag and text of messages whose arguments have few values, in the shape and spelling of one formatter.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    /// Where each text lies; empty where it was not needed yet.
    places: Box<[(u32, u32)]>,
    texts: Vec<u8>,
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { places: vec![(0, 0); SLOTS].into(), texts: Vec::new() }
    }

    /// Appends tag and text of `message`. A formatter always gives the same shapes and the same spelling.
    #[inline]
    pub(crate) fn push(&mut self, out: &mut Buffer, message: &Message, shape: &Shape, spelling: Spelling) {
        let Some(slot) = slot(message) else {
            // Writing to a buffer does not fail.
            let _ = message.write_as(out, shape, spelling);
            return;
        };
        if let Some((from, to)) = self.places.get(slot)
            && let Some(text) = self.texts.get(*from as usize..*to as usize)
            && !text.is_empty()
        {
            return out.0.extend_from_slice(text);
        }
        self.keep(slot, out, message, shape, spelling);
    }

    #[cold]
    fn keep(&mut self, slot: usize, out: &mut Buffer, message: &Message, shape: &Shape, spelling: Spelling) {
        let start = out.0.len();
        let _ = message.write_as(out, shape, spelling);
        let text = out.0.get(start..).unwrap_or_default();
        let from = self.texts.len();
        self.texts.extend_from_slice(text);
        let place = u32::try_from(from).ok().zip(u32::try_from(self.texts.len()).ok());
        if let Some((kept, place)) = self.places.get_mut(slot).zip(place) {
            *kept = place;
        }
    }
}

/// The place of a message's text; none where the message names a device or carries a server's words.
#[inline]
const fn slot(message: &Message) -> Option<usize> {
    Some(match message {
        Message::PolicyRemoved => 0,
        Message::ReportingNotSupported => 1,
        Message::PolicyInstallSuccess => 2,
        Message::PolicyInstallFailed { error: PolicyError::Signature } => 3,
        Message::PolicyInstallFailed { error: PolicyError::Timestamp } => 4,
        Message::PolicyInstallFailed { error: PolicyError::Parse } => 5,
        Message::CommRestored { peer } => 6 + of_peer(*peer),
        Message::ReportingRequired { days } if (*days as usize) < DAYS => 8 + *days as usize,
        Message::CommFailed { peer, failure } => match of_failure(*failure) {
            Some(failure) => 8 + DAYS + of_peer(*peer) * FAILURES + failure,
            None => return None,
        },
        Message::ReportingRequired { .. }
        | Message::AuthorizationInstallFailed { .. }
        | Message::TrustCodeInstallFailed { .. }
        | Message::AuthorizationInstallSuccess { .. }
        | Message::AuthorizationRemoved { .. }
        | Message::TrustCodeInstallSuccess { .. } => return None,
    })
}

#[inline]
const fn of_peer(peer: Peer) -> usize {
    match peer {
        Peer::Cslu => 0,
        Peer::Cssm => 1,
    }
}

#[inline]
const fn of_failure(failure: Failure) -> Option<usize> {
    Some(match failure {
        Failure::Resolve => 0,
        Failure::NotReady => 1,
        Failure::Unreachable => 2,
        Failure::EmptyReply => 3,
        Failure::TlsCertificate => 4,
        Failure::CallhomeProfile => 5,
        Failure::CallhomeService => 6,
        Failure::BadReply => 7,
        Failure::NonceMismatch => 8,
        Failure::BadSignature => 9,
        Failure::SignerInvalid => 10,
        Failure::TrustChain => 11,
        Failure::TransportMissing => 12,
        Failure::NoUrl => 13,
        Failure::TooLarge => 14,
        Failure::Proxy => 15,
        Failure::Busy => 16,
        Failure::Unspecified => 17,
        // No line names it.
        Failure::NotBuilt => return None,
        Failure::HttpStatus(status) => match (status as usize).checked_sub(400) {
            Some(status) if status < STATUSES => 20 + status,
            Some(_) | None => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn no_two_texts_share_a_place_and_a_kept_text_is_the_message_s() {
        let mut messages =
            vec![Message::PolicyRemoved, Message::ReportingNotSupported, Message::PolicyInstallSuccess];
        messages.extend(PolicyError::ALL.map(|error| Message::PolicyInstallFailed { error }));
        messages.extend([0, 1, 366, 367, u32::MAX].map(|days| Message::ReportingRequired { days }));
        for peer in Peer::ALL {
            messages.push(Message::CommRestored { peer });
            let statuses = [0, 399, 400, 405, 599, 600, 999].map(Failure::HttpStatus);
            let failures = Failure::ALL.into_iter().chain(statuses);
            messages.extend(failures.map(|failure| Message::CommFailed { peer, failure }));
        }
        let (mut texts, mut seen) = (Texts::new(), HashMap::new());
        for message in messages.iter().chain(&messages) {
            let mut out = Buffer::new();
            texts.push(&mut out, message, &message.row().nxos, Spelling::Device);
            assert_eq!(out.0, message.to_string().as_bytes());
            if let Some(slot) = slot(message) {
                assert!(slot < SLOTS);
                let first = seen.entry(slot).or_insert_with(|| message.to_string());
                assert_eq!(*first, message.to_string());
            }
        }
        assert!(seen.len() > 50);
    }
}
