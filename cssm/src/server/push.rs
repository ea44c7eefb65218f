//! What a device made and somebody else brings: over the REST interface, or as a file. The same rules judge it as judge
//! what comes from a device.

use slpsim_agent::{PollId, Token, Udi};
use slpsim_transport::files::{TrustRequest, ack_file, auth_file, trust_code_file};
use slpsim_transport::message::{
    AckObject, AuthEntry, ConnectInfo, DeviceBody, DeviceHeader, DeviceMessage, Nonce, Sealed, ServerData,
    ServerMessage, StatusWord, TrustObject, UsageReport, Word,
};

use super::{Shared, wire};
use crate::cssm::TokenWish;
use crate::exchange::{Arrived, Proof, Signed, Steer};
use crate::peer::Route;
use crate::records::AccountId;
use crate::rule::Rule;

/// Reports of one device.
pub(super) struct Push {
    pub(super) udi: Udi,
    pub(super) hostname: Option<Box<str>>,
    pub(super) software_tag: Word,
    pub(super) nonce: Nonce,
    pub(super) reports: Vec<UsageReport>,
}

/// Why the rules refuse it: the rule, and its text as the device would hear it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) rule: Option<Rule>,
    pub(super) text: String,
}

/// Takes reports; their ACK can be made under the poll id.
pub(super) fn push(shared: &Shared, route: &Route, push: Push) -> Result<PollId, Refusal> {
    let Push { udi, hostname, software_tag, nonce, reports } = push;
    let body = DeviceBody::LicenseUsage { hostname, software_tag, reports };
    let answer = ask(shared, route, udi, nonce, body, false)?;
    answer.data.poll_id.ok_or_else(|| unexpected(&answer))
}

/// The ACK of a push with what belongs beside it; nothing while it is not ready.
pub(super) fn ack(
    shared: &Shared,
    route: &Route,
    udi: Udi,
    poll_id: PollId,
    with_trust: bool,
) -> Result<Option<Sealed<AckObject>>, Refusal> {
    let body = DeviceBody::Poll { poll_id };
    let answer = ask(shared, route, udi, Nonce::Number(0), body, with_trust)?;
    match (&answer.status, &answer.data.ack) {
        (StatusWord::OkPoll, _) => Ok(None),
        (_, Some(_)) => Ok(answer.data.ack),
        (_, None) => Err(unexpected(&answer)),
    }
}

/// The ACK as a file.
pub(super) fn ack_text(shared: &Shared, ack: &Sealed<AckObject>) -> Result<String, Refusal> {
    ack_file(ack, &shared.signer).map_err(|error| Refusal { rule: None, text: error.to_string() })
}

/// Trust codes for a trust request that came as a file.
pub(super) fn trust(
    shared: &Shared,
    route: &Route,
    account: AccountId,
    request: TrustRequest,
) -> Result<Vec<Sealed<TrustObject>>, Refusal> {
    let token = match request.token {
        Some(token) => token,
        None => token_of_uploader(shared, account)?,
    };
    let body = DeviceBody::IdTokenTrust {
        token,
        hostname: request.hostname,
        software_tag: request.software_tag,
        csr: Some(request.csr),
        mode: Word::Borrowed("PERMANENT"),
        force: request.force,
        units: Vec::new(),
    };
    Ok(ask(shared, route, request.udi, request.nonce, body, false)?.data.trust_codes)
}

/// A device without connection has no token: whoever uploads its request to an account stands for it (modelled).
fn token_of_uploader(shared: &Shared, account: AccountId) -> Result<Token, Refusal> {
    let now = shared.now();
    let made = shared.with(|cssm| {
        let names = cssm.store().accounts().get(usize::from(account.0)).map(|account| account.names.clone());
        let wish = TokenWish {
            smart: names.as_ref().map(|names| names.smart.clone()),
            r#virtual: names.map(|names| names.r#virtual),
            expires_after_days: Some(1),
            max_uses: Some(1),
            text: None,
        };
        cssm.make_token(now, &wish)
    });
    made.map_err(|error| Refusal { rule: None, text: error.to_string() })
}

/// Trust codes as a file.
pub(super) fn trust_text(shared: &Shared, codes: &[Sealed<TrustObject>]) -> Result<String, Refusal> {
    trust_code_file(codes, &shared.signer).map_err(|error| Refusal { rule: None, text: error.to_string() })
}

/// An authorization as a file, or the return of one, which has none.
pub(super) fn authorize(
    shared: &Shared,
    route: &Route,
    udi: Udi,
    keys: Vec<AuthEntry>,
    remove_code: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let body = match remove_code {
        Some(remove_code) if keys.is_empty() => DeviceBody::AuthReturn { remove_code: remove_code.into() },
        Some(_) | None => DeviceBody::AuthRequest { keys },
    };
    let answer = ask(shared, route, udi, Nonce::Number(0), body, false)?;
    if answer.data.auth.is_empty() {
        return Ok(None);
    }
    let file = auth_file(&answer.data.auth, &shared.signer);
    file.map(Some).map_err(|error| Refusal { rule: None, text: error.to_string() })
}

/// Hands a message over as if a device had sent it. Nothing of it is signed but the reports in it.
fn ask(
    shared: &Shared,
    route: &Route,
    udi: Udi,
    nonce: Nonce,
    body: DeviceBody,
    with_trust: bool,
) -> Result<ServerMessage, Refusal> {
    let now = shared.now();
    let header = DeviceHeader {
        udi,
        // Whoever brings it may take any time.
        timestamp: shared.with(|cssm| cssm.clock(now)),
        nonce,
        connect_info: ConnectInfo::AGENT,
        instance: None,
        id_cert_serial: None,
        signing_cert_serial: None,
        custom_id: None,
    };
    let message = DeviceMessage { header, body };
    let reports =
        wire::report_signatures(&message, &wire::keys_of(shared, &udi), |udi| wire::keys_of(shared, udi));
    shared.payloads.note(&message, &reports);
    let proof = Proof { request: Signed::Unverifiable, reports: &reports, csr: wire::csr(&message) };
    let arrived = Arrived { route: route.clone(), message: &message, proof };
    let steer = Steer { with_trust, ..Steer::default() };
    let answer = shared.with(|cssm| cssm.handle_steered(now, &arrived, &steer));
    let mut message = answer.message;
    if let Some(rule) = answer.rule {
        return Err(Refusal { rule: Some(rule), text: message.status_message.into_owned() });
    }
    wire::certify(shared, &mut message);
    Ok(message)
}

fn unexpected(answer: &ServerMessage) -> Refusal {
    let ServerData { poll_id, .. } = &answer.data;
    tracing::warn!(?poll_id, status = ?answer.status, "an upload met an answer that it does not expect");
    Refusal { rule: None, text: "the server is busy; upload it again later".into() }
}
