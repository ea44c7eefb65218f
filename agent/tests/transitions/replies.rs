//! What a peer can answer, made for the state in which the agent is.

use slpsim_agent::reply::ElementFault;
use slpsim_agent::{
    Ack, AuthCode, Capabilities, Element, Failure, IdCert, Import, InstanceId, PollId, Purpose, Reply,
    ReportVerdict, Status, TrustCode, Udi,
};
use slpsim_policy::{Policy, Values, Wall};

use crate::inputs::End;
use crate::support::{Answer, DAY, HOUR, Rig};

/// How far the clocks of a refused element are apart: refused by every transport (`spec/behaviour.md` §9).
const APART: i64 = 2 * HOUR;

/// Trust codes of the table end early, so that their renewal comes before a year of simulated time is over.
const TRUST_DAYS: u16 = 130;

/// What is wrong with an element.
#[derive(Clone, Copy)]
enum Wrong {
    Nothing,
    Signature,
    Clock,
    Unreadable,
}

impl Wrong {
    fn element<T>(self, rig: &Rig, body: T) -> Element<T> {
        let now = rig.now.wall;
        match self {
            Self::Nothing => Element { issued: now, body: Ok(body) },
            Self::Signature => Element { issued: now, body: Err(ElementFault::Signature) },
            Self::Clock => Element { issued: now.plus_millis(APART), body: Ok(body) },
            Self::Unreadable => Element { issued: now, body: Err(ElementFault::Unreadable) },
        }
    }

    fn reply(self, rig: &Rig) -> Reply {
        let stamp = match self {
            Self::Clock => rig.now.wall.plus_millis(APART),
            Self::Nothing | Self::Signature | Self::Unreadable => rig.now.wall,
        };
        Reply::bare(stamp, Capabilities::AGENT, Status::Ok)
    }
}

/// An answer of a current peer that carries nothing but `status`.
pub(crate) fn bare(rig: &Rig, status: Status) -> Reply {
    Reply::bare(rig.now.wall, Capabilities::AGENT, status)
}

/// The policy that an account may have instead of `crate::support::example_policy`.
fn other_policy() -> Policy {
    Policy::nxos("Other Policy", Values::of(20, 100, 50))
}

/// A refusal in the server's words.
pub(crate) fn refusal() -> Status {
    Status::Refused { message: "The token is not valid".into() }
}

/// An answer of a peer without `POLICY_USAGE`: it takes hello and the renewals of classic licensing only
/// (`spec/behaviour.md` §13).
pub(crate) fn down_rev(rig: &Rig, purpose: Purpose) -> Reply {
    let capabilities = Capabilities(Capabilities::AGENT.0 & !Capabilities::POLICY_USAGE.0);
    let status = match purpose {
        Purpose::Hello | Purpose::AuthRenew | Purpose::IdRenew => Status::Ok,
        Purpose::Poll
        | Purpose::Trust
        | Purpose::Usage
        | Purpose::TrustSync
        | Purpose::AuthRequest
        | Purpose::AuthReturn => refusal(),
    };
    Reply::bare(rig.now.wall, capabilities, status)
}

/// An OK with a trust code for the active unit.
pub(crate) fn trust(rig: &Rig) -> Reply {
    with_trust(rig, Wrong::Nothing)
}

fn with_trust(rig: &Rig, wrong: Wrong) -> Reply {
    let code = TrustCode {
        udi: rig.agent.sender().udi,
        trust_id: 102,
        identity: IdCert { instance: InstanceId([200; 16]), serial: rig.now.mono.0 },
        valid_to: rig.now.wall.plus_days(TRUST_DAYS),
    };
    Reply { trust: vec![wrong.element(rig, code)], ..wrong.reply(rig) }
}

fn with_policy(rig: &Rig, policy: Policy, wrong: Wrong) -> Reply {
    Reply { policy: Some(wrong.element(rig, policy)), ..wrong.reply(rig) }
}

fn with_ack(rig: &Rig, wrong: Wrong) -> Reply {
    let reports = rig.view().reports().filter(|report| report.state.awaits_ack());
    let ack = Ack { reports: reports.map(|report| (report.id, ReportVerdict::Acknowledged)).collect() };
    Reply { ack: Some(wrong.element(rig, ack)), ..wrong.reply(rig) }
}

fn with_authorization(rig: &Rig, wrong: Wrong) -> Reply {
    let udi = rig.agent.sender().udi;
    let entitlements = rig.agent.profile().licenses.last().map(|license| (license.tag.to_owned(), 2));
    let code = AuthCode { udi, entitlements: entitlements.into_iter().collect(), flag: "A".into() };
    Reply { auth: vec![wrong.element(rig, code)], ..wrong.reply(rig) }
}

/// No unit of the device.
pub(crate) fn stranger() -> Udi {
    Udi::new("N9K-C9508", "FDO00000099").unwrap()
}

/// A file that was issued `age_days` ago, with a trust code.
pub(crate) fn file_with_trust(rig: &Rig, age_days: u16) -> Import {
    let mut trust = with_trust(rig, Wrong::Nothing).trust;
    for code in &mut trust {
        code.issued = days_ago(rig, age_days);
        if let Ok(code) = &mut code.body {
            code.valid_to = code.valid_to.plus_millis(-i64::from(age_days) * DAY);
        }
    }
    Import { trust, ..Import::default() }
}

/// A file that was issued `age_days` ago, with a policy.
pub(crate) fn file_with_policy(rig: &Rig, age_days: u16) -> Import {
    let policies = vec![Element { issued: days_ago(rig, age_days), body: Ok(other_policy()) }];
    Import { policies, ..Import::default() }
}

/// A file with an ACK for `udi`, of all reports that wait for one.
pub(crate) fn file_with_ack(rig: &Rig, udi: Udi) -> Import {
    let acks = with_ack(rig, Wrong::Nothing).ack.map(|ack| (Some(udi), ack)).into_iter().collect();
    Import { acks, ..Import::default() }
}

/// A file with an authorization code.
pub(crate) fn file_with_authorization(rig: &Rig) -> Import {
    Import { auth: with_authorization(rig, Wrong::Nothing).auth, ..Import::default() }
}

fn days_ago(rig: &Rig, days: u16) -> Wall {
    rig.now.wall.plus_millis(-i64::from(days) * DAY)
}

/// The end of an exchange of `purpose`.
///
/// # Errors
/// Where there is no such answer.
pub(crate) fn end(rig: &Rig, purpose: Purpose, end: End) -> Result<Answer, &'static str> {
    let poll_id = (purpose == Purpose::Usage).then_some(PollId(4_242));
    Ok(match end {
        End::Failure => Err(Failure::Unreachable),
        End::Ok => Ok(bare(rig, Status::Ok)),
        End::OkPoll => Ok(bare(rig, Status::OkPoll { poll_id, interval_s: None })),
        End::TryAgain => Ok(bare(rig, Status::TryAgain { after_s: None })),
        End::NoData => Ok(bare(rig, Status::NoData)),
        End::Refused => Ok(bare(rig, refusal())),
        End::DownRev => Ok(down_rev(rig, purpose)),
        End::Trust => Ok(with_trust(rig, Wrong::Nothing)),
        End::TrustSignature => Ok(with_trust(rig, Wrong::Signature)),
        End::TrustTimestamp => Ok(with_trust(rig, Wrong::Clock)),
        End::TrustUnreadable => Ok(with_trust(rig, Wrong::Unreadable)),
        End::Policy => Ok(with_policy(rig, other_policy(), Wrong::Nothing)),
        End::PolicyInUse => {
            if rig.view().policy().is_none() {
                return Err("no customer policy in use");
            }
            Ok(with_policy(rig, crate::support::example_policy(), Wrong::Nothing))
        }
        End::PolicySignature => Ok(with_policy(rig, other_policy(), Wrong::Signature)),
        End::PolicyTimestamp => Ok(with_policy(rig, other_policy(), Wrong::Clock)),
        End::PolicyUnreadable => Ok(with_policy(rig, other_policy(), Wrong::Unreadable)),
        End::Ack => Ok(with_ack(rig, Wrong::Nothing)),
        End::AckSignature => Ok(with_ack(rig, Wrong::Signature)),
        End::AckTimestamp => Ok(with_ack(rig, Wrong::Clock)),
        End::AckUnreadable => Ok(with_ack(rig, Wrong::Unreadable)),
        End::Authorization => Ok(with_authorization(rig, Wrong::Nothing)),
        End::AuthorizationSignature => Ok(with_authorization(rig, Wrong::Signature)),
        End::AuthorizationTimestamp => Ok(with_authorization(rig, Wrong::Clock)),
        End::AuthorizationUnreadable => Ok(with_authorization(rig, Wrong::Unreadable)),
    })
}
