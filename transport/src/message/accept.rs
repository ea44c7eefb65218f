//! From an answer to what the agent understands.

use slpsim_agent::{Ack, AuthCode, Element, ElementFault, Failure, PeerInfo, Reply, Status, Unit};
use slpsim_policy::Wall;

use super::{AckObject, AuthObject, ConnectInfo, Nonce, Sealed, ServerMessage, StatusWord};

/// Takes the answer to the request with `nonce` of the device whose redundancy set is `units`.
///
/// Signatures have been judged before: a [`Sealed`] says what is wrong with it. Clocks are judged by the agent. An ACK
/// brings its policy and trust codes along; they stand beside those of the answer itself, which come first.
/// An ACK for a UDI that is none of `units` is another device's: it counts as unreadable (modelled), because report
/// numbers are unique per UDI only, and what it carries along does not count (`spec/behaviour.md` §9).
///
/// # Errors
/// [`Failure::NonceMismatch`] where the answer is to another request.
pub fn accept(answer: ServerMessage, nonce: u64, units: &[Unit]) -> Result<Reply, Failure> {
    if answer.nonce != Nonce::Number(nonce) {
        return Err(Failure::NonceMismatch);
    }
    let capabilities = answer.connect_info.capability_set();
    let peer = peer_info(&answer.connect_info);
    let data = answer.data;
    let status = match answer.status {
        StatusWord::Ok => Status::Ok,
        StatusWord::OkPoll => Status::OkPoll { poll_id: data.poll_id, interval_s: data.poll_interval_s },
        StatusWord::TryAgain => {
            Status::TryAgain { after_s: answer.retry_time_s.filter(|seconds| *seconds > 0) }
        }
        StatusWord::NoData => Status::NoData,
        StatusWord::Invalid | StatusWord::Failed | StatusWord::Other(_) => {
            Status::Refused { message: answer.status_message.into() }
        }
    };
    let mut reply = Reply::bare(answer.timestamp, capabilities, status);
    reply.peer = Some(Box::new(peer));
    reply.policy = data.policy.map(|policy| element(policy, |object| object.policy));
    reply.trust = data.trust_codes.into_iter().map(|code| element(code, |object| object.code)).collect();
    reply.account = data.account;
    if let Some(mut ack) = data.ack {
        if let Some(object) = &mut ack.object {
            if units.iter().any(|unit| unit.udi == object.udi) {
                take_along(object, &mut reply);
            } else {
                ack.fault = ack.fault.or(Some(ElementFault::Unreadable));
            }
        }
        reply.ack = Some(element(ack, |object| Ack { reports: object.reports }));
    }
    reply.auth = data.auth.into_iter().map(|code| element(code, auth_code)).collect();
    Ok(reply)
}

fn peer_info(info: &ConnectInfo) -> PeerInfo {
    PeerInfo {
        name: (*info.name).into(),
        version: (*info.version).into(),
        production: info.production,
        capabilities: info.capabilities.iter().map(|word| (**word).into()).collect(),
    }
}

/// Moves what an ACK for this device carries into the reply. Each of them has its own signature, so they are judged by themselves even
/// where that of the ACK is wrong.
fn take_along(ack: &mut AckObject, reply: &mut Reply) {
    if let Some(policy) = ack.policy.take()
        && reply.policy.is_none()
    {
        reply.policy = Some(element(policy, |object| object.policy));
    }
    reply.trust.extend(ack.trust_codes.drain(..).map(|code| element(code, |object| object.code)));
    if reply.account.is_none() {
        reply.account = ack.account.take();
    }
}

pub(crate) fn element<T, U>(sealed: Sealed<T>, content: impl FnOnce(T) -> U) -> Element<U> {
    let issued: Wall = sealed.issued;
    let body = match (sealed.fault, sealed.object) {
        (Some(fault), _) => Err(fault),
        (None, None) => Err(ElementFault::Unreadable),
        (None, Some(object)) => Ok(content(object)),
    };
    Element { issued, body }
}

pub(crate) fn auth_code(object: AuthObject) -> AuthCode {
    AuthCode {
        udi: object.udi,
        entitlements: object
            .entitlements
            .into_iter()
            .map(|(entry, _)| (entry.entitlement.into_owned(), entry.count))
            .collect(),
        flag: object.flag.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ConnectInfo, PolicyObject, RequestType, ServerData};
    use slpsim_agent::{Account, Purpose, ReportId, ReportVerdict, Role, Udi};
    use slpsim_policy::{Policy, Values};

    const NOW: Wall = Wall(1_772_446_020_500);

    fn units() -> Vec<Unit> {
        vec![Unit { role: Role::Active, udi: Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap() }]
    }

    fn answer(status: StatusWord) -> ServerMessage {
        let kind = RequestType::Known(Purpose::Poll);
        ServerMessage::bare(Nonce::Number(7), kind, NOW, ConnectInfo::CSSM, status)
    }

    fn acknowledging(serial: &str) -> ServerMessage {
        let policy = PolicyObject {
            id: "p".into(),
            policy: Policy::nxos("P", Values::of(60, 180, 60)),
            account: None,
        };
        let ack = AckObject {
            udi: Udi::new("N9K-C93180YC-FX3", serial).unwrap(),
            nonce: None,
            account: Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() }),
            transaction_id: "t".into(),
            reports: vec![(ReportId(1), ReportVerdict::Acknowledged)],
            policy: Some(Sealed::good(NOW, policy)),
            trust_codes: Vec::new(),
        };
        let data = ServerData { ack: Some(Sealed::good(NOW, ack)), ..ServerData::default() };
        ServerMessage { data, ..answer(StatusWord::Ok) }
    }

    /// `spec/formats.md` §8.5.
    #[test]
    fn every_status_word_has_its_meaning() {
        let refused = || Status::Refused { message: "why".into() };
        for (word, expected) in [
            (StatusWord::Ok, Status::Ok),
            (StatusWord::OkPoll, Status::OkPoll { poll_id: None, interval_s: None }),
            (StatusWord::TryAgain, Status::TryAgain { after_s: None }),
            (StatusWord::NoData, Status::NoData),
            (StatusWord::Invalid, refused()),
            (StatusWord::Failed, refused()),
            (StatusWord::Other("NEW WORD".into()), refused()),
        ] {
            let message =
                ServerMessage { status_message: "why".into(), retry_time_s: Some(0), ..answer(word) };
            assert_eq!(accept(message, 7, &units()).unwrap().status, expected);
        }
    }

    #[test]
    fn an_answer_to_another_request_is_refused() {
        assert_eq!(accept(answer(StatusWord::Ok), 8, &units()), Err(Failure::NonceMismatch));
    }

    #[test]
    fn an_ack_brings_its_policy_and_account_along() {
        let reply = accept(acknowledging("FDO00000001"), 7, &units()).unwrap();
        assert_eq!(reply.policy.unwrap().body.unwrap().name, "P");
        assert_eq!(reply.account.unwrap().r#virtual, "Lab");
        assert_eq!(reply.ack.unwrap().body.unwrap().reports, [(ReportId(1), ReportVerdict::Acknowledged)]);
    }

    #[test]
    fn an_ack_for_another_device_acknowledges_nothing_and_brings_nothing_along() {
        let reply = accept(acknowledging("FDO00000002"), 7, &units()).unwrap();
        assert_eq!(reply.ack.unwrap().body, Err(ElementFault::Unreadable));
        assert_eq!((reply.policy, reply.account), (None, None));
        assert!(reply.trust.is_empty());
    }
}
