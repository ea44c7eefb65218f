//! From what the agent asks for to a request.

use std::borrow::Cow;

use slpsim_agent::{Report, Request, Role, Sender, Signer, Unit};
use slpsim_policy::Wall;

use super::{
    AuthEntry, ConnectInfo, DeviceBody, DeviceHeader, DeviceMessage, Nonce, RumMeasurement, RumSigner,
    SyncUnit, UsageReport, Word,
};

/// Makes the request that carries `request` for `sender` at `now` (the device's clock).
///
/// `nonce` is a random 63-bit number: from the operating system in a daemon, from the keyed draw in simulation. The
/// certificate request of a trust request is left out; whoever has the keys adds it.
#[must_use]
pub fn compose(request: &Request, sender: &Sender, now: Wall, nonce: u64) -> DeviceMessage {
    DeviceMessage {
        header: DeviceHeader {
            udi: sender.udi,
            timestamp: now,
            nonce: Nonce::Number(nonce),
            connect_info: ConnectInfo::AGENT,
            instance: sender.identity.map(|identity| identity.instance),
            id_cert_serial: sender.identity.map(|identity| identity.serial),
            signing_cert_serial: None,
            custom_id: sender.custom_id.as_deref().map(Into::into),
        },
        body: body(request, sender),
    }
}

fn body(request: &Request, sender: &Sender) -> DeviceBody {
    let hostname = || sender.hostname.as_deref().map(Into::into);
    let software_tag = Word::Borrowed(sender.profile.software_tag);
    match request {
        Request::Poll { poll_id } => DeviceBody::Poll { poll_id: *poll_id },
        Request::Hello => DeviceBody::Hello,
        Request::Trust { token, force, units } => DeviceBody::IdTokenTrust {
            token: token.clone(),
            hostname: hostname(),
            software_tag,
            csr: None,
            mode: Word::Borrowed("PERMANENT"),
            force: *force,
            units: units.clone(),
        },
        Request::Usage { reports } => DeviceBody::LicenseUsage {
            hostname: hostname(),
            software_tag,
            reports: reports.iter().map(|report| usage_report(report, sender)).collect(),
        },
        Request::TrustSync => {
            let identity = |unit: &Unit| match unit.role {
                Role::Active => sender.identity,
                Role::Standby => sender.standby_identity,
            };
            let named = |unit: &Unit| SyncUnit {
                unit: *unit,
                instance: identity(unit).map(|identity| identity.instance),
            };
            let pair = sender.units.len() > 1;
            DeviceBody::TrustSync { units: sender.units.iter().filter(|_| pair).map(named).collect() }
        }
        Request::AuthRequest { keys } => DeviceBody::AuthRequest {
            keys: keys
                .iter()
                .map(|key| AuthEntry { entitlement: Cow::Borrowed(key.entitlement), count: key.count })
                .collect(),
        },
        Request::AuthReturn { remove_code } => {
            DeviceBody::AuthReturn { remove_code: remove_code.as_str().into() }
        }
        Request::AuthRenew => DeviceBody::AuthRenew,
        Request::IdRenew => DeviceBody::IdRenew,
    }
}

/// A report in its decoded wire form. Identity and units are those of the moment when the report was closed, and the identity
/// also signs it (`spec/formats.md` §13), so that the same report is always the same bytes.
pub(crate) fn usage_report(report: &Report, sender: &Sender) -> UsageReport {
    let (instance, signer) = match report.signer {
        Signer::Builtin => (None, RumSigner::Builtin),
        Signer::Id(identity) => (Some(identity.instance), RumSigner::Id(identity.serial)),
    };
    UsageReport {
        // After a switchover the sender is another unit than the one that was active when the report was closed.
        udi: report.units.first().map_or(sender.udi, |active| active.udi),
        id: report.id,
        tag: Word::Borrowed(report.license.tag),
        software_tag: Word::Borrowed(sender.profile.software_tag),
        software_version: sender.send_version.then_some(Word::Borrowed(sender.profile.software_version)),
        instance,
        units: report.units.clone(),
        measurements: report
            .measurements
            .iter()
            .map(|measurement| RumMeasurement {
                start: measurement.start,
                end: measurement.end,
                samples: measurement.samples(),
                value: measurement.value,
                reason: measurement.reason.map(|reason| Word::Borrowed(reason.word())),
                clock_change_s: measurement.clock_change_s,
            })
            .collect(),
        signer,
        envelope: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_agent::{ProfileId, ReportId, Role, Udi, Unit};

    #[test]
    fn a_report_closed_before_a_switchover_names_the_unit_that_was_active_then() {
        let [first, second] =
            ["FDO00000001", "FDO00000002"].map(|serial| Udi::new("N9K-C9508", serial).unwrap());
        let units = |active, standby| {
            vec![Unit { role: Role::Active, udi: active }, Unit { role: Role::Standby, udi: standby }]
        };
        let profile = ProfileId::Nexus9000.profile();
        let report = Report {
            id: ReportId(1_772_445_600),
            previous: None,
            license: &profile.licenses[0],
            signer: Signer::Builtin,
            units: units(first, second),
            measurements: Vec::new(),
        };
        let sender = |active, standby| Sender {
            udi: active,
            units: units(active, standby),
            identity: None,
            profile,
            hostname: None,
            send_version: true,
            standby_identity: None,
            custom_id: None,
        };
        let [before, after] =
            [sender(first, second), sender(second, first)].map(|sender| usage_report(&report, &sender));
        assert_eq!(after.udi, first);
        assert_eq!(before, after, "the same report is the same on the wire, whoever sends it");
        let request = Request::Usage { reports: vec![report] };
        assert_eq!(compose(&request, &sender(second, first), Wall(0), 1).header.udi, second);
    }
}
