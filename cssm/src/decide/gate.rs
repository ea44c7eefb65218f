//! What every message has to fulfil before anybody looks at what it asks for.

use slpsim_agent::{Purpose, numbers};
use slpsim_transport::message::RequestType;

use super::Cx;
use crate::exchange::Signed;
use crate::peer::Route;
use crate::records::{Account, AccountId, Trust};
use crate::rule::Rule;

/// The rules that hold for all types, in the order in which they are checked.
pub(super) fn check(cx: &Cx<'_>) -> Result<(), Rule> {
    let message = cx.arrived.message;
    let RequestType::Known(purpose) = message.request_type() else { return Err(Rule::RequestType) };
    home(cx)?;
    if cx.config.strict_clock {
        let skew = message.header.timestamp.since(cx.now);
        if skew.saturating_abs() >= numbers::CLOCK_TOLERANCE_MS {
            return Err(Rule::Clock);
        }
    }
    supported(cx, purpose)?;
    if message.header.instance.is_none() {
        return match (purpose, cx.peer.direct) {
            // Whoever has no trust may ask for it, and may ask who is there.
            (Purpose::Trust | Purpose::Hello, _) | (_, false) => Ok(()),
            (_, true) => Err(Rule::TrustRequired),
        };
    }
    identity(cx, purpose)
}

/// The account that a device joins by this route: the tenant's, else the default one.
pub(super) fn home(cx: &Cx<'_>) -> Result<AccountId, Rule> {
    home_of(&cx.arrived.route, cx.loaded.accounts)
}

/// The account that a device joins by `route`.
pub(crate) fn home_of(route: &Route, accounts: &[Account]) -> Result<AccountId, Rule> {
    let tenant = match route {
        Route::Cslu { tenant: Some(tenant) } => tenant,
        Route::Rest { account } | Route::File { account } => return Ok(*account),
        Route::Smart | Route::Callhome | Route::Cslu { tenant: None } => return Ok(AccountId(0)),
    };
    let named = |name: &str| name.eq_ignore_ascii_case(tenant);
    let at = accounts.iter().position(|account| named(&account.names.r#virtual));
    let at = at.or_else(|| accounts.iter().position(|account| named(&account.names.smart)));
    at.and_then(|at| u16::try_from(at).ok()).map(AccountId).ok_or(Rule::Tenant)
}

/// What a down-rev On-Prem can do at all (`spec/behaviour.md` §13): hello and the renewals of classic licensing. A token
/// is refused in the words of `spec/messages.md` §6.
fn supported(cx: &Cx<'_>, purpose: Purpose) -> Result<(), Rule> {
    if !cx.peer.down_rev {
        return Ok(());
    }
    match purpose {
        Purpose::Hello | Purpose::AuthRenew | Purpose::IdRenew => Ok(()),
        Purpose::Trust => Err(Rule::TokenConnection),
        Purpose::Poll | Purpose::Usage | Purpose::TrustSync | Purpose::AuthRequest | Purpose::AuthReturn => {
            Err(Rule::PolicyUsage)
        }
    }
}

/// A message that names an identity. A peer that is not its own CSSM cannot judge identities and lets them pass; a trust
/// request may come with any, because it asks for a new one.
fn identity(cx: &Cx<'_>, purpose: Purpose) -> Result<(), Rule> {
    let header = &cx.arrived.message.header;
    let known = header.instance.zip(cx.sender()).and_then(|(instance, device)| device.trust_of(instance));
    if known.is_none() {
        return match (purpose, cx.peer.judges) {
            (Purpose::Trust, _) | (_, false) => Ok(()),
            (_, true) => Err(Rule::Identity),
        };
    }
    if header.id_cert_serial.is_some() && used(cx).is_none() {
        return Err(Rule::CertificateSerial);
    }
    if !cx.config.verify {
        return Ok(());
    }
    match cx.arrived.proof.request {
        Signed::Valid | Signed::Unverifiable => Ok(()),
        Signed::Missing => Err(Rule::SignatureMissing),
        Signed::Wrong => Err(Rule::Signature),
    }
}

/// The trust that the sender speaks with: identifier and, where it is named, serial number of the ID certificate.
pub(super) fn used<'a>(cx: &Cx<'a>) -> Option<&'a Trust> {
    let header = &cx.arrived.message.header;
    let device = cx.sender()?;
    let fits = |trust: &&Trust| {
        Some(trust.identity.instance) == header.instance
            && header.id_cert_serial.is_none_or(|serial| serial == trust.identity.serial)
    };
    [&device.trust, &device.previous].into_iter().flatten().find(fits)
}

/// Whether the sender itself has shown an identity: then it needs no trust code with an ACK.
pub(super) const fn names_identity(cx: &Cx<'_>) -> bool {
    cx.arrived.message.header.instance.is_some()
}

/// Whether a trust code belongs beside the ACK (`spec/behaviour.md` §6): a peer that is not CSSM itself gives one to a
/// UDI that has none. Of an upload, whoever brought it knows.
pub(super) const fn implies_trust(cx: &Cx<'_>) -> bool {
    match &cx.arrived.route {
        Route::Rest { .. } | Route::File { .. } => cx.steer.with_trust,
        Route::Smart | Route::Callhome | Route::Cslu { .. } => !cx.peer.direct && !names_identity(cx),
    }
}
