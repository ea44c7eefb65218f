//! A message with what is known of its signatures, and the answer to it.

use std::collections::HashSet;
use std::sync::Arc;

use slpsim_agent::Udi;
use slpsim_transport::message::{DeviceBody, DeviceMessage, ServerMessage};

use crate::peer::Route;
use crate::rule::Rule;
use crate::store::Keys;

/// A message that was read and whose signatures were judged.
#[derive(Clone, Debug)]
pub struct Arrived<'a> {
    /// The door through which it came.
    pub route: Route,
    /// What it says.
    pub message: &'a DeviceMessage,
    /// What is known of its signatures.
    pub proof: Proof<'a>,
}

impl<'a> Arrived<'a> {
    /// Handed over in process: nothing was signed, nothing is to be verified.
    #[must_use]
    pub const fn in_process(route: Route, message: &'a DeviceMessage) -> Self {
        Self { route, message, proof: Proof { request: Signed::Valid, reports: &[], csr: Csr::NotNeeded } }
    }

    /// What a decision on it has to read.
    #[must_use]
    pub fn keys(&self) -> Keys<'a> {
        let mut devices = vec![self.message.header.udi];
        let mut token = None;
        match &self.message.body {
            DeviceBody::IdTokenTrust { token: text, units, .. } => {
                token = Some(text.expose());
                add(&mut devices, units.iter().take(MAX_UNITS).map(|unit| unit.udi));
            }
            DeviceBody::TrustSync { units } => {
                add(&mut devices, units.iter().take(MAX_UNITS).map(|named| named.unit.udi));
            }
            DeviceBody::LicenseUsage { reports, .. } => {
                add(&mut devices, reports.iter().map(|report| report.udi));
            }
            DeviceBody::Hello
            | DeviceBody::Poll { .. }
            | DeviceBody::AuthRequest { .. }
            | DeviceBody::AuthReturn { .. }
            | DeviceBody::AuthRenew
            | DeviceBody::IdRenew
            | DeviceBody::Unknown(_) => {}
        }
        Keys { devices, token }
    }
}

/// How many units one trust request may name.
pub const MAX_UNITS: usize = 8;

fn add(devices: &mut Vec<Udi>, more: impl Iterator<Item = Udi>) {
    /// Up to here a search is faster than a set.
    const FEW: usize = 16;
    let mut many = HashSet::new();
    for udi in more {
        // Reports of one message are nearly always of one device, so the last one is the likely match.
        let known = devices.last() == Some(&udi)
            || if many.is_empty() { devices.contains(&udi) } else { many.contains(&udi) };
        if known {
            continue;
        }
        devices.push(udi);
        if !many.is_empty() {
            many.insert(udi);
        } else if devices.len() > FEW {
            many.extend(devices.iter().copied());
        }
    }
}

/// What whoever read a message found out about its signatures.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    /// That of the request.
    pub request: Signed,
    /// Those of the reports, in their order; missing ones count as valid.
    pub reports: &'a [Signed],
    /// The certificate request of a trust request.
    pub csr: Csr,
}

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Verifies.
    Valid,
    /// There is none.
    Missing,
    /// Does not verify.
    Wrong,
    /// The key is not known, or the mock was told not to verify.
    Unverifiable,
}

/// A certificate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Csr {
    /// In process, where no certificates are made; or no trust request at all.
    NotNeeded,
    /// Its text (PEM); its own signature verifies.
    Good(Arc<str>),
    /// Absent, unreadable, or its own signature does not verify.
    Bad,
}

/// An answer that is ready to be signed and sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What to send.
    pub message: ServerMessage,
    /// The rule that the request broke.
    pub rule: Option<Rule>,
    /// Its number in the history.
    pub number: u64,
}

/// What an operator or a fault makes the mock do with one message, beside the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steer {
    /// Refuse a token for this reason.
    pub refuse_token: Option<Rule>,
    /// Answer reports `REJECTED` for this reason.
    pub reject_reports: Option<Rule>,
    /// The ACK of this push is ready so many milliseconds later.
    pub late_ack_ms: Option<i64>,
    /// Put the ACK of somebody else's reports into the answer.
    pub foreign_ack: bool,
    /// Answer `OK_TRY_AGAIN`, with these seconds.
    pub try_again_s: Option<u32>,
    /// Put a trust code beside the ACK of an upload: who brought it knows that the device has none.
    pub with_trust: bool,
}
