//! `ID_TOKEN_TRUST`, and the making of trust codes (`spec/behaviour.md` §6, `spec/formats.md` §5).

use std::sync::Arc;

use slpsim_agent::{IdCert, Token, TrustCode, Udi, Unit, numbers};
use slpsim_transport::message::{Sealed, ServerData, StatusWord, SyncUnit, TrustObject, Word};

use super::{Cx, Granted};
use crate::draw::{For, key};
use crate::exchange::{Csr, MAX_UNITS, Signed};
use crate::records::{Account, AccountId, Device, Event, EventRecord, Trust};
use crate::rule::Rule;
use crate::store::Changes;

/// What a trust request asks for.
pub(super) struct Wish<'a> {
    pub(super) token: &'a Token,
    pub(super) force: bool,
    pub(super) units: &'a [Unit],
    pub(super) hostname: Option<&'a str>,
    pub(super) software_tag: &'a Word,
}

/// Gives trust codes for a token, one for each unit.
pub(super) fn establish(cx: &Cx<'_>, wish: &Wish<'_>) -> Result<Granted, Rule> {
    let csr = match &cx.arrived.proof.csr {
        Csr::NotNeeded => Ok(None),
        Csr::Good(csr) => Ok(Some(Arc::clone(csr))),
        Csr::Bad => Err(Rule::Csr),
    };
    let again = csr.as_ref().is_ok_and(|csr| is_repetition(cx, wish, csr.as_ref()));
    let account_id = account_of_token(cx, again)?;
    let account = cx.account(account_id).ok_or(Rule::TokenUnknown)?;
    let csr = csr?;
    let udis = units(cx, wish)?;
    for udi in &udis {
        may_join(cx, udi, account_id, account)?;
    }
    if !wish.force && holds_current(cx) {
        return Err(Rule::NodeLock);
    }
    if udis.iter().filter(|udi| cx.device(udi).is_none()).count() > cx.loaded.room {
        return Err(Rule::DeviceLimit);
    }
    let token_used = (!again).then(|| wish.token.expose().into());
    let mut changes = Changes { token_used, ..Changes::default() };
    let mut data = ServerData {
        policy: cx.policy(account),
        account: Some(account.names.clone()),
        ..ServerData::default()
    };
    let mut instance = None;
    for udi in udis {
        let mut device = record(cx, udi, account_id, &mut changes.events);
        let is_sender = udi == cx.arrived.message.header.udi;
        if is_sender {
            device.says_of_itself(wish.hostname, wish.software_tag);
        }
        let made = match device.trust.as_ref().filter(|_| again) {
            Some(trust) => given(cx, udi, trust, account),
            None => {
                let made = issue(cx, &mut device, account, csr.clone(), New::Registration);
                if let Some(trust) = device.trust.as_mut().filter(|_| is_sender) {
                    trust.asked_with = Some(wish.token.clone());
                }
                let event = Event::TrustIssued { trust_id: made.code.trust_id };
                changes.events.push(EventRecord { at: cx.now, device: Some(udi), event });
                made
            }
        };
        instance = instance.or(Some(made.code.identity.instance));
        data.trust_codes.push(Sealed::good(cx.now, made));
        changes.devices.push(device);
    }
    Ok(Granted { status: StatusWord::Ok, data, changes, instance })
}

/// Whether a trust code is a new registration or prolongs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum New {
    /// A new product instance identifier.
    Registration,
    /// The same product instance identifier with a new ID certificate.
    Certificate,
}

/// Makes a trust code for `device` and notes it there. The identity before it stays good until the new one is seen.
pub(super) fn issue(
    cx: &Cx<'_>,
    device: &mut Device,
    account: &Account,
    csr: Option<Arc<str>>,
    new: New,
) -> TrustObject {
    let who = key(&device.udi);
    let n = device.draws;
    device.draws += 1;
    let instance = match (new, &device.trust) {
        (New::Certificate, Some(trust)) => trust.identity.instance,
        (New::Certificate | New::Registration, _) => cx.luck.uuid(who, For::Instance, n),
    };
    // 48 bits: positive in DER and in every integer type that reads it.
    let serial = cx.luck.number(who, For::CertSerial, n) >> 16 | 1;
    let trust = Trust {
        identity: IdCert { instance, serial },
        trust_id: device.trust.as_ref().map_or(FIRST_TRUST_ID, |trust| trust.trust_id.saturating_add(1)),
        issued: cx.now,
        valid_to: cx.now.plus_days(numbers::TRUST_VALIDITY_DAYS),
        asked_with: None,
        // The key of a renewed certificate is that of the certificate before.
        key: device.trust.as_ref().and_then(|trust| trust.key.clone()).filter(|_| new == New::Certificate),
        csr,
    };
    device.retire_previous();
    let made = given(cx, device.udi, &trust, account);
    device.previous = device.trust.replace(trust).map(|before| Trust { asked_with: None, ..before });
    made
}

/// What an answer says of `trust`.
fn given(cx: &Cx<'_>, udi: Udi, trust: &Trust, account: &Account) -> TrustObject {
    let Trust { identity, trust_id, issued, valid_to, .. } = *trust;
    TrustObject {
        code: TrustCode { udi, trust_id, identity, valid_to },
        valid_from: issued.plus_millis(-numbers::TRUST_BACKDATING_S * 1000),
        id_cert: None,
        sub_ca: None,
        nonce: Some(cx.arrived.message.header.nonce.clone()),
        account: Some(account.names.clone()),
    }
}

/// The first `TrustId` of a device (`spec/formats.md` §5).
const FIRST_TRUST_ID: u32 = 101;

/// Whether a device asks once more for what it was given and has never shown (modelled: `spec/behaviour.md` §6 has it ask
/// hourly after a failure): the answer was lost on its way, or the server died after it had given its word.
///
/// It is the same device with the same key, and all units have codes for that key, so that nobody gets anything that was
/// not given before. Another key, after a factory reset perhaps, needs another certificate: that is another use.
fn is_repetition(cx: &Cx<'_>, wish: &Wish<'_>, csr: Option<&Arc<str>>) -> bool {
    let header = &cx.arrived.message.header;
    let given = |udi: &Udi| cx.device(udi)?.trust.as_ref().filter(|trust| trust.csr.as_ref() == csr);
    let unseen = given(&header.udi).is_some_and(|trust| {
        trust.asked_with.as_ref() == Some(wish.token) && Some(trust.identity.instance) != header.instance
    });
    unseen && wish.units.iter().all(|unit| given(&unit.udi).is_some())
}

/// The account of a token that is good; one that is used up is good for `again`, whoever has used it.
fn account_of_token(cx: &Cx<'_>, again: bool) -> Result<AccountId, Rule> {
    if !cx.peer.connected {
        return Err(Rule::TokenConnection);
    }
    if let Some(rule) = cx.steer.refuse_token {
        return Err(rule);
    }
    let token = cx.loaded.token.ok_or(Rule::TokenUnknown)?;
    match token.refusal(cx.now) {
        Some(rule) if !(again && rule == Rule::TokenUsedUp) => Err(rule),
        Some(_) | None => Ok(token.account),
    }
}

/// The units asked for, the sender among them; a request without a list is for the sender.
fn units(cx: &Cx<'_>, wish: &Wish<'_>) -> Result<Vec<Udi>, Rule> {
    let sender = cx.arrived.message.header.udi;
    if wish.units.is_empty() {
        return Ok(vec![sender]);
    }
    let udis: Vec<Udi> = wish.units.iter().map(|unit| unit.udi).collect();
    let twice = udis.iter().enumerate().any(|(at, udi)| udis.iter().take(at).any(|other| other == udi));
    if udis.len() > MAX_UNITS || twice || !udis.contains(&sender) {
        return Err(Rule::DeviceList);
    }
    Ok(udis)
}

/// Trust codes for units that the active one names and that have none (`spec/behaviour.md` §10): a unit has the one that
/// it names itself by, whatever it was given before a factory reset or before it was taken out (modelled). A unit that
/// may not join the account gets none.
pub(super) fn for_units(
    cx: &Cx<'_>,
    units: &[SyncUnit],
    active: &Device,
    account: &Account,
    (changes, data): (&mut Changes, &mut ServerData),
) {
    let csr = active.trust.as_ref().and_then(|trust| trust.csr.clone());
    let mut room = cx.loaded.room;
    let others = units.iter().take(MAX_UNITS).filter(|named| named.unit.udi != active.udi);
    for SyncUnit { unit, instance } in others {
        let served = changes.devices.iter().any(|device| device.udi == unit.udi);
        let known = cx.device(&unit.udi);
        let room_for = known.is_some() || room > 0;
        let trusted =
            known.zip(*instance).is_some_and(|(device, instance)| device.trust_of(instance).is_some());
        if served || trusted || !room_for || may_join(cx, &unit.udi, active.account, account).is_err() {
            continue;
        }
        room -= usize::from(known.is_none());
        let mut device = record(cx, unit.udi, active.account, &mut changes.events);
        let made = issue(cx, &mut device, account, csr.clone(), New::Registration);
        let event = Event::TrustIssued { trust_id: made.code.trust_id };
        changes.events.push(EventRecord { at: cx.now, device: Some(unit.udi), event });
        data.trust_codes.push(Sealed::good(cx.now, made));
        changes.devices.push(device);
    }
}

fn may_join(cx: &Cx<'_>, udi: &Udi, account_id: AccountId, account: &Account) -> Result<(), Rule> {
    if cx.device(udi).is_some_and(|device| device.account != account_id) {
        return Err(Rule::OtherAccount);
    }
    match account.membership.takes(udi) {
        true => Ok(()),
        false => Err(Rule::Membership),
    }
}

/// Node lock: the request carries the identifier that the server gave out last (`spec/behaviour.md` §6).
///
/// A wrong signature would have been refused before; one that cannot be checked is believed.
fn holds_current(cx: &Cx<'_>) -> bool {
    let current = cx.sender().and_then(|device| device.trust.as_ref());
    let claimed = cx.arrived.message.header.instance;
    cx.arrived.proof.request != Signed::Wrong
        && current.is_some_and(|trust| Some(trust.identity.instance) == claimed)
}

fn record(cx: &Cx<'_>, udi: Udi, account: AccountId, events: &mut Vec<EventRecord>) -> Device {
    match cx.device(&udi) {
        Some(known) => Device { last_seen: cx.now, ..known.clone() },
        None => {
            events.push(EventRecord { at: cx.now, device: Some(udi), event: Event::DeviceAdded(account) });
            Device::new(udi, account, cx.now)
        }
    }
}
