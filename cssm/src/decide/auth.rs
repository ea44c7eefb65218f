//! Authorization codes of `mds9000` (`spec/formats.md` §6, §8.3; modelled).

use slpsim_agent::{ProfileId, numbers};
use slpsim_policy::Class;
use slpsim_transport::message::{AuthEntry, AuthObject, Sealed, ServerData, StatusWord, Word};

use super::{Cx, Granted};
use crate::records::Event;
use crate::rule::Rule;
use crate::store::Changes;

/// Authorizes enforced entitlements; what was authorized before is replaced.
pub(super) fn request(cx: &Cx<'_>, keys: &[AuthEntry]) -> Result<Granted, Rule> {
    let names: Option<Vec<&'static str>> = keys.iter().map(|key| enforced(&key.entitlement)).collect();
    let names = names.filter(|names| !names.is_empty()).ok_or(Rule::Entitlement)?;
    if keys.iter().any(|key| key.count == 0) {
        return Err(Rule::Entitlement);
    }
    let (mut device, events) = cx.joined()?;
    let mut changes = Changes { events, ..Changes::default() };
    device.authorized = keys.to_vec();
    let entitlements = keys.iter().cloned().zip(names.into_iter().map(Word::Borrowed)).collect();
    let object = AuthObject {
        udi: device.udi,
        instance: device.trust.as_ref().map(|trust| trust.identity.instance),
        flag: Word::Borrowed("A"),
        entitlements,
    };
    changes.events.push(cx.event(Event::Authorization));
    changes.devices.push(device);
    let data = ServerData { auth: vec![Sealed::good(cx.now, object)], ..ServerData::default() };
    Ok(Granted { changes, ..Granted::new(StatusWord::Ok, data) })
}

/// Takes authorization back.
pub(super) fn give_back(cx: &Cx<'_>, remove_code: &str) -> Result<Granted, Rule> {
    if remove_code.is_empty() || remove_code.chars().count() > numbers::TOKEN_MAX_CHARS {
        return Err(Rule::RemoveCode);
    }
    let (mut device, events) = cx.joined()?;
    let mut changes = Changes { events, ..Changes::default() };
    let had_some = !std::mem::take(&mut device.authorized).is_empty();
    if had_some {
        changes.events.push(cx.event(Event::Authorization));
    }
    changes.devices.push(device);
    let status = if had_some { StatusWord::Ok } else { StatusWord::NoData };
    Ok(Granted { changes, ..Granted::new(status, ServerData::default()) })
}

/// Name of the enforced licence that has this tag, on a platform that has such licences.
fn enforced(tag: &str) -> Option<&'static str> {
    let platforms = ProfileId::ALL.into_iter().map(ProfileId::profile).filter(|profile| profile.has_enforced);
    platforms
        .flat_map(|profile| profile.licenses)
        .find(|license| license.tag == tag && license.class == Class::Enforced)
        .map(|license| license.name)
}
