//! The peer of a fleet: what the mock answers, without its books.
//!
//! A fleet's agents and their peer share one process and nobody forges anything, so nothing is put into a message,
//! signed or looked up: the answer follows from the question. `tests/fleet_peer.rs` holds it against the mock itself.

use slpsim_agent::{
    Account, Ack, Capabilities, Element, IdCert, InstanceId, PollId, Reply, ReportId, ReportVerdict, Request,
    Status, Token, TransportMode, TrustCode, Udi, numbers,
};
use slpsim_policy::{Policy, Wall};
use slpsim_transport::message::ConnectInfo;

use super::luck::{Luck, Why};

/// Poll ids of the mock begin here.
const FIRST_POLL: u64 = 77_000_000_000_000_000;
/// `TrustId` of the first trust code of a device, as the mock counts.
const FIRST_TRUST_ID: u32 = 101;

/// What answers a fleet.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    luck: Luck,
    policy: Option<Policy>,
    account: Account,
    direct: Capabilities,
    relayed: Capabilities,
    /// The token that is good.
    pub(crate) token: Option<Token>,
    /// One that is not.
    pub(crate) wrong_token: Option<Token>,
}

/// A question with what the peer would know of the device.
pub(crate) struct Asked<'a> {
    /// True time.
    pub(crate) at: Wall,
    pub(crate) device: u32,
    /// Its identity, where the answer names it.
    pub(crate) udi: &'a dyn Fn() -> Udi,
    pub(crate) transport: TransportMode,
    pub(crate) request: &'a Request,
    /// Whether the device names an identity.
    pub(crate) has_trust: bool,
    /// When its trust code ends.
    pub(crate) trust_ends: Wall,
    /// How many exchanges the device has had; decides ids.
    pub(crate) exchange: u32,
    /// The reports of its last push, which its poll is about.
    pub(crate) pushed: &'a [ReportId],
}

impl Peer {
    pub(crate) fn new(luck: Luck, policy: Option<Policy>) -> Self {
        Self {
            luck,
            policy,
            account: Account { smart: "Example SA".into(), r#virtual: "Lab".into() },
            direct: ConnectInfo::CSSM.capability_set(),
            relayed: ConnectInfo::CSLU.capability_set(),
            token: Token::new("FLEET-TOKEN").ok(),
            wrong_token: Token::new("MISTYPED-TOKEN").ok(),
        }
    }

    /// The answer; it takes no time.
    pub(crate) fn answer(&self, asked: &Asked<'_>) -> Reply {
        let direct = asked.transport.is_direct();
        let capabilities = if direct { self.direct } else { self.relayed };
        let mut reply = Reply::bare(asked.at, capabilities, Status::Ok);
        match asked.request {
            Request::Trust { token, .. } => self.establish(asked, token, &mut reply),
            Request::Usage { reports } if reports.is_empty() => reply.status = Status::NoData,
            Request::Usage { .. } => {
                let interval = if direct { numbers::POLL_DIRECT } else { numbers::POLL_CSLU };
                let drawn = self.luck.number(asked.device, Why::Poll, asked.exchange) % 12_500_000_000_000;
                reply.status = Status::OkPoll {
                    poll_id: Some(PollId(FIRST_POLL + drawn * 80)),
                    interval_s: u32::try_from(interval.as_secs()).ok(),
                };
            }
            Request::Poll { .. } => {
                let verdict = |id: &ReportId| (*id, ReportVerdict::Acknowledged);
                let reports = asked.pushed.iter().map(verdict).collect();
                reply.ack = Some(Element { issued: asked.at, body: Ok(Ack { reports }) });
                self.bring_policy(asked, &mut reply);
                if !direct && !asked.has_trust {
                    reply.trust.push(self.code(asked));
                }
            }
            Request::TrustSync => {
                self.bring_policy(asked, &mut reply);
                let before = i64::try_from(numbers::TRUST_RENEWAL_BEFORE.as_millis()).unwrap_or(i64::MAX);
                if asked.has_trust && asked.trust_ends.since(asked.at) <= before {
                    reply.trust.push(self.code(asked));
                }
            }
            Request::Hello
            | Request::AuthRequest { .. }
            | Request::AuthReturn { .. }
            | Request::AuthRenew
            | Request::IdRenew => {}
        }
        reply
    }

    fn establish(&self, asked: &Asked<'_>, token: &Token, reply: &mut Reply) {
        if self.token.as_ref() != Some(token) {
            reply.status = Status::Refused { message: slpsim_agent::TrustError::Token.text().into() };
            return;
        }
        reply.account = Some(self.account.clone());
        reply.trust.push(self.code(asked));
        self.bring_policy(asked, reply);
    }

    fn bring_policy(&self, asked: &Asked<'_>, reply: &mut Reply) {
        reply.policy = self.policy.clone().map(|policy| Element { issued: asked.at, body: Ok(policy) });
    }

    fn code(&self, asked: &Asked<'_>) -> Element<TrustCode> {
        let drawn = |n| self.luck.number(asked.device, Why::Instance, asked.exchange.wrapping_mul(4) + n);
        let mut instance = [0; 16];
        instance[..8].copy_from_slice(&drawn(0).to_be_bytes());
        instance[8..].copy_from_slice(&drawn(1).to_be_bytes());
        // Version 4, variant 1 (RFC 9562 §5.4).
        instance[6] = instance[6] & 0x0f | 0x40;
        instance[8] = instance[8] & 0x3f | 0x80;
        let code = TrustCode {
            udi: (asked.udi)(),
            trust_id: FIRST_TRUST_ID.saturating_add(asked.exchange),
            identity: IdCert { instance: InstanceId(instance), serial: drawn(2) >> 16 | 1 },
            valid_to: asked.at.plus_days(numbers::TRUST_VALIDITY_DAYS),
        };
        Element { issued: asked.at, body: Ok(code) }
    }
}
